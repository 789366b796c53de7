"""One way of taking a file in, run in a process of its own: `python -m tests.benchmarks.measured WAY …` prints JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[[], dict[str, Any]]


def intake(file: str, region: str, not_called: str, folder: str) -> Work:
    """From the file to staged payloads, every check on, with the settings that an account has by itself."""

    def work() -> dict[str, Any]:
        import numpy as np

        from worker.intake.dialect import Dialect
        from worker.intake.run import Order, take_in
        from worker.intake.stage import Staging
        from worker.settings import AccountSettings

        usual = AccountSettings()
        order = Order(
            token="01ARZ3NDEKTSV4RRFFQ69G5FAV",
            phone_column="phone",
            region=region or None,
            dialect=Dialect(),
            starts_at=None,
            now=1_800_000_000,
            max_rows=usual.chunk_rows,
            max_bytes=usual.chunk_bytes,
            suppressed=np.load(not_called),
        )
        with open(file, "rb") as source:
            taken = take_in(source, order, Staging(folder))
        sent = sum(chunk.rows for chunk in taken.chunks)
        kinds = {"rejected": taken.rejected, "duplicate": taken.duplicate, "suppressed": taken.suppressed}
        return {"total": taken.total, "sent": sent, **kinds}

    return work


def script(file: str, region: str, not_called: str, folder: str) -> Work:
    """What one writes in an afternoon."""

    def work() -> dict[str, Any]:
        import csv

        import numpy as np
        import phonenumbers

        avoided = {f"+{number}" for number in np.load(not_called).tolist()}
        seen: set[str] = set()
        total = 0
        with open(file, newline="") as source, open(f"{folder}.csv", "w", newline="") as out:
            reader = csv.DictReader(source)
            writer = csv.DictWriter(out, reader.fieldnames or [])
            writer.writeheader()
            began = time.perf_counter()
            for row in reader:
                total += 1
                try:
                    number = phonenumbers.parse(row["phone"], region or None)
                except phonenumbers.NumberParseException:
                    continue
                if not phonenumbers.is_valid_number(number):
                    continue
                e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                if e164 not in seen and e164 not in avoided:
                    seen.add(e164)
                    writer.writerow({**row, "phone": e164})
            took = time.perf_counter() - began
        return {"total": total, "sent": len(seen), "loop": took}

    return work


def polars(file: str, region: str, not_called: str, folder: str) -> Work:
    """Reading and writing and nothing else, as a stream."""

    def work() -> dict[str, Any]:
        import polars as pl

        pl.scan_csv(file, infer_schema=False).sink_csv(f"{folder}.csv")
        return {}

    return work


def peak() -> int:
    """The most memory this process ever had, in bytes."""
    try:  # what getrusage says begins with the size of the process that started this one
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def forget(file: str) -> None:
    """Drop the file from the system's memory, where that can be done."""
    if hasattr(os, "posix_fadvise"):
        with open(file, "rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main(way: str, times: str, file: str, *others: str) -> None:
    work = {"intake": intake, "script": script, "polars": polars}[way](file, *others)  # type: ignore[operator]
    forget(file)
    runs = []
    for _ in range(int(times)):
        wall, processor = time.perf_counter(), time.process_time()
        told = work()
        runs.append({"wall": time.perf_counter() - wall, "processor": time.process_time() - processor, **told})
    print(json.dumps({"runs": runs, "peak": peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
