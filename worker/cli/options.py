"""Options that several commands share, and the reading of `--set`."""

from typing import TYPE_CHECKING, Annotated

import typer

from worker.errors import ConfigError, InputError

if TYPE_CHECKING:
    from worker.settings import Settings

UploadId = Annotated[str, typer.Argument(metavar="ID", help="The upload's id; `rollcall list` shows them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Data as JSON.")]
Patience = Annotated[
    float, typer.Option("--patience", min=0, help="Seconds for which a provider may be down before it ends the wait.")
]


def settings_of(pairs: list[str]) -> dict[str, str]:
    """`key=value` pairs. Values stay text: the provider's own model reads numbers out of it, and a name may be 2030.

    Raises InputError `bad_set`.
    """
    chosen: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise InputError("bad_set", f"--set {pair!r} is not of the form key=value; write --set priority=1.")
        if name in chosen:
            raise InputError("bad_set", f"--set {name}=… was given twice; keep one of them.")
        chosen[name] = value
    return chosen


def account_or_only(chosen: "Settings", name: str | None) -> str:
    """The account that is meant: the one named, or the sandbox while no other is configured."""
    from worker.settings import SANDBOX_ACCOUNT

    if name is not None:
        chosen.account(name)
        return name
    others = sorted(set(chosen.accounts) - {SANDBOX_ACCOUNT})
    if others:
        known = ", ".join([*others, SANDBOX_ACCOUNT])
        raise ConfigError("no_account", f"Say which account is to call: --account NAME, one of: {known}.")
    return SANDBOX_ACCOUNT


def one_character(text: str | None) -> str | None:
    """A tab cannot be typed in every shell, so it may be spelled."""
    return "\t" if text in (r"\t", "tab") else text
