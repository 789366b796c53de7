"""Neutral events. Code emits, outsiders listen (logs, metrics, chaos), and none of them can break the work."""

import logging
from collections.abc import Callable

Fields = dict[str, object]
Listener = Callable[[str, Fields], None]

_listeners: list[Listener] = []
_log = logging.getLogger("rollcall.telemetry")


def listen(listener: Listener) -> Callable[[], None]:
    """Register `listener(event, fields)`, who hears each event once, however often that is done; the returned function
    takes it off again."""
    if listener not in _listeners:
        _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def emit(event: str, **fields: object) -> None:
    """Tell every listener. Event names are dotted `flow.step`; fields never hold a phone number or a secret."""
    for listener in tuple(_listeners):
        try:
            listener(event, fields)
        except Exception:
            _log.exception("a listener failed on %s", event)


def listeners() -> tuple[Listener, ...]:
    return tuple(_listeners)
