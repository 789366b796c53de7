"""`rollcall check`: what is configured, and whether it answers."""

from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from worker.cli import out
from worker.cli.options import AsJson
from worker.errors import ConfigError, Exit, InputError, ProviderError, RollcallError, Unavailable

if TYPE_CHECKING:
    from worker.context import Context
    from worker.settings import Settings


class Finding(NamedTuple):
    """What was found out about one thing. `problem` is None where it is as it should be."""

    what: str
    told: str
    problem: RollcallError | None = None
    warning: str | None = None


def check(
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Only this account.")] = None,
    as_json: AsJson = False,
) -> int:
    """Say what is configured, and whether broker, database, staging and each account answer."""
    from worker.cli import place
    from worker.producer import connect

    chosen = place.settings()
    if account is not None:
        chosen.account(account)
    place.make_home(chosen)
    findings = [_settings(chosen), *_hours(chosen)]
    findings += [_database(chosen), _staging(chosen), _broker(chosen), _workers(chosen)]
    with connect(chosen) as ctx:
        findings += _invariants(ctx)
        findings += [_with_window(ctx, name, _account(ctx, name)) for name in _accounts(chosen, account)]
    _show(findings, as_json)
    return next((finding.problem.exit for finding in findings if finding.problem is not None), Exit.OK)


def _settings(chosen: "Settings") -> Finding:
    from worker.settings import config_file

    file = config_file()
    told = f"{file}" if file.exists() else f"no {file.name} here; defaults and the environment"
    return Finding("settings", f"{told}; home {chosen.home.absolute()}")


def _hours(chosen: "Settings") -> list[Finding]:
    """Of the user's own table of calling hours, where there is one."""
    from worker.windows import load_rules

    if chosen.calling_hours is None:
        return []
    try:
        load_rules(chosen.calling_hours)
    except ConfigError as error:
        return [Finding("calling hours", "", error)]
    return [Finding("calling hours", f"{chosen.calling_hours}, laid over ours")]


def _database(chosen: "Settings") -> Finding:
    from sqlalchemy.engine import make_url

    from worker import migrate
    from worker.cli import place

    where = make_url(chosen.database).render_as_string(hide_password=True)
    try:
        if chosen.database.startswith("sqlite") and not chosen.database_url:
            place.prepare(chosen)
        if not migrate.current(chosen):
            text = f"The schema of {where} is not that of this version; run `rollcall migrate`."
            return Finding("database", where, Unavailable("schema_outdated", text))
    except RollcallError as error:
        return Finding("database", where, error)
    return Finding("database", f"{where}, schema up to date")


def _staging(chosen: "Settings") -> Finding:
    from worker.intake.stage import Staging

    try:
        Staging(chosen.staging).check()
    except RollcallError as error:
        return Finding("staging", "", error)
    return Finding("staging", "written to, read and cleaned")


def _broker(chosen: "Settings") -> Finding:
    from worker import embedded
    from worker.cli import presence

    name = _host(chosen.broker_url) if chosen.broker_url else "embedded"
    url = embedded.broker_url(chosen.home, chosen.broker_url)
    if url is None:
        return Finding(
            "broker", name, Unavailable("broker_down", "The embedded broker is not running; `rollcall up` starts it.")
        )
    try:
        reached = presence.reachable(chosen, url)
    except ConfigError as error:
        return Finding("broker", name, error)
    if not reached:
        text = f"The broker {name} does not answer: start it, or correct ROLLCALL_BROKER_URL."
        return Finding("broker", name, Unavailable("broker_down", text))
    return Finding("broker", f"{name} answers")


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or parts.path}" + (f":{parts.port}" if parts.port else "")


def _workers(chosen: "Settings") -> Finding:
    from worker.cli import presence

    nobody = presence.missing(chosen)
    if nobody is None:
        return Finding("workers", "running")
    return Finding("workers", "none", warning=nobody.replace("so the upload waits", "so uploads wait"))


