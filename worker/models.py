"""The tables. Everything that must not be lost is a row here; CHECK constraints keep the states honest."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

from worker.states import (
    Blocked,
    CallbackState,
    ChunkState,
    Disposition,
    ListState,
    UploadState,
    WithdrawalState,
)

# SQLite numbers a key by itself only where its type is INTEGER.
BIG: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING


def one_of(column: str, states: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(str(state)) for state in states)})"


def key() -> Any:
    return Field(default=None, sa_column=Column(BIG, primary_key=True, autoincrement=True))


def json() -> Any:
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


def json_or_none(description: str) -> Any:
    return Field(default=None, sa_column=Column(JSON(none_as_null=True)), description=description)


def partial(name: str, *columns: str, on: str) -> Index:
    """An index of the rows alone for which the condition `on` holds, in words that both databases know."""
    return Index(name, *columns, sqlite_where=text(on), postgresql_where=text(on))


class Upload(SQLModel, table=True):
    """One job that somebody gave us."""

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint(one_of("state", UploadState), name="state"),
        CheckConstraint(f"blocked IS NULL OR {one_of('blocked', Blocked)}", name="blocked"),
        CheckConstraint("(state = 'blocked') <= (blocked IS NOT NULL)", name="blocked_has_reason"),
        CheckConstraint("total >= rejected + duplicate + suppressed", name="adds_up"),
        partial("ix_upload_live", "id", on="ended_at IS NULL"),
        Index("ix_upload_account_digest", "account", "source_digest"),
        Index("ix_upload_continues_id", "continues_id"),
        Index("ix_upload_ended_at", "ended_at"),
    )

    id: int = key()
    ulid: str = Field(unique=True, max_length=26)
    account: str
    idempotency_key: str = Field(unique=True, max_length=255)
    job_digest: str = Field(max_length=64)
    job: dict[str, Any] = json()
    source_digest: str | None = Field(default=None, max_length=64)
    state: str = Field(default=UploadState.RECEIVED)
    blocked: str | None = None
    code: str | None = None
    message: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime
    starts_at: datetime | None = None
    token: str | None = Field(default=None, max_length=26)
    lease_until: datetime | None = None
    deaths: int = 0
    rung_until: datetime | None = None
    total: int = Field(default=0, sa_type=BigInteger)
    rejected: int = Field(default=0, sa_type=BigInteger)
    duplicate: int = Field(default=0, sa_type=BigInteger)
    suppressed: int = Field(default=0, sa_type=BigInteger)
    reasons: dict[str, int] = json()
    rejects_digest: str | None = Field(default=None, max_length=64)
    custom_uuids: bool = False
    unsent_columns: list[str] | None = json_or_none("columns of the file that the provider has no place for")
    found: dict[str, Any] | None = json_or_none(
        "of the file: delimiter, encoding, quote, escape, columns, phone_column"
    )
    continues_id: int | None = Field(
        default=None, sa_type=BigInteger, description="the upload whose rejected rows these are, or were at first"
    )
    first_row: int | None = Field(
        default=None, sa_type=BigInteger, description="of a continuation: its rows number on; else they begin at 1"
    )
    ended_at: datetime | None = None
    restored_at: datetime | None = Field(
        default=None, description="it went on when a backup was taken, and that backup has been restored"
    )
    pruned_at: datetime | None = Field(default=None, description="nothing is left of it but its counts")
    outcomes_kept: dict[str, int] | None = json_or_none("of what was pruned: contacts by disposition")
    source_gone: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": text("false")},
        description="its file was removed after it was read; its digest stays, to know the file by",
    )


class CallList(SQLModel, table=True):
    """The object at the provider that holds our contacts. `reference` is its name for it, None until it is created."""

    __tablename__ = "call_list"
    __table_args__ = (
        UniqueConstraint("upload_id", "number"),
        CheckConstraint(one_of("state", ListState), name="state"),
        Index("ix_call_list_held", "id", sqlite_where=text("held = 1"), postgresql_where=text("held")),
        partial("ix_call_list_next_poll", "next_poll_at", on="state <> 'finished' AND reference IS NOT NULL"),
    )

    id: int = key()
    upload_id: int = Field(foreign_key="upload.id", index=True, sa_type=BigInteger)
    number: int
    name: str = Field(max_length=255)
    reference: str | None = None
    campaign: str | None = Field(default=None, description="what dials the list, where the provider keeps that apart")
    tallies: dict[str, int] | None = json_or_none("the provider's own numbers about the list, as it told them last")
    state: str = Field(default=ListState.OPEN)
    adopted_at: datetime | None = Field(default=None, description="it was made elsewhere; we ask what became of it")
    changes: dict[str, Any] | None = json_or_none("options that the provider is still to be told")
    changes_refused: str | None = Field(default=None, sa_column=Column(Text))
    held: bool = Field(default=False, description="made stopped, and not started before its content was compared")
    lane: int = Field(default=0, sa_column_kwargs={"server_default": text("0")}, description="which of `lanes`, from 0")
    lanes: int = Field(
        default=1,
        sa_column_kwargs={"server_default": text("1")},
        description="lists of the campaign, with this one, that are filled at the same time and share its calls",
    )
    stop_wanted: bool = False
    steer_at: datetime | None = None
    token: str | None = Field(default=None, max_length=26)
    lease_until: datetime | None = None
    rung_until: datetime | None = None
    sent_at: datetime | None = None
    started_at: datetime | None = Field(default=None, description="when it first dialled, as far as we know")
    deadline_at: datetime | None = None
    next_poll_at: datetime | None = None
    poll_token: str | None = Field(default=None, max_length=26)
    poll_lease_until: datetime | None = None
    quiet_polls: int = 0
    poll_rung_until: datetime | None = None


class Chunk(SQLModel, table=True):
    """The unit of submission. The payload lies in staging under `digest`, its rows' numbers under `index_digest`."""

    __tablename__ = "chunk"
    __table_args__ = (
        UniqueConstraint("upload_id", "seq"),
        CheckConstraint(one_of("state", ChunkState), name="state"),
        CheckConstraint("(state = 'claimed') = (token IS NOT NULL)", name="claimed_has_token"),
        CheckConstraint("(token IS NULL) = (lease_until IS NULL)", name="token_has_lease"),
        CheckConstraint("rows > 0 AND missing >= 0 AND missing <= rows", name="rows"),
        # At most one chunk of a list is in flight or in doubt: the database itself refuses a second create or append.
        Index(
            "uq_chunk_in_flight",
            "list_id",
            unique=True,
            sqlite_where=text("state IN ('claimed', 'unknown')"),
            postgresql_where=text("state IN ('claimed', 'unknown')"),
        ),
        partial("ix_chunk_due", "not_before", "list_id", on="state = 'ready'"),
        partial("ix_chunk_lease", "lease_until", on="state = 'claimed'"),
        partial("ix_chunk_check", "check_at", on="state = 'unknown'"),
        partial("ix_chunk_uncompared", "upload_id", on="uncompared_since IS NOT NULL"),
        Index(
            "ix_chunk_in_question",
            "list_id",
            "seq",
            sqlite_where=text("in_question = 1"),
            postgresql_where=text("in_question"),
        ),
        Index("ix_chunk_list_state", "list_id", "state", "seq"),
        Index("ix_chunk_upload_state", "upload_id", "state", "not_after"),
    )

    id: int = key()
    upload_id: int = Field(foreign_key="upload.id", sa_type=BigInteger)
    list_id: int = Field(foreign_key="call_list.id", sa_type=BigInteger)
    seq: int
    state: str = Field(default=ChunkState.STAGED)
    rows: int
    missing: int = Field(default=0, description="rows that the provider did not take, of a chunk a person accepted")
    bytes: int = Field(sa_type=BigInteger)
    digest: str = Field(max_length=64)
    index_digest: str = Field(max_length=64)
    whole_digest: str | None = Field(
        default=None, max_length=64, description="the index as it was before somebody left the chunk unsent"
    )
    first_row: int = Field(sa_type=BigInteger)
    last_row: int = Field(sa_type=BigInteger)
    pilot: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": text("false")},
        description="its contacts are called first, and the others only when a person has seen what came of that",
    )
    not_before: datetime
    not_after: datetime
    retry_at: datetime | None = None
    attempts: int = 0
    deaths: int = 0
    token: str | None = Field(default=None, max_length=26)
    lease_until: datetime | None = None
    creates: bool = Field(default=False, description="its request makes the list, and is not an append to it")
    deadline_at: datetime | None = Field(default=None, description="when the last request's socket was closed at last")
    check_at: datetime | None = None
    check_token: str | None = Field(default=None, max_length=26)
    check_lease_until: datetime | None = None
    check_rung_until: datetime | None = None
    absent_at: datetime | None = None
    vanished: int = Field(default=0, description="how often it was sent and proved not to have arrived")
    partial_at: datetime | None = None
    code: str | None = None
    message: str | None = Field(default=None, sa_column=Column(Text))
    evidence: dict[str, Any] = json()
    settled_at: datetime | None = None
    uncompared_since: datetime | None = Field(
        default=None,
        description="numbers listed since then are not called, and who has one here nobody can tell: it is not sent",
    )
    in_question: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": text("false")},
        description="a backup was restored, and it may have been sent since that was taken: it is looked up first",
    )


