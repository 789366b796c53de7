"""The table of what a failed request proves: nothing that httpx can raise is left out, nor any status."""

import email.utils
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.unit.wire_server import says, serving, status
from worker.errors import AccountRefused, NotSent, ProviderError, Refused, Throttled, Unknown
from worker.providers.http import OUR_FAULT, PROOFS, Client, http_date, proof, retry_after

# Not raised by a request of ours, each for its reason.
NEVER = {
    "HTTPStatusError": "raise_for_status is never called",
    "StreamError": "a misuse of the response, a mistake in our code",
    "CookieConflict": "cookies are never read",
}


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    below = [one for one in kind.__subclasses__() if one.__module__ == "httpx"]
    if not below:
        yield kind
    for one in below:
        yield from leaves(one)


def exported() -> list[type[Exception]]:
    """Every exception class of httpx that is not derived from another one of httpx."""
    kinds = [one for one in vars(httpx).values() if isinstance(one, type) and issubclass(one, Exception)]
    return [one for one in kinds if not any(base in kinds for base in one.__mro__[1:])]


REQUEST_ERRORS = sorted(leaves(httpx.RequestError), key=lambda kind: kind.__name__)


def test_every_exception_of_httpx_is_accounted_for() -> None:
    listed = {kind for kind, _, _ in PROOFS} | set(OUR_FAULT)
    found = {leaf for root in exported() for leaf in leaves(root)}
    never = {leaf for leaf in found if any(base.__name__ in NEVER for base in leaf.__mro__)}
    assert {leaf for leaf in found - never if leaf not in listed} == set()
    assert listed <= found


@pytest.mark.parametrize("kind", REQUEST_ERRORS, ids=lambda kind: kind.__name__)
def test_what_an_exception_proves(kind: type[Exception]) -> None:
    unsent = {"ConnectTimeout", "PoolTimeout", "ConnectError", "LocalProtocolError", "UnsupportedProtocol"}
    answer = proof(kind("secret words"), "provider.example")
    assert type(answer) is (NotSent if kind.__name__ in unsent else Unknown)
    assert getattr(answer, "fault", False) == (kind in OUR_FAULT)
    assert "provider.example" in answer.message
    assert "secret" not in answer.message
    assert answer.code != "unlisted_error"
    assert answer.http_status is None


@pytest.mark.parametrize("kind", [httpx.TransportError, httpx.TimeoutException, httpx.NetworkError, RuntimeError])
def test_what_is_not_in_the_table_may_have_arrived(kind: type[Exception]) -> None:
    assert type(proof(kind("?"), "h")) is Unknown
    assert proof(kind("?"), "h").code == "unlisted_error"


def answered(code: int, **headers: str) -> ProviderError | httpx.Response:
    with serving(says(status(code, b"words", **headers))) as server:
        client = Client(server.url)
        try:
            return client.post("/", time.monotonic() + 5)
        except ProviderError as error:
            return error
        finally:
            client.close()


def test_200_is_an_answer() -> None:
    answer = answered(200)
    assert isinstance(answer, httpx.Response)
    assert answer.content == b"words"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, Unknown) for code in (201, 202, 206, 226, 300, 301, 302, 307, 308, 399)),
        *((code, AccountRefused) for code in (401, 403)),
        *((code, Unknown) for code in (408, 409)),
        *((code, Refused) for code in (400, 404, 405, 410, 413, 414, 415, 418, 422, 431, 451)),
        (429, Throttled),
        *((code, Unknown) for code in (500, 501, 502, 503, 504, 599)),
    ],
)
def test_what_a_status_proves(code: int, kind: type[ProviderError]) -> None:
    error = answered(code, location="http://127.0.0.1:1/elsewhere")
    assert isinstance(error, ProviderError)
    assert (type(error), error.code, error.http_status) == (kind, f"http_{code}", code)
    assert ("may have been stored" in error.message) == (kind is Unknown)


def test_a_status_is_judged_before_a_stream_is_handed_out() -> None:
    with serving(says(status(403, b"no"))) as server:
        client = Client(server.url)
        with pytest.raises(AccountRefused), client.stream("/", time.monotonic() + 5):
            pytest.fail("a refused stream was handed out")
        client.close()


def later(seconds: float) -> str:
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        ("0", 0, 0),
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("3600", 3600, 3600),
        ("86400", 3600, 3600),
        ("9" * 400, 3600, 3600),
        (30, 25, 30),
        (-500, 0, 0),
        (90_000, 3600, 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600, 3600),
    ],
)
def test_how_long_to_wait(said: str | float, low: float, high: float) -> None:
    """Seconds as text, or a date that is so many seconds from now."""
    error = answered(429, retry_after=said if isinstance(said, str) else later(said))
    assert isinstance(error, Throttled)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize(
    "said",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "²",
        "٣",
        "1e3",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        f"Fri, 31 Dec {'9' * 20} 00:00:00 GMT",
    ],
)
def test_a_wait_that_cannot_be_read_is_none(said: str) -> None:
    assert retry_after({"retry-after": said}) is None


def test_no_header_is_no_wait() -> None:
    error = answered(429)
    assert isinstance(error, Throttled)
    assert error.retry_after is None


def test_a_wait_in_bytes_that_are_no_ascii_is_none() -> None:
    error = answered(429, retry_after="²")
    assert isinstance(error, Throttled)
    assert error.retry_after is None


def test_an_http_date() -> None:
    assert http_date("Thu, 01 Jan 1970 00:01:00 GMT") == 60
    assert http_date("") is None


class TestVerdict:
    """The provider's own words in a 4xx go before the status."""

    @staticmethod
    def said(code: int, seen: list[int], error: ProviderError | None) -> ProviderError:
        def verdict(response: httpx.Response) -> None:
            seen.append(response.status_code)
            assert response.content == b"words"
            if error is not None:
                raise error

        with serving(says(status(code, b"words"), status(code, b"words"))) as server:
            client = Client(server.url, verdict)
            with pytest.raises(ProviderError) as posted:
                client.post("/", time.monotonic() + 5)
            with pytest.raises(ProviderError) as streamed, client.stream("/", time.monotonic() + 5):
                pytest.fail("a refused stream was handed out")
            client.close()
        assert type(posted.value) is type(streamed.value)
        return posted.value

    @pytest.mark.parametrize("code", [400, 401, 408, 429])
    def test_it_is_asked_about_a_4xx(self, code: int) -> None:
        seen: list[int] = []
        assert self.said(code, seen, Unknown("own", "Words.")).code == "own"
        assert seen == [code, code]

    def test_where_it_says_nothing_the_status_counts(self) -> None:
        assert type(self.said(400, [], None)) is Refused

    @pytest.mark.parametrize("code", [302, 500, 503])
    def test_it_is_not_asked_about_others(self, code: int) -> None:
        seen: list[int] = []
        assert type(self.said(code, seen, Refused("own", "Words."))) is Unknown
        assert seen == []
