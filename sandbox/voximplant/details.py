"""GetCallListDetails: what became of each task, as CSV (default), JSON or XLS.

CSV gives the uploaded columns, then the platform's own. The observed header has no uuid of its own, so one that was
uploaded stays in its place; where none was, `__task_uuid` is put before the platform's columns (a switch), because
JSON shows that every task has one. The uploaded window columns are given once, among the platform's.
"""

import json
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter

from sandbox.clock import utc_text
from sandbox.dialer import NO_WORD, SHOWN, shown_status
from sandbox.files import ENDS, CsvFile, FileAnswer, Record, XlsFile
from sandbox.odds import WORDS
from sandbox.voximplant import params as read
from sandbox.voximplant.accounts import Account
from sandbox.voximplant.calllist import Batch, CallList
from sandbox.voximplant.columns import RESERVED, UUID, WINDOW
from sandbox.voximplant.errors import ApiError
from sandbox.voximplant.lists import page_size
from sandbox.voximplant.platform import Platform
from sandbox.voximplant.transport import Call

STATUS_NAMES = ("New", "In progress", "Processed", "Error", "Canceled")
MAX_JSON = 1000


@dataclass(frozen=True)
class Selection:
    """Tasks in order: parts of batches, as indices into the list."""

    parts: list[tuple[Batch, Sequence[int]]]

    @property
    def total(self) -> int:
        return sum(len(indices) for _, indices in self.parts)

    def page(self, offset: int, count: int | None) -> "Selection":
        parts: list[tuple[Batch, Sequence[int]]] = []
        for batch, indices in self.parts:
            taken = indices[offset : None if count is None else offset + count]
            offset = max(0, offset - len(indices))
            count = None if count is None else count - len(taken)
            if taken:
                parts.append((batch, taken))
        return Selection(parts)


async def get_call_list_details(platform: Platform, call: Call, account: Account) -> dict[str, object] | FileAnswer:
    output = call.params.get("output", "").strip().lower() or "csv"
    if output not in ("csv", "json", "xls"):
        raise ApiError(105, field="output")
    if read.boolean(call.params, "is_async"):
        raise ApiError(492, "is_async", field="is_async")  # reports are not part of the sandbox
    target = platform.list_of(account, read.integer(call.params, "list_id", 255))
    if not target.visible(time.monotonic()):
        raise ApiError(255, field="list_id")
    offset = read.optional_integer(call.params, "offset", 0)
    await platform.catch_up([target])
    chosen = select(target, call)
    if output == "json":
        return as_json(platform, target, chosen, offset, page_size(platform, call.params, MAX_JSON))
    limited = call.params.get("count", "").strip()
    page = chosen.page(offset, read.integer(call.params, "count", 496) if limited else None)
    columns = columns_of(platform, target, page)
    media_type = platform.switches.choice("details_content_type")
    records = Records(target, page, columns[: -len(own_columns(platform))])
    if output == "xls":
        return XlsFile(media_type, columns, records)
    delimiter = read.character(call.params, "delimiter", ";") or ";"
    return CsvFile(media_type, columns, records, delimiter, read.encoding(call.params))


def select(target: CallList, call: Call) -> Selection:
    """What this read is shown: visible batches, one batch where asked, a part where the fault says so."""
    batch_id, partial = call.params.get("batch_id", "").strip(), call.faults.get("partial_details")
    # an upload may have been told its batch as a number: see the switch batch_id
    batches = [
        one for one in target.visible(time.monotonic()) if batch_id in ("", one.batch_id, str(one.first_task_id))
    ]
    if partial is None:
        return Selection([(one, one.rows) for one in batches])
    return Selection([(one, array("I", partial.part_of(one.rows))) for one in batches])


def own_columns(platform: Platform) -> tuple[str, ...]:
    left = platform.switches.choice("attempts_left_key")
    return (*WINDOW, "result_data", "last_attempt", left, "status_id", "status")


