"""The sandbox as a whole: one clock, one set of switches and faults, one ledger, and the providers' states."""

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.misfortune import Background
from sandbox.switches import Switches
from sandbox.voximplant.methods import FAULT_METHODS
from sandbox.voximplant.platform import Platform


class Sandbox:
    """Everything is in memory and ends with the process."""

    def __init__(self, *, seed: int = 1, speed: float = 60.0, balance: float = 100.0, currency: str = "USD") -> None:
        self.clock = Clock(speed)
        self.switches = Switches()
        self.faults = Faults(FAULT_METHODS, seed)
        self.ledger = Ledger()
        self.background = Background()
        self.voximplant = Platform(
            self.clock, self.switches, self.ledger, seed=seed, balance=balance, currency=currency
        )

    def reset(self) -> None:
        """Forgets what was accepted, and what was still to be stored. Clock, switches, faults and accounts stay."""
        self.background.drop()
        self.voximplant.clear()
        self.ledger.clear()
