"""Packed files: gzip, zstd, and zip with one file in it, unpacked while they are read and never beyond a limit."""

import errno
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

import pyarrow as pa

from worker.errors import InputError, Unavailable

EXPANDED_LIMIT = 20_000_000_000
HEAD_BYTES = 8
DAMAGED = "it is damaged, or ends too early"
GZIP, ZSTD, ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", (b"PK\x03\x04", b"PK\x05\x06")
# What is no call list, by its first bytes.
OTHERS = {
    b"\xd0\xcf\x11\xe0": "an old or an encrypted Excel file; save it as .xlsx without a password",
    b"%PDF": "a PDF; export the table as CSV or .xlsx",
    b"Rar!": "a RAR archive; pack it as .zip or .gz",
    b"7z\xbc\xaf": "a 7-Zip archive; pack it as .zip or .gz",
    b"BZh9": "packed with bzip2; pack it as .zip or .gz",
    b"\xfd7zX": "packed with xz; pack it as .zip or .gz",
    b"\x89PNG": "a picture; export the table as CSV or .xlsx",
    b"\xff\xd8\xff": "a picture; export the table as CSV or .xlsx",
    b"GIF8": "a picture; export the table as CSV or .xlsx",
    b"\x7fELF": "a program; name the list",
    b"PAR1": "a Parquet file; export the table as CSV or .xlsx",
}
WITHIN = dict.fromkeys((GZIP, ZSTD, *ZIP), "a packed workbook, or was packed twice; unpack it")
WORKBOOK_PART = "xl/workbook.xml"
UNSEEN = ("__MACOSX/", ".DS_Store")  # what a Mac puts beside the file
ENCRYPTED = 1
DAMAGE = (EOFError, OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


def is_workbook(source: BinaryIO) -> bool:
    """Whether a seekable file is an Excel workbook (.xlsx). It stands at its beginning then."""
    found = False
    if source.read(HEAD_BYTES).startswith(ZIP):
        try:
            with zipfile.ZipFile(source) as archive:
                found = WORKBOOK_PART in archive.namelist()
        except DAMAGE:
            found = False
    source.seek(0)
    return found


def unpacked(source: BinaryIO, limit: int) -> BinaryIO:
    """The bytes of a file, of which it stands at the beginning; those of the file within where it is packed.

    Raises InputError `unsupported_file`, also where a file of another kind is packed, and `bad_archive`; when read,
    `bad_archive` where the packed file is damaged, and `source_too_large` beyond `limit` bytes.
    """
    if not source.seekable():
        return source
    head = source.read(HEAD_BYTES)
    source.seek(0)
    _refuse(head, OTHERS)
    inner = _inner(source, head)
    if inner is None:
        return source
    bounded = _Bounded(inner, limit)
    _refuse(bounded.look(), OTHERS | WITHIN)
    return cast(BinaryIO, bounded)


def _refuse(head: bytes, others: dict[bytes, str]) -> None:
    what = next((what for mark, what in others.items() if head.startswith(mark)), None)
    if what is not None:
        raise InputError("unsupported_file", f"The file is {what}, and upload it again.")


def _inner(source: BinaryIO, head: bytes) -> IO[bytes] | None:
    """What is packed in the file; None where nothing is."""
    if head.startswith(GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=source))
    if head.startswith(ZSTD):
        return cast(IO[bytes], pa.CompressedInputStream(cast(io.IOBase, source), "zstd"))
    return _only_member(source) if head.startswith(ZIP) else None


def too_large(limit: int) -> InputError:
    """The refusal of a file that is or unpacks to more than `limit` bytes."""
    return InputError(
        "source_too_large",
        f"The file is larger than {limit} bytes, as it is or unpacked; raise source_limit or split it.",
    )


def _damaged(why: str) -> InputError:
    return InputError("bad_archive", f"The packed file cannot be unpacked ({why}); pack it anew and upload it again.")


def _only_member(source: BinaryIO) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(source)
        members = [one for one in archive.infolist() if not one.is_dir() and not _unseen(one.filename)]
        if len(members) != 1:
            raise _damaged(f"it holds {len(members)} files, and one is wanted")
        if members[0].flag_bits & ENCRYPTED:
            raise _damaged("it has a password")
        return archive.open(members[0])
    except DAMAGE as error:
        raise _damaged(DAMAGED) from error


def _unseen(name: str) -> bool:
    return name.startswith(UNSEEN[0]) or name.endswith(UNSEEN[1])


class Origin(io.RawIOBase):
    """A seekable stream whose own failures are told from damage of what it holds, as Unavailable."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with self._door():
            return self._inner.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        with self._door():
            try:
                return self._inner.seek(offset, whence)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
        raise OSError(errno.EINVAL, "before the beginning")  # as zipfile expects of a file that is too short for it

    def tell(self) -> int:
        return self._inner.tell()

    @contextmanager
    def _door(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            text = f"The staged file could not be read on ({type(error).__name__}); it is read again later."
            raise Unavailable("staging_unavailable", text) from error


class _Bounded(io.RawIOBase):
    """A stream that ends in an error beyond `limit` bytes, or where what it unpacks is damaged."""

    def __init__(self, inner: IO[bytes], limit: int) -> None:
        self._inner = inner
        self._limit = limit
        self._left = limit
        self._looked_at = b""

    def readable(self) -> bool:
        return True

    def look(self) -> bytes:
        """The first bytes, which are read as well; before anything else."""
        self._looked_at = self.read(HEAD_BYTES)
        return self._looked_at

    def read(self, size: int = -1) -> bytes:
        known = len(self._looked_at) if size < 0 else size
        looked_at, self._looked_at = self._looked_at[:known], self._looked_at[known:]
        return looked_at + self._more(size if size < 0 else size - len(looked_at))

    def _more(self, size: int) -> bytes:
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        try:
            data = self._inner.read(wanted)
        except DAMAGE as error:
            raise _damaged(DAMAGED) from error
        self._left -= len(data)
        if self._left < 0:
            raise too_large(self._limit)
        return data
