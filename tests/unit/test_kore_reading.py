"""Pages read whole, contacts on their way out and back, and what became of them."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import Unknown
from worker.providers.base import TASKS
from worker.providers.kore import adapter, contacts, outcomes, pages, requests
from worker.providers.kore.contacts import named, number_of, outgoing
from worker.rates import MARGIN
from worker.settings import AccountSettings

TOKEN = "01JD3K5M7N8P9QRSTVWXYZ0123"
PHONES = ["12022000001", "12022000002", "12022000003"]


def store(count: int) -> list[dict[str, Any]]:
    return [{"_id": f"cc-{at}"} for at in range(count)]


def page(items: list[Any], behind: int, size: int, **more: Any) -> dict[str, Any]:
    shown, left = items[behind : behind + size], len(items) > behind + size
    return {"results": shown, "hasMore": left, "totalResults": len(items)} | more


def test_there_is_time_to_read_a_list_of_58_000_contacts_and_its_campaign() -> None:
    account, pace = AccountSettings(provider="kore"), adapter.CAPABILITIES.requests_per_second
    assert pace is not None
    pages_of_both = 58_000 / requests.CONTACTS_PAGE + 58_000 / requests.RECORDS_PAGE
    assert 0.98 * account.read_deadline < pages_of_both / pace * MARGIN <= account.read_deadline + 1
    assert AccountSettings(provider="kore", read_deadline=77).read_deadline == 77
    assert AccountSettings().read_deadline == 600


class TestWhole:
    @given(st.integers(0, 60), st.integers(1, 20))
    def test_every_item_once(self, count: int, size: int) -> None:
        items = store(count)
        assert pages.whole(lambda behind, _: page(items, behind, size), "contacts") == items

    @given(st.integers(1, 40), st.integers(1, 10), st.integers(1, 5))
    def test_items_that_come_in_front_meanwhile_hide_nobody(self, count: int, size: int, fresh: int) -> None:
        items = store(count)

        def fetch(behind: int, number: int) -> Any:
            if number == 2:
                items[:0] = [{"_id": f"new-{at}"} for at in range(min(fresh, size - 1))]
            return page(items, behind, size) | {"totalResults": count}

        found = pages.whole(fetch, "contacts")
        assert len({one["_id"] for one in found}) == len(found)
        assert {one["_id"] for one in store(count)} <= {one["_id"] for one in found}

    def test_one_that_went_meanwhile_is_noticed(self) -> None:
        items = store(10)

        def fetch(behind: int, number: int) -> Any:
            if number == 2:
                del items[0]
            return page(items, behind, 4) | {"totalResults": 10}

        with pytest.raises(Unknown, match="showed 9 of 10 contacts"):
            pages.whole(fetch, "contacts")

    def test_pages_that_do_not_move_are_noticed(self) -> None:
        with pytest.raises(Unknown, match=r"the same contacts again .* own\.paging"):
            pages.whole(lambda _behind, _: page(store(100), 0, 50), "contacts")

    def test_without_a_word_about_more_one_asks_until_a_page_is_empty(self) -> None:
        items = store(7)
        found = pages.whole(lambda behind, _: {"results": items[behind : behind + 3]}, "contacts")
        assert found == items

    def test_items_without_an_id_all_count(self) -> None:
        assert len(pages.whole(lambda *_: {"results": [{}, {}], "hasMore": False}, "contacts")) == 2

    @pytest.mark.parametrize("data", [None, [], {}, {"results": None}, {"results": ["x"]}])
    def test_what_is_no_page(self, data: Any) -> None:
        for read in (pages.whole, pages.records):
            with pytest.raises(Unknown) as raised:
                read(lambda *_: data, "contacts")
            assert raised.value.code == "broken_answer"


class TestRecords:
    def test_a_total_that_is_not_one(self) -> None:
        """As on the page: three records, and a total of four."""
        assert len(pages.records(lambda *_: {"results": [{}] * 3, "totalPages": 1, "totalResults": 4}, "them")) == 3

    def test_page_after_page(self) -> None:
        told = {n: {"results": [{"n": n}], "totalPages": 3} for n in (1, 2, 3)}
        assert pages.records(lambda _, number: told[number], "them") == [{"n": 1}, {"n": 2}, {"n": 3}]

    def test_the_same_page_again(self) -> None:
        with pytest.raises(Unknown, match="again"):
            pages.records(lambda *_: {"results": [{"n": 1}], "totalPages": 3}, "them")


class TestContacts:
    PAYLOAD = (
        "phoneNumber,uniqueId,firstName,timeZone\n"
        f'+12022000001,{TOKEN}:1,"Ann ""A""",Europe/Madrid\n'
        f'+12022000002,{TOKEN}:2,"two\nlines, ü",\n'
    ).encode()

    def test_out(self) -> None:
        assert outgoing(self.PAYLOAD, "uniqueId", plus=False) == [
            {
                "phoneNumber": "12022000001",
                "uniqueId": f"{TOKEN}:1",
                "firstName": 'Ann "A"',
                "timeZone": "Europe/Madrid",
            },
            {"phoneNumber": "12022000002", "uniqueId": f"{TOKEN}:2", "firstName": "two\nlines, ü"},
        ]

    def test_out_with_a_plus_and_another_name(self) -> None:
        first = outgoing(self.PAYLOAD, "reference", plus=True)[0]
        assert (first["phoneNumber"], first["reference"]) == ("+12022000001", f"{TOKEN}:1")
        assert "uniqueId" not in first

    def test_back(self) -> None:
        items = [
            {"phoneNumber": "+1 202-200-0001", "uniqueId": "a"},
            {"phoneNumber": "125xxxx0200", "uniqueId": ""},
            {},
        ]
        frame = named(items, "uniqueId")
        assert dict(frame.schema) == {"uuid": pl.Utf8, "number": pl.Int64}
        assert frame.rows() == [("a", 12022000001), (None, None), (None, None)]
        assert dict(named([], "uniqueId").schema) == dict(frame.schema)

    @pytest.mark.parametrize(
        ("phone", "number"),
        [
            ("9122333445566", 9122333445566),
            (12022000001, 12022000001),
            ("٤٤٥٥٦٦٧٧", None),
            ("1" * 16, None),
            ("12", None),
            ("", None),
            (None, None),
            (True, None),
            ([], None),
        ],
    )
    def test_numbers(self, phone: Any, number: int | None) -> None:
        assert number_of(phone) == number

    def test_the_layout_is_read_back_by_the_names_it_writes(self) -> None:
        layout = contacts.LAYOUT
        header = ",".join([layout.phone or "", layout.task, *(extra.wire for extra in layout.extras or ())])
        cells = "+12022000001,u,A,B,UTC,1,a@b.c"
        assert outgoing(f"{header}\n{cells}\n".encode(), "uniqueId", plus=True) == [
            dict(zip(header.split(","), cells.split(","), strict=True))
        ]


