"""Staging: bytes in, digest out, and nothing that pretends to be those bytes afterwards."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.errors import ConfigError, StagingError, Unavailable
from worker.intake.stage import Staging


@pytest.fixture(params=["path", "file", "memory"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> Staging:
    urls = {"path": str(tmp_path / "s"), "file": f"file://{tmp_path}/s", "memory": f"memory://{tmp_path.name}"}
    return Staging(urls[request.param])


def test_what_was_put_comes_back_under_its_digest(staging: Staging) -> None:
    digest = staging.put(b"phone\n+13347938701\n")
    assert digest == hashlib.sha256(b"phone\n+13347938701\n").hexdigest()
    assert staging.read(digest) == b"phone\n+13347938701\n"
    assert staging.put(b"phone\n+13347938701\n") == digest


def test_an_empty_object_is_an_object(staging: Staging) -> None:
    assert staging.read(staging.put(b"")) == b""


def test_a_stream_is_stored_without_being_joined(staging: Staging, tmp_path: Path) -> None:
    digest, size = staging.put_stream(bytes([n]) * 1000 for n in range(50))
    assert (size, len(staging.read(digest))) == (50_000, 50_000)
    file = tmp_path / "big"
    file.write_bytes(b"x" * 3_000_000)
    digest, size = staging.put_file(file)
    assert size == 3_000_000
    with staging.open(digest) as stream:
        stream.seek(-1, 2)
        assert stream.read() == b"x"
    assert file.exists()


def test_a_stream_that_breaks_leaves_nothing_and_keeps_its_own_error(staging: Staging, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the source went away")

    with pytest.raises(OSError, match="the source went away"):
        staging.put_stream(broken())
    with pytest.raises(StagingError):
        staging.read(hashlib.sha256(b"half").hexdigest())
    assert not list(tmp_path.glob("s/*"))


def test_missing_objects_are_named(staging: Staging) -> None:
    for read in (staging.read, staging.open):
        with pytest.raises(StagingError, match="is missing") as caught:
            read("0" * 64)
        assert caught.value.code == "staged_object_missing"
    staging.delete("0" * 64)


def test_a_deleted_object_is_gone(staging: Staging) -> None:
    digest = staging.put(b"gone")
    staging.delete(digest)
    with pytest.raises(StagingError):
        staging.read(digest)


def test_an_altered_object_is_noticed_and_mended_by_the_same_bytes(tmp_path: Path) -> None:
    staging = Staging(str(tmp_path))
    digest = staging.put(b"the very bytes")
    (tmp_path / digest).write_bytes(b"other bytes")
    with pytest.raises(StagingError) as caught:
        staging.read(digest)
    assert caught.value.code == "staged_object_altered"
    staging.put(b"the very bytes")
    assert staging.read(digest) == b"the very bytes"


def test_a_folder_holds_objects_and_nothing_else(tmp_path: Path) -> None:
    staging = Staging(str(tmp_path / "a" / "b"))
    digests = {staging.put(bytes([n])) for n in range(5)}
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == digests


def test_check_passes_and_leaves_nothing(tmp_path: Path) -> None:
    Staging(str(tmp_path)).check()
    assert not list(tmp_path.iterdir())


def test_check_fails_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable) as caught:
        Staging(str(tmp_path / "file")).check()
    assert caught.value.code == "staging_unavailable"


def test_an_unknown_store_is_a_mistake_of_configuration_and_its_key_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        Staging("nosuchstore://key:secret@host/bucket?token=secret")
    assert caught.value.code == "bad_staging_url"
    assert "secret" not in caught.value.message
    assert "nosuchstore://host/bucket" in caught.value.message
