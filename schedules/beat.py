"""The beat table, as data. Beat rings; everything that counts is decided from the rows."""

from typing import Any

PRUNE_EVERY = 86_400.0
FORGET_EVERY = 3600.0
SWEEP_EVERY = 5.0  # seconds; each sweep task sweeps many times within its slice

BEAT: dict[str, dict[str, Any]] = {
    # A sweep that nobody took within its own period is worth nothing: it expires instead of piling up.
    "sweep": {
        "task": "rollcall.sweep",
        "schedule": SWEEP_EVERY,
        "options": {"queue": "sweep", "expires": SWEEP_EVERY},
    },
    "forget": {
        "task": "rollcall.forget",
        "schedule": FORGET_EVERY,
        "options": {"queue": "collect", "expires": FORGET_EVERY},
    },
    "prune": {
        "task": "rollcall.prune",
        "schedule": PRUNE_EVERY,
        "options": {"queue": "collect", "expires": PRUNE_EVERY},
    },
}
