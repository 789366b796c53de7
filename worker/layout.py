"""What a provider's call list looks like, as data: intake writes it, adapters describe it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extra:
    """A column of the file that goes out beside number and uuid, under the name `wire`.

    `column` is found in the file by its letters and digits, whatever their case. `required`: somebody asked for it.
    """

    wire: str
    column: str
    required: bool = False
    longest: int | None = None


@dataclass(frozen=True)
class Layout:
    """What the bytes of a chunk look like: CSV in UTF-8 with doubled quotes and LF.

    `phone` and `task` name the columns of number and uuid; `phone` None keeps the file's own name for it. `extras` None
    sends every column of the file where it stands and the uuid last; else the columns are number, uuid, extras.
    `plus`: "+" stands before the number. `header`: the first line holds names. `own_uuid` names the columns whose cells
    are sent in place of our uuid, each of the form `uuid_form`. `one_line`: cells may not hold line ends.
    `calling_codes`: the only ones that can be called, where there are such. `windows`: the columns of a daily calling
    window are understood. `schedule`: the column of a window by weekday, where that is what it is to be told instead.
    """

    delimiter: str = ","
    phone: str | None = None
    task: str = "__task_uuid"
    extras: tuple[Extra, ...] | None = None
    plus: bool = True
    header: bool = True
    own_uuid: tuple[str, ...] = ("__task_uuid",)
    uuid_form: str = "^[A-Za-z0-9:-]{1,40}$"
    one_line: bool = False
    calling_codes: frozenset[int] | None = None
    windows: bool = False
    schedule: str | None = None
