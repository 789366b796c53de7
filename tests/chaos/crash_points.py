"""Where a worker may die: every event that the code emits, and how a house comes to the moment before it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from schedules.sweep import sweep
from tests.chaos.dying_worker import dies
from tests.house import FLOWS, START, House
from worker import control, producer, suppress, withdraw
from worker.settings import Timing

ROWS = 250  # three chunks: one creates the list, two are appended
LEASE = Timing().lease + 1
CREATE, APPEND = "CreateCallList", "AppendToCallList"


class Bell(NamedTuple):
    """The upload, and the bell that the dying worker answers."""

    ulid: str
    flow: str
    key: Any


@dataclass(frozen=True)
class CrashPoint:
    """`prepare` brings a house to the moment; `afterwards` is what people do about it, if anything."""

    event: str
    when: str
    prepare: Callable[[House], Bell]
    nth: int = 1
    rows: int = ROWS
    withdrawn: int = 0
    afterwards: Callable[[House, str], None] = lambda house, ulid: None

    def __str__(self) -> str:
        return f"{self.event}, {self.when}"


def list_id(house: House) -> int:
    return int(house.sql("SELECT id FROM call_list ORDER BY id DESC LIMIT 1")[0][0])


def lose(house: House, method: str) -> None:
    """The next request of this kind is stored, and its answer is lost."""
    house.provider.faults({"fault": "accept_then_hang_up", "share": 1, "methods": [method], "times": 1})


def job(house: House) -> dict[str, Any]:
    numbers = [f"+1202{3000000 + row}" for row in range(ROWS)]
    return {"source": str(house.file(numbers)), "account": "sandbox", "idempotency_key": "one"}


def pushed(house: House) -> Bell:
    return Bell("", "enqueue", job(house))


def push_again(house: House, ulid: str) -> None:
    """What an app does that was given no receipt."""
    assert producer.enqueue(job(house), context=house.ctx).created is False


def received(house: House) -> Bell:
    ulid = house.upload(ROWS)
    return Bell(ulid, "ingest", ulid)


def without_staging(house: House) -> Bell:
    """The disk is away: a file stands in its place."""
    bell, staging = received(house), house.ctx.settings.home / "staging"
    staging.rename(staging.with_name("away"))
    staging.touch()
    return bell


def bring_staging_back(house: House, ulid: str) -> None:
    staging = house.ctx.settings.home / "staging"
    staging.unlink()
    staging.with_name("away").rename(staging)


def taken_in(house: House) -> Bell:
    ulid = house.upload(ROWS)
    FLOWS["ingest"](house.ctx, ulid)
    return Bell(ulid, "submit", list_id(house))


def taken_in_for_kore(house: House) -> Bell:
    """A provider that makes a list in one request and fills it in the next ones."""
    house.provider.put("/kore/limits", {"requests_per_minute": 0})
    house.provider.put("/switches", {"kore_add_delay_ms": 0, "kore_prepare_delay_ms": 0})
    ulid = house.upload(ROWS, account="kore")
    FLOWS["ingest"](house.ctx, ulid)
    return Bell(ulid, "submit", list_id(house))


def in_doubt(method: str) -> Callable[[House], Bell]:
    def arrive(house: House) -> Bell:
        ulid, _, key = taken_in(house)
        lose(house, method)
        FLOWS["submit"](house.ctx, key)
        house.turn(house.account.http_deadline + 1)
        return Bell(ulid, "reconcile", key)

    return arrive


def never_sent(house: House) -> Bell:
    ulid, flow, key = taken_in(house)
    dies(house, flow, key, "submit.sending")
    house.turn(LEASE)
    sweep(house.ctx)
    return Bell(ulid, "reconcile", key)


def not_seen_once(house: House) -> Bell:
    bell = never_sent(house)
    FLOWS["reconcile"](house.ctx, bell.key)
    house.turn(house.account.settle + 1)
    return bell


def seen_in_part(house: House) -> Bell:
    """The details show half of the list, and have done so for longer than `settle`."""
    bell = in_doubt(CREATE)(house)
    house.provider.faults({"fault": "partial_details", "share": 1})
    FLOWS["reconcile"](house.ctx, bell.key)
    house.turn(house.account.settle + 1)
    return bell


def show_all(house: House, ulid: str) -> None:
    house.provider.faults()


def too_late(house: House) -> Bell:
    ulid = house.upload(ROWS, starts_at=(START + timedelta(minutes=2)).isoformat())
    FLOWS["ingest"](house.ctx, ulid)
    house.now += timedelta(hours=3)
    return Bell(ulid, "sweep", None)


def late_with_windows(house: House) -> Bell:
    """It is sent hours after its start, and so wants other calling windows; the provider's are open."""
    now = house.provider.client.get("/clock").json()["now"]
    house.provider.put("/clock", {"advance": (15 * 3600 - now) % 86_400})
    ulid = house.upload(ROWS, window="legal", starts_at=(START + timedelta(minutes=2)).isoformat())
    FLOWS["ingest"](house.ctx, ulid)
    house.now += timedelta(hours=3)
    sweep(house.ctx)
    control.resume(house.ctx, ulid, "anna")
    return Bell(ulid, "submit", list_id(house))


