"""A call list of any kind as records: text in its dialect, packed or not, or the first filled sheet of a workbook."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol, cast

from worker.intake.dialect import Dialect
from worker.intake.read import BLOCK_BYTES, Block, Reading, no_beat, no_rows
from worker.intake.unpack import EXPANDED_LIMIT, Origin, is_workbook, unpacked
from worker.intake.workbook import Sheet


class Records(Protocol):
    """`columns` are the header's names, `dialect` is what was found; `blocks` gives the records once."""

    columns: list[str]

    @property
    def dialect(self) -> Dialect: ...

    def blocks(self) -> Iterator[Block]: ...


def open_list(
    source: BinaryIO,
    dialect: Dialect,
    *,
    limit: int = EXPANDED_LIMIT,
    block_bytes: int = BLOCK_BYTES,
    first_row: int = 1,
    beat: Callable[[], None] = no_beat,
) -> Records:
    """Open `source` at its beginning. No more than `limit` bytes are unpacked.

    Raises InputError as `Reading` does, and `bad_archive`, `bad_workbook`, `unsupported_file`, `source_too_large`, the
    first and the last also from `blocks`.
    """
    if source.seekable():
        source.seek(0)
        source = cast(BinaryIO, Origin(source))
        if is_workbook(source):
            return Sheet(source, dialect, limit=limit, first_row=first_row, beat=beat)
    return Reading(unpacked(source, limit), dialect, block_bytes=block_bytes, first_row=first_row, beat=beat)


def peek(source: BinaryIO, dialect: Dialect, limit: int = EXPANDED_LIMIT) -> list[str]:
    """The column names of a file that has at least one record; leaves the stream anywhere.

    Raises InputError as `open_list` does, and `no_rows` where there is a header alone.
    """
    records = open_list(source, dialect, limit=limit)
    if next(records.blocks(), None) is None:
        raise no_rows()
    return records.columns
