"""The judges of a round. They know the file that was given, the provider's ledger, and SQL; none of Rollcall's code.

What they say is a list of sentences; an empty one means that nothing is wrong.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.chaos.given import Given
from tests.chaos.members import members
from tests.chaos.troubles import STRANGER
from tests.house import House

ENDED = ("finished", "cancelled", "failed")
AT_PROVIDER, IN_DOUBT = ("accepted", "finished"), ("claimed", "unknown", "review")
NEVER_SENT = ("staged", "ready", "refused", "cancelled", "skipped")
P1 = """
    SELECT u.ulid, u.total, u.rejected + u.duplicate + u.suppressed + coalesce(sum(c.rows), 0)
    FROM upload u LEFT JOIN chunk c ON c.upload_id = u.id GROUP BY u.id
"""
IN_TIME = timedelta(hours=1, seconds=15)  # from a start, or a person's word, to the latest moment of a call


@dataclass
class Verdict:
    """Contacts of a round, and what became of those with whom something went wrong."""

    contacts: int = 0
    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One acceptance in the provider's ledger."""

    row: int
    number: str
    times: int
    at: float


def adds_up(house: House) -> list[str]:
    """Promise one, at any moment."""
    found = house.sql(P1)
    return [f"{ulid}: {parts} rows of {total} are accounted for" for ulid, total, parts in found if total != parts]


def judge(house: House, given: Sequence[Given], moment: str = "accepted_at") -> Verdict:
    """After everything has come to rest. `moment` is the column of the ledger by whose clock the files were given."""
    verdict = Verdict(wrong=adds_up(house))
    ledger = _ledger(house, moment)
    verdict.doubled = max(
        house.provider.ledger["called_twice"], sum(line.times > 1 for lines in ledger.values() for line in lines)
    )
    for one in given:
        _judge_one(house, one, ledger.pop(one.ulid, []), verdict)
    verdict.wrong += [f"{ulid}: the provider was sent people of an upload that nobody gave" for ulid in ledger]
    if verdict.doubled:
        verdict.wrong.append(f"{verdict.doubled} contacts were accepted more than once")
    return verdict


def _ledger(house: House, moment: str) -> dict[str, list[Line]]:
    """What the provider accepted, by upload."""
    found: dict[str, list[Line]] = {}
    ours = (line for line in house.provider.contacts if not line["uuid"].startswith(STRANGER))
    for line in ours:
        ulid, _, row = line["uuid"].partition(":")
        told = Line(int(row), f"+{line['number'].lstrip('+')}", int(line["times"]), float(line[moment]))
        found.setdefault(ulid, []).append(told)
    return found


def _judge_one(house: House, one: Given, lines: list[Line], verdict: Verdict) -> None:
    people = one.people
    verdict.contacts += len(people)
    verdict.accepted += len(lines)
    say = [
        *_strangers(people, lines),
        *_moments(one, lines),
        *_twice(lines),
        *_state(house, one),
    ]
    lost, found = _places(house, one, people, Counter(line.row for line in lines))
    verdict.lost += lost
    verdict.wrong += [f"{one.ulid}: {said}" for said in [*say, *found]]


def _strangers(people: dict[int, str], lines: list[Line]) -> Iterator[str]:
    for line in lines:
        if people.get(line.row) != line.number:
            yield f"row {line.row} was sent with somebody else's number, or is nobody's"


def _twice(lines: list[Line]) -> Iterator[str]:
    numbers = Counter(line.number for line in lines)
    if again := sum(times > 1 for times in numbers.values()):
        yield f"{again} numbers stand in the ledger more than once"


def _moments(one: Given, lines: list[Line]) -> Iterator[str]:
    early = sum(line.at < one.start.timestamp() - 1e-3 for line in lines)
    if early:
        yield f"{early} contacts were accepted before their start"
    words = [one.start, *one.decided_at]
    late = sum(not any(0 <= line.at - word.timestamp() <= IN_TIME.total_seconds() for word in words) for line in lines)
    if late and not early:
        yield f"{late} contacts were accepted long after their start, and nobody had said so"