class Attempt(SQLModel, table=True):
    """The journal: one line per step of a request, written before it goes out and completed when an answer came."""

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_upload_id_id", "upload_id", "id"),)

    id: int = key()
    upload_id: int = Field(foreign_key="upload.id", sa_type=BigInteger)
    list_id: int | None = Field(default=None, sa_type=BigInteger)
    chunk_id: int | None = Field(default=None, sa_type=BigInteger, index=True)
    step: str
    sent_at: datetime
    ended_at: datetime | None = None
    result: str | None = None
    http_status: int | None = None
    code: str | None = None
    message: str | None = Field(default=None, sa_column=Column(Text))
    reference: str | None = None
    count: int | None = None
    who: str | None = None


class Outcome(SQLModel, table=True):
    """What became of one contact. `version` tells a changed report from one we have."""

    __tablename__ = "outcome"
    __table_args__ = (CheckConstraint(one_of("disposition", Disposition), name="disposition"),)

    upload_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    row: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    list_id: int = Field(sa_type=BigInteger, index=True)
    disposition: str
    terminal: bool
    status: str | None = None
    result: str | None = Field(default=None, sa_column=Column(Text))
    attempts_left: int | None = None
    last_attempt: str | None = None
    version: int = Field(sa_type=BigInteger)
    updated_at: datetime


