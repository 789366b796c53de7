"""Rows that are not sent: why, in one sentence each, and the object that keeps them.

The code of a row is the name in lower case (`Code.NO_NUMBER` is `no_number`) and never changes its meaning. Every
sentence says what is wrong and what to do, and holds no phone number; the row itself stands beside it.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worker import windows
from worker.intake.scan import Ints
from worker.intake.stage import Staging


class Code(IntEnum):
    """Why a row is not sent. Numbers live only inside one intake; what is stored is the name."""

    FINE = 0
    UNREADABLE = 1
    WRONG_COLUMN_COUNT = 2
    OPEN_QUOTE = 3
    NO_NUMBER = 4
    NOT_A_NUMBER = 5
    UNKNOWN_COUNTRY = 6
    INVALID_NUMBER = 7
    BAD_START = 8
    ZONELESS_START = 9
    MILLISECOND_START = 10
    START_IN_PAST = 11
    BAD_WINDOW = 12
    BAD_TASK_UUID = 13
    REPEATED_TASK_UUID = 14
    ROW_TOO_LARGE = 15
    DUPLICATE = 16
    SUPPRESSED = 17
    OUT_OF_REACH = 18
    LINE_END_IN_CELL = 19
    CELL_TOO_LONG = 20
    OTHER_TYPE = 21
    OTHER_COUNTRY = 22
    CALLED_BEFORE = 23
    UNKNOWN_ZONE = 24
    NO_ZONE = 25
    NO_WINDOW = 26
    ALREADY_TAKEN_IN = 27
    SURPLUS_CELLS = 28
    DECIMAL_NUMBER = 29
    RUNS_ON = 30
    WITHDRAWN = 31

    @property
    def word(self) -> str:
        """The stable code."""
        return self.name.lower()

    @property
    def kind(self) -> str:
        """Which set of the accounting the row falls into."""
        if self in (Code.CALLED_BEFORE, Code.ALREADY_TAKEN_IN):
            return Code.DUPLICATE.word
        if self in (Code.SUPPRESSED, Code.WITHDRAWN):
            return Code.SUPPRESSED.word
        return self.word if self == Code.DUPLICATE else "rejected"


UNASKED = (Code.OTHER_TYPE, Code.OTHER_COUNTRY)  # left out as the upload wants it: no sign of a bad file


SENTENCES: dict[Code, str] = {
    Code.UNREADABLE: "The row holds bytes that are not of the file's encoding; name the right one or mend the row.",
    Code.WRONG_COLUMN_COUNT: "The row has more or fewer cells than the header; check its delimiters and quotes.",
    Code.OPEN_QUOTE: "The row has an open quote or escape and so runs to the end of the file; close or remove it.",
    Code.RUNS_ON: "The row runs on over several lines and does not fit the header; check its quotes and delimiters.",
    Code.NO_NUMBER: "The phone cell is empty; fill it in.",
    Code.NOT_A_NUMBER: "The phone cell does not hold a phone number; write one number there and nothing else.",
    Code.UNKNOWN_COUNTRY: "The number's country cannot be told; begin with + and country code, or name the --region.",
    Code.INVALID_NUMBER: "No such number can exist in its country; check for missing or surplus digits.",
    Code.DECIMAL_NUMBER: (
        "The phone cell holds a decimal, such as 123456.0 or 1.2E10, so a program took the number for a quantity; "
        "export the column as text."
    ),
    Code.BAD_START: (
        "The __start_at cell is no time before 2100; write Unix seconds or ISO 8601, as 2030-01-31T09:00:00+02:00."
    ),
    Code.ZONELESS_START: "The __start_at time has no zone, so the hour meant is unknown; add one, as +02:00 or Z.",
    Code.MILLISECOND_START: "The __start_at number is too large for seconds; if it is milliseconds, divide by 1000.",
    Code.START_IN_PAST: "The __start_at time has passed; give a later one, or empty it to start with the upload.",
    Code.BAD_WINDOW: "__start_execution_time and __end_execution_time must both be HH:MM:SS, or both be empty.",
    Code.BAD_TASK_UUID: (
        "The row's own uuid is of Rollcall's form, or not of the provider's (Voximplant: 1 to 40 of A-Z a-z 0-9 : -; "
        'Plum Voice: 1 to 128 printable ASCII characters without " , ; and backslash); change it.'
    ),
    Code.REPEATED_TASK_UUID: "An earlier row has the same __task_uuid; give each row its own, or empty the cell.",
    Code.ROW_TOO_LARGE: "The row alone is larger than one request may be; shorten its cells.",
    Code.DUPLICATE: "An earlier row has the same number; that one is called and this one is left out.",
    Code.SUPPRESSED: "The number stands on a do-not-call list; it is not called.",
    Code.WITHDRAWN: "Who has the number was withdrawn from another upload of the file or family; it is not called.",
    Code.OUT_OF_REACH: "The account's provider does not call this country; send the row through another account.",
    Code.LINE_END_IN_CELL: "A cell holds a line end, which this account's provider may misread; remove it.",
    Code.OTHER_TYPE: "The number is not of a type that the upload asks for; it is not called.",
    Code.OTHER_COUNTRY: "The number is not of a country that the upload asks for; it is not called.",
    Code.CALLED_BEFORE: "Another upload of this account has called the number a short while ago, or is about to.",
    Code.ALREADY_TAKEN_IN: (
        "The upload that this one continues, or another continuation of it, has the number already; it is left out."
    ),
    Code.SURPLUS_CELLS: "Cells stand to the right of the last named column; move or empty them.",
    Code.CELL_TOO_LONG: "A cell that is sent is longer than this account's provider allows; shorten it.",
    **{Code[fault.name]: text for fault, text in windows.SENTENCES.items()},
}

DETAILED: dict[Code, str] = {
    Code.UNREADABLE: (
        "The row runs on to line {last}, so a quote may be open, and holds bytes that are not of the file's encoding; "
        "name the right one or mend the row."
    ),
    Code.OPEN_QUOTE: (
        "The row has an open quote or escape and so runs on to line {last}, the end of the file; close or remove it, "
        "and the lines behind it are rows again."
    ),
    Code.RUNS_ON: (
        "The row runs on to line {last} and does not fit the header, or a quote stands inside a cell; check its quotes "
        "and delimiters: other rows may lie in it."
    ),
    Code.WRONG_COLUMN_COUNT: "The row has {found} cells and the header {expected}; check its delimiters and quotes.",
    Code.REPEATED_TASK_UUID: "Line {line} has the same __task_uuid; give each row its own, or empty the cell.",
    Code.ROW_TOO_LARGE: "The row alone is larger than the {limit} bytes that a request may hold; shorten its cells.",
    Code.DUPLICATE: "Line {line} has the same number; that one is called and this one is left out.",
}

RUN_ON = (Code.UNREADABLE, Code.OPEN_QUOTE, Code.RUNS_ON)  # may have taken other rows into them
FACTS = {
    Code.WRONG_COLUMN_COUNT: "found",
    Code.REPEATED_TASK_UUID: "line",
    Code.DUPLICATE: "line",
    **dict.fromkeys(RUN_ON, "last"),
}


def sentence(code: str, **facts: object) -> str:
    """The sentence of a stable code, with the row's own facts where they are given."""
    found = Code[code.upper()]
    detailed = facts and found in DETAILED and FACTS.get(found, "") in ("", *facts)
    return DETAILED[found].format(**facts) if detailed else SENTENCES[found]


