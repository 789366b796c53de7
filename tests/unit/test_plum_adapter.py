"""What goes out to Plum, what its HTTP statuses prove, and what is said of what it cannot do."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.wire_server import says, serving, silent, status
from worker.errors import AccountRefused, ConfigError, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.base import Accepted, Opening, Place, Provider, Submission
from worker.providers.plum import KIND

UPLOAD = "01JD3K5M7N8P9QRSTVWXYZ0123"
NAME = f"spring [{UPLOAD}-1]"
QUEUED = status(200, b'<queuecalls status="queued" campaign_id="77"/>')
PAYLOAD = f"13347938701,{UPLOAD}:1\n".encode()
LOGIN, PIN = "acme-sender", "8642"


def opening(**told: Any) -> Opening:
    usual: dict[str, Any] = {"url": None, "account_id": LOGIN, "secret": PIN}
    return Opening(**(usual | told))


@contextmanager
def opened(**told: Any) -> Iterator[Provider]:
    told["own"] = KIND.check_own(told.get("own", {}))
    provider = KIND.connect(opening(**told))
    try:
        yield provider
    finally:
        provider.close()


def submission(options: dict[str, Any] | None = None, **told: Any) -> Submission:
    options = KIND.check_options({"start_url": "https://voice.example/start", **(options or {})})
    usual: dict[str, Any] = {"step": "create", "upload": UPLOAD, "list_name": NAME, "reference": None}
    return Submission(**(usual | {"payload": PAYLOAD, "rows": 1, "options": options} | told))


def sent(options: dict[str, Any] | None = None, **told: Any) -> tuple[str, dict[str, str]]:
    """The request's first line, and its parts by name."""
    with serving(says(QUEUED)) as server, opened(url=server.url, **told) as plum:
        assert plum.submit(submission(options), time.monotonic() + 5) == Accepted("77", None)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
    boundary = b"--" + head.partition(b"boundary=")[2].split(b"\r\n")[0]
    parts = {}
    for part in body.split(boundary)[1:-1]:
        about, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        parts[about.decode().partition('name="')[2].partition('"')[0]] = value.decode()
    return head.decode().splitlines()[0], parts


def answered(answer: bytes) -> ProviderError:
    with serving(says(answer)) as server, opened(url=server.url) as plum, pytest.raises(ProviderError) as raised:
        plum.submit(submission(), time.monotonic() + 5)
    assert PIN not in raised.value.message
    return raised.value


class TestForm:
    def test_what_is_always_sent(self) -> None:
        line, parts = sent()
        assert line == "POST /webservice/queuecalls.php HTTP/1.1"
        assert parts == {
            "login": LOGIN,
            "pin": PIN,
            "campaign_name": NAME,
            "start_url": "https://voice.example/start",
            "max_retries": "0",
            "max_retry": "0",
            "file": PAYLOAD.decode().strip(),
        }

    def test_every_option_under_its_own_name(self) -> None:
        options = {
            "num_attempts": 11,
            "interval_seconds": 900,
            "result_url": "https://mine.example/result",
            "message_reference": "all of them",
            "call_parameters": "a=1&b=ü",
            "call_parameter_column": "note",
            "scheduled_timestamp": 0,
            "expiration_time": "+3 days",
            "secure": 1,
            "name": "the token's name wins",
        }
        _, parts = sent(options)
        wanted = {"max_retries": "10", "max_retry": "10", "retry_interval": "900", "scheduled_timestamp": "0"}
        same = ("result_url", "message_reference", "call_parameters", "expiration_time")
        wanted |= {"secure": "1"} | {name: str(options[name]) for name in same}
        assert {name: parts[name] for name in wanted} == wanted
        assert set(parts) - set(wanted) == {"login", "pin", "campaign_name", "start_url", "file"}

    def test_names_that_are_settings(self) -> None:
        own = {
            "path": "/queue/many",
            "file_field": "csv",
            "name_field": "campaign",
            "retry_fields": ["max_retry"],
            "secure_field": "is_pci",
        }
        line, parts = sent({"secure": 0}, own=own)
        assert line == "POST /queue/many HTTP/1.1"
        assert parts["is_pci"] == "0"
        assert set(parts) == {"login", "pin", "campaign", "start_url", "max_retry", "is_pci", "csv"}

    def test_results_come_to_us_where_they_can(self) -> None:
        callbacks = {"callbacks": "https://rollcall.example/callbacks/us", "callback_secret": "s3cret"}
        _, parts = sent({"num_attempts": 3}, **callbacks)
        assert parts["result_url"].startswith(f"https://rollcall.example/callbacks/us/plum/{UPLOAD}/3/")
        with opened(**callbacks) as plum:
            assert plum.inbox is not None
            assert plum.inbox.greet(tuple(parts["result_url"].split("/")[5:]))

    def test_and_to_the_user_where_he_says_so(self) -> None:
        callbacks = {"callbacks": "https://rollcall.example/callbacks/us", "callback_secret": "s3cret"}
        _, parts = sent({"result_url": "https://mine.example/r"}, **callbacks)
        assert parts["result_url"] == "https://mine.example/r"

    @pytest.mark.parametrize("told", [{"callbacks": "https://r.example/c"}, {"callback_secret": "s"}, {}])
    def test_nobody_listens_without_address_or_secret(self, told: dict[str, str]) -> None:
        with opened(**told) as plum:
            assert plum.inbox is None

    def test_a_path_below_the_servers_own(self) -> None:
        with serving(says(QUEUED)) as server, opened(url=f"{server.url}/outbound") as plum:
            plum.submit(submission(), time.monotonic() + 5)
            assert server.requests[0].startswith(b"POST /outbound/webservice/queuecalls.php ")


