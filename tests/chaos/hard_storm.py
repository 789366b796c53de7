"""The storm of four uploads on a machine that fails, too."""

from collections.abc import Sequence
from random import Random
from typing import Any

from tests.chaos.cuts import Cuts
from tests.chaos.given import Given
from tests.chaos.machine import Machine
from tests.chaos.storm import Storm
from tests.chaos.weather import Weather
from tests.house import House


class HardStorm(Storm):
    """What befalls the machine begins and ends between two bells; a child waits for a lock as long as in earnest, so
    nobody holds one while a child works."""

    def __init__(
        self,
        house: House,
        given: Sequence[Given],
        dice: Random,
        cuts: Cuts,
        weather: Weather,
        machine: Machine,
    ) -> None:
        super().__init__(house, given, dice, cuts, weather)
        self._machine = machine

    def rage(self) -> None:
        super().rage()
        self.made += self._machine.made

    def _calm_down(self) -> None:
        self._machine.relieve()
        super()._calm_down()

    def _answer(self, flow: str, key: Any) -> None:
        self._machine.befall()
        super()._answer(flow, key)

    def _kill(self, flow: str, key: Any) -> None:
        self._machine.let_go()
        super()._kill(flow, key)

    def _mend(self) -> None:
        """Whoever brings a file back finds room for it."""
        full = self._machine.make_room()
        super()._mend()
        if full:
            self._machine.take_room()
