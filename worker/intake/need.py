"""How much memory reading a file may take, told from its beginning and its size."""

import zipfile
from typing import BinaryIO, cast

from worker.intake.run import Order
from worker.intake.unpack import DAMAGE, EXPANDED_LIMIT, Origin, is_workbook, unpacked

SAMPLE_BYTES = 4 << 20
PROCESS = 330_000_000  # bytes: the program itself, and the blocks and the chunk that are at work
PER_NUMBER = 24  # of the duplicate check; the user's own task uuids are checked in the same way
PER_LISTED = 32  # a number of a do-not-call list, while the list is put in order
PER_SHEET_BYTE = 4  # a workbook's sheet is held whole


def memory_needed(source: BinaryIO, order: Order, listed: int) -> int:
    """Bytes that an intake of `source` may have at its peak, beside `listed` numbers that are not called.

    Raises InputError `bad_archive`, `unsupported_file`; Unavailable where the source does not answer.
    """
    chunks = 4 * order.max_bytes
    return PROCESS + chunks + PER_LISTED * listed + _of_the_file(cast(BinaryIO, Origin(source)), order.layout.own_uuid)


def _of_the_file(source: BinaryIO, own_uuid: tuple[str, ...]) -> int:
    size = source.seek(0, 2)
    source.seek(0)
    if is_workbook(source):
        return PER_SHEET_BYTE * _unpacked_size(source)
    sample = unpacked(source, EXPANDED_LIMIT).read(SAMPLE_BYTES)
    lines = max(sample.count(b"\n"), sample.count(b"\r")) + 1
    rows = lines * size // max(source.tell(), 1)
    header = sample.splitlines()[0] if sample else b""
    checked = 1 + any(name.encode() in header for name in own_uuid)
    return checked * PER_NUMBER * rows


def _unpacked_size(source: BinaryIO) -> int:
    """Bytes of a workbook's parts; one that is damaged is refused when it is read."""
    try:
        with zipfile.ZipFile(source) as archive:
            return sum(one.file_size for one in archive.infolist())
    except DAMAGE:
        return 0