class Withdrawal(SQLModel, table=True):
    """A contact that asked not to be called after it was taken in, and what came of that."""

    __tablename__ = "withdrawal"
    __table_args__ = (
        CheckConstraint(one_of("state", WithdrawalState), name="state"),
        partial("ix_withdrawal_wanted", "chunk_id", on="state = 'wanted'"),
    )

    upload_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    row: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    chunk_id: int = Field(sa_type=BigInteger)
    state: str = Field(default=WithdrawalState.WANTED)
    message: str | None = Field(default=None, sa_column=Column(Text))
    who: str
    why: str = Field(sa_column=Column(Text, nullable=False))
    asked_at: datetime
    since: datetime = Field(description="when it was wanted last: a list that goes on after a stop may revive it")
    again_at: datetime
    ended_at: datetime | None = None


class Suppression(SQLModel, table=True):
    """A number that is not called: by one account, or by any where `account` is empty."""

    __tablename__ = "suppression"

    account: str = Field(primary_key=True)
    number: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))
    who: str
    added_at: datetime = Field(index=True)


class Forgotten(SQLModel, table=True):
    """Somebody who wants to be forgotten. `number` is there until nothing else of him is, then only his `mark`."""

    __tablename__ = "forgotten"
    __table_args__ = (CheckConstraint("(number IS NULL) = (erased_at IS NOT NULL)", name="erased_has_none"),)

    mark: str = Field(primary_key=True, max_length=32)
    key_mark: str = Field(max_length=16, description="tells with which key the mark was made")
    number: int | None = Field(default=None, sa_type=BigInteger)
    who: str
    asked_at: datetime
    erased_at: datetime | None = None


class Callback(SQLModel, table=True):
    """The inbox: what a provider told us by itself, kept before it is answered and applied afterwards."""

    __tablename__ = "callback"
    __table_args__ = (
        UniqueConstraint("account", "external_id"),
        CheckConstraint(one_of("state", CallbackState), name="state"),
        partial("ix_callback_new", "account", "id", on="state = 'new'"),
    )

    id: int = key()
    account: str
    external_id: str = Field(max_length=255)
    upload_ulid: str | None = Field(default=None, max_length=26)
    state: str = Field(default=CallbackState.NEW)
    body: str = Field(sa_column=Column(Text, nullable=False))
    received_at: datetime
    applied_at: datetime | None = None


class Gate(SQLModel, table=True):
    """What holds a whole account back: an empty balance, a refused credential, a provider that is down."""

    __tablename__ = "gate"
    __table_args__ = (CheckConstraint(f"blocked IS NULL OR {one_of('blocked', Blocked)}", name="blocked"),)

    account: str = Field(primary_key=True)
    blocked: str | None = None
    message: str | None = Field(default=None, sa_column=Column(Text))
    blocked_at: datetime | None = None
    probe_at: datetime | None = None
    strikes: int = Field(
        default=0,
        sa_column_kwargs={"server_default": text("0")},
        description="requests and probes in a row that the provider failed, since a request was answered",
    )
    trial_token: str | None = Field(default=None, max_length=26)
    trial_until: datetime | None = Field(
        default=None, description="one worker alone sends until then, to see whether the provider has recovered"
    )
    throttled_until: datetime | None = None
    listed_since: datetime | None = Field(
        default=None, description="numbers came onto the do-not-call list that running campaigns were not compared with"
    )
    listed_token: str | None = Field(default=None, max_length=26)
    compare_at: datetime | None = Field(default=None, description="nobody compares running campaigns before")
    compare_message: str | None = Field(default=None, sa_column=Column(Text))
    hear_at: datetime | None = Field(default=None, description="nobody looks for waiting callbacks before")
    balance: float | None = None
    balance_at: datetime | None = None


class Watch(SQLModel, table=True):
    """What is looked at on a timer by one worker of all, and what it found."""

    __tablename__ = "watch"

    name: str = Field(primary_key=True)
    next_at: datetime
    checked_at: datetime | None = None
    found: list[list[Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
