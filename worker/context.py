"""The composition root: what a flow needs to work, made from the settings."""

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol, Self
from urllib.parse import quote

from sqlmodel import Session

from worker.broker_socket import listening_url
from worker.db import Clock, Database
from worker.errors import ConfigError
from worker.intake.stage import Staging
from worker.layout import Layout
from worker.models import CallList, Upload
from worker.providers.base import Kind, Opening, Pace, Place, Provider
from worker.providers.registry import KINDS
from worker.rates import Rates, rates_for
from worker.settings import SANDBOX_ACCOUNT, AccountSettings, Settings
from worker.store import chunks, lists
from worker.store.arrows import new_token
from worker.turns import Turns
from worker.windows import is_asked
from worker.windows.circle import DAY, WEEK


class Ring(Protocol):
    """Ring a bell: somebody should look at the row `key`, in `delay` seconds. A bell may be lost or doubled."""

    def __call__(self, bell: str, key: str | int, delay: float = 0) -> None: ...


@dataclass
class Context:
    """Settings and the seams made from them. Shared by all threads of a process."""

    settings: Settings
    ring: Ring
    clock: Clock | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    token: str = field(default_factory=new_token)
    _providers: dict[str, Provider] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def db(self) -> Database:
        return Database(self.settings.database, self.clock)

    @cached_property
    def staging(self) -> Staging:
        return Staging(self.settings.staging)

    def kind(self, account: str) -> Kind:
        return KINDS[self.settings.account(account).provider]

    def provider(self, account: str) -> Provider:
        """The adapter of an account, opened once per process; raises ConfigError."""
        with self._lock:
            if account not in self._providers:
                self._providers[account] = self._open(account)
            return self._providers[account]

    def _open(self, account: str) -> Provider:
        settings, kind = self.settings.account(account), self.kind(account)
        public = self.settings.public_url
        return kind.connect(
            Opening(
                url=settings.url,
                account_id=settings.account_id,
                credentials=settings.credentials(),
                secret=_secret(account, settings),
                callback_secret=settings.callback_secret(),
                callbacks=None if public is None else f"{public.rstrip('/')}/callbacks/{quote(account, safe='')}",
                read_deadline=settings.read_deadline,
                pace=self._pace(account),
                own=kind.check_own(settings.own),
            )
        )

    def layout(self, account: str, options: dict[str, Any]) -> Layout:
        """What the account's provider is sent, with its own settings."""
        kind = self.kind(account)
        schedule = kind.schedule(kind.check_own(self.settings.account(account).own))
        return replace(kind.layout(options), schedule=schedule)

    def hears(self, upload: Upload) -> bool:
        """Whether the outcomes of an upload will be known: asked for, or called back to us and to nobody else."""
        return self._hears(upload.account, upload.job["options"])

    def _hears(self, account: str, options: dict[str, Any]) -> bool:
        results = self.kind(account).capabilities.results
        if results == "push" and options.get("result_url"):
            return False
        try:
            return results == "poll" or (results == "push" and self.provider(account).inbox is not None)
        except ConfigError:  # its secrets cannot be read now, and may be again
            return True

    @cached_property
    def rates(self) -> Rates:
        return rates_for(self.settings.broker_url or listening_url(self.settings.home))

    def _pace(self, account: str) -> Pace:
        limit = self.settings.account(account).requests_per_second
        return Turns(self.rates, account, limit or self.kind(account).capabilities.requests_per_second, self.stopping)

    def calling_time(self, account: str, job: dict[str, Any]) -> float:
        """Seconds from the moment in which contacts are sent to the one in which nothing more is heard of them.

        Where they have a calling window, the first call may have to wait for a day, or for a week, until it opens.
        """
        options: dict[str, Any] = job["options"]
        grace = self.settings.timing.outcome_grace if self._hears(account, options) else 0
        if is_asked(job.get("window")):
            grace = max(grace, DAY if self.layout(account, options).schedule is None else WEEK)
        return self.kind(account).dialing_time(options) + grace

    def expect_outcomes(
        self, session: Session, upload: Upload, list_id: int, *, anew: bool = False, now: datetime | None = None
    ) -> None:
        """Contacts were accepted into a list: ask for their outcomes, until the last attempt is long over.

        With calling windows, not for longer than those of its first contacts hold; `anew`: they hold from now on.
        `now`: the time by the database's clock, where it was just asked for.
        """
        now = now or self.db.now(session)
        deadline = self._until(session, upload, list_id, now, anew)
        before = lists.get(session, list_id) if is_asked(upload.job.get("window")) else None
        if before is not None and before.deadline_at is not None:
            deadline = max(deadline, before.deadline_at)
        soon = now + timedelta(seconds=self.settings.account(upload.account).poll_fast)
        lists.sent(session, list_id, now, deadline, soon)

    def expect_longer(self, session: Session, upload: Upload, list_id: int) -> None:
        """More attempts take longer: so much longer is a list asked for that was sent something."""
        current = lists.get(session, list_id)
        if current is None or current.deadline_at is None or current.sent_at is None:
            return
        until = self._until(session, upload, list_id, current.sent_at)
        if until > current.deadline_at:
            lists.prolong(session, list_id, until)

    def _until(self, session: Session, upload: Upload, list_id: int, since: datetime, anew: bool = False) -> datetime:
        if is_asked(upload.job.get("window")) and not anew:
            first = chunks.first_start(session, list_id) or since
            since = min(since, first + timedelta(seconds=self.settings.timing.late_after))
        return since + timedelta(seconds=self.calling_time(upload.account, upload.job))

    def holds(self, upload: Upload) -> bool:
        """Whether the lists of an upload are filled while stopped and compared before they start."""
        starts = self.kind(upload.account).capabilities.starts
        wanted = self.settings.account(upload.account).start == "verified"
        return starts == "when_told" or (starts == "either" and wanted)

    def forget_connections(self) -> None:
        """After a fork: connections belong to the parent, so open new ones and close none."""
        self._providers = {}
        self.__dict__.pop("staging", None)
        if "db" in self.__dict__:
            self.db.engine.dispose(close=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for provider in self._providers.values():
            provider.close()
        self.db.dispose()


def list_name(ctx: Context, upload: Upload, number: int) -> str:
    """The user's name with our token behind it. Where it is too long the user's part is cut, never the token."""
    token = f" [{upload.ulid}-{number}]"
    name = str(upload.job["options"].get("name") or "rollcall")
    return name[: ctx.kind(upload.account).capabilities.name_limit - len(token)] + token


def place_of(upload: Upload, call_list: CallList) -> Place:
    """Where the contacts of a list that exists lie."""
    assert call_list.reference is not None
    return Place(call_list.reference, call_list.campaign, call_list.name, upload.job["options"])


def _secret(account: str, settings: AccountSettings) -> str | None:
    """The account's key. The sandbox takes any, so its own account needs none."""
    try:
        return settings.secret()
    except ConfigError:
        if account == SANDBOX_ACCOUNT:
            return "sandbox"
        raise