class TestStatuses:
    @pytest.mark.parametrize(
        ("answer", "kind", "code"),
        [
            (status(400, b"failed: start_url is required"), Refused, "plum_failed"),
            (status(400, b"failed: bad pin"), AccountRefused, "plum_account"),
            (status(422, b"failed: name is not unique"), Unknown, "plum_name_taken"),
            (status(400, b"Bad Request"), Refused, "http_400"),
            (status(404, b"<html>no such page</html>"), Refused, "http_404"),
            (status(401, b"failed"), AccountRefused, "http_401"),
            (status(403), AccountRefused, "http_403"),
            (status(408, b"failed"), Unknown, "http_408"),
            (status(409, b"failed"), Unknown, "http_409"),
            (status(429, b"failed: too many requests", Retry_After="7"), Throttled, "http_429"),
            (status(500, b"failed"), Unknown, "http_500"),
            (status(502, b"<html>failed</html>"), Unknown, "http_502"),
            (status(302, b"", Location="/elsewhere"), Unknown, "http_302"),
            (status(202, b'<queuecalls status="queued"/>'), Unknown, "http_202"),
            (status(200, b'<queuecalls status="queued" camp'), Unknown, "broken_answer"),
        ],
    )
    def test_what_a_status_proves(self, answer: bytes, kind: type[ProviderError], code: str) -> None:
        error = answered(answer)
        assert (type(error), error.code) == (kind, code)
        assert not isinstance(error, Throttled) or error.retry_after == 7

    def test_silence_until_the_deadline(self) -> None:
        with serving(silent) as server, opened(url=server.url) as plum, pytest.raises(Unknown) as raised:
            plum.submit(submission(), time.monotonic() + 0.2)
        assert raised.value.code == "read_timeout"


class TestOpening:
    @pytest.mark.parametrize("told", [{"account_id": None}, {"secret": None}, {"secret": ""}])
    def test_without_credentials(self, told: dict[str, Any]) -> None:
        with pytest.raises(ConfigError) as raised:
            KIND.connect(opening(**told))
        assert raised.value.code == "no_credentials"

    @pytest.mark.parametrize("told", [{"account_id": "a" * 129}, {"secret": "1" * 17}, {"secret": "1\n2"}])
    def test_credentials_that_cannot_be(self, told: dict[str, Any]) -> None:
        with pytest.raises(ConfigError) as raised:
            KIND.connect(opening(**told))
        assert raised.value.code == "bad_credentials"
        assert str(told[next(iter(told))]) not in raised.value.message

    def test_callbacks_that_plum_could_not_take(self) -> None:
        callbacks = "https://rollcall.example/callbacks/" + "a" * 150
        with pytest.raises(ConfigError) as raised:
            KIND.connect(opening(callbacks=callbacks, callback_secret="s"))
        assert raised.value.code == "bad_account"

    def test_the_documented_address(self) -> None:
        with opened() as plum, pytest.raises(NotSent) as raised:
            plum.submit(submission(), time.monotonic() - 1)
        assert "outbound.plumvoice.com" in raised.value.message


class TestNotOffered:
    def test_no_campaign_is_shown(self) -> None:
        with opened() as plum:
            for look in (lambda: plum.find(NAME), lambda: plum.status(Place("77"))):
                with pytest.raises(Refused) as raised:
                    look()
                assert raised.value.code == "cannot_look"
            assert plum.tallies(Place("77")) is None
            assert plum.account() is None
