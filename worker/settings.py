"""Settings from `rollcall.toml` and the environment, checked against each other when they are read.

Environment variables start with ROLLCALL_ and nest with two underscores (ROLLCALL_TIMING__LEASE=60). Secrets are
given by reference: `api_key_file`, `api_key_env` or `credentials_file`, never by value.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from worker.addresses import check_broker
from worker.errors import ConfigError
from worker.states import Disposition
from worker.wrong import Closed, first, no_truth

SANDBOX_ACCOUNT = "sandbox"
SANDBOX_DISPOSITIONS = {
    "answered": Disposition.ANSWERED,
    "voicemail": Disposition.VOICEMAIL,
    "no answer": Disposition.NO_ANSWER,
    "busy": Disposition.BUSY,
    "declined": Disposition.DECLINED,
    "invalid number": Disposition.INVALID_NUMBER,
    "failed": Disposition.FAILED,
}

# Kore.ai takes 60 requests a minute, and shows 50 contacts of a list or 100 of a campaign in each. When a campaign is
# over both are read in one go: 58,000 contacts are 1,740 requests, at our pace (3.5 % below the limit) 1,800 seconds.
READ_DEADLINES = {"kore": 1800.0}


def _is_http(url: str) -> str:
    """As it was given: pydantic would write it anew."""
    AnyHttpUrl(url)
    return url


Address = Annotated[str, AfterValidator(_is_http)]
STOP_MARGIN = 10.0  # seconds for what comes after the answer: to settle it, and to end the process


class Timing(Closed):
    """Seconds, all of them."""

    lease: float = Field(60, gt=0, description="how long a claim holds without a sign of life")
    sweep_interval: float = Field(0.5, gt=0, description="how often the workers look for what is due")
    sweep_slice: float = Field(5, gt=0, description="one sweep task sweeps for this long")
    rung: float = Field(2, gt=0, description="a bell that brought nobody in this time is rung again")
    eta_horizon: float = Field(120, gt=0, description="how far ahead a submission is handed to the broker with an ETA")
    visibility_timeout: float = Field(3600, gt=0, description="Redis redelivers what was not acknowledged in this time")
    slice: float = Field(20, gt=0, description="a list runner yields after this long")
    unattended: float = Field(
        300, gt=0, description="what is due for so long, and taken up by nobody, is said to be stuck"
    )
    stop_grace: float = Field(
        75, gt=0, description="how long a worker that is told to stop may take; what stops it must wait as long"
    )
    late_after: float = Field(3600, gt=0, description="a chunk not sent this long after its start waits for a person")
    outcome_grace: float = Field(48 * 3600, gt=0, description="how long after the last possible attempt we still ask")
    balance_every: float = Field(30, gt=0, description="the balance is asked for at most this often")
    probe_every: float = Field(10, gt=0, description="how often a blocked account is tried again")
    probe_slowest: float = Field(
        300, gt=0, description="a provider that is down is tried half as often each time, and this often at least"
    )


class AccountSettings(Closed):
    """One account at a provider."""

    provider: Literal["voximplant", "plum", "formant", "kore"] = "voximplant"
    url: str | None = Field(None, description="where the provider answers; by default its documented address")
    account_id: str | None = Field(None, description="Voximplant's account id, Plum's login, Kore's account id")
    credentials_file: Path | None = Field(None, description="Voximplant's credentials.json")
    api_key_file: Path | None = Field(None, description="API key, Plum's PIN, Kore's client secret")
    api_key_env: str | None = Field(None, description="the variable that holds it, in place of the file")
    callback_secret_file: Path | None = Field(
        None, description="what callbacks are proved with: Formant's webhook secret, or one of your own for Plum"
    )
    callback_secret_env: str | None = Field(None, description="the variable that holds it, in place of the file")
    own: dict[str, Any] = Field(default_factory=dict, description="settings that only this provider has")
    requests_per_second: float | None = Field(
        None, gt=0, description="over all workers; by default what the provider documents, if anything"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="defaults of the upload's options")
    region: str | None = Field(
        None, pattern="^[A-Z]{2}$", description="ISO region of numbers without a country code, in capitals"
    )
    http_deadline: float = Field(30, gt=0, description="seconds one submission may take in all")
    read_deadline: float = Field(600, gt=0, description="seconds one read of a list may take in all; of Kore.ai's 1800")
    settle: float = Field(900, gt=0, description="seconds between the two reads that prove absence")
    on_absence: Literal["resend", "review"] = Field(
        "resend", description="what happens to contacts that are proved absent; review: a person decides"
    )
    start: Literal["immediate", "verified"] = Field(
        "immediate", description="verified: a list is filled while stopped, compared whole, and only then started"
    )
    min_balance: float = Field(1.0, ge=0, description="in the currency of the account")
    poll_fast: float = Field(15, gt=0, description="seconds after which we look again, doubled while nothing changes")
    poll_slow: float = Field(900, gt=0, description="seconds between two looks, at most")
    call_again_after: float = Field(
        0,
        ge=0,
        description="days after the end of an upload in which a number that it has called is a duplicate; 0: none",
    )
    window: str | None = Field(
        None, description="calling window of jobs that name none: legal, or local hours such as 09:00-18:00"
    )
    chunk_rows: int | None = Field(
        None,
        ge=1,
        description="contacts in one request, at most; by default 10,000, and more in a large file (sizes.py)",
    )
    chunk_bytes: int = Field(8_000_000, ge=1024, description="bytes of one request's list, at most")
    lists: int = Field(
        2, ge=1, le=8, description="lists that a large campaign at Voximplant is divided into; 1: one, however large"
    )
    list_rows: int = Field(200_000, ge=1, description="contacts in each of them, at least")
    dispositions: dict[str, Disposition] = Field(
        default_factory=dict, description="what the scenario reports (any case) to a disposition"
    )

    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _reads_as_slowly_as_it_may(self) -> Self:
        if "read_deadline" not in self.model_fields_set:
            self.read_deadline = READ_DEADLINES.get(self.provider, self.read_deadline)
        return self

    def secret(self) -> str | None:
        """The API key, read at the moment of use; None where the account has none."""
        return self._secret(self.api_key_file, self.api_key_env, "API key")

    def callback_secret(self) -> str | None:
        """What callbacks are proved with; None where the account hears none."""
        return self._secret(self.callback_secret_file, self.callback_secret_env, "secret of the callbacks")

    def _secret(self, file: Path | None, variable: str | None, what: str) -> str | None:
        if file is not None:
            return self._read(file).strip()
        if variable is not None:
            value = os.environ.get(variable)
            if not value:
                raise ConfigError("no_secret", f"The variable {variable} is not set; put the {what} into it.")
            return value
        return None

    def credentials(self) -> str | None:
        """The text of the service account's credentials.json; None where the account has none."""
        return None if self.credentials_file is None else self._read(self.credentials_file)

    def _read(self, path: Path) -> str:
        return read_secret(self._folder / path)


