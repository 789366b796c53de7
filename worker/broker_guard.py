"""Keeps a worker alive when Redis goes away while it holds a message, or has no memory left.

What breaks, in kombu 5.7.0: Celery's consumer first collects the lost connection, which takes the transport's `client`
away, and then closes the connection. The channel, which failed to close the first time because its socket was dead,
is closed again, still owns unacknowledged messages, tries to put them back, and for that asks `Channel._connparams`
for a new connection. `self.connection.client` is None by then, and the AttributeError is no connection error to
anybody on the way up: the worker ends with "Unrecoverable error". An acknowledgement that comes late, from a task that
was running, takes the same road. Workers with a free slot are hit (a held ETA message, one busy slot of two).

The guard turns exactly this state, a channel whose connection has been taken apart, into the ConnectionError that it
is. Every caller already handles that one: the message stays in Redis' `unacked` and comes back by visibility timeout.

5.6.2 and before do not die of it. `tests/chaos/test_broker_restart.py` runs workers with and without the guard through
the end of a broker: a newer kombu that still dies fails there and belongs into AFFECTED, and when no version that we
support is affected, this part can go.

A Redis that is full refuses to take an acknowledgement and to keep a message that it has handed out. redis-py calls
that a wrong answer and not a broken connection, so that the worker ends here, too, with every kombu. An acknowledgement
that is refused now frees its slot: the message stays in `unacked`, and the bell rings again by visibility timeout.
Anything else is a broken connection, and is made anew. `tests/chaos/test_full_broker.py` has the proof, with and
without.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import kombu
from kombu.transport import virtual
from kombu.transport.redis import Channel, QoS, Transport
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

AFFECTED = frozenset({"5.7.0"})

_log = logging.getLogger("rollcall.broker")
_MARK = "_rollcall_guard"


def apply() -> bool:
    """Install the guards; returns whether this kombu needs the first. Calling it again changes nothing."""
    if OutOfMemoryError not in Transport.connection_errors:
        _outlive_a_full_broker()
    if kombu.__version__ not in AFFECTED:
        return False
    if not hasattr(Channel._connparams, _MARK):
        _wrap()
    return True


def _outlive_a_full_broker() -> None:
    Transport.connection_errors = (*Transport.connection_errors, OutOfMemoryError)
    unguarded: Callable[[QoS, str], None] = QoS.ack

    @wraps(unguarded)
    def ack(self: QoS, delivery_tag: str) -> None:
        try:
            unguarded(self, delivery_tag)
        except OutOfMemoryError:
            _log.warning("the broker has no memory left; a message that was dealt with comes again")
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]

    setattr(QoS, "ack", ack)  # noqa: B010 - as below


def _wrap() -> None:
    unguarded: Callable[..., dict[str, Any]] = Channel._connparams

    @wraps(unguarded)
    def connparams(self: Channel, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("the connection of this channel has been closed")
        return unguarded(self, asynchronous=asynchronous)

    setattr(connparams, _MARK, True)
    setattr(Channel, "_connparams", connparams)  # noqa: B010 - to a type checker, an assignment to a method is wrong
