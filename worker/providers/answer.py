"""What every adapter does with an answer: read its JSON, and keep its words without anybody's number."""

import json
import re
from typing import Any

LONGEST = 500  # characters of a provider's words that are kept
_NUMBER = re.compile(r"\+?\(?\d[\d\s()./-]{5,}\d")


def parsed(body: bytes) -> Any:
    """The parsed body; None where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def spoken(words: Any) -> str:
    """The provider's words, less anything like a phone number."""
    return _NUMBER.sub("[number]", str(words))[:LONGEST]
