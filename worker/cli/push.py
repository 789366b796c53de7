"""`rollcall upload`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli import options, out
from worker.cli.options import AsJson, Patience
from worker.errors import InputError

FIELD = re.compile(r"The job's ([a-z_]+)")
CALLED = {"countries": "--country", "starts_at": "--start-at", "idempotency_key": "--key", "source": "FILE"}
SET = ("quote", "escape")


def upload(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL", help="A list with a header: CSV, packed CSV or .xlsx; or its https:// or s3:// address."
        ),
    ],
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Account of rollcall.toml; the sandbox while there is no other.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="An option of the provider, such as num_attempts=3."),
    ] = None,
    phone_column: Annotated[
        str | None, typer.Option(metavar="C", help="Column with the number; guessed where it is plain.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="CC", help="Country of numbers without a country code, such as US.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="D", help="Of the file, such as ';' or tab; found out if not given.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="E", help="Of the file, such as cp1252; found out if not given.")
    ] = None,
    start_at: Annotated[
        str | None,
        typer.Option(metavar="T", help="When to begin: ISO 8601 with zone, or Unix seconds; at once if not given."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="K", help="Idempotency key: the same key and job twice are one upload.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help="Call numbers of this type only, such as mobile.")
    ] = None,
    country: Annotated[
        str | None, typer.Option(metavar="CC,CC", help="Call numbers of these countries only, such as US,CA.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="W", help="Call at these local hours: legal, or within that 09:00-18:00; any: no window."),
    ] = None,
    zone_column: Annotated[
        str | None, typer.Option(metavar="C", help="Column with time zones, as Europe/Berlin; by the number if blank.")
    ] = None,
    continues: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The upload whose rejected rows these are, corrected; see `rollcall rejects`."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended or needs a person.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Take a file that this account was given before.")] = False,
    pilot: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Call N contacts first (without a start of their own, then by start) and ask before the rest.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who would be called when; send nothing and store nothing.")
    ] = False,
    as_json: AsJson = False,
    patience: Patience = 20,
) -> int:
    """Give a call list to an account. Prints the upload's id."""
    from worker.cli import place, presence

    chosen = place.settings()
    name = None if continues and account is None else options.account_or_only(chosen, account)
    job = {
        "source": _source(file),
        "account": name,
        "options": options.settings_of(set_ or []),
        "phone_column": phone_column,
        "region": region and region.upper(),
        "delimiter": options.one_character(delimiter),
        "encoding": encoding,
        "only": only or None,
        "countries": [code.strip().upper() for code in country.split(",")] if country else None,
        "window": window,
        "zone_column": zone_column,
        "starts_at": start_at,
        "continues": continues,
        "idempotency_key": key,
        "pilot": pilot,
    }
    if dry_run:
        from worker.cli import foretell

        if wait:
            raise typer.BadParameter("--wait has nothing to wait for with --dry-run; leave one of them out.")
        with _as_options():
            return foretell.foretell(chosen, job, again, as_json)
    with _as_options():
        ulid = _enqueue(chosen, job, again, as_json)
    if (nobody := presence.missing(chosen)) is not None:
        out.say(f"note: {nobody}")
    return _wait(chosen, ulid, patience, as_json) if wait else 0


def _source(file: str) -> str:
    return file if "://" in file else str(Path(file).absolute())


@contextmanager
def _as_options() -> Iterator[None]:
    """A field of the job is called by the option that it came from."""
    try:
        yield
    except InputError as error:
        field = FIELD.match(error.message)
        if field is None:
            raise
        name = field[1]
        option = f"--set {name}" if name in SET else CALLED.get(name, f"--{name.replace('_', '-')}")
        raise InputError(error.code, f"{option}{error.message[field.end() :]}") from error


def _enqueue(chosen: Any, job: dict[str, Any], again: bool, as_json: bool) -> str:
    from worker.cli import place
    from worker.cli.decide import who
    from worker.producer import enqueue

    with place.connect(chosen) as context:
        receipt = enqueue(job, context=context, again=again, who=who())
    if not receipt.created:
        out.say(f"note: This very job was given before under this key; it is upload {receipt.id}.")
    if as_json:
        out.json_line({"id": receipt.id, "created": receipt.created})
    else:
        out.line(receipt.id)
    return receipt.id


def _wait(chosen: Any, ulid: str, patience: float, as_json: bool) -> int:
    from worker.cli import follow, live, place, show

    try:
        with place.database(chosen) as database, live.display() as display:
            status, end = follow.follow(database, ulid, display, patience=patience)
    except KeyboardInterrupt:
        out.say(f"\nThe upload goes on without you; `rollcall watch {ulid}` shows it.")
        raise
    if as_json:
        out.json_line(status)
    else:
        show.status(status)
    return follow.tell(end, as_json)
