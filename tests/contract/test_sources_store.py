"""Files from object stores: S3 as moto speaks it, over HTTP; the others as far as their drivers are installed."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pytest
from fsspec.registry import _registry as known_file_systems

from tests.house import House, some_numbers
from tests.object_store import KEYS, Answering, environment, s3, served_s3, silent_store
from tests.unit.packing import PACKINGS
from worker import sources
from worker.errors import ConfigError, InputError, RollcallError, Unavailable
from worker.job import Job
from worker.sources import store

LIST = ("phone,name\n" + "".join(f"{number},Ada\n" for number in some_numbers(20_000))).encode()


@dataclass
class Shop:
    """S3 with one bucket. The next `breaks` parts asked for end in their middle; `before_part` is called with each."""

    client: Any
    breaks: int = 0
    parts: list[str] = field(default_factory=list)
    before_part: Callable[[int], object] | None = None

    def put(self, data: bytes) -> None:
        self.client.put_object(Bucket="lists", Key="2030/people.csv", Body=data)

    def shaky(self, app: Answering) -> Answering:
        def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            asked = environ.get("HTTP_RANGE")
            if asked is not None:
                self.parts.append(asked)
                if self.before_part is not None:
                    self.before_part(len(self.parts))
            body: Iterable[bytes] = app(environ, start_response)
            if asked is None or not self.breaks:
                return body
            self.breaks -= 1
            return half(body)

        return answer


def half(body: Iterable[bytes]) -> Iterator[bytes]:
    whole = b"".join(body)
    yield whole[: len(whole) // 2]
    raise ConnectionResetError("cut")


@pytest.fixture(scope="module")
def running() -> Iterator[Shop]:
    shop = Shop(None)
    with served_s3(shop.shaky) as url:
        shop.client = s3(url)
        shop.client.create_bucket(Bucket="lists")
        yield shop


@pytest.fixture
def shop(running: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(store, "PART_BYTES", 100_000)
    monkeypatch.setattr(store, "PAUSE", 0.001)
    for name, value in environment(running.client.meta.endpoint_url).items():
        monkeypatch.setenv(name, value)
    running.breaks, running.parts, running.before_part = 0, [], None
    running.put(LIST)
    return running


def stage(house: House, url: str, trusted: bool = True) -> str:
    return sources.stage(house.ctx, Job(source=url, account="sandbox"), trusted=trusted)


def refusal(house: House, url: str, trusted: bool = True) -> str:
    with pytest.raises(RollcallError) as caught:
        stage(house, url, trusted)
    assert "s3cr3t" not in caught.value.message
    assert not list((house.folder / "staging").glob("*"))
    return caught.value.code


def test_an_object_is_staged_part_by_part(small_house: House, shop: Shop) -> None:
    digest = stage(small_house, "s3://lists/2030/people.csv")
    assert digest == hashlib.sha256(LIST).hexdigest()
    assert small_house.ctx.staging.read(digest) == LIST
    assert shop.parts[:2] == ["bytes=0-99999", "bytes=100000-199999"]


def test_a_part_that_breaks_is_asked_for_again(small_house: House, shop: Shop) -> None:
    shop.breaks = 3
    assert stage(small_house, "s3://lists/2030/people.csv") == hashlib.sha256(LIST).hexdigest()
    assert shop.parts.count("bytes=0-99999") > 1


@pytest.mark.parametrize("content", [LIST.replace(b"Ada", b"Bob"), LIST[:150_000]])
def test_an_object_that_changes_meanwhile_is_an_error(small_house: House, shop: Shop, content: bytes) -> None:
    shop.before_part = lambda number: shop.put(content) if number == 2 else None
    assert refusal(small_house, "s3://lists/2030/people.csv") == "source_changed"


def test_packed_and_limited_like_any_other(small_house: House, shop: Shop) -> None:
    shop.put(PACKINGS["gz"](LIST))
    assert stage(small_house, "s3://lists/2030/people.csv")
    shop.put(LIST)
    small_house.ctx.settings.source_limit = len(LIST) - 1
    with pytest.raises(InputError) as caught:
        stage(small_house, "s3://lists/2030/people.csv")
    assert caught.value.code == "source_too_large"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("s3://lists/nothing.csv", "no_file"),
        ("s3://nowhere/people.csv", "no_file"),
        ("s3://lists/2030", "is_a_directory"),
        ("s3://a-key:s3cr3t@lists/2030/people.csv", "source_refused"),
    ],
)
def test_what_cannot_be_read_is_named(small_house: House, shop: Shop, url: str, code: str) -> None:
    assert refusal(small_house, url) == code


def test_an_empty_object_is_refused(small_house: House, shop: Shop) -> None:
    shop.put(b"")
    assert refusal(small_house, "s3://lists/2030/people.csv") == "empty_file"


def test_without_credentials_it_is_refused(
    small_house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert refusal(small_house, "s3://lists/2030/people.csv") == "source_refused"


def test_a_store_that_does_not_answer(small_house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Unavailable) as caught:
        stage(small_house, "s3://lists/2030/people.csv")
    assert caught.value.code == "source_down"


def test_a_store_that_is_silent_is_given_up(small_house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.3)
    with silent_store() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(Unavailable) as caught:
            stage(small_house, "s3://lists/2030/people.csv")
    assert caught.value.code == "source_down"


def test_a_store_that_falls_silent_is_given_up(small_house: House, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of the file, where the same part is tried again."""
    monkeypatch.setattr(store, "PATIENCE", 0.3)
    silent = threading.Event()
    shop.before_part = lambda number: silent.wait(60) if number > 1 else None
    try:
        with pytest.raises(Unavailable) as caught:
            stage(small_house, "s3://lists/2030/people.csv")
    finally:
        silent.set()
    assert caught.value.code == "source_down"


def test_a_message_may_only_name_buckets_that_are_allowed(small_house: House, shop: Shop) -> None:
    small_house.ctx.settings.source_hosts = ["lists", "s3://others"]
    assert refusal(small_house, "s3://lists/2030/people.csv", trusted=False) == "source_not_allowed"
    small_house.ctx.settings.source_hosts = ["s3://lists"]
    assert stage(small_house, "s3://lists/2030/people.csv", trusted=False)


@pytest.mark.parametrize(("url", "package"), [("gs://lists/people.csv", "gcsfs"), ("az://lists/people.csv", "adlfs")])
def test_a_driver_that_is_missing_is_named(small_house: House, url: str, package: str) -> None:
    with pytest.raises(ConfigError, match=f"pip install {package}") as caught:
        stage(small_house, url)
    assert caught.value.code == "no_source_driver"


class Unconfigured(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec carries no types
    """As adlfs is where it finds neither a connection string nor an account's name."""

    def __init__(self, **_: object) -> None:
        raise ValueError("Must provide either a connection_string or account_name with credentials!!")


def test_a_driver_that_was_told_nothing_of_its_store(small_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(known_file_systems, "az", Unconfigured)
    assert refusal(small_house, "az://lists/people.csv") == "source_refused"
