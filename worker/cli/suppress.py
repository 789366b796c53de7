"""`rollcall suppress add|import|remove|list`: numbers that are not called."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli import out
from worker.cli.options import AsJson
from worker.counted import counted
from worker.errors import InputError

if TYPE_CHECKING:
    import polars as pl
    from sqlmodel import Session

    from worker.context import Context

app = typer.Typer(help="Numbers that are not called, by one account or by any.", rich_markup_mode=None)

Account = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="The account that does not call them; absent: none does."),
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="CC", help="ISO region of numbers without a country code.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, and where it was asked for.")]
Numbers = Annotated[list[str], typer.Argument(metavar="NUMBER...")]
LINES = 1000  # that are shown at a time


@app.command("add")
def add(
    numbers: Numbers, reason: Reason, account: Account = None, region: Region = None, as_json: AsJson = False
) -> None:
    """Put numbers on the list. Contacts of running campaigns are left out, or taken back."""
    import polars as pl

    _add(digits_of(pl.Series(numbers, dtype=pl.Utf8), region), reason, account, as_json)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file with a header, of any kind that upload reads.")],
    reason: Reason,
    phone_column: Annotated[str | None, typer.Option("--phone-column", metavar="C")] = None,
    account: Account = None,
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Put every number of a file on the list."""
    _add(_of_file(file, phone_column, region), reason, account, as_json)


@app.command("remove")
def remove(numbers: Numbers, account: Account = None, region: Region = None, as_json: AsJson = False) -> None:
    """Take numbers off the list again."""
    import polars as pl

    from worker.store import suppressions

    digits = digits_of(pl.Series(numbers, dtype=pl.Utf8), region)
    with _context(account) as ctx, ctx.db.write() as session:
        gone = suppressions.remove(session, account or suppressions.EVERYWHERE, digits)
        gone += _remove_marks(ctx, session, digits) if account is None else 0
    if as_json:
        out.json_line({"removed": gone})
    else:
        out.say(f"Of {counted(len(digits), 'number')} {gone} stood on the list and are off it now.")


def _remove_marks(ctx: "Context", session: "Session", digits: list[int]) -> int:
    """Who was forgotten stands on the list by his mark alone."""
    from worker import marks
    from worker.store import forgotten

    if not forgotten.marks(session):
        return 0
    marker = marks.marker(ctx.settings)
    return forgotten.remove(session, [marker.of(number) for number in digits])


@app.command("list")
def show(account: Account = None, as_json: AsJson = False) -> None:
    """Show the list: of an account, or all of it."""
    from worker.cli import show as shown
    from worker.store import suppressions

    with _context(account) as ctx, ctx.db.read(at_leisure=True) as session:
        for part in suppressions.stream(session, account, LINES):
            lines = [[one.account or "everywhere", f"+{one.number}", one.reason, one.added_at] for one in part]
            if as_json:
                for account_, number, reason, at in lines:
                    out.json_line({"account": account_, "number": number, "reason": reason, "added_at": at})
            else:
                rows = [[name, number, reason, f"{at:%Y-%m-%d %H:%M:%S} UTC"] for name, number, reason, at in lines]
                shown.console().print(shown.table(("account", "number", "reason", "since"), rows))


def _add(digits: list[int], reason: str, account: str | None, as_json: bool) -> None:
    from worker import suppress
    from worker.cli.decide import who
    from worker.store.suppressions import EVERYWHERE

    if not reason.strip():
        raise InputError("no_reason", 'Say why, for the list: --reason "asked by mail".')
    with _context(account) as ctx:
        fresh = suppress.add(ctx, account or EVERYWHERE, digits, reason.strip(), who())
    known = len(digits) - fresh
    if as_json:
        out.json_line({"added": fresh, "known": known})
    else:
        where = f"account {account}" if account else "every account"
        out.say(
            f"{counted(fresh, 'number')} came onto the list of {where}, {known} stood on it before. Who waits in a "
            "running campaign leaves it, and who was sent is taken back where that can be."
        )


def digits_of(cells: "pl.Series", region: str | None) -> list[int]:
    """Digits of the E.164 numbers; raises InputError `bad_number`, naming the first by its place only."""
    from worker.intake.phones import Phones

    read = Phones(region).read(cells)
    for place, digits in enumerate(read, 1):
        if digits <= 0:
            raise _bad_number(f"Number {place}")
    return sorted({int(digits) for digits in read})


def _bad_number(which: str) -> InputError:
    text = f"{which} cannot be read as a phone number; write it with its country code, or give --region."
    return InputError("bad_number", text)


def _of_file(file: Path, column: str | None, region: str | None) -> list[int]:
    """Digits of every number in the file; blank cells are passed over, a line that cannot be read is not.

    Raises InputError `no_file`, `bad_number` with the line, and as `open_list` and `resolve_phone_column` do.
    """
    from worker.intake.dialect import Dialect
    from worker.intake.header import resolve_phone_column
    from worker.intake.opened import open_list
    from worker.intake.phones import Phones

    phones, found = Phones(region), set[int]()
    try:
        with file.open("rb") as source:
            records = open_list(source, Dialect())
            at = str(records.columns.index(resolve_phone_column(records.columns, column)))
            for block in records.blocks():
                if len(block.flaws):
                    line, said = block.flaws.lines[0], block.flaws.sentences(expected=len(records.columns))[0]
                    raise InputError("bad_number", f"Line {line} of {file} cannot be read: {said}")
                inside = block.with_contact_inside(int(at), len(records.columns))
                if len(inside):
                    text = f"Line {block.lines[inside[0]]} of {file} runs on by a quote and holds the rows of others"
                    raise InputError("bad_number", f"{text}; close or remove it.")
                filled = block.cells.column(at).str.strip_chars() != ""
                read = phones.read(block.cells.column(at).filter(filled))
                for line in block.lines[filled.to_numpy()][read <= 0]:
                    raise _bad_number(f"The number on line {line} of {file}")
                found.update(read.tolist())
    except OSError as error:
        text = f"The file {file} cannot be read ({error.strerror}); check its path and rights."
        raise InputError("no_file", text) from None
    return sorted(found)


def _context(account: str | None) -> "Context":
    """Raises ConfigError `unknown_account`."""
    from worker.cli import place

    chosen = place.settings()
    if account is not None:
        chosen.account(account)
    return place.connect(chosen)
