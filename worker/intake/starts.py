"""The `__start_at` cell of a row."""

from datetime import UTC, datetime
from math import ceil

from worker.intake.rejects import Code

UPLOADS_OWN = 0
LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())  # as for a job's own start; the calendar ends in 9999
MAX_DIGITS = len(str(LATEST))
GRACE_SECONDS = 60


def read_start(cell: str, now: int) -> int:
    """Unix seconds, `UPLOADS_OWN` for a blank or zero, or minus the code of the fault. A fraction is rounded up."""
    text = cell.strip()
    start = _moment(text) if text else UPLOADS_OWN
    if 0 < start < now - GRACE_SECONDS:
        return -Code.START_IN_PAST
    return start


def _moment(text: str) -> int:
    if text.isascii() and text.isdigit():
        seconds = int(text.lstrip("0")[: MAX_DIGITS + 1] or "0")
        return -Code.MILLISECOND_START if seconds > LATEST else seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return -Code.BAD_START
    if moment.tzinfo is None:
        return -Code.ZONELESS_START
    # Before 1970 the count is not positive, and would read as a code or as the upload's own start.
    start = max(ceil(moment.timestamp()), 1)
    return -Code.BAD_START if start > LATEST else start
