"""What a control endpoint says when it cannot do what it was asked: a stable code and one sentence."""

from collections.abc import Mapping


class ControlError(Exception):
    """Answered as HTTP 400 `{"error": {"code", "message"}}`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def number(document: Mapping[str, object], key: str, low: float, high: float | None = None) -> float:
    """The number at `key`. Raises ControlError when it is missing, no number, or out of range."""
    value = document.get(key)
    within = isinstance(value, int | float) and not isinstance(value, bool) and value >= low
    if not within or (high is not None and isinstance(value, int | float) and value > high):
        span = f"of {low:g} or more" if high is None else f"from {low:g} to {high:g}"
        raise ControlError("bad_value", f"'{key}' must be a number {span}; it was {value!r}.")
    assert isinstance(value, int | float)
    return value


def flag(document: Mapping[str, object], key: str) -> bool:
    """What stands at `key`, which is there. Raises ControlError when it is neither true nor false."""
    value = document[key]
    if not isinstance(value, bool):
        raise ControlError("bad_value", f"'{key}' must be true or false; it was {value!r}.")
    return value


def known_keys(document: Mapping[str, object], known: set[str], where: str) -> None:
    unknown = sorted(set(document) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise ControlError("unknown_key", f"{where} has no '{unknown[0]}'; it knows {names}.")