def sent_and_expired(house: House) -> Bell:
    ulid, flow, key = taken_in(house)
    dies(house, flow, key, "submit.answered")
    house.turn(LEASE)
    return Bell(ulid, "sweep", None)


def dialing(house: House) -> Bell:
    ulid = house.upload(ROWS)
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.5)
    return Bell(ulid, "collect", list_id(house))


def filled_and_held(house: House) -> Bell:
    house.account.start = "verified"
    ulid = house.upload(ROWS)
    house.run(ulid, until=lambda s: s["rows"]["accepted"] == ROWS, step=0.1)
    return Bell(ulid, "verify", list_id(house))


def all_ended(house: House) -> Bell:
    bell = dialing(house)
    house.turn(3600)
    return bell


def at_the_deadline(house: House) -> Bell:
    """Days have passed for us and none for the provider: nobody was dialled."""
    bell = dialing(house)
    house.now += timedelta(days=4)
    return bell


def completed_before_a_later_start(house: House) -> Bell:
    later = START + timedelta(hours=3)
    people = house.folder / "starts.csv"
    people.write_text(f"phone,__start_at\n+12023000000,\n+12023000001,{later.isoformat()}\n")
    ulid = house.upload(source=people)
    house.run(ulid, until=lambda s: bool(house.sql("SELECT 1 FROM outcome WHERE terminal")), step=5)
    house.run(ulid, until=lambda s: house.now >= later - timedelta(seconds=30), step=600, limit=4 * 3600)
    house.lose_bells()
    house.now = later
    return Bell(ulid, "submit", list_id(house))


def paused(house: House) -> Bell:
    ulid, _, key = dialing(house)
    control.pause(house.ctx, ulid, "anna")
    return Bell(ulid, "steer", key)


def resumed(house: House) -> Bell:
    bell = paused(house)
    FLOWS["steer"](house.ctx, bell.key)
    control.resume(house.ctx, bell.ulid, "anna")
    return bell


def go_on(house: House, ulid: str) -> None:
    control.resume(house.ctx, ulid, "anna")


def without_money(house: House) -> Bell:
    house.provider.put("/balance", {"balance": 0})
    return taken_in(house)


def topped_up(house: House) -> Bell:
    ulid, flow, key = without_money(house)
    FLOWS[flow](house.ctx, key)
    top_up(house, ulid)
    house.turn(house.ctx.settings.timing.probe_every + 1)
    return Bell(ulid, "probe", "sandbox")


def top_up(house: House, ulid: str) -> None:
    house.provider.put("/balance", {"balance": 100})


def withdrawn_before(house: House) -> Bell:
    """Somebody asks not to be called, before and after his chunk is sent."""
    ulid = house.upload(ROWS)
    FLOWS["ingest"](house.ctx, ulid)
    withdraw.ask(house.ctx, ulid, [1], "anna", "asked by mail")
    return Bell(ulid, "withdraw", ulid)


def withdrawn_after(house: House) -> Bell:
    ulid = house.upload(ROWS, options={"max_simultaneous": 1})
    house.run(ulid, until=lambda s: s["state"] == "dialing", step=0.01)
    withdraw.ask(house.ctx, ulid, [ROWS], "anna", "asked by mail")
    return Bell(ulid, "withdraw", ulid)