WORDS = {int(code): code.word for code in Code}
ALL_WORDS = pa.array([code.word for code in sorted(Code)])  # by their numbers, which leave none out
ALL_KINDS = pa.array([code.kind for code in sorted(Code)])


@dataclasses.dataclass(frozen=True)
class Flaws:
    """Rows that are not sent, as columns that run beside each other.

    `rows` and `lines` count from 1; `facts` holds the number that the sentence of `codes` may name (`FACTS`), else 0;
    `texts` are the records without their line end.
    """

    rows: Ints
    lines: Ints
    codes: Ints
    facts: Ints
    texts: list[bytes]

    def __len__(self) -> int:
        return len(self.rows)

    def sentences(self, **common: object) -> list[str]:
        """The sentence of each; `common` are facts that all share."""
        said = np.empty(len(self), object)
        for code in np.unique(self.codes).tolist():
            bare, told = (np.flatnonzero((self.codes == code) & known) for known in (self.facts == 0, self.facts != 0))
            said[bare] = sentence(WORDS[code], **common)
            if len(told):
                before, after = _around_the_fact(Code(code), common)
                said[told] = [f"{before}{fact}{after}" for fact in self.facts[told].tolist()]
        found: list[str] = said.tolist()
        return found


_NO_INTS = np.zeros(0, np.int64)
NONE = Flaws(_NO_INTS, _NO_INTS, _NO_INTS, _NO_INTS, [])


