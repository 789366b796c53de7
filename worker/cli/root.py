"""The commands, by name. Each module is small and imports its own needs when its command runs."""

from typing import Annotated

import typer

from worker.cli import (
    check,
    decide,
    demo,
    desk,
    explain,
    export,
    forget,
    look,
    machine,
    prune,
    push,
    restored,
    review,
    suppress,
    web,
)

EPILOG = (
    "Exit codes: 0 done · 1 unexpected, a log says more · 2 the input or the configuration is wrong · "
    "3 a person has to decide · 4 a service does not answer · 5 the upload failed or was cancelled · 130 interrupted. "
    "Messages go to stderr, data to stdout; with --json an error is a JSON line on stderr."
)

app = typer.Typer(
    help="Gets a calling campaign from a CSV to a voice provider and back: every contact accounted for, nobody called "
    "twice.",
    epilog=EPILOG,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"rollcall {version('rollcall')}")
        except PackageNotFoundError:
            print("rollcall, not installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version.")
    ] = False,
) -> None:
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())


app.command("upload")(push.upload)
app.command("status")(look.status)
app.command("list")(look.list_uploads)
app.command("watch")(look.watch)
app.command("explain")(explain.explain)
app.command("rejects")(export.rejects)
app.command("outcomes")(export.outcomes)
app.command("pause")(decide.pause)
app.command("resume")(decide.resume)
app.command("cancel")(decide.cancel)
app.command("review")(review.review)
app.command("withdraw")(desk.withdraw)
app.command("edit")(desk.edit)
app.command("next")(desk.call_next)
app.command("lists")(desk.lists)
app.command("adopt")(desk.adopt)
app.command("forget")(forget.forget)
app.add_typer(suppress.app, name="suppress")
app.command("check")(check.check)
app.command("up")(machine.up)
app.command("web")(web.web)
app.command("sandbox")(machine.sandbox)
app.command("prune")(prune.prune)
app.command("restored")(restored.restored)
app.command("migrate")(machine.migrate)
app.command("demo", hidden=True)(demo.demo)
