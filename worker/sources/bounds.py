"""What holds for a file wherever it comes from: it is not larger than the limit, and it does not change while read."""

from collections.abc import Iterator

from worker.errors import InputError
from worker.intake.unpack import too_large


def limited(parts: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """The parts, until they are more than `limit` bytes: InputError `source_too_large`."""
    size = 0
    for part in parts:
        size += len(part)
        if size > limit:
            raise too_large(limit)
        yield part


def changed(where: str) -> InputError:
    """The refusal of a file of which only a part is what it was."""
    return InputError(
        "source_changed", f"The file at {where} changed while it was read; upload it again when it is complete."
    )
