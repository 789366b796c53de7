"""Any file as UTF-8. What cannot be decoded becomes bytes that are not UTF-8, so that only its own row is lost."""

import codecs
from collections.abc import Callable, Iterator
from typing import BinaryIO

from worker.intake.dialect import find_encoding

MARK = "rollcall.mark_undecodable"
PLAIN = ("utf-8", "utf-8-sig")
WIDE = ("utf-16", "utf_16", "utf-32", "utf_32")


def open_text(
    source: BinaryIO, declared: str | None, size: int, beat: Callable[[], None]
) -> tuple[str, Iterator[bytes]]:
    """The encoding, and the text in UTF-8 without byte order mark, in pieces of about `size` bytes of the file."""
    pieces = _filled(source, size, beat)
    first = next(pieces, b"")
    encoding = find_encoding(first[:4], declared)
    return encoding, _without_mark(_transcoded(first, pieces, encoding))


def _filled(source: BinaryIO, size: int, beat: Callable[[], None]) -> Iterator[bytes]:
    """A network stream gives a few kilobytes at a time, which would make blocks too small to be fast."""
    while True:
        parts: list[bytes] = []
        missing = size
        while missing > 0 and (part := source.read(missing)):
            parts.append(part)
            missing -= len(part)
        beat()
        if parts:
            yield b"".join(parts)
        if missing > 0:
            return


def _transcoded(first: bytes, pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in PLAIN:
        yield first
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)(MARK)
    yield _utf8(decoder.decode(first))
    for piece in pieces:
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
