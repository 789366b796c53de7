"""Staging on S3 when something is wrong: a store that refuses, breaks off, is silent, or is another's."""

import base64
import hashlib
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.house import House, some_numbers
from tests.object_store import KEYS, Answering, Bucket, bucket_at, environment, new_clients, served_s3, silent_store
from worker.context import Context
from worker.errors import StagingError, Unavailable
from worker.intake import objects
from worker.intake.stage import Staging
from worker.settings import Settings

MINIMUM_PART = 5 << 20  # of S3
NOBODY = "0" * 64
DENIED = b"<Error><Code>AccessDenied</Code><Message>a-key s3cr3t may not</Message></Error>"


@dataclass
class Store:
    """S3 with one bucket, whose requests are remembered; it refuses those for which `refuses` is true."""

    bucket: Bucket
    seen: list[dict[str, Any]] = field(default_factory=list)
    refuses: Callable[[dict[str, Any]], bool] = lambda asked: False

    def between(self, app: Answering) -> Answering:
        def answer(asked: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            self.seen.append(asked)
            if not self.refuses(asked):
                return app(asked, start_response)
            asked["wsgi.input"].read(int(asked.get("CONTENT_LENGTH") or 0))
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [] if asked["REQUEST_METHOD"] == "HEAD" else [DENIED]

        return answer

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [one for one in self.seen if one["REQUEST_METHOD"] == method]

    def staging(self) -> Staging:
        return Staging(f"s3://{self.bucket.name}/of/rollcall")


@pytest.fixture(scope="module")
def running() -> Iterator[Store]:
    store = Store(Bucket("", "", None))
    with served_s3(store.between) as url:
        store.bucket = bucket_at(url, "staging")
        yield store


@pytest.fixture
def store(running: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for name, value in environment(running.bucket.url).items():
        monkeypatch.setenv(name, value)
    for name in running.bucket.names("of/rollcall"):
        running.bucket.client.delete_object(Bucket=running.bucket.name, Key=f"of/rollcall/{name}")
    running.seen.clear()
    yield running
    running.refuses = lambda asked: False


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Staging]:
    """A store that takes every request and answers none."""
    monkeypatch.setattr(objects, "PATIENCE", 0.3)
    monkeypatch.setattr(objects, "LISTED_WITHIN", 0.3)
    with silent_store() as url, new_clients():
        for name, value in environment(url).items():
            monkeypatch.setenv(name, value)
        yield Staging("s3://staging/silent")


ASKED: dict[str, Callable[[Staging], object]] = {
    "put": lambda staging: staging.put(b"x"),
    "read": lambda staging: staging.read(NOBODY),
    "open": lambda staging: staging.open(NOBODY),
    "delete": lambda staging: staging.delete(NOBODY),
    "untouched_since": lambda staging: list(staging.untouched_since(datetime.now(UTC))),
    "delete_untouched": lambda staging: staging.delete_untouched(NOBODY, datetime.now(UTC)),
    "check": lambda staging: staging.check(),
}


def trouble(call: Callable[[], object]) -> str:
    """The sentence of an error that says that staging is away, and holds no key."""
    with pytest.raises(Unavailable) as caught:
        call()
    assert caught.value.code == "staging_unavailable"
    assert not [key for name, key in KEYS.items() if name != "AWS_DEFAULT_REGION" and key in caught.value.message]
    return caught.value.message


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_silent_store_is_given_up(silent: Staging, ask: Callable[[Staging], object]) -> None:
    assert "s3://staging/silent" in trouble(lambda: ask(silent))


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_store_that_refuses_is_away_and_misses_nothing(store: Store, ask: Callable[[Staging], object]) -> None:
    store.refuses = lambda asked: True
    assert "(PermissionError)" in trouble(lambda: ask(store.staging()))


def test_a_store_that_nobody_reaches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(objects, "PATIENCE", 0.5)
    with new_clients():
        trouble(lambda: store.staging().read(NOBODY))


def test_without_credentials_it_is_away(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with new_clients():
        assert "NoCredentialsError" in trouble(lambda: store.staging().put(b"x"))


@pytest.mark.parametrize("ask", [ASKED["read"], ASKED["open"], ASKED["put"]], ids=["read", "open", "put"])
def test_a_bucket_that_is_not_there_says_nothing_of_its_objects(store: Store, ask: Callable[[Staging], object]) -> None:
    trouble(lambda: ask(Staging("s3://mistyped/of/rollcall")))


def test_s3_is_told_the_digest_and_keeps_it(store: Store) -> None:
    digest = store.staging().put(b"the very bytes")
    (put,) = store.asked("PUT")
    assert base64.b64decode(put["HTTP_X_AMZ_CHECKSUM_SHA256"]).hex() == digest


def test_every_part_is_told_with_a_checksum(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", MINIMUM_PART)
    store.staging().put(bytes(12 << 20))
    parts = store.asked("PUT")
    assert len(parts) == 3
    assert all("partNumber=" in one["QUERY_STRING"] and "HTTP_X_AMZ_CHECKSUM_CRC32" in one for one in parts)


@pytest.mark.parametrize("at", ["partNumber=2", "uploadId="])
def test_an_upload_in_parts_that_breaks_off_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """In its middle, or where it is to be completed."""
    monkeypatch.setattr(objects, "PART_BYTES", MINIMUM_PART)
    method = "PUT" if at == "partNumber=2" else "POST"
    store.refuses = lambda asked: asked["REQUEST_METHOD"] == method and at in asked["QUERY_STRING"]
    trouble(lambda: store.staging().put(bytes(12 << 20)))
    assert store.bucket.names("of/rollcall") == set()
    assert store.bucket.half_uploaded() == []
    store.refuses = lambda asked: False
    digest = store.staging().put(bytes(12 << 20))
    assert store.bucket.names("of/rollcall") == {digest}


def _put_in_parts(url: str) -> None:
    Staging(url).put(bytes(12 << 20))


def test_a_writer_that_dies_in_its_middle_leaves_no_object(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", MINIMUM_PART)
    writer = multiprocessing.get_context("fork").Process(
        target=_put_in_parts, args=("s3://staging/of/rollcall",), daemon=True
    )

    def kills(asked: dict[str, Any]) -> bool:
        if asked["REQUEST_METHOD"] == "POST" and "uploadId=" in asked["QUERY_STRING"]:
            writer.kill()
            return True
        return False

    store.refuses = kills
    writer.start()
    writer.join(60)
    assert writer.exitcode == -9
    assert store.bucket.names("of/rollcall") == set()
    (left,) = store.bucket.half_uploaded()
    assert left == f"of/rollcall/{hashlib.sha256(bytes(12 << 20)).hexdigest()}"
    store.refuses = lambda asked: False
    with pytest.raises(StagingError, match="is missing"):
        store.staging().read(left.rpartition("/")[2])


def test_a_chunk_is_read_by_one_request(store: Store) -> None:
    digest = store.staging().put(b"a chunk")
    store.seen.clear()
    store.staging().read(digest)
    assert [one["REQUEST_METHOD"] for one in store.seen] == ["GET"]


@contextmanager
def read_in_part(store: Store) -> Iterator[tuple[str, BinaryIO]]:
    """An object, and a stream over it of which the first block was read."""
    digest = store.staging().put(bytes(100_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "BLOCK_BYTES", 1000)
        with store.staging().open(digest) as stream:
            assert stream.read(10) == bytes(10)
            yield digest, stream


def test_a_stream_whose_store_goes_away_says_so(store: Store) -> None:
    with read_in_part(store) as (_, stream):
        store.refuses = lambda asked: True
        trouble(stream.read)


def test_a_stream_whose_store_falls_silent_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(objects, "BLOCK_WITHIN", 0.3)
    spoken = threading.Event()
    with store.staging().open(store.staging().put(bytes(100_000))) as stream:
        store.refuses = lambda asked: not spoken.wait(60)
        trouble(stream.read)
        spoken.set()


def test_a_stream_whose_object_was_removed_says_so(store: Store) -> None:
    with read_in_part(store) as (digest, stream):
        store.staging().delete(digest)
        with pytest.raises(StagingError, match="is missing"):
            stream.read()


def test_a_stream_whose_object_was_cut_off_is_not_read_as_whole(store: Store) -> None:
    with read_in_part(store) as (digest, stream):
        store.bucket.put(f"of/rollcall/{digest}", bytes(50_000))
        trouble(stream.read)


def test_a_file_whose_store_goes_away_in_its_middle_is_read_later(
    small_house: House, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often: that is no death of its reader."""
    monkeypatch.setattr(objects, "BLOCK_BYTES", 1000)
    small_house.ctx.settings.staging_url = "s3://staging/of/rollcall"
    ulid = small_house.upload(source=small_house.file(some_numbers(300)))
    store.refuses = lambda asked: "HTTP_RANGE" in asked and not asked["HTTP_RANGE"].startswith("bytes=0-")
    for _ in range(2 * small_house.ctx.settings.max_deaths):
        small_house.work()
        small_house.turn(small_house.ctx.settings.timing.lease + 1)
    status = small_house.status(ulid)
    assert (status["state"], status["code"]) == ("received", "staging_unavailable")
    assert small_house.sql("SELECT deaths FROM upload") == [(0,)]
    store.refuses = lambda asked: False
    status = small_house.finish(ulid)
    assert (status["state"], status["rows"]["accepted"]) == ("finished", 300)
    assert small_house.provider.ledger["called_twice"] == 0


def _read_in_a_child(ctx: Context, digest: str) -> None:
    ctx.forget_connections()
    assert ctx.staging.read(digest) == b"from before the fork"


def test_a_fork_makes_connections_of_its_own(store: Store, tmp_path: Path) -> None:
    ctx = Context(Settings(home=tmp_path, staging_url="s3://staging/of/rollcall"), lambda *bell: None)
    digest = ctx.staging.put(b"from before the fork")
    child = multiprocessing.get_context("fork").Process(target=_read_in_a_child, args=(ctx, digest), daemon=True)
    child.start()
    child.join(60)
    assert child.exitcode == 0
