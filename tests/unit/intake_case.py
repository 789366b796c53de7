"""A small call list, taken in and looked at again from outside: its payloads by Python's csv, its rejects by row."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from worker.intake.cut import StagedChunk
from worker.intake.dialect import Dialect
from worker.intake.rejects import read_rejects
from worker.intake.run import Intake, Order, take_in
from worker.intake.stage import Staging
from worker.sizes import fixed

TOKEN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
NOW = 1_800_000_000


def phone(n: int) -> str:
    """A valid number of the United States."""
    return f"+1334793{n:04d}"


def order(**changes: Any) -> Order:
    """The usual order with some of it changed."""
    usual: dict[str, Any] = {
        "token": TOKEN,
        "phone_column": None,
        "region": "US",
        "dialect": Dialect(),
        "starts_at": None,
        "now": NOW,
        "sizes": fixed(1000),
        "max_bytes": 1 << 20,
    }
    return Order(**{**usual, **changes})


@dataclass(frozen=True)
class Taken:
    intake: Intake
    staging: Staging

    def payload(self, chunk: StagedChunk) -> bytes:
        return self.staging.read(chunk.digest)

    def sent(self, delimiter: str = ";") -> list[dict[str, str]]:
        """Every row that goes out, as a provider would read it."""
        rows: list[dict[str, str]] = []
        for chunk in self.intake.chunks:
            text = io.StringIO(self.payload(chunk).decode(), newline="")
            rows += csv.DictReader(text, delimiter=delimiter)
        return rows

    def index(self) -> list[dict[str, Any]]:
        """The index rows of all chunks, in the order of the payloads."""
        return [
            row
            for chunk in self.intake.chunks
            for row in pq.read_table(io.BytesIO(self.staging.read(chunk.index_digest))).to_pylist()
        ]

    def rejects(self) -> list[dict[str, Any]]:
        digest = self.intake.rejects_digest
        return [] if digest is None else [r for batch in read_rejects(self.staging, digest) for r in batch.to_pylist()]

    def codes(self) -> dict[int, str]:
        """Row number to code."""
        return {reject["row"]: reject["code"] for reject in self.rejects()}


Taking = Callable[..., Taken]


def taking(folder: Path) -> Taking:
    """Takes in bytes or text under an order with changes."""

    def take(data: bytes | str, **changes: Any) -> Taken:
        staging = Staging(str(folder))
        source = io.BytesIO(data.encode() if isinstance(data, str) else data)
        return Taken(take_in(source, order(**changes), staging), staging)

    return take
