"""Intake: a call list's bytes in, staged chunks and rejects out, every record in exactly one set."""

from worker.intake.cut import StagedChunk
from worker.intake.dialect import Dialect
from worker.intake.header import resolve_phone_column
from worker.intake.need import memory_needed
from worker.intake.opened import peek
from worker.intake.rejects import SENTENCES, Code, read_rejects, sentence
from worker.intake.run import Intake, Order, take_in
from worker.intake.stage import Staging

__all__ = [
    "SENTENCES",
    "Code",
    "Dialect",
    "Intake",
    "Order",
    "StagedChunk",
    "Staging",
    "memory_needed",
    "peek",
    "read_rejects",
    "resolve_phone_column",
    "sentence",
    "take_in",
]
