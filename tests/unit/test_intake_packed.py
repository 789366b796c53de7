"""Packed files: what is in them is read like any other file, and bombs and damage are refused whole."""

import gzip
import io
import tracemalloc
import zipfile
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from tests.unit.intake_case import order, phone, taking
from tests.unit.packing import PACKINGS, zipped, zstd
from worker.errors import InputError, Unavailable
from worker.intake.dialect import Dialect
from worker.intake.opened import open_list, peek
from worker.intake.run import take_in
from worker.intake.stage import Staging
from worker.intake.unpack import Origin, unpacked

LIST = ("phone,name\n" + "".join(f"{phone(n)},Zoë {n}\n" for n in range(2000))).encode()
BOMB = b"phone,name\n" + b"+13347930001,\n" * 400_000
LIMIT = 1_000_000


def refusal(data: bytes, limit: int = 20 * LIMIT) -> str:
    """The code with which a file is refused, on opening or while it is read."""
    with pytest.raises(InputError) as caught:
        for _ in open_list(io.BytesIO(data), Dialect(), limit=limit).blocks():
            pass
    return caught.value.code


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("block_bytes", [1000, 4 << 20])
def test_a_packed_file_is_the_file_within(tmp_path: Path, packing: str, block_bytes: int) -> None:
    taken = taking(tmp_path)(PACKINGS[packing](LIST), block_bytes=block_bytes)
    assert [row["name"] for row in taken.sent()] == [f"Zoë {n}" for n in range(2000)]
    assert taken.rejects() == []


def test_pieces_packed_one_behind_another_are_one_file() -> None:
    half = LIST.index(b"\n", len(LIST) // 2)
    for pack in (gzip.compress, zstd):
        blocks = open_list(io.BytesIO(pack(LIST[:half]) + pack(LIST[half:])), Dialect()).blocks()
        assert sum(block.records for block in blocks) == 2000


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_bomb_is_refused_before_it_is_unpacked(packing: str) -> None:
    data = PACKINGS[packing](BOMB)
    assert len(data) < LIMIT / 20
    tracemalloc.start()
    assert refusal(data, LIMIT) == "source_too_large"
    assert tracemalloc.get_traced_memory()[1] < 4 * LIMIT + (4 << 20)
    tracemalloc.stop()


def test_a_limit_that_is_just_reached_is_kept() -> None:
    for pack in PACKINGS.values():
        assert peek(io.BytesIO(pack(LIST)), Dialect(), len(LIST)) == ["phone", "name"]
        assert refusal(pack(LIST), len(LIST) - 1) == "source_too_large"


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_file_that_is_cut_or_damaged_is_refused_whole(packing: str) -> None:
    data = PACKINGS[packing](LIST)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 0xFF
    # This zstd stream carries no checksum, so that not every flipped bit can be seen.
    for broken in [data[: len(data) // 2], data[:-1], *([bytes(flipped)] if packing != "zst" else [])]:
        assert refusal(broken) == "bad_archive"


@pytest.mark.parametrize(
    "data",
    [
        zipped(),
        zipped(("a.csv", LIST), ("b.csv", LIST)),
        gzip.compress(LIST) + b"and more",
        b"PK\x03\x04 is no archive",
    ],
)
def test_what_is_not_one_packed_file_is_refused(data: bytes) -> None:
    assert refusal(data) == "bad_archive"


def test_an_empty_archive_is_no_failure_of_the_disk_it_lies_on(tmp_path: Path) -> None:
    (tmp_path / "empty.zip").write_bytes(zipped())
    with (tmp_path / "empty.zip").open("rb") as file, pytest.raises(InputError, match="holds 0 files"):
        open_list(Origin(file), Dialect())  # type: ignore[arg-type]


def test_what_a_mac_puts_into_a_zip_is_passed_over() -> None:
    data = zipped(("lists/", b""), ("lists/a.csv", LIST), ("__MACOSX/lists/._a.csv", b"x"), ("lists/.DS_Store", b"x"))
    assert peek(io.BytesIO(data), Dialect()) == ["phone", "name"]


def test_a_zip_with_a_password_is_refused() -> None:
    data = bytearray(zipped(("a.csv", LIST), method=zipfile.ZIP_STORED))
    for record, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(record) + flags] |= 1
    assert refusal(bytes(data)) == "bad_archive"


@pytest.mark.parametrize("head", [b"%PDF-1.7", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"Rar!\x1a\x07", b"PAR1\x15\x04"])
def test_what_is_no_call_list_is_named(head: bytes) -> None:
    assert refusal(head + b"\n" * 100) == "unsupported_file"


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("within", [zipped(("xl/workbook.xml", b"")), gzip.compress(LIST), zstd(LIST), b"%PDF-1.7"])
def test_what_is_packed_in_a_packed_file_is_named(packing: str, within: bytes) -> None:
    assert refusal(PACKINGS[packing](within)) == "unsupported_file"


@pytest.mark.parametrize("size", [1, 3, 8, 9, 1 << 20, -1])
def test_a_packed_file_is_read_from_its_first_byte(size: int) -> None:
    for pack in PACKINGS.values():
        assert b"".join(iter(partial(unpacked(io.BytesIO(pack(LIST)), LIMIT).read, size), b"")) == LIST


class Failing(io.BytesIO):
    """Staging that goes away after some reads."""

    left = 3

    def read(self, size: int | None = -1) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("gone")
        return super().read(min(size or 0, 200))


def test_staging_that_goes_away_is_no_damage_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        take_in(cast(BinaryIO, Failing(gzip.compress(LIST))), order(), Staging(str(tmp_path)))
    assert caught.value.code == "staging_unavailable"
