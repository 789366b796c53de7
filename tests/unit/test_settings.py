"""Settings from file and environment, checked against each other; secrets by reference and never by value."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from worker.errors import ConfigError
from worker.settings import AccountSettings, Settings, load
from worker.states import Disposition

Configure = Callable[[str | bytes], None]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and an environment that says nothing."""
    for name in [name for name in os.environ if name.startswith("ROLLCALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def configure(place: Path) -> Configure:
    def write(text: str | bytes) -> None:
        (place / "rollcall.toml").write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


def refused(**overrides: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        load(**overrides)
    assert raised.value.code == "bad_settings"
    sentence = raised.value.message
    assert sentence.startswith("The settings cannot be used: ")
    assert sentence.endswith("; correct it in rollcall.toml or in the environment.")
    assert "\n" not in sentence
    return sentence


def test_nothing_need_be_said(place: Path) -> None:
    settings = load()
    assert settings.home == Path(".rollcall")
    assert settings.database == f"sqlite:///{place}/.rollcall/rollcall.db"
    assert settings.staging == f"{place}/.rollcall/staging"
    assert list(settings.accounts) == ["sandbox"]
    assert settings.broker_url is None


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "http://x",
        "bogus://127.0.0.1/0",
        "redis://127.0.0.1:abc/0",
        "redis://127.0.0.1:99999/0",
        "redis://127.0.0.1:6379/x",
        "amqp://127.0.0.1:port//",
        "amqp://h1:5672//;nonsense",
    ],
)
def test_a_broker_that_no_bell_can_reach_is_refused_before_anything_is_stored(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_BROKER_URL", url)
    with pytest.raises(ConfigError) as raised:
        load()
    assert raised.value.code == "bad_broker_url"
    assert url not in raised.value.message


@pytest.mark.parametrize(
    "url",
    [
        "redis://:word@127.0.0.1:6379/1",
        "redis://127.0.0.1",
        "rediss://cache.example.org:6380/",
        "redis+socket:///run/broker.sock?virtual_host=0",
        "amqp://guest:guest@127.0.0.1:5672//",
        "amqps://rabbit.example.org/calls",
        "amqp://u:p@h1:5672;amqp://u:p@h2:5672",
        "redis://[::1]:6379/0",
        "sqla+sqlite:///broker.db",
    ],
)
def test_brokers_that_may_be(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_BROKER_URL", url)
    assert load().broker_url == url


@pytest.mark.parametrize("named", ["nowhere.toml", "."])
def test_a_file_of_settings_that_was_named_is_there(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a word that is misspelt takes all calling hours with it."""
    monkeypatch.setenv("ROLLCALL_CONFIG", named)
    with pytest.raises(
        ConfigError, match=r"^The settings cannot be used: .* no file; correct that variable\.$"
    ) as raised:
        load()
    assert raised.value.code == "bad_settings"


def test_a_variable_that_is_empty_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a deployment has it that fills in what it was given."""
    for name in ("ROLLCALL_BROKER_URL", "ROLLCALL_PUBLIC_URL", "ROLLCALL_CONFIG", "ROLLCALL_KEEP_DAYS"):
        monkeypatch.setenv(name, "")
    assert (load().broker_url, load().public_url, load().keep_days) == (None, None, None)


@pytest.mark.parametrize("url", ["HTTPS://calls.example.org", "http://[::1]:8766", "https://h.example.org:8443/rc/"])
def test_addresses_for_callbacks(url: str) -> None:
    assert load(public_url=url).public_url == url


@pytest.mark.parametrize(
    "url", ["nope", "calls.example.org", "ftp://calls.example.org", "https://", "https://:80", "https:// x y"]
)
def test_an_address_for_callbacks_is_one(url: str) -> None:
    assert "public_url" in refused(public_url=url)


class TestTogether:
    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("[timing]\nlease = 5\n", ["http_deadline", "timing.lease"]),
            ("[timing]\nlease = 0.4\n[accounts.sandbox]\nhttp_deadline = 0.1\n", ["sweep_interval", "timing.lease"]),
            ("[timing]\nsweep_interval = 60\n", ["sweep_interval", "timing.lease"]),
            ("[timing]\nstop_grace = 14\n", ["accounts.sandbox.http_deadline", "timing.stop_grace", "in doubt"]),
            ("[timing]\nprobe_slowest = 9\n", ["timing.probe_slowest", "timing.probe_every"]),
            ("[timing]\neta_horizon = 3600\n", ["eta_horizon", "visibility_timeout"]),
            ("[timing]\nvisibility_timeout = 100\n", ["eta_horizon", "visibility_timeout"]),
            ("[timing]\nslice = 3540\n", ["timing.slice", "visibility_timeout"]),
            ("[accounts.acme]\nhttp_deadline = 60\n", ["accounts.acme.http_deadline", "timing.lease"]),
        ],
    )
    def test_what_contradicts_is_refused(self, configure: Configure, text: str, named: list[str]) -> None:
        configure(text)
        sentence = refused()
        assert all(name in sentence for name in named)

    @pytest.mark.parametrize(
        "text",
        [
            "[timing]\nlease = 31\n[accounts.acme]\nhttp_deadline = 30\n",
            "[timing]\neta_horizon = 3599\n",
            "[timing]\nslice = 3539\n",
        ],
    )
    def test_what_just_fits_is_taken(self, configure: Configure, text: str) -> None:
        configure(text)
        load()


class TestFile:
    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("x = [", "cannot be read"),
            (b"\xff\xfe\x00", "cannot be read"),
            ("home = 5\n", "home"),
            ("surprise = 1\n", "surprise"),
            ("[acounts.acme]\nurl = 'x'\n", "acounts"),
            ("accounts = 3\n", "accounts"),
            ("[accounts.acme]\nurll = 'x'\n", "accounts.acme.urll"),
            ("[accounts.acme]\napi_key = 'x'\n", "accounts.acme.api_key"),
            ("[accounts.acme]\nsettle = -1\n", "accounts.acme.settle"),
            ("[accounts.acme]\nprovider = 'nobody'\n", "accounts.acme.provider"),
            ("[accounts.acme]\nregion = 'us'\n", "accounts.acme.region"),
            ("[accounts.acme]\non_absence = 'hope'\n", "accounts.acme.on_absence"),
            ("[accounts.acme.dispositions]\nbusy = 'engaged'\n", "accounts.acme.dispositions.busy"),
            ("[timing]\nlease = 'long'\n", "timing.lease"),
            ("[timing]\nlease = true\n", "timing.lease"),
            ("[accounts.acme]\nchunk_rows = true\n", "accounts.acme.chunk_rows"),
            ("max_deaths = true\n", "max_deaths"),
            ("[timing]\nleese = 60\n", "timing.leese"),
            ("reject_threshold = 30\n", "reject_threshold"),
        ],
    )
    def test_what_is_wrong_is_named(self, configure: Configure, text: str | bytes, named: str) -> None:
        configure(text)
        assert named in refused()

    def test_a_value_is_never_repeated(self, configure: Configure) -> None:
        configure("[accounts.acme]\nregion = 'secret-key'\n")
        assert "secret-key" not in refused()

    @pytest.mark.parametrize("text", ["x = [", "max_deaths = 0\n"])
    def test_what_is_to_be_corrected_bears_its_own_name(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        (place / "mine.toml").write_text(text)
        monkeypatch.setenv("ROLLCALL_CONFIG", "mine.toml")
        with pytest.raises(ConfigError, match=r"; correct it in mine\.toml or in the environment\.$"):
            load()

    def test_it_may_lie_elsewhere(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (place / "conf").mkdir()
        (place / "conf" / "mine.toml").write_text("[accounts.acme]\nregion = 'DE'\napi_key_file = 'key'\n")
        (place / "conf" / "key").write_text("secret-key\n")
        monkeypatch.setenv("ROLLCALL_CONFIG", "conf/mine.toml")
        settings = load()
        assert settings.account("acme").region == "DE"
        monkeypatch.chdir("/")
        assert settings.account("acme").secret() == "secret-key"

    def test_all_of_an_account(self, configure: Configure) -> None:
        configure(
            "[accounts.acme]\naccount_id = '7'\nsettle = 60\n[accounts.acme.options]\nrule_id = 3\n"
            "[accounts.acme.dispositions]\n'hung up' = 'declined'\n"
        )
        acme = load().account("acme")
        assert (acme.url, acme.account_id, acme.settle) == (None, "7", 60)
        assert acme.options == {"rule_id": 3}
        assert acme.dispositions == {"hung up": Disposition.DECLINED}


class TestEnvironment:
    def test_it_nests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ROLLCALL_TIMING__LEASE", "90")
        monkeypatch.setenv("ROLLCALL_ACCOUNTS__ACME__ACCOUNT_ID", "7")
        monkeypatch.setenv("ROLLCALL_ACCOUNTS__ACME__OPTIONS", '{"rule_id": 3}')
        monkeypatch.setenv("ROLLCALL_SOURCE_HOSTS", '["files.example"]')
        settings = load()
        assert settings.timing.lease == 90
        assert settings.account("acme").account_id == "7"
        assert settings.account("acme").options == {"rule_id": 3}
        assert settings.source_hosts == ["files.example"]

    def test_it_goes_before_the_file_and_leaves_the_rest_of_it(
        self, configure: Configure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure("[timing]\nlease = 70\nslice = 7\n[accounts.acme]\nsettle = 5\nregion = 'US'\n")
        monkeypatch.setenv("ROLLCALL_TIMING__LEASE", "90")
        monkeypatch.setenv("ROLLCALL_ACCOUNTS__ACME__SETTLE", "6")
        settings = load()
        assert (settings.timing.lease, settings.timing.slice) == (90, 7)
        assert (settings.account("acme").settle, settings.account("acme").region) == (6, "US")

    def test_what_is_said_in_the_program_goes_before_both(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ROLLCALL_HOME", "/elsewhere")
        assert load(home=Path("/here")).home == Path("/here")

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("ROLLCALL_SOURCE_HOSTS", "files.example", "source_hosts"),
            ("ROLLCALL_TIMING", "soon", "timing"),
            ("ROLLCALL_TIMING__LEASE", "long", "timing.lease"),
            ("ROLLCALL_TIMING__LEESE", "5", "timing.leese"),
            ("ROLLCALL_ACCOUNTS__ACME__SETTLE", "-1", "accounts.acme.settle"),
        ],
    )
    def test_what_is_wrong_is_named(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
        monkeypatch.setenv(name, value)
        sentence = refused()
        assert said in sentence
        assert "file cannot be read" not in sentence


class TestSecrets:
    def account(self, **said: Any) -> AccountSettings:
        return load(accounts={"acme": AccountSettings(**said)}).account("acme")

    def test_from_a_file(self, place: Path) -> None:
        (place / "key").write_text("  secret-key\n")
        account = self.account(api_key_file="key")
        assert account.secret() == "secret-key"
        assert "secret-key" not in repr(account)
        (place / "key").write_text("new-key")
        assert account.secret() == "new-key"

    def test_from_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        account = self.account(api_key_env="ACME_KEY")
        monkeypatch.setenv("ACME_KEY", "secret-key")
        assert account.secret() == "secret-key"
        assert "secret-key" not in repr(account)

    def test_credentials(self, place: Path) -> None:
        (place / "credentials.json").write_text('{"account_id": 1}')
        account = self.account(credentials_file=place / "credentials.json")
        assert account.credentials() == '{"account_id": 1}'
        assert account.secret() is None

    def test_none_at_all(self) -> None:
        assert (self.account().secret(), self.account().credentials()) == (None, None)

    @pytest.mark.parametrize("value", [None, ""])
    def test_a_variable_that_is_not_set(self, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
        if value is not None:
            monkeypatch.setenv("ACME_KEY", value)
        with pytest.raises(ConfigError) as raised:
            self.account(api_key_env="ACME_KEY").secret()
        assert raised.value.code == "no_secret"
        assert raised.value.message == "The variable ACME_KEY is not set; put the API key into it."

    @pytest.mark.parametrize("file", ["missing", "folder", "binary"])
    @pytest.mark.parametrize("name", ["api_key_file", "credentials_file"])
    def test_a_file_that_cannot_be_read(self, place: Path, name: str, file: str) -> None:
        (place / "folder").mkdir()
        (place / "binary").write_bytes(b"\xff\xfe\x00secret-key")
        account = self.account(**{name: file})
        with pytest.raises(ConfigError) as raised:
            account.secret() if name == "api_key_file" else account.credentials()
        assert raised.value.code == "no_secret"
        assert f"The secret file {place / file} " in raised.value.message
        assert "secret-key" not in raised.value.message

    def test_the_databases_password(self, place: Path) -> None:
        (place / "word").write_text("a:b/c@d\n")
        settings = load(database_url="postgresql://rollcall@db:5432/rollcall", database_password_file=Path("word"))
        assert make_url(settings.database).password == "a:b/c@d"
        assert "a:b/c@d" not in repr(settings)
        (place / "word").unlink()
        with pytest.raises(ConfigError, match=str(place / "word")) as raised:
            assert settings.database
        assert raised.value.code == "no_secret"


class TestAccounts:
    def test_an_unknown_one_is_told_those_there_are(self) -> None:
        settings = load(accounts={"acme": AccountSettings(), "zeta": AccountSettings()})
        with pytest.raises(ConfigError) as raised:
            settings.account("acmee")
        assert raised.value.code == "unknown_account"
        assert raised.value.message == (
            "There is no account 'acmee'; use one of: acme, sandbox, zeta, or add it to rollcall.toml."
        )

    def test_the_sandboxes_own_is_there_by_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ROLLCALL_SANDBOX_URL", "http://127.0.0.1:9999")
        account = load().account("sandbox")
        assert account.url == "http://127.0.0.1:9999"
        assert account.options["rule_id"] == 1
        assert account.dispositions["no answer"] is Disposition.NO_ANSWER

    def test_one_changed_wait_does_not_make_it_somebody_elses(
        self, configure: Configure, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure("[accounts.sandbox]\npoll_fast = 2\n")
        monkeypatch.setenv("ROLLCALL_ACCOUNTS__SANDBOX__SETTLE", "3")
        usual, account = Settings(accounts={}).account("sandbox"), load().account("sandbox")
        assert (account.poll_fast, account.settle) == (2, 3)
        assert (account.url, account.options) == ("http://127.0.0.1:8765", usual.options)
        assert account.api_key_env == "ROLLCALL_SANDBOX_KEY"

    def test_it_may_be_changed_whole(self, configure: Configure) -> None:
        configure("[accounts.sandbox]\nurl = 'http://elsewhere:1'\noptions = {rule_id = 9}\nhttp_deadline = 2\n")
        account = load().account("sandbox")
        assert (account.url, account.options, account.http_deadline) == ("http://elsewhere:1", {"rule_id": 9}, 2)


def test_places_may_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql://db/rollcall")
    monkeypatch.setenv("ROLLCALL_STAGING_URL", "s3://bucket/staging")
    settings = load()
    assert (settings.database, settings.staging) == ("postgresql://db/rollcall", "s3://bucket/staging")
