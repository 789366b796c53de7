"""XML or JSON from Plum, read by content and not by type, as a flat list of what it says.

Only a whole document is read: one that was cut is none. A document type declaration is refused, since entities could
make a small text a large one or fetch another.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

LARGEST = 16 << 20  # bytes
DEEPEST = 20


@dataclass(frozen=True)
class Fact:
    """`name` in lower case. `depth` 1: it stands at the document's root."""

    depth: int
    name: str
    value: str


class Unreadable(Exception):
    """Not a whole document that may be read."""


def facts(body: bytes) -> list[Fact]:
    """Everything a whole document says, in its order; raises Unreadable."""
    start = body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if len(body) > LARGEST or start not in (b"<", b"{"):
        raise Unreadable
    return _Xml(body).facts if start == b"<" else list(_json(body))


class _Xml:
    """Attributes and texts of every element; the root's own text, where it holds nothing else, is its `status`."""

    def __init__(self, body: bytes) -> None:
        self.facts: list[Fact] = []
        self._open: list[list[str]] = []
        self._children = 0
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise Unreadable from error

    def _doctype(self, *_: Any) -> None:
        raise Unreadable

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= DEEPEST or (
            not self._open and name.lower() == "html"
        ):  # a page of whoever stands between
            raise Unreadable
        self._children += bool(self._open)
        self._open.append([])
        self.facts += (Fact(len(self._open), key.lower(), value) for key, value in attributes.items())

    def _text(self, text: str) -> None:
        self._open[-1].append(text)

    def _end(self, name: str) -> None:
        text, depth = "".join(self._open.pop()).strip(), len(self._open)
        if depth:
            self.facts.append(Fact(depth, name.lower(), text))
        elif text and not self._children:
            self.facts.append(Fact(1, "error" if name.lower() == "error" else "status", text))


def _json(body: bytes) -> Iterator[Fact]:
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable from error
    while len(document) == 1 and isinstance(only := next(iter(document.values())), dict):
        document = only  # the method's name around what it says
    yield from _walk(document, 1)


def _walk(document: dict[str, Any], depth: int) -> Iterator[Fact]:
    if depth > DEEPEST:
        raise Unreadable
    for name, value in document.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from _walk(one, depth + 1)
            elif not isinstance(one, list):
                yield Fact(depth, name.lower(), _shown(one))


def _shown(value: Any) -> str:
    return "" if value is None or value is False else str(value).strip()