def listed_before(house: House) -> Bell:
    """A number comes onto the do-not-call list after its contact was taken in."""
    ulid = house.upload(ROWS)
    FLOWS["ingest"](house.ctx, ulid)
    suppress.add(house.ctx, "sandbox", [12022000000], "asked by mail", "anna")
    return Bell(ulid, "suppress", "sandbox")


def edited(house: House) -> Bell:
    bell = dialing(house)
    control.edit(house.ctx, bell.ulid, {"max_simultaneous": 5}, "anna")
    return Bell(bell.ulid, "steer", bell.key)


SENDING = (
    CrashPoint("submit.running", "before anything", taken_in),
    CrashPoint("submit.sending", "before the create", taken_in),
    CrashPoint("submit.sending", "before an append", taken_in, nth=2),
    CrashPoint("submit.answered", "after the create", taken_in),
    CrashPoint("submit.answered", "after an append", taken_in, nth=2),
    CrashPoint("submit.settled", "after the create", taken_in),
    CrashPoint("submit.settled", "after the last append", taken_in, nth=3),
    CrashPoint("submit.step", "with a list that nobody is in", taken_in_for_kore),
    CrashPoint("submit.rotated", "into a second list", completed_before_a_later_start, rows=2),
)
ELSEWHERE = (
    CrashPoint("producer.received", "before the receipt", pushed, afterwards=push_again),
    CrashPoint("ingest.claimed", "before reading", received),
    CrashPoint("ingest.staged", "with every chunk staged", received),
    CrashPoint("ingest.finished", "before the bell", received),
    CrashPoint("ingest.put_off", "while staging is away", without_staging, afterwards=bring_staging_back),
    CrashPoint("verify.comparing", "before a held list may dial", filled_and_held),
    CrashPoint("verify.approved", "before the list is let go", filled_and_held),
    CrashPoint("reconcile.looking", "for a create that arrived", in_doubt(CREATE)),
    CrashPoint("reconcile.looking", "for an append that arrived", in_doubt(APPEND)),
    CrashPoint("reconcile.looking", "for the second time in vain", not_seen_once),
    CrashPoint("reconcile.settled", "with a create found", in_doubt(CREATE)),
    CrashPoint("reconcile.settled", "with an append found", in_doubt(APPEND)),
    CrashPoint("reconcile.settled", "with nothing found yet", never_sent),
    CrashPoint("reconcile.settled", "with absence proved", not_seen_once),
    CrashPoint("collect.asking", "while numbers move", dialing),
    CrashPoint("collect.stored", "while numbers move", dialing),
    CrashPoint("collect.asking", "when all has ended", all_ended),
    CrashPoint("collect.stored", "when all has ended", all_ended),
    CrashPoint("collect.closed", "at the deadline", at_the_deadline),
    CrashPoint("steer.sending", "the stop of a paused upload", paused, afterwards=go_on),
    CrashPoint("steer.answered", "of a paused upload", paused, afterwards=go_on),
    CrashPoint("steer.arrived", "of a paused upload", paused, afterwards=go_on),
    CrashPoint("steer.sending", "the recovery of a resumed upload", resumed),
    CrashPoint("steer.answered", "of a resumed upload", resumed),
    CrashPoint("steer.arrived", "of a resumed upload", resumed),
    CrashPoint("steer.answered", "with changed options", edited),
    CrashPoint("suppress.compared", "before the sending goes on", listed_before, rows=ROWS - 1, withdrawn=1),
    CrashPoint("withdraw.unsent", "before he is left out", withdrawn_before, rows=ROWS - 1, withdrawn=1),
    CrashPoint("withdraw.sending", "before he is taken back", withdrawn_after),
    CrashPoint("withdraw.answered", "with him taken back", withdrawn_after),
    CrashPoint("retime.renewed", "with other windows", late_with_windows),
    CrashPoint("retime.renewed", "with those of an append", late_with_windows, nth=2),
    CrashPoint("chunk.review", "before a person is asked", seen_in_part, afterwards=show_all),
    CrashPoint("sweep.late", "once it is too late", too_late, afterwards=go_on),
    CrashPoint("sweep.expired", "before the bells", sent_and_expired),
    CrashPoint("account.held", "before anybody hears of it", without_money, afterwards=top_up),
    CrashPoint("account.released", "before anybody goes on", topped_up),
)
