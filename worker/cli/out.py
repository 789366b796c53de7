"""Where output goes: messages to stderr, data to stdout."""

import json
import sys
from datetime import datetime
from typing import Any


def say(text: str) -> None:
    """A message for the person who looks on."""
    print(text, file=sys.stderr, flush=True)


def problem(code: str, message: str, as_json: bool) -> None:
    """An error: one sentence with its stable code, also on stderr; as a JSON line where JSON is wanted."""
    if as_json:
        say(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False))
    else:
        say(f"error: {code}: {message}")


def line(text: str) -> None:
    """One line of data."""
    print(text, flush=True)


def json_line(value: Any) -> None:
    """One JSON value as one line of data."""
    line(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
