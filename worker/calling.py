"""The calling window of a job: its own or its account's, held against what the provider can keep."""

from typing import Any

from worker.context import Context
from worker.errors import InputError
from worker.job import Job
from worker.windows import Asked, hours_within, is_asked, load_rules


def with_window(ctx: Context, job: Job) -> Job:
    """The job with the window that is in force for it, its options being checked.

    Raises InputError `bad_job` where zones are named and there is no window, and what `check` raises.
    """
    if job.window is not None:
        window: str | None = job.window
        check(ctx, job.account, job.options, window, "The calling window")
    else:
        window = ctx.settings.account(job.account).window
        check_account(ctx, job.account, job.options)
    if job.zone_column is not None and not is_asked(window):
        text = "no calling window is asked for; add one, such as legal, or leave the column out"
        raise InputError("bad_job", f"The job's zone_column cannot be used: {text}.")
    return job.model_copy(update={"window": window})


def check_account(ctx: Context, account: str, options: dict[str, Any]) -> None:
    """Check the window that an account asks for. Raises what `check` raises."""
    window = ctx.settings.account(account).window
    check(ctx, account, options, window, f"The calling window that the account {account} asks for")


def check(ctx: Context, account: str, options: dict[str, Any], window: str | None, which: str) -> None:
    """An option that cannot be honoured is refused, never ignored: people would be called at night.

    `which` begins the sentence. Raises InputError `window_unsupported` where the provider cannot keep a window,
    `bad_calling_hours` where its text cannot be read; ConfigError `bad_calling_hours` where the user's table cannot.
    """
    if window is None or not is_asked(window):
        return
    kind = ctx.kind(account)
    if not kind.layout({}).windows:
        why = "its provider cannot be told when each contact may be called"
    elif kind.by_hand(options):
        why = "a campaign that is dialled by hand rings when a person says so"
    else:
        hours_within(window)
        load_rules(ctx.settings.calling_hours)
        return
    raise InputError(
        "window_unsupported",
        f"{which} cannot be kept: {why}; use --window any where people may be called at any hour, or another account.",
    )


def asked(ctx: Context, job: Job) -> Asked | None:
    """What a job that was taken asks of its intake; None where there is no window. Raises ConfigError."""
    if job.window is None or not is_asked(job.window):
        return None
    lasts = ctx.settings.timing.late_after + ctx.calling_time(job.account, job.model_dump(mode="json"))
    return Asked(load_rules(ctx.settings.calling_hours), hours_within(job.window), int(lasts) + 1, job.zone_column)
