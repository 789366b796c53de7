"""`rollcall forget`: a person's number is erased wherever it is kept, and is not called again."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from worker.cli import out
from worker.cli.options import AsJson
from worker.cli.suppress import Region, digits_of

STDIN = "-"


def forget(
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="With its country code; - reads numbers from stdin, one a line.")
    ],
    region: Region = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person's number everywhere. What is left is a mark by which it is known and not called again."""
    import polars as pl

    from worker import forget as flow
    from worker.cli import place
    from worker.cli.decide import who

    given = [line.strip() for line in sys.stdin] if number == STDIN else [number]
    digits = digits_of(pl.Series([one for one in given if one], dtype=pl.Utf8), region)
    with place.connect(place.settings()) as ctx:
        flow.ask(ctx, digits, who())
        told = flow.finish(ctx)
    if as_json:
        out.json_line(asdict(told))
        return
    out.say(f"{len(digits)} numbers are called no more. {told.erased} are erased; files go within a day.")
    if told.waiting:
        named = f": {', '.join(told.uploads)}" if told.uploads else ""
        then = "the workers erase them by themselves then"
        out.say(f"{told.waiting} wait until uploads that know them have ended{named}; {then}.")
