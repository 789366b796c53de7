"""Staging in a folder, and addresses of it; what holds for every store is in tests/contract/test_staging.py."""

from pathlib import Path

import pytest

from worker.errors import ConfigError, Unavailable
from worker.intake.stage import Staging


def test_a_folder_may_be_given_as_an_address(tmp_path: Path) -> None:
    digest = Staging(f"file://{tmp_path}/s").put(b"phone\n+13347938701\n")
    assert Staging(str(tmp_path / "s")).read(digest) == b"phone\n+13347938701\n"


def test_a_folder_holds_objects_and_nothing_else(tmp_path: Path) -> None:
    staging = Staging(str(tmp_path / "a" / "b"))
    digests = {staging.put(bytes([n])) for n in range(5)}
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == digests


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


@pytest.mark.parametrize("url", ["s3://", "s3:///folder", "gs://", "abfs://"])
def test_a_store_without_a_bucket_is_a_mistake_of_configuration(url: str) -> None:
    with pytest.raises(ConfigError, match="names no bucket") as caught:
        Staging(url)
    assert caught.value.code == "bad_staging_url"


def test_the_address_of_a_bucket_may_hold_no_key() -> None:
    with pytest.raises(ConfigError, match="by the environment") as caught:
        Staging("s3://key:secret@bucket/prefix")
    assert caught.value.code == "bad_staging_url"
    assert "secret" not in caught.value.message
