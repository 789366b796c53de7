"""Pause, resume and cancel at every event of a running upload, in other threads: nobody twice, nobody lost, none after.

Each is asked for twice at a time. What judges is the sandbox's ledger, the order of the journal's lines, and the sums.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.contract.test_faults import CREATE, once
from tests.house import House, adds_up, some_numbers
from worker import control, telemetry
from worker.errors import InputError
from worker.providers.base import Place

ROWS, A_CHUNK = 4, 2
GO_AHEAD = 0.2  # seconds for which a flow stands still at an event, unless whoever acts there is done before
STARTS = pytest.mark.parametrize("start", ["immediate", "verified"])
ALLOWED = {"cannot_pause", "cannot_cancel", "cannot_resume"}  # by whoever comes when it has ended
Act = Callable[[House, str], None]
Fields = telemetry.Fields


def pause(house: House, ulid: str) -> None:
    control.pause(house.ctx, ulid, "anna")


def cancel(house: House, ulid: str) -> None:
    control.cancel(house.ctx, ulid, "anna")


def pause_and_resume(house: House, ulid: str) -> None:
    control.pause(house.ctx, ulid, "anna")
    control.resume(house.ctx, ulid, "anna")


@dataclass
class Upset:
    """Persons who act all at once, the first time that an event is emitted. `troubles`: what nobody should see."""

    house: House
    event: str
    acts: tuple[Act, ...]
    troubles: list[Exception] = field(default_factory=list)
    people: list[threading.Thread] = field(default_factory=list)

    def hear(self, told: str, fields: Fields) -> None:
        if told != self.event or self.people:
            return
        ulid = str(fields["upload"])
        self.people = [threading.Thread(target=self._act, args=(act, ulid)) for act in self.acts]
        for person in self.people:
            person.start()
        for person in self.people:
            person.join(GO_AHEAD)  # where the flow holds a lock here, they wait for it and not it for them

    def _act(self, act: Act, ulid: str) -> None:
        try:
            act(self.house, ulid)
        except InputError as error:
            if error.code not in ALLOWED:
                self.troubles.append(error)
        except Exception as error:
            self.troubles.append(error)


@contextmanager
def upset(house: House, event: str, *acts: Act) -> Iterator[Upset]:
    made = Upset(house, event, acts)
    stop = telemetry.listen(made.hear)
    try:
        yield made
    finally:
        stop()
        for person in made.people:
            person.join(60)
    assert made.people, f"{event} was never emitted"
    assert made.troubles == []


@contextmanager
def heard(events: list[str]) -> Iterator[None]:
    stop = telemetry.listen(lambda event, _: events.append(event))
    try:
        yield
    finally:
        stop()


def run(house: House) -> str:
    """One upload from its beginning to its end, or until it is held; its first request is lost on the way back."""
    house.provider.faults(once("accept_then_hang_up", CREATE))
    ulid = house.upload(some_numbers(ROWS))
    for _ in range(12):
        house.work()
        if house.status(ulid)["state"] in ("finished", "paused", "cancelled"):
            break
        house.turn(20)
    return ulid


def events_of(house: House, start: str) -> list[str]:
    """What is emitted while an upload runs, each once. With lists that are compared first only what that adds."""
    house.account.start = start  # type: ignore[assignment]
    emitted: list[str] = []
    with heard(emitted):
        assert house.status(run(house))["state"] == "finished"
    names = list(dict.fromkeys(emitted))
    return [name for name in names if start == "immediate" or name.startswith(("verify.", "steer."))]


def at_every_event(house: House, start: str, *acts: Act) -> Iterator[str]:
    """Upload after upload, each upset at another event."""
    house.account.chunk_rows = A_CHUNK
    house.provider.put("/outcomes", {"answered": 1.0})
    events = events_of(house, start)
    assert len(events) > 3
    for event in events:
        with upset(house, event, *acts):
            ulid = run(house)
        assert adds_up(house.status(ulid)), event
        yield ulid
    assert house.provider.ledger["called_twice"] == 0


def stored(house: House, ulid: str) -> int:
    """Contacts of an upload that the provider has taken, by its own books."""
    return sum(one["uuid"].startswith(f"{ulid}:") for one in house.provider.contacts)


def sent_after(house: House, ulid: str, arrow: str) -> int:
    """Requests with contacts that were begun after the upload was moved by this arrow."""
    query = (
        "SELECT a.step, a.result FROM attempt a JOIN upload u ON u.id = a.upload_id WHERE u.ulid = :ulid ORDER BY a.id"
    )
    lines = [tuple(line) for line in house.sql(query, ulid=ulid)]
    moved = max(place for place, line in enumerate(lines) if line == ("upload", arrow))
    return sum(step in ("create", "append") for step, _ in lines[moved:])


def nobody_is_dialled(house: House, ulid: str) -> bool:
    references = [one["reference"] for one in house.status(ulid)["lists"]]
    found = [house.ctx.provider("sandbox").status(Place(reference)) for reference in references]
    return not any(one is not None and one.dials and not one.complete for one in found)


@STARTS
def test_a_pause_at_any_moment_holds_and_a_resume_loses_nobody(house: House, start: str) -> None:
    for ulid in at_every_event(house, start, pause, pause):
        house.work()
        if house.status(ulid)["state"] == "paused":
            assert sent_after(house, ulid, "pause") == 0
            assert nobody_is_dialled(house, ulid)
            assert {one["now"] for one in house.status(ulid)["lists"]} <= {"stopped"}
            control.resume(house.ctx, ulid, "anna")
            control.resume(house.ctx, ulid, "anna")
        status = house.finish(ulid, step=20)
        assert (status["state"], status["rows"]["accepted"], stored(house, ulid)) == ("finished", ROWS, ROWS)
        assert "cancelled" not in status["outcomes"]


@STARTS
def test_a_cancel_at_any_moment_sends_nothing_more_and_says_what_was_accepted(house: House, start: str) -> None:
    seen = set()
    for ulid in at_every_event(house, start, cancel, cancel):
        house.finish(ulid, step=20)
        until_it_has_ended(house, ulid)
        status = house.status(ulid)
        rows = status["rows"]
        if status["state"] == "cancelled" and rows["total"]:
            assert sent_after(house, ulid, "cancel") == 0
            assert rows["accepted"] + rows["cancelled"] == ROWS
            assert nobody_is_dialled(house, ulid)
        assert rows["accepted"] == stored(house, ulid)
        seen.add(rows["accepted"])
    assert seen == ({0, A_CHUNK, ROWS} if start == "immediate" else {ROWS})


def until_it_has_ended(house: House, ulid: str) -> None:
    """What was accepted before the cancel is heard of to its end."""

    def ended(_status: object) -> bool:
        return bool(house.sql("SELECT 1 FROM upload WHERE ulid = :ulid AND ended_at IS NOT NULL", ulid=ulid))

    house.run(ulid, until=ended, step=20)


@STARTS
def test_a_pause_and_a_resume_on_its_heels_lose_nobody(small_house: House, start: str) -> None:
    """What the databases differ in is met by a pause and by a resume each on its own."""
    house = small_house
    for ulid in at_every_event(house, start, pause_and_resume, pause_and_resume):
        if house.status(ulid)["state"] == "paused":  # one's pause came after the other's resume
            control.resume(house.ctx, ulid, "anna")
        status = house.finish(ulid, step=20)
        assert (status["state"], status["rows"]["accepted"], stored(house, ulid)) == ("finished", ROWS, ROWS)
        assert "cancelled" not in status["outcomes"]


def test_whoever_else_decides_a_cancel_is_final(small_house: House) -> None:
    for ulid in at_every_event(small_house, "immediate", pause_and_resume, cancel):
        small_house.finish(ulid, step=20)
        until_it_has_ended(small_house, ulid)
        rows = small_house.status(ulid)["rows"]
        assert rows["accepted"] == stored(small_house, ulid)
        assert small_house.status(ulid)["state"] == "finished" or sent_after(small_house, ulid, "cancel") == 0
