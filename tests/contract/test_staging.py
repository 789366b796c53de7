"""Staging on a local folder, in memory and on S3: the same promises, whatever holds the bytes."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest

from tests.object_store import Bucket, bucket_at, environment, served_s3
from worker.errors import StagingError
from worker.intake import objects, stage
from worker.intake.stage import Staging

NOBODY = "0" * 64
HOUR = timedelta(hours=1)
MINIMUM_PART = 5 << 20  # of S3


@dataclass
class Kept:
    """A staging, and its objects seen and changed from behind it."""

    staging: Staging
    names: Callable[[], set[str]]
    alter: Callable[[str, bytes], object]


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with served_s3() as url:
        yield bucket_at(url, "staging")


@pytest.fixture(params=["folder", "memory", "s3"])
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    if request.param == "folder":
        place = tmp_path / "deep" / "staging"
        staging = Staging(str(place))
        return Kept(
            staging, lambda: {one.name for one in place.glob("*")}, lambda at, data: (place / at).write_bytes(data)
        )
    if request.param == "memory":
        memory, root = fsspec.filesystem("memory"), f"/{tmp_path.name}"
        return Kept(
            Staging(f"memory:/{root}"),
            lambda: {name.rpartition("/")[2] for name in memory.glob(f"{root}/*")},
            lambda at, data: memory.pipe_file(f"{root}/{at}", data),
        )
    bucket: Bucket = request.getfixturevalue("bucket")
    for name, value in environment(bucket.url).items():
        monkeypatch.setenv(name, value)
    prefix = f"of/{tmp_path.name}"
    return Kept(
        Staging(f"s3://{bucket.name}/{prefix}"),
        lambda: bucket.names(prefix),
        lambda at, data: bucket.put(f"{prefix}/{at}", data),
    )


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(StagingError) as caught:
        call()
    return caught.value.code


def test_what_was_put_comes_back_under_its_digest(kept: Kept) -> None:
    digest = kept.staging.put(b"phone\n+13347938701\n")
    assert digest == hashlib.sha256(b"phone\n+13347938701\n").hexdigest()
    assert kept.staging.read(digest) == b"phone\n+13347938701\n"


def test_the_same_bytes_twice_are_one_object(kept: Kept) -> None:
    digest = kept.staging.put(b"twice")
    assert kept.staging.put_stream([b"tw", b"ice"]) == (digest, 5)
    assert kept.names() == {digest}


def test_an_empty_object_is_an_object(kept: Kept) -> None:
    assert kept.staging.read(kept.staging.put(b"")) == b""


def test_a_stream_is_stored_without_being_joined(kept: Kept) -> None:
    digest, size = kept.staging.put_stream(bytes([n]) * 1000 for n in range(50))
    assert (size, len(kept.staging.read(digest))) == (50_000, 50_000)


def test_a_file_is_copied_and_read_from_any_place(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "BLOCK_BYTES", 100_000)
    file = tmp_path / "big"
    file.write_bytes(bytes(range(250)) * 4_000)
    digest, size = kept.staging.put_file(file)
    assert size == 1_000_000
    with kept.staging.open(digest) as stream:
        assert stream.seekable()
        assert stream.seek(-1, 2) == size - 1
        assert stream.read() == bytes([249])
        stream.seek(499_999)
        assert stream.read(3) == bytes([249, 0, 1])
        assert stream.tell() == 500_002
        stream.seek(0)
        assert hashlib.sha256(stream.read()).hexdigest() == digest
    assert file.exists()


def test_an_object_of_many_parts_is_whole(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PART_BYTES", MINIMUM_PART)
    monkeypatch.setattr(stage, "HASHED_LATER", 1)
    parts = [bytes([n]) * (1 << 20) for n in range(12)]
    digest, size = kept.staging.put_stream(parts)
    assert size == 12 << 20 > max(2 * MINIMUM_PART, stage.LARGE + (2 << 20))
    assert digest == hashlib.sha256(b"".join(parts)).hexdigest()
    assert kept.staging.read(digest) == b"".join(parts)
    assert kept.names() == {digest}


def test_a_stream_that_breaks_leaves_nothing_and_keeps_its_own_error(kept: Kept) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the source went away")

    with pytest.raises(OSError, match="the source went away"):
        kept.staging.put_stream(broken())
    assert kept.names() == set()


def test_missing_objects_are_named(kept: Kept) -> None:
    for there in (0, 1):  # in a staging that is empty, and beside another object
        assert code_of(lambda: kept.staging.read(NOBODY)) == "staged_object_missing"
        assert code_of(lambda: kept.staging.open(NOBODY)) == "staged_object_missing"
        kept.staging.delete(NOBODY)
        assert len(kept.names()) == there
        kept.staging.put(b"another")


def test_a_deleted_object_is_gone(kept: Kept) -> None:
    digest = kept.staging.put(b"gone")
    kept.staging.delete(digest)
    assert kept.names() == set()
    assert code_of(lambda: kept.staging.read(digest)) == "staged_object_missing"


@pytest.mark.parametrize("other", [b"other bytes", b"the very", b""])
def test_an_altered_object_is_noticed_and_mended_by_the_same_bytes(kept: Kept, other: bytes) -> None:
    digest = kept.staging.put(b"the very bytes")
    kept.alter(digest, other)
    assert code_of(lambda: kept.staging.read(digest)) == "staged_object_altered"
    kept.staging.put(b"the very bytes")
    assert kept.staging.read(digest) == b"the very bytes"


def test_what_was_not_touched_for_long_may_go_and_nothing_else(kept: Kept) -> None:
    long_ago, soon = datetime.now(UTC) - HOUR, datetime.now(UTC) + HOUR
    assert list(kept.staging.untouched_since(soon)) == []
    digests = {kept.staging.put(bytes([n])) for n in range(3)}
    kept.alter("somebody-elses", b"x")
    assert set(kept.staging.untouched_since(soon)) == digests
    assert list(kept.staging.untouched_since(long_ago)) == []
    gone, stays, _ = sorted(digests)
    assert kept.staging.delete_untouched(gone, soon) is True
    assert kept.staging.delete_untouched(gone, soon) is False
    assert kept.staging.delete_untouched(stays, long_ago) is False
    assert kept.names() == digests - {gone} | {"somebody-elses"}


def test_what_came_after_a_look_at_all_is_found(kept: Kept) -> None:
    """Another process stored it: nothing that this one remembers may hide it."""
    kept.staging.put(b"before")
    assert len(list(kept.staging.untouched_since(datetime.now(UTC) + HOUR))) == 1
    digest = hashlib.sha256(b"after").hexdigest()
    kept.alter(digest, b"after")
    assert kept.staging.read(digest) == b"after"
    with kept.staging.open(digest) as stream:
        assert stream.read() == b"after"
    assert kept.staging.delete_untouched(digest, datetime.now(UTC) + HOUR) is True


def test_threads_share_a_staging(kept: Kept) -> None:
    def there_and_back(number: int) -> bool:
        data = bytes([number]) * 10_000
        return kept.staging.read(kept.staging.put(data)) == data

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(there_and_back, range(40)))
    assert len(kept.names()) == 40


def test_check_passes_and_leaves_nothing(kept: Kept) -> None:
    kept.staging.check()
    assert kept.names() == set()
