"""The sandbox as a whole: one clock, one set of switches and faults, one ledger, and the providers' states.

A provider is added by its lines here (switches, fault methods, state) and one in `sandbox.app` (routes).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from sandbox.callbacks import Callbacks
from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.formant.platform import FAULT_METHODS as FORMANT_METHODS
from sandbox.formant.platform import Platform as Formant
from sandbox.formant.switches import SWITCHES as FORMANT_SWITCHES
from sandbox.kore.methods import FAULT_METHODS as KORE_METHODS
from sandbox.kore.platform import Platform as Kore
from sandbox.kore.switches import SWITCHES as KORE_SWITCHES
from sandbox.ledger import Ledger
from sandbox.misfortune import Background
from sandbox.odds import Odds
from sandbox.plum.switches import SWITCHES as PLUM_SWITCHES
from sandbox.plum.webservice import FAULT_METHODS as PLUM_METHODS
from sandbox.plum.webservice import Webservice as Plum
from sandbox.switches import Switches
from sandbox.voximplant.methods import FAULT_METHODS as VOXIMPLANT_METHODS
from sandbox.voximplant.platform import Platform as Voximplant
from sandbox.voximplant.switches import SWITCHES as VOXIMPLANT_SWITCHES

SWITCHES = (*VOXIMPLANT_SWITCHES, *PLUM_SWITCHES, *FORMANT_SWITCHES, *KORE_SWITCHES)
METHODS = VOXIMPLANT_METHODS | PLUM_METHODS | FORMANT_METHODS | KORE_METHODS
TICK = 0.05


class Provider(Protocol):
    """What the sandbox asks of every provider's state."""

    def clear(self) -> None:
        """Forgets what was uploaded; accounts, keys and ids go on."""

    async def play(self) -> None:
        """Plays the calls that begin or end until now."""


class Sandbox:
    """Everything is in memory and ends with the process."""

    def __init__(self, *, seed: int = 1, speed: float = 60.0, balance: float = 100.0, currency: str = "USD") -> None:
        self.clock = Clock(speed)
        self.switches = Switches(SWITCHES)
        self.faults = Faults(METHODS, seed)
        self.ledger = Ledger()
        self.odds = Odds(seed)
        self.background = Background()
        self.callbacks = Callbacks(seed)
        self.voximplant = Voximplant(
            self.clock, self.switches, self.ledger, self.odds, balance=balance, currency=currency
        )
        self.plum = Plum(self.clock, self.switches, self.ledger, self.odds, self.callbacks)
        self.formant = Formant(self.clock, self.switches, self.ledger, self.odds, self.callbacks)
        self.kore = Kore(self.clock, self.switches, self.ledger, self.odds, self.background)
        self.providers: tuple[Provider, ...] = (self.voximplant, self.plum, self.formant, self.kore)
        # Those who call back or keep a schedule play without being asked; the others play when they are read.
        self.calling_back: tuple[Provider, ...] = (self.plum, self.formant, self.kore)
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins what runs by itself, in the server's event loop."""
        self._running = [asyncio.create_task(self.callbacks.run()), asyncio.create_task(self._keep_playing())]

    async def stop(self) -> None:
        # wakes the requests that are being held in silence or made to wait
        self.background.closing.set()
        for task in self._running:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def play(self) -> None:
        """What is due by the clock happens, and is called back."""
        for provider in self.calling_back:
            await provider.play()

    async def _keep_playing(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            await self.play()

    async def change_rules(self, change: Callable[[], object]) -> None:
        """Applies a change of odds or switches, after playing every call until now under the old rules."""
        for provider in self.providers:
            await provider.play()
        await self.voximplant.change_rules(change)

    def reset(self) -> None:
        """Forgets what was accepted, and what was still to be stored. Clock, switches, faults and accounts stay."""
        self.background.drop()
        for provider in self.providers:
            provider.clear()
        self.callbacks.clear()
        self.ledger.clear()
