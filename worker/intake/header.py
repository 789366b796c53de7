"""Column names: what the header says, and which column holds the phone number."""

import re
from collections import Counter

from worker.errors import InputError

START_AT = "__start_at"
WINDOW_START, WINDOW_END = "__start_execution_time", "__end_execution_time"
TASK_UUID = "__task_uuid"
SPECIAL = "__"
# Where a row of a file of rejects came from. Told to nobody: such a file is corrected and uploaded again.
ROW = "__row"
BOOKKEEPING = (ROW, "__line", "__code", "__why")
# Columns that say when a contact may be called; only some providers read them.
WINDOWS = (WINDOW_START, WINDOW_END, "call_schedule", "next_attempt_time")
INVISIBLE = "\ufeff\u200b\u2060"  # beside all that is space; a second byte order mark is the most common

# In a first line of contacts where a header should be. Dates are names.
NUMBER = re.compile(r"(?![0-9]{4}-[0-9]{2}-[0-9]{2}$)[+(]?[0-9](?:[ ().\-/]*[0-9]){6,}")

PHONE_NAMES = frozenset(
    {"phone", "phonenumber", "phoneno", "telephone", "telephonenumber", "telephoneno", "tel", "telno", "number"}
    | {"mobile", "mobilenumber", "mobilephone", "cell", "cellphone", "cellnumber", "msisdn", "contactnumber"}
)


def name_columns(cells: list[str]) -> list[str]:
    """The header's names, kept as they are. A nameless column is called `column_<position>`.

    Columns of one name are numbered, each of them: a provider sees a row by name, and none of them may pass for "the"
    phone column. Raises InputError `duplicate_columns` where the name says when or how to call, and `misspelt_column`
    where it nearly does: nobody would read it, and people would be called at another time.
    """
    for name in cells:
        _refuse_misspelt(name)
    twice = {name for name, times in Counter(cells).items() if times > 1 and name.strip()}
    special = sorted(name for name in twice if name.startswith(SPECIAL) or name in WINDOWS)
    if special:
        raise InputError(
            "duplicate_columns", f"The header names {_listed(special)} more than once; leave one column of that name."
        )
    taken = set(cells)
    names: list[str] = []
    counts: Counter[str] = Counter()
    for position, cell in enumerate(cells, start=1):
        counts[cell] += 1
        name = cell if cell.strip() and cell not in twice else ""
        if not name:
            name = f"{cell}_{counts[cell]}" if cell.strip() else f"column_{position}"
            while name in taken:
                name += "_"
            taken.add(name)
        names.append(name)
    return names


def _refuse_misspelt(name: str) -> None:
    shown = name.strip().strip(INVISIBLE).strip()
    for meant in (START_AT, TASK_UUID, *WINDOWS):
        as_written = shown.casefold() == meant or (shown.startswith(SPECIAL) and bare(shown) == bare(meant))
        if as_written and name != meant:
            raise InputError(
                "misspelt_column",
                f"The header has {name!r:.60}, which is read as {meant} only if it is written so; rename the column.",
            )


def resolve_phone_column(columns: list[str], wanted: str | None) -> str:
    """The column that holds the phone number: the wanted one, in whatever case, or the only one with an obvious name.

    Raises InputError `no_phone_column`, which names the columns there are, and `no_header` where it looks as if they
    were a contact, who would be lost.
    """
    if wanted is not None:
        found = _called(columns, wanted)
        fault = f"There is no phone column {wanted!r}" if not found else f"More than one column could be {wanted!r}"
    else:
        found = [name for name in columns if bare(name) in PHONE_NAMES]
        fault = (
            f"Several columns could hold the phone number ({_listed(found)})"
            if found
            else "No column is plainly the phone number"
        )
    if any(map(is_number, found or columns)):
        raise InputError(
            "no_header", "The first line holds a phone number, so the file has no header; put one with names above it."
        )
    if len(found) == 1:
        return found[0]
    raise InputError(
        "no_phone_column",
        f"{fault}; name it with --phone-column (phone_column in a job). The columns are: {_listed(columns)}.",
    )


def column_named(columns: list[str], wanted: str) -> str:
    """The column of this name, in whatever case; raises InputError `no_such_column`, which names those there are."""
    found = _called(columns, wanted)
    if len(found) == 1:
        return found[0]
    fault = "More than one column could be" if found else "The file has no column"
    raise InputError("no_such_column", f"{fault} {wanted!r}; name one of these: {_listed(columns)}.")


def _called(columns: list[str], wanted: str) -> list[str]:
    if wanted in columns:
        return [wanted]
    return [name for name in columns if name.strip().casefold() == wanted.strip().casefold()]


def surplus(columns: list[str]) -> list[str]:
    """Nameless columns to the right of all others in a file of rejects.

    A spreadsheet adds them when it saves rows that are longer than the header: no cell may stand in them.
    """
    if ROW not in columns:
        return []
    named = [n for n, name in enumerate(columns, start=1) if name != f"column_{n}"]
    return columns[named[-1] :]


def bare(name: str) -> str:
    """A column's name by its letters and digits, whatever their case."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def is_number(name: str) -> bool:
    """Whether it looks like a phone number."""
    return NUMBER.fullmatch(name.strip()) is not None


def _listed(names: list[str]) -> str:
    told = ("(a number)" if is_number(name) else name for name in names[:50])
    shown = ", ".join(name if len(name) <= 60 else name[:57] + "..." for name in told)
    return shown + (f" and {len(names) - 50} more" if len(names) > 50 else "")
