"""What a job or an account says of the hours in which people may be called."""

from dataclasses import dataclass

from worker.windows.hours import Hours, read_hours
from worker.windows.legal import Rules

LEGAL, ANY = "legal", "any"


@dataclass(frozen=True)
class Asked:
    """A calling window that is to be kept for `lasts` seconds from each contact's start on.

    `hours` narrow what the `rules` allow; None where they are all there is. `zone_column` is the file's column with
    the names of zones.
    """

    rules: Rules
    hours: Hours | None
    lasts: int
    zone_column: str | None = None


def is_asked(window: str | None) -> bool:
    """Whether this text asks for any window at all."""
    return window is not None and _word(window) != ANY


def hours_within(window: str) -> Hours | None:
    """The hours that it names, within those of the law; None where it says `legal`.

    Raises InputError `bad_calling_hours`.
    """
    return None if _word(window) == LEGAL else read_hours(window)


def _word(window: str) -> str:
    return window.strip().casefold()