def _state(house: House, one: Given) -> Iterator[str]:
    state, blocked, code, ended = house.sql(
        "SELECT state, blocked, code, ended_at FROM upload WHERE ulid = :ulid", ulid=one.ulid
    )[0]
    if state not in ENDED or ended is None:
        yield f"it came to rest as {state} (blocked: {blocked}, code: {code}) and has not ended"
    if state == "failed" and code != "intake_kept_dying":
        yield f"it failed with {code}"
    busy = house.sql("SELECT state, code FROM chunk WHERE state IN ('claimed', 'unknown', 'staged', 'ready')")
    if state in ENDED and busy and not house.sql("SELECT 1 FROM upload WHERE ended_at IS NULL"):
        yield f"chunks still stand as {sorted({str(found[0]) for found in busy})}"


def _places(house: House, one: Given, people: dict[int, str], accepted: Counter[int]) -> tuple[int, list[str]]:
    """Where everybody is: in the ledger exactly if a chunk says so, and each in one chunk. Returns the lost ones."""
    said: list[str] = []
    standing: Counter[int] = Counter()
    at_provider: set[int] = set()
    may_lack = 0
    rows = "SELECT c.state, c.index_digest, c.missing, c.rows FROM chunk c JOIN upload u ON u.id = c.upload_id"
    for state, digest, missing, count in house.sql(f"{rows} WHERE u.ulid = :ulid", ulid=one.ulid):
        inside = members(Path(house.ctx.settings.home), digest)
        if len(inside) != count:
            said.append(f"a chunk of {count} rows names {len(inside)} people")
        standing.update(inside)
        there = sum(1 for row in inside if row in accepted)
        if state in AT_PROVIDER:
            at_provider |= inside
            may_lack += missing
            if there != count - missing:
                said.append(f"a chunk is {state} with {count - missing} contacts, and {there} are at the provider")
        elif state in NEVER_SENT and there:
            said.append(f"a chunk is {state}, and {there} of its contacts are at the provider")
    counted = _columns(house, one)
    expected = one.refused_by_intake
    if counted["ended"] not in ("cancelled", "failed") or counted["total"]:
        wanted = (len(one.cells), expected["rejected"], expected["duplicate"])
        if (counted["total"], counted["rejected"], counted["duplicate"]) != wanted:
            said.append(f"of {len(one.cells)} rows intake tells {counted}, and it should be {dict(expected)}")
        if left_out := set(people) - set(standing) - one.wished:
            said.append(f"{len(left_out)} people stand in no chunk, and had not asked for it")
        if strangers := set(standing) - set(people):
            said.append(f"{len(strangers)} rows stand in a chunk that are nobody, or are named twice in the file")
    if again := sum(times > 1 for times in standing.values()):
        said.append(f"{again} people stand in more than one chunk")
    if missing_outcome := _without_outcome(house, one, at_provider & set(accepted)):
        said.append(f"{missing_outcome} accepted contacts have no outcome")
    lost = max(0, len(at_provider - set(accepted)) - may_lack)
    if standing:
        lost += len(set(people) - set(standing) - one.wished)
    return lost, said


def _columns(house: House, one: Given) -> dict[str, Any]:
    query = "SELECT total, rejected, duplicate, suppressed, state AS ended FROM upload WHERE ulid = :ulid"
    return dict(house.sql(query, ulid=one.ulid)[0]._mapping)


def _without_outcome(house: House, one: Given, accepted: set[int]) -> int:
    """Promise five: a cancelled upload, too, is asked about until its lists have ended."""
    query = "SELECT o.row FROM outcome o JOIN upload u ON u.id = o.upload_id WHERE u.ulid = :ulid AND o.terminal"
    return len(accepted - {found[0] for found in house.sql(query, ulid=one.ulid)})
