"""`rollcall suppress add|import|remove|list`: numbers that are not called."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli import out
from worker.cli.options import AsJson
from worker.errors import InputError

if TYPE_CHECKING:
    import polars as pl

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
def add(numbers: Numbers, reason: Reason, account: Account = None, region: Region = None) -> None:
    """Put numbers on the list. Contacts of running campaigns are left out, or taken back."""
    import polars as pl

    _add(pl.Series(numbers, dtype=pl.Utf8), reason, account, region)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a header.")],
    reason: Reason,
    phone_column: Annotated[str | None, typer.Option("--phone-column", metavar="C")] = None,
    account: Account = None,
    region: Region = None,
) -> None:
    """Put every number of a CSV file on the list."""
    _add(_column(file, phone_column), reason, account, region)


@app.command("remove")
def remove(numbers: Numbers, account: Account = None, region: Region = None) -> None:
    """Take numbers off the list again."""
    import polars as pl

    from worker.store import suppressions

    digits = _digits(pl.Series(numbers, dtype=pl.Utf8), region)
    ctx, name = _context(account)
    try:
        with ctx.db.write() as session:
            gone = suppressions.remove(session, name, digits)
    finally:
        ctx.close()
    out.say(f"{gone} of {len(digits)} numbers were on the list and are off it now.")


@app.command("list")
def show(account: Account = None, as_json: AsJson = False) -> None:
    """Show the list: of an account, or all of it."""
    from worker.cli import show as shown
    from worker.store import suppressions

    ctx, _ = _context(account)
    try:
        with ctx.db.read() as session:
            for part in suppressions.stream(session, account, LINES):
                lines = [[one.account or "everywhere", f"+{one.number}", one.reason, one.added_at] for one in part]
                if as_json:
                    for account_, number, reason, at in lines:
                        out.json_line({"account": account_, "number": number, "reason": reason, "added_at": at})
                else:
                    rows = [[name, number, reason, f"{at:%Y-%m-%d %H:%M:%S} UTC"] for name, number, reason, at in lines]
                    shown.console().print(shown.table(("account", "number", "reason", "since"), rows))
    finally:
        ctx.close()


def _add(cells: "pl.Series", reason: str, account: str | None, region: str | None) -> None:
    from worker import suppress
    from worker.cli.decide import who

    if not reason.strip():
        raise InputError("no_reason", 'Say why, for the list: --reason "asked by mail".')
    digits = _digits(cells, region)
    ctx, name = _context(account)
    try:
        fresh = suppress.add(ctx, name, digits, reason.strip(), who())
    finally:
        ctx.close()
    where = f"account {account}" if account else "every account"
    out.say(f"{fresh} numbers were added to the list of {where}, {len(digits) - fresh} were on it already.")


def _digits(cells: "pl.Series", region: str | None) -> list[int]:
    """Digits of the E.164 numbers; raises InputError `bad_number`, naming the first by its place only."""
    from worker.intake.phones import Phones

    read = Phones(region).read(cells)
    for place, digits in enumerate(read, 1):
        if digits <= 0:
            text = f"Number {place} cannot be read as a phone number; write it with its country code, or give --region."
            raise InputError("bad_number", text)
    return sorted({int(digits) for digits in read})


def _column(file: Path, name: str | None) -> "pl.Series":
    import polars as pl

    from worker.intake import resolve_phone_column

    try:
        frame = pl.read_csv(file, infer_schema=False, encoding="utf8-lossy")
    except (OSError, pl.exceptions.PolarsError) as error:
        text = f"The file {file} cannot be read as CSV ({type(error).__name__}); give a CSV file with a header."
        raise InputError("no_file", text) from None
    column = resolve_phone_column(frame.columns, name)
    return frame[column].drop_nulls()


def _context(account: str | None) -> "tuple[Context, str]":
    from worker.cli import place
    from worker.store.suppressions import EVERYWHERE

    chosen = place.settings()
    if account is not None:
        chosen.account(account)
    return place.connect(chosen), account or EVERYWHERE
