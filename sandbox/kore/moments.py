"""Moments as Kore.ai writes them."""

from datetime import UTC, datetime


def iso(moment: float) -> str:
    """ISO 8601 in UTC with milliseconds and a Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