def _around_the_fact(code: Code, common: Mapping[str, object]) -> list[str]:
    return DETAILED[code].format(**common, **{FACTS[code]: "\0"}).split("\0")


def together(parts: Sequence[Flaws]) -> Flaws:
    """All of these in the order of their rows."""
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    texts = [text for part in parts for text in part.texts]
    return Flaws(
        rows[order],
        np.concatenate([part.lines for part in parts])[order],
        np.concatenate([part.codes for part in parts])[order],
        np.concatenate([part.facts for part in parts])[order],
        [texts[at] for at in order.tolist()],
    )


COLUMNS: dict[str, pa.DataType] = {
    "row": pa.int64(),
    "line": pa.int64(),
    "kind": pa.string(),
    "code": pa.string(),
    "sentence": pa.string(),
    "text": pa.binary(),
}
SCHEMA = pa.schema(COLUMNS)
GROUP_ROWS, GROUP_BYTES = 50_000, 8 << 20


class Rejects:
    """Writes the rejects of one upload into a Parquet file as they come, and stages it at the end.

    `behind` counts the rows that lie in one that runs on, behind its first line; `swallowed` is their sum. `common` are
    the facts of sentences that hold for all.
    """

    def __init__(self, path: Path, behind: Callable[[bytes], int], **common: object) -> None:
        self.counts: Counter[Code] = Counter()
        self.swallowed = 0
        self._path = path
        self._behind = behind
        self._common = common
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[Flaws] = []
        self._rows = self._bytes = 0

    def add(self, flaws: Flaws) -> None:
        """Take the flaws of one block, which are in the order of their rows."""
        self._waiting.append(flaws)
        self._rows += len(flaws)
        self._bytes += sum(map(len, flaws.texts))
        long = np.flatnonzero(np.isin(flaws.codes, RUN_ON) & (flaws.facts > 0))
        self.swallowed += sum(self._behind(flaws.texts[at]) for at in long.tolist())
        codes, counts = np.unique(flaws.codes, return_counts=True)
        self.counts.update({Code(code): count for code, count in zip(codes.tolist(), counts.tolist(), strict=True)})
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write()

    def finish(self, staging: Staging) -> str | None:
        """Stage the object; its digest, or None where every row was good."""
        if self._rows:
            self._write()
        if self._writer is None:
            return None
        self._writer.close()
        return staging.put_file(self._path)[0]

    def of_kind(self, kind: str) -> int:
        """How many rows fell into one set of the accounting."""
        return sum(n for code, n in self.counts.items() if code.kind == kind)

    def reasons(self) -> dict[str, int]:
        """Rejected rows by code. Duplicates and suppressed rows have counts of their own."""
        return {code.word: n for code, n in sorted(self.counts.items()) if code.kind == "rejected"}

    def _write(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, SCHEMA, compression="zstd")
        flaws = together(self._waiting)
        self._writer.write_table(
            pa.table(
                {
                    "row": flaws.rows,
                    "line": flaws.lines,
                    "kind": ALL_KINDS.take(flaws.codes),
                    "code": ALL_WORDS.take(flaws.codes),
                    "sentence": flaws.sentences(**self._common),
                    "text": flaws.texts,
                },
                schema=SCHEMA,
            )
        )
        self._waiting, self._rows, self._bytes = [], 0, 0


def read_rejects(staging: Staging, digest: str) -> Iterator[pa.RecordBatch]:
    """The rejects of an upload in the order of their rows, batch by batch, columns as in `SCHEMA`.

    Raises StagingError where the object is missing.
    """
    with staging.open(digest) as stream, pq.ParquetFile(stream) as file:
        yield from file.iter_batches()
