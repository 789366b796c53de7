"""What a load run came to, in words and numbers."""

from collections.abc import Iterator

from tests.load.run import Carried, Load

MB = 1_000_000
HOUR = 3600.0
SERVERS = {"PostgreSQL": "PostgreSQL", "broker": "the broker"}
OUTSIDE = ("sandbox",)  # not of the fleet


def lines(load: Load) -> Iterator[str]:
    """A short report."""
    yield f"{len(load.uploads)} uploads of {load.uploads[0].rows:,} rows, {_crew(load)}"
    for number, one in enumerate(load.alone, 1):
        worker = "a fresh intake worker" if one.fresh else "a warm one"
        yield f"  upload {number} alone, {worker}: {_told(one)}"
    for number, one in enumerate(load.together, len(load.alone) + 1):
        yield f"  upload {number}, {len(load.together)} at once: {_told(one)}"
    yield from _rates(load)
    yield from _processes(load)


def _crew(load: Load) -> str:
    crew = load.crew
    return f"{crew.intake} intake, {crew.submit} submit and {crew.collect} collect processes, one beat"


def _told(one: Carried) -> str:
    steps = f"read after {one.read - one.given:.1f}, first sent after {one.sent - one.given:.1f}"
    return f"{one.accepted:,} accepted, the last {one.seconds:.1f} s after enqueue began ({steps})"


def _rates(load: Load) -> Iterator[str]:
    sent = sum(one.accepted for one in load.together)
    took = max(one.taken for one in load.together) - min(one.sent for one in load.together)
    everybody = sum(one.accepted for one in load.uploads)
    each = sent / took / load.crew.submit * HOUR
    yield f"at once: {each / 1e6:,.0f} M contacts an hour for each submit worker, at this provider and on this machine"
    work = sum(seconds for name, seconds in used(load).items() if name.startswith("submit"))
    yield f"a submit worker needs {work / everybody * 1e6:.1f} s of the processor for 1 M contacts"
    yield f"outcomes of {everybody:,} contacts: {load.ended - load.called:.1f} s after all had been called"


def _processes(load: Load) -> Iterator[str]:
    seconds, most = used(load), peaks(load)
    of_fleet = sum(value for name, value in seconds.items() if name not in OUTSIDE)
    for name, told in SERVERS.items():
        if name in seconds:
            yield f"{told} took {seconds[name] / of_fleet:.0%} of the fleet's processor time"
    yield "process        most memory   processor"
    for name in sorted(seconds):
        yield f"  {name:<12} {most[name] / MB:8.0f} MB  {seconds[name]:8.1f} s"


def used(load: Load) -> dict[str, float]:
    """Seconds of the processor by process, from the first look to the last."""
    first, last = load.watch.samples[0], load.watch.samples[-1]
    return {name: seconds - first.processor[name] for name, seconds in last.processor.items()}


def peaks(load: Load) -> dict[str, int]:
    """The most bytes that were seen of each process."""
    samples = load.watch.samples
    return {name: max(sample.memory[name] for sample in samples) for name in samples[0].memory}
