"""One switch for every behaviour that a provider's documents leave open. Each provider brings its own table.

Each default is what the documents hint at or what hurts a careless client most; each choice is plausible.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sandbox.refusals import ControlError

Value = str | int


@dataclass(frozen=True)
class Switch:
    """`choices` lists the allowed words; without choices the value is a whole number of 0 or more."""

    name: str
    default: Value
    about: str
    choices: tuple[str, ...] = ()

    def checked(self, value: object) -> Value:
        if isinstance(value, int) and not isinstance(value, bool):
            if not self.choices and value >= 0:
                return value
            value = str(value)
        if isinstance(value, str) and value in self.choices:
            return value
        allowed = ", ".join(self.choices) or "a whole number of 0 or more"
        raise ControlError("bad_switch_value", f"Switch '{self.name}' takes {allowed}; it was given {value!r}.")


def word(name: str, about: str, *choices: str) -> Switch:
    """A switch that takes one of the words; the first is the default."""
    return Switch(name, choices[0], about, choices)


def whole(name: str, default: int, about: str) -> Switch:
    """A switch that takes a whole number of 0 or more."""
    return Switch(name, default, about)


class Switches:
    """The switches as they stand."""

    def __init__(self, table: Iterable[Switch]) -> None:
        self._table = {switch.name: switch for switch in table}
        self.reset()

    def reset(self) -> None:
        self._values: dict[str, Value] = {name: switch.default for name, switch in self._table.items()}

    def put(self, document: Mapping[str, object]) -> None:
        """Sets the switches that are named, all or none. Raises ControlError."""
        checked: dict[str, Value] = {}
        for name, value in document.items():
            if name not in self._table:
                raise ControlError("unknown_switch", f"There is no switch '{name}'; GET /switches lists them.")
            checked[name] = self._table[name].checked(value)
        self._values |= checked

    def values(self) -> dict[str, Value]:
        return dict(self._values)

    def choice(self, name: str) -> str:
        return str(self._values[name])

    def limit(self, name: str) -> int:
        return int(self._values[name])

    def described(self) -> dict[str, object]:
        return {
            name: {"default": s.default, "choices": list(s.choices) or "whole number", "about": s.about}
            for name, s in self._table.items()
        }