def _invariants(ctx: "Context") -> list[Finding]:
    """What is stuck, or does not add up. Nothing is said of a database that cannot be asked: that is told above."""
    from sqlalchemy.exc import SQLAlchemyError

    from worker import invariants

    try:
        broken = invariants.look(ctx)
    except (RollcallError, SQLAlchemyError):
        return []
    if not broken:
        return [Finding("invariants", "every row is accounted for, and nothing is stuck")]
    return [
        Finding(f"invariant {one.name}", "", RollcallError("invariant_broken", invariants.said(one))) for one in broken
    ]


def _accounts(chosen: "Settings", only: str | None) -> list[str]:
    """The sandbox is nobody's business where real accounts are configured, unless it is asked for by name."""
    from worker.settings import SANDBOX_ACCOUNT

    if only is not None:
        return [only]
    return sorted(set(chosen.accounts) - {SANDBOX_ACCOUNT}) or [SANDBOX_ACCOUNT]


def _account(ctx: "Context", name: str) -> Finding:
    what, settings = f"account {name}", ctx.settings.account(name)
    told: str = settings.provider
    try:
        told = f"{settings.provider} at {_host(_url(ctx, name))}"
        info = ctx.provider(name).account()
    except (ProviderError, ConfigError, InputError) as error:
        return Finding(what, told, _with_roles(ctx, name, error))
    if info is None and not ctx.kind(name).capabilities.tells_balance:
        return Finding(what, f"{told} answers" if ctx.kind(name).capabilities.finds_by_reference else f"{told} is set")
    if info is None:
        text = f"Its role may not read the balance, so the balance is not checked. Roles: {_roles(ctx, name)}."
        return Finding(what, f"{told} answers", warning=text)
    if info.balance is None:
        return Finding(what, f"{told} answers")
    held = f"{told} answers, balance {info.balance:g} {info.currency or ''}".rstrip()
    if info.balance < settings.min_balance:
        text = f"The balance is below {settings.min_balance:g}, so nothing is dialled until it is topped up."
        return Finding(what, held, warning=text)
    return Finding(what, held)


def _with_window(ctx: "Context", name: str, found: Finding) -> Finding:
    """At which hours the account calls, and whether that can be kept."""
    from worker import calling
    from worker.windows import is_asked

    settings = ctx.settings.account(name)
    hours = f"calling window {settings.window}" if is_asked(settings.window) else "calls at any hour"
    found = found._replace(told=f"{found.told}; {hours}")
    try:
        calling.check_account(ctx, name, settings.options)
    except (InputError, ConfigError) as error:
        return found._replace(problem=found.problem or error)
    return found


def _url(ctx: "Context", name: str) -> str:
    settings, kind = ctx.settings.account(name), ctx.kind(name)
    return settings.url or kind.url(kind.check_own(settings.own))


def _with_roles(ctx: "Context", name: str, error: RollcallError) -> RollcallError:
    """A refused account may only lack a role, so the roles are named."""
    from worker.errors import AccountRefused

    if not isinstance(error, AccountRefused) or not ctx.kind(name).capabilities.roles:
        return error
    return AccountRefused(
        error.code, f"{error.message.rstrip('.')}. The account needs one of these roles: {_roles(ctx, name)}."
    )


def _roles(ctx: "Context", name: str) -> str:
    return "; ".join(f"{role} ({does})" for role, does in ctx.kind(name).capabilities.roles.items())


def _show(findings: list[Finding], as_json: bool) -> None:
    if as_json:
        out.json_line({"ok": all(one.problem is None for one in findings), "checks": [_plain(one) for one in findings]})
        return
    for one in findings:
        mark = "FAIL" if one.problem else "warn" if one.warning else "ok"
        out.line(f"{mark:<5}{one.what}: {one.told}".rstrip(": "))
        if one.problem is not None:
            out.line(f"     {one.problem.code}: {one.problem.message}")
        if one.warning is not None:
            out.line(f"     {one.warning}")


def _plain(one: Finding) -> dict[str, object]:
    told: dict[str, object] = {"what": one.what, "ok": one.problem is None, "told": one.told}
    if one.problem is not None:
        told["error"] = {"code": one.problem.code, "message": one.problem.message}
    if one.warning is not None:
        told["warning"] = one.warning
    return told
