"""Intake: a call list's bytes in, staged chunks and rejects out, every record in exactly one set."""

from worker.intake.correct import cells_of, header_to_correct, rows_to_correct
from worker.intake.cut import StagedChunk
from worker.intake.dialect import DELIMITERS, Dialect
from worker.intake.header import ROW, column_named, resolve_phone_column
from worker.intake.need import memory_needed
from worker.intake.opened import open_list, peek
from worker.intake.rejects import SENTENCES, Code, read_rejects, sentence
from worker.intake.run import Intake, Order, take_in
from worker.intake.stage import Staging

__all__ = [
    "DELIMITERS",
    "ROW",
    "SENTENCES",
    "Code",
    "Dialect",
    "Intake",
    "Order",
    "StagedChunk",
    "Staging",
    "cells_of",
    "column_named",
    "header_to_correct",
    "memory_needed",
    "open_list",
    "peek",
    "read_rejects",
    "resolve_phone_column",
    "rows_to_correct",
    "sentence",
    "take_in",
]