def columns_of(platform: Platform, target: CallList, page: Selection) -> list[str]:
    """Uploaded columns of every batch in order of appearance, then the platform's."""
    headers = [batch.header for batch, _ in page.parts] or [batch.header for batch in target.batches[:1]]
    uploaded = list(dict.fromkeys(name for header in headers for name in header if name not in WINDOW))
    if UUID not in uploaded and platform.switches.choice("details_task_uuid") == "always":
        uploaded.append(UUID)
    return [*uploaded, *own_columns(platform)]


@dataclass
class Records:
    """The rows of a file of details, made while it is sent."""

    target: CallList
    page: Selection
    uploaded: list[str]

    def __iter__(self) -> Iterator[Record]:
        fates = Fates(self.target)
        uuid_at = self.uploaded.index(UUID) if UUID in self.uploaded else None
        for batch, indices in self.page.parts:
            places = {name: at for at, name in enumerate(batch.header)}
            # one blank is put behind the row: columns it does not have read that
            pick = itemgetter(*[places.get(name, len(batch.header)) for name in (*self.uploaded, *WINDOW)])
            for run, page in self.target.store.runs(indices):
                for index, row in zip(run, page, strict=True):
                    row.append("")
                    cells = pick(row)
                    if uuid_at is not None and not cells[uuid_at]:
                        cells = (*cells[:uuid_at], self.target.task_uuid(index, ""), *cells[uuid_at + 1 :])
                    yield cells, fates.of(index)


Fate = tuple[str, str, int, int, str]  # result_data, last_attempt, attempts left, status_id, status


class Fates:
    """What became of each task of a list. Looked up a million times: everything that can be is looked up once."""

    def __init__(self, target: CallList) -> None:
        self._dialer, canceled = target.dialer, target.shows_canceled
        self._said = [WORDS[word] if word < len(WORDS) else "" for word in range(NO_WORD + 1)]
        ids = [shown_status(state, canceled) for state in range(len(SHOWN))]
        self._statuses = [(status_id, STATUS_NAMES[status_id]) for status_id in ids]
        self._known: dict[tuple[int, int, int, int], Fate] = {}

    def of(self, index: int) -> Fate:
        dialer = self._dialer
        key = dialer.word[index], dialer.last[index], dialer.left[index], dialer.state[index]
        return self._known.get(key) or self._fate(*key)

    def _fate(self, word: int, last: int, left: int, state: int) -> Fate:
        fate = (self._said[word], utc_text(last) if last else "", left, *self._statuses[state])
        if len(self._known) >= ENDS:
            self._known.clear()
        self._known[word, last, left, state] = fate
        return fate


def as_json(platform: Platform, target: CallList, chosen: Selection, offset: int, count: int) -> dict[str, object]:
    page, style = chosen.page(offset, count), platform.switches.choice("execution_time_format")
    left = platform.switches.choice("attempts_left_key")
    fates = Fates(target)
    tasks = [
        task(target, batch, index, row, style) | fate(fates, index, left)
        for batch, indices in page.parts
        for run, rows in target.store.runs(indices)
        for index, row in zip(run, rows, strict=True)
    ]
    total = platform.switches.choice("details_count") == "total"
    return {"result": tasks, "count": chosen.total if total else len(tasks)}


def task(target: CallList, batch: Batch, index: int, row: list[str], style: str) -> dict[str, object]:
    """CallListDetailType: what was uploaded."""
    cells = dict(zip(batch.header, row, strict=True))
    start, end = (execution_time(cells.get(name, ""), style) for name in WINDOW)
    given = {name: cell for name, cell in cells.items() if name not in RESERVED}
    return {
        "list_id": target.list_id,
        "task_id": batch.first_task_id + index - batch.rows.start,
        "task_uuid": target.task_uuid(index, cells.get(UUID, "")),
        "custom_data": json.dumps(given, ensure_ascii=False),
        "start_execution_time": start,
        "finish_execution_time": end,
    }


def fate(fates: Fates, index: int, left: str) -> dict[str, object]:
    """CallListDetailType: what became of it."""
    said, last, attempts, status_id, status = fates.of(index)
    return {"result_data": said, "last_attempt": last, left: attempts, "status_id": status_id, "status": status}


def execution_time(text: str, style: str) -> str:
    if not text or style == "time":
        return text
    return f"{datetime.now(UTC):%Y-%m-%d} {text}"
