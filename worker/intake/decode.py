"""Any file as UTF-8. What cannot be decoded becomes bytes that are not UTF-8, so that only its own row is lost."""

import codecs
import re
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import BinaryIO

from worker.intake.dialect import LINE_END, Dialect, find_encoding
from worker.intake.guess import UTF8, guess, wide_without_mark

MARK = "rollcall.mark_undecodable"
PLAIN = (UTF8, "utf-8-sig")
HEAD_BYTES = 4096
EVIDENCE_BYTES = 64 << 10
STAND_INS = re.compile("([\udc00-\udcff]+)")
WIDE = ("utf-16", "utf_16", "utf-32", "utf_32")


class Text:
    """A file's text in UTF-8 without byte order mark, in pieces of about `size` bytes of the file.

    `encoding` is what was declared or what the byte order mark says; else UTF-8, until the first bytes above 127 show
    another. Before them nothing has to be known, so that a file is read once. Raises InputError `unknown_encoding`.
    """

    def __init__(self, source: BinaryIO, declared: str | None, size: int, beat: Callable[[], None]) -> None:
        self._raw = _filled(source, size, beat)
        self._first = next(self._raw, b"")
        said = find_encoding(self._first[:4], declared) or wide_without_mark(self._first[:HEAD_BYTES])
        self.encoding = said or UTF8
        self._told = said is not None

    def pieces(self) -> Iterator[bytes]:
        """The text, once."""
        raw = chain([self._first], self._raw)
        self._first = b""
        if self._told:
            return _without_mark(_transcoded(raw, self.encoding))
        return self._found_out(raw)

    def original(self, text: bytes) -> bytes:
        """The file's own bytes of a record that could not be decoded."""
        if self.encoding in PLAIN:
            return text
        return _encoded(text.decode(UTF8, "surrogatepass"), self.encoding)

    def _found_out(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        telling = b""
        for piece in raw:
            telling += piece
            if telling.isascii():
                yield telling
                telling = b""
            elif len(telling) >= EVIDENCE_BYTES:
                break
        if telling:
            self.encoding = guess(telling)
            yield from _transcoded(chain([telling], raw), self.encoding)


def lines_as_written(text: bytes, dialect: Dialect) -> list[tuple[int, bytes]]:
    """The lines of a record that could not be decoded, and how many stand before each; blank ones are left out.

    In UTF-8 where they can be decoded, else in bytes that are not UTF-8.
    """
    lines = LINE_END.split(text.decode(dialect.encoding or UTF8, MARK))
    return [(before, _encoded(line, UTF8)) for before, line in enumerate(lines) if line.strip()]


def _encoded(text: str, encoding: str) -> bytes:
    """Bytes that could not be decoded are themselves again."""
    return b"".join(
        bytes(ord(mark) & 0xFF for mark in part) if STAND_INS.fullmatch(part) else part.encode(encoding, "replace")
        for part in STAND_INS.split(text)
    )


def _filled(source: BinaryIO, size: int, beat: Callable[[], None]) -> Iterator[bytes]:
    """A network stream gives a few kilobytes at a time, which would make blocks too small to be fast.

    The first ones are small all the same: whoever works on the block before soon has one.
    """
    for wanted in chain((size // 8, size // 4, size // 2), repeat(size)):
        parts: list[bytes] = []
        missing = max(wanted, 1)
        while missing > 0 and (part := source.read(missing)):
            parts.append(part)
            missing -= len(part)
        beat()
        if parts:
            yield b"".join(parts)
        if missing > 0:
            return


def _transcoded(raw: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in PLAIN:
        yield from raw
        return
    decoder = codecs.getincrementaldecoder(encoding)(MARK)
    for piece in raw:
        yield _utf8(decoder.decode(piece))
    yield _utf8(decoder.decode(b"", final=True))


def _utf8(text: str) -> bytes:
    """Lone surrogates, which stand for undecodable bytes, come out as bytes that no UTF-8 reader accepts."""
    return text.encode("utf-8", "surrogatepass")


def _without_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(codecs.BOM_UTF8):
            break
    yield head.removeprefix(codecs.BOM_UTF8)
    yield from pieces


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    """Stand-ins for the bytes at fault. Line ends and delimiters among them survive, or rows would be swallowed."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    if not error.encoding.lower().startswith(WIDE):
        keep = next((i for i, byte in enumerate(bad) if i and byte < 0x80), len(bad))
        bad = bad[:keep]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.start + len(bad)


codecs.register_error(MARK, _mark_undecodable)