def read_secret(path: Path) -> str:
    """The text of a file; raises ConfigError `no_secret`, which shows nothing of it."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            "no_secret", f"The secret file {path} cannot be read ({error.strerror}); check its path and rights."
        ) from error
    except UnicodeDecodeError:
        raise ConfigError(
            "no_secret", f"The secret file {path} is not text; put the secret into it as it was given."
        ) from None


def sandbox_account(url: str) -> AccountSettings:
    """The account that exists without configuration; its waits suit a stand-in that runs faster than real."""
    return AccountSettings(
        url=url,
        account_id="1",
        api_key_env="ROLLCALL_SANDBOX_KEY",
        options={"rule_id": 1, "priority": 1, "max_simultaneous": 100, "num_attempts": 2, "interval_seconds": 30},
        http_deadline=5,
        read_deadline=120,
        settle=12,
        poll_fast=1,
        poll_slow=10,
        dispositions=dict(SANDBOX_DISPOSITIONS),
    )


class Settings(BaseSettings):
    """All of Rollcall's settings; `load()` is the way to get one."""

    model_config = SettingsConfigDict(
        env_prefix="ROLLCALL_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid"
    )
    _no_truth = no_truth

    home: Path = Field(Path(".rollcall"), description="the folder of all that this machine keeps")
    database_url: str | None = Field(None, description="PostgreSQL or SQLite; by default a SQLite file in the home")
    database_password_file: Path | None = Field(
        None, description="the file that holds the password of `database_url`, which then stands without one"
    )
    broker_url: str | None = Field(None, description="Redis or Valkey; by default the one that `rollcall up` runs")
    staging_url: str | None = Field(None, description="where files and chunks lie; by default a folder in the home")
    sandbox_url: str = Field("http://127.0.0.1:8765", description="where the account `sandbox` finds its provider")
    public_url: Address | None = Field(None, description="address of `rollcall web` as providers reach it")
    web_host: str = Field("127.0.0.1", description="where `rollcall web` listens")
    web_port: int = Field(8766, ge=0, le=65535, description="0 takes a free port")
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="where a worker tells its measures to Prometheus; by default nowhere"
    )
    source_folders: list[Path] = Field(
        default_factory=list, description="folders from which a raw message may name a file; none by default"
    )
    source_hosts: list[str] = Field(
        default_factory=list, description="hosts, or s3://bucket, that a raw message may name a file of"
    )
    source_limit: int = Field(20_000_000_000, ge=1, description="bytes of a file, unpacked; a larger one is refused")
    intake_memory: int | None = Field(
        None, ge=1, description="bytes that the intakes of one machine may need together; an upload beyond it waits"
    )
    reject_threshold: float = Field(
        0.30, ge=0, le=1, description="an upload of which a larger share was rejected waits for a person"
    )
    calling_hours: Path | None = Field(
        None, description="a TOML file of calling hours by country, laid over those that come with Rollcall"
    )
    max_deaths: int = Field(3, ge=1, description="a chunk or an intake that kills its worker this often needs a person")
    max_vanished: int = Field(3, ge=1, description="a chunk that was sent this often and never arrived needs a person")
    max_strikes: int = Field(
        5, ge=1, description="a provider that fails so many requests in a row is left alone until it answers"
    )
    callback_days: float = Field(30, gt=0, description="callbacks that were applied or ignored are kept for so long")
    keep_days: float | None = Field(
        None, ge=1, description="days after its end in which an upload loses all but its counts; by default never"
    )
    forget_key_file: Path | None = Field(
        None, description="the key under which forgotten numbers are kept; by default forget.key in the home"
    )
    forget_key_env: str | None = Field(None, description="the variable that holds that key, in place of the file")
    timing: Timing = Field(default_factory=Timing)
    accounts: dict[str, AccountSettings] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file()))

    @model_validator(mode="after")
    def _together(self) -> Self:
        self.accounts[SANDBOX_ACCOUNT] = self._sandbox()
        for name, account in self.accounts.items():
            account._folder = config_file().parent
            if account.http_deadline >= self.timing.lease:
                raise ValueError(
                    f"accounts.{name}.http_deadline ({account.http_deadline:g} s) must be shorter than timing.lease "
                    f"({self.timing.lease:g} s), else a request outlives its claim"
                )
            if account.http_deadline + STOP_MARGIN > self.timing.stop_grace:
                raise ValueError(
                    f"accounts.{name}.http_deadline ({account.http_deadline:g} s) must be shorter than "
                    f"timing.stop_grace ({self.timing.stop_grace:g} s) by {STOP_MARGIN:g} s, else a worker that is "
                    "told to stop leaves its request in doubt"
                )
        for name in ("database_password_file", "forget_key_file", "calling_hours"):
            if (path := getattr(self, name)) is not None:
                setattr(self, name, config_file().parent / path)
        self._check_timing(self.timing)
        return self

    def _sandbox(self) -> AccountSettings:
        """The sandbox's account with what was said about it: one changed wait must not make it another provider's."""
        account, said = sandbox_account(self.sandbox_url), self.accounts.get(SANDBOX_ACCOUNT)
        if said is None:
            return account
        return account.model_copy(update={name: getattr(said, name) for name in said.model_fields_set})

    @staticmethod
    def _check_timing(timing: Timing) -> None:
        if timing.probe_slowest < timing.probe_every:
            raise ValueError("timing.probe_slowest must not be shorter than timing.probe_every")
        if timing.sweep_interval >= timing.lease:
            raise ValueError("timing.sweep_interval must be shorter than timing.lease")
        if timing.eta_horizon >= timing.visibility_timeout:
            raise ValueError("timing.eta_horizon must be shorter than timing.visibility_timeout, else bells double")
        if timing.slice + timing.lease >= timing.visibility_timeout:
            raise ValueError("timing.slice + timing.lease must be shorter than timing.visibility_timeout")

    @property
    def database(self) -> str:
        """Raises ConfigError `no_secret` where the file with its password cannot be read."""
        if self.database_url is None:
            return f"sqlite:///{(self.home / 'rollcall.db').absolute()}"
        if self.database_password_file is None:
            return self.database_url
        from sqlalchemy.engine import make_url  # only a fleet needs it here
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.database_url)
        except ArgumentError:
            return self.database_url  # whoever connects says what is wrong with it
        return url.set(password=read_secret(self.database_password_file).strip()).render_as_string(hide_password=False)

    @property
    def staging(self) -> str:
        return self.staging_url or str((self.home / "staging").absolute())

    @property
    def reading_lease(self) -> float:
        """Seconds a claim holds whose work is to read a whole list."""
        return self.timing.lease + max(account.read_deadline for account in self.accounts.values())

    def account(self, name: str) -> AccountSettings:
        """Settings of an account; raises ConfigError `unknown_account`, naming those there are."""
        try:
            return self.accounts[name]
        except KeyError:
            known = ", ".join(sorted(self.accounts))
            raise ConfigError(
                "unknown_account", f"There is no account {name!r}; use one of: {known}, or add it to rollcall.toml."
            ) from None


def config_file() -> Path:
    return Path(os.environ.get("ROLLCALL_CONFIG") or "rollcall.toml").absolute()


def load(**overrides: Any) -> Settings:
    """Read file and environment; raises ConfigError `bad_settings` with the first thing that is wrong, or
    `bad_broker_url`."""
    if os.environ.get("ROLLCALL_CONFIG") and (not config_file().exists() or config_file().is_dir()):
        text = f"ROLLCALL_CONFIG names {config_file()}, and that is no file"
        raise ConfigError("bad_settings", f"The settings cannot be used: {text}; correct that variable.")
    try:
        chosen = Settings(**overrides)
        if chosen.broker_url is not None:
            check_broker(chosen.broker_url)
        return chosen
    except ValidationError as error:
        wrong = first(error)
        raise _bad(f"{wrong.where}: {wrong.text}" if wrong.path else wrong.text) from None
    except SettingsError as error:
        raise _bad(f"a variable of the environment is not JSON ({error})") from None
    except (ValueError, OSError) as error:
        raise _bad(f"{config_file()} cannot be read ({error})") from None


def _bad(text: str) -> ConfigError:
    return ConfigError(
        "bad_settings",
        f"The settings cannot be used: {text}; correct it in {config_file().name} or in the environment.",
    )
