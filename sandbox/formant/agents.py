"""Agents as the provider's dashboard holds them: where their webhooks go, and how often a contact is tried."""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.refusals import ControlError, known_keys, number

RETRY_INTERVAL = 600.0
MOST_ATTEMPTS = 3


@dataclass(frozen=True)
class Agent:
    webhook_url: str = ""
    secret: str = ""
    max_attempts: int = 1
    retry_interval: float = RETRY_INTERVAL

    @classmethod
    def of(cls, document: Mapping[str, object]) -> "Agent":
        """Raises ControlError."""
        known_keys(document, {"webhook_url", "secret", "max_attempts", "retry_interval"}, "PUT /formant/agents")
        told: dict[str, object] = {"max_attempts": 1, "retry_interval": RETRY_INTERVAL} | dict(document)
        return cls(
            webhook_url=text(document, "webhook_url"),
            secret=text(document, "secret"),
            max_attempts=int(number(told, "max_attempts", 1, MOST_ATTEMPTS)),
            retry_interval=number(told, "retry_interval", 0),
        )


def text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name) or ""
    if not isinstance(value, str):
        raise ControlError("bad_value", f"'{name}' must be a text or null.")
    return value