def record(outcome: Any = "", attempts: Any = 1, phone: str = PHONES[0], unique: str = "", **more: Any) -> Any:
    told = {"phoneNumber": phone, "uniqueId": unique, "dialerOutcome": outcome, "numberOfAttemptsSoFar": attempts}
    return told | more


def one(campaign: str, most: int = 3, **told: Any) -> dict[str, Any]:
    frame = outcomes.frame([record(**told)], campaign, most, "uniqueId")
    assert dict(frame.schema) == {**TASKS, "number": pl.Int64}
    found: dict[str, Any] = frame.row(0, named=True)
    return found


class TestOutcomes:
    @pytest.mark.parametrize(
        ("campaign", "outcome", "attempts", "phase", "disposition", "left"),
        [
            ("Active", "", 0, "open", "pending", 3),
            ("Active", "", 3, "open", "pending", 0),
            ("Active", "In Progress", 1, "open", "pending", 2),
            ("Active", "busy", 1, "open", "pending", 2),
            ("Active", "busy", 3, "done", "busy", 0),
            ("Active", "completed", 1, "done", "answered", 0),
            ("Paused", "noAnswer", 2, "open", "pending", 1),
            ("Completed", "no_answer", 1, "done", "no_answer", 0),
            ("Completed", "Voicemail", 1, "done", "voicemail", 0),
            ("Completed", "REJECTED", 1, "done", "declined", 0),
            ("Completed", "invalid-number", 1, "done", "invalid_number", 0),
            ("Completed", "failed", 1, "done", "failed", 0),
            ("Completed", "abandonedByRobot", 1, "done", "processed", 0),
            ("Completed", "", 1, "done", "no_outcome", 0),
            ("Completed", "", 0, "done", "no_outcome", 0),
            ("Completed", None, "many", "done", "no_outcome", 0),
            ("Stopped", "busy", 1, "done", "busy", 0),
            ("Stopped", "", 1, "done", "no_outcome", 0),
            ("Stopped", "", 0, "cancelled", "cancelled", 0),
        ],
    )
    def test_each(self, campaign: str, outcome: Any, attempts: Any, phase: str, disposition: str, left: int) -> None:
        found = one(campaign, outcome=outcome, attempts=attempts)
        assert (found["phase"], found["disposition"], found["attempts_left"]) == (phase, disposition, left)
        assert found["status"] == (outcome or "")

    def test_what_the_agent_or_the_bot_said(self) -> None:
        codes = ["System Generated", "Callback"]
        assert one("Active", agentDispositionCodes=codes, botOutboundStatus="userHangUp")["result"] == ", ".join(codes)
        assert one("Active", agentDispositionCodes=[], botOutboundStatus="userHangUp")["result"] == "userHangUp"
        assert one("Active", agentDispositionCodes="x", botOutboundStatus="")["result"] is None

    def test_a_call_that_ended_without_an_outcome(self) -> None:
        assert one("Completed", botOutboundStatus="userHangUp")["disposition"] == "processed"

    def test_of_several_records_the_last_attempt_counts(self) -> None:
        records = [record("completed", 2), record("busy", 1), record("busy", 1, PHONES[1])]
        frame = outcomes.frame(records, "Active", 3, "uniqueId").sort("number")
        assert frame["status"].to_list() == ["completed", "busy"]

    def test_who_it_is(self) -> None:
        records = [record(unique="a"), record(phone="1xx", unique="b"), record(phone="1xx"), record(phone=PHONES[1])]
        frame = outcomes.frame(records, "Active", 1, "uniqueId")
        assert set(frame.select("uuid", "number").rows()) == {("a", 12022000001), ("b", None), (None, 12022000002)}

    def test_nobody(self) -> None:
        assert outcomes.frame([], "Active", 1, "uniqueId").height == 0


CONTACTS = [{"phoneNumber": phone, "uniqueId": f"u{at}"} for at, phone in enumerate(PHONES)]


class TestNeverDialled:
    def left(self, shown: list[Any], campaign: str) -> list[tuple[Any, ...]]:
        frame = outcomes.frame(shown, campaign, 1, "uniqueId")
        rest = outcomes.never_dialled(named(CONTACTS, "uniqueId"), frame, campaign)
        assert rest.schema == frame.schema
        return rest.select("uuid", "number", "phase", "disposition").rows()

    def test_by_number_and_by_uuid(self) -> None:
        shown = [record("busy"), record("busy", phone="1xx", unique="u1")]
        assert self.left(shown, "Completed") == [("u2", 12022000003, "done", "no_outcome")]

    def test_a_campaign_that_was_stopped_did_not_come_to_them(self) -> None:
        assert [row[2:] for row in self.left([], "Stopped")] == [("cancelled", "cancelled")] * 3
