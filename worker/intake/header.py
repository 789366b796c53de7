"""Column names: what the header says, and which column holds the phone number."""

from collections import Counter

from worker.errors import InputError

START_AT = "__start_at"
WINDOW_START, WINDOW_END = "__start_execution_time", "__end_execution_time"
TASK_UUID = "__task_uuid"
# Columns that say when a contact may be called; only some providers read them.
WINDOWS = (WINDOW_START, WINDOW_END, "call_schedule", "next_attempt_time")

PHONE_NAMES = frozenset(
    {"phone", "phonenumber", "phoneno", "telephone", "telephonenumber", "telephoneno", "tel", "telno", "number"}
    | {"mobile", "mobilenumber", "mobilephone", "cell", "cellphone", "cellnumber", "msisdn", "contactnumber"}
)


def name_columns(cells: list[str]) -> list[str]:
    """The header's names, kept as they are. A nameless column is called `column_<position>`.

    Raises InputError `duplicate_columns`: a scenario sees a row by name, so one of two would be lost.
    """
    names: list[str] = []
    for position, cell in enumerate(cells, start=1):
        name = cell if cell.strip() else f"column_{position}"
        while not cell.strip() and name in cells:
            name += "_"
        names.append(name)
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(
            "duplicate_columns", f"The header names {_listed(twice)} more than once; give every column its own name."
        )
    return names


def resolve_phone_column(columns: list[str], wanted: str | None) -> str:
    """The column that holds the phone number: the wanted one, in whatever case, or the only one with an obvious name.

    Raises InputError `no_phone_column`, which names the columns there are.
    """
    if wanted is not None:
        if wanted in columns:
            return wanted
        found = [name for name in columns if name.strip().casefold() == wanted.strip().casefold()]
        fault = f"There is no phone column {wanted!r}" if not found else f"More than one column could be {wanted!r}"
    else:
        found = [name for name in columns if bare(name) in PHONE_NAMES]
        fault = (
            f"Several columns could hold the phone number ({_listed(found)})"
            if found
            else "No column is plainly the phone number"
        )
    if len(found) == 1:
        return found[0]
    raise InputError("no_phone_column", f"{fault}; name the phone column. The columns are: {_listed(columns)}.")


def bare(name: str) -> str:
    """A column's name by its letters and digits, whatever their case."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _listed(names: list[str]) -> str:
    shown = ", ".join(name if len(name) <= 60 else name[:57] + "..." for name in names[:50])
    return shown + (f" and {len(names) - 50} more" if len(names) > 50 else "")
