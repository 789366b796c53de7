"""One way of taking a file in, run in a process of its own: `python -m tests.benchmarks.measured WAY …` prints JSON."""

import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

WHO = {"account_id": "1", "api_key": "sandbox"}
POSTED = 10_000  # rows a request, as `split` makes them in the other rival
Work = Callable[[], dict[str, Any]]


def intake(file: str, region: str, not_called: str, folder: str) -> Work:
    """From the file to staged payloads, every check on, with the settings that an account has by itself."""

    def work() -> dict[str, Any]:
        import numpy as np

        from worker.intake.dialect import Dialect
        from worker.intake.run import Order, take_in
        from worker.intake.stage import Staging
        from worker.settings import AccountSettings
        from worker.sizes import USUAL

        usual = AccountSettings()
        order = Order(
            token="01ARZ3NDEKTSV4RRFFQ69G5FAV",
            phone_column="phone",
            region=region or None,
            dialect=Dialect(),
            starts_at=None,
            now=1_800_000_000,
            sizes=USUAL,
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

        avoided = {f"+{number}" for number in np.load(not_called).tolist()}
        total = sent = 0
        with open(file, newline="") as source, open(f"{folder}.csv", "w", newline="") as out:
            reader = csv.DictReader(source)
            writer = csv.DictWriter(out, reader.fieldnames or [])
            writer.writeheader()
            began = time.perf_counter()
            for row in by_hand(reader, region, avoided):
                total += 1
                if row:
                    sent += 1
                    writer.writerow(row)
            took = time.perf_counter() - began
        return {"total": total, "sent": sent, "loop": took}

    return work


def sender(file: str, region: str, url: str) -> Work:
    """The same, and each 10,000 of them are posted as a list of their own."""

    def work() -> dict[str, Any]:
        import csv
        import io

        import httpx

        total = sent = 0
        with open(file, newline="") as source, httpx.Client(timeout=60) as client:
            reader = csv.DictReader(source)
            began = time.perf_counter()
            rows = by_hand(reader, region, set())
            while some := list(itertools.islice(rows, POSTED)):
                good = [row for row in some if row]
                text = io.StringIO()
                writer = csv.DictWriter(text, reader.fieldnames or [])
                writer.writeheader()
                writer.writerows(good)
                files = {"file_content": ("list.csv", text.getvalue().encode())}
                answer = client.post(url, data=WHO, files=files)
                assert answer.json()["count"] == len(good)
                total, sent = total + len(some), sent + len(good)
            took = time.perf_counter() - began
        return {"total": total, "sent": sent, "loop": took}

    return work


def by_hand(rows: Iterable[dict[str, str]], region: str, avoided: set[str]) -> Iterator[dict[str, str] | None]:
    """Each row with its number in E.164; None where it cannot be called, comes again, or is to be left alone."""
    import phonenumbers

    seen: set[str] = set()
    for row in rows:
        try:
            number = phonenumbers.parse(row["phone"], region or None)
        except phonenumbers.NumberParseException:
            yield None
            continue
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if not phonenumbers.is_valid_number(number) or e164 in seen or e164 in avoided:
            yield None
            continue
        seen.add(e164)
        yield {**row, "phone": e164}


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
    work = {"intake": intake, "script": script, "sender": sender, "polars": polars}[way](file, *others)  # type: ignore[operator]
    forget(file)
    runs = []
    for _ in range(int(times)):
        wall, processor = time.perf_counter(), time.process_time()
        told = work()
        runs.append({"wall": time.perf_counter() - wall, "processor": time.process_time() - processor, **told})
    print(json.dumps({"runs": runs, "peak": peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
