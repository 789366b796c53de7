"""Webhooks of Formant AI: proved by the signature of their raw body, fresh, known by an id, read without a number."""

import hmac
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import CallbackRefused
from worker.providers.base import TASKS, Event, Inbound
from worker.providers.formant.webhooks import DISPOSITIONS, OLDEST, Webhooks

SECRET = "whsec_17"
HOOKS = Webhooks(SECRET)
NOW = 1_893_229_200.0  # 2029-12-29T09:00:00Z
UUID = "01JD3K5M7N8P9QRSTVWXYZ0123:17"
PATH = ("formant",)


def document(kind: str = "call.completed", **retry: Any) -> dict[str, Any]:
    return {
        "event_id": "evt_1",
        "event_type": kind,
        "created_at": "2029-12-29T08:59:58Z",
        "data": {
            "call": {
                "agent_id": 456,
                "call_parameters": {"__task_uuid": UUID, "name": "Ann Smith"},
                "conversation_id": "conv_9",
                "status": kind.removeprefix("call."),
                "to_phone": "+12025550123",
                "trace_id": "t",
            },
            "retry": {"attempt_number": 1, "is_final_attempt": True, "max_attempts": 1, "next_retry_at": None} | retry,
        },
    }


def signed(body: bytes, secret: str = SECRET) -> str:
    return f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"


def inbound(body: Any, path: tuple[str, ...] = PATH, at: float = NOW, **headers: str | None) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    usual: dict[str, str | None] = {"event_id": "evt_1", "signature": signed(raw), "timestamp": "2029-12-29T09:00:00Z"}
    told = {name: value for name, value in (usual | headers).items() if value is not None}
    return Inbound(path, {f"x-formantai-{name.replace('_', '-')}": told[name] for name in told}, raw, at)


def received(body: Any, **told: Any) -> Event:
    return HOOKS.receive(inbound(body, **told))


def refusal(body: Any, **told: Any) -> str:
    with pytest.raises(CallbackRefused) as raised:
        received(body, **told)
    assert raised.value.message.endswith(".")
    return raised.value.code


def row(told: dict[str, Any]) -> dict[str, Any]:
    [one] = HOOKS.read([received(told).body]).to_dicts()
    return one


class TestProof:
    def test_a_signed_one(self) -> None:
        event = received(document())
        assert (event.id, event.upload) == ("evt_1", None)

    @pytest.mark.parametrize(
        "signature",
        [
            None,
            "",
            "sha256=",
            "sha256=" + "0" * 64,
            signed(json.dumps(document()).encode(), "another"),
            signed(json.dumps(document()).encode()).removeprefix("sha256="),
            signed(json.dumps(document()).encode()).upper(),
            "sha256=ü\udcff",
        ],
    )
    def test_a_forged_one(self, signature: str | None) -> None:
        assert refusal(document(), signature=signature) == "forged_callback"

    def test_one_changed_byte(self) -> None:
        raw = json.dumps(document()).encode()
        assert refusal(raw.replace(b"completed", b"complete_"), signature=signed(raw)) == "forged_callback"

    def test_the_raw_body_is_what_is_signed(self) -> None:
        raw = b" \n" + json.dumps(document(), indent=3, ensure_ascii=False).encode() + b"\n"
        assert received(raw).id == "evt_1"

    @pytest.mark.parametrize("path", [(), ("formant", "more"), ("plum",), ("Formant",)])
    def test_another_address(self, path: tuple[str, ...]) -> None:
        assert refusal(document(), path=path) == "unknown_callback"

    def test_nobody_asks_first(self) -> None:
        assert not HOOKS.greet(PATH)


class TestTime:
    @pytest.mark.parametrize(
        "timestamp",
        [
            "2029-12-29T09:00:00Z",
            "2029-12-29T10:00:00+01:00",
            "2029-12-29T09:00:00",
            "2029-12-29T09:00:00.123Z",
            str(int(NOW)),
            f"{NOW:.3f}",
        ],
    )
    def test_a_fresh_one(self, timestamp: str) -> None:
        assert received(document(), timestamp=timestamp)

    @pytest.mark.parametrize("off", [-OLDEST, OLDEST])
    def test_five_minutes_are_fresh(self, off: float) -> None:
        assert received(document(), timestamp=str(int(NOW)), at=NOW + off)

    @pytest.mark.parametrize("off", [-OLDEST - 1, OLDEST + 1, 86_400, -86_400])
    def test_more_are_not(self, off: float) -> None:
        assert refusal(document(), timestamp=str(int(NOW)), at=NOW + off) == "stale_callback"
        assert refusal(document(), at=NOW + off) == "stale_callback"

    @pytest.mark.parametrize("timestamp", [None, "", "soon", "²", str(int(NOW) * 1000), "9" * 400, "1.2.3", "nan"])
    def test_what_is_no_time(self, timestamp: str | None) -> None:
        assert refusal(document(), timestamp=timestamp) == "stale_callback"


class TestIdentity:
    def test_the_signed_id_wins(self) -> None:
        assert received(document(), event_id="made up").id == "evt_1"

    def test_the_headers_where_the_body_has_none(self) -> None:
        told = {name: value for name, value in document().items() if name != "event_id"}
        assert received(told, event_id="evt_2").id == "evt_2"

    @pytest.mark.parametrize("event_id", [None, "", " ", "x" * 256, "a\x07"])
    def test_one_without_an_id(self, event_id: str | None) -> None:
        told = {name: value for name, value in document().items() if name != "event_id"}
        assert refusal(told, event_id=event_id) == "unreadable_callback"

    @pytest.mark.parametrize("body", [b"", b"text", b"[]", b"null", b"{", b"[" * 90_000, b'{"a":' + b"9" * 9000 + b"}"])
    def test_what_cannot_be_read(self, body: bytes) -> None:
        assert refusal(body) == "unreadable_callback"


class TestKept:
    def test_no_number_and_no_name(self) -> None:
        body = received(document()).body
        assert "2025550123" not in body
        assert "Ann" not in body
        kept = json.loads(body)
        assert (kept["uuid"], kept["agent_id"], kept["conversation_id"]) == (UUID, "456", "conv_9")

    def test_the_same_event_is_the_same_body(self) -> None:
        assert received(document()) == received(document())

    def test_a_long_word_is_cut(self) -> None:
        told = document()
        told["data"]["call"]["status"] = "x" * 50_000 + "\x00"
        assert len(received(told).body) < 1000


class TestRead:
    def test_one_row_for_each_body(self) -> None:
        other: dict[str, Any] = {"event_id": "evt_3", "event_type": "agent.updated", "data": {"agent": {}}}
        frame = HOOKS.read([received(document()).body, received(other).body])
        assert frame.schema == pl.Schema(TASKS)
        assert frame["uuid"].to_list() == [UUID, None]
        assert HOOKS.read([]).schema == pl.Schema(TASKS)

    @pytest.mark.parametrize("kind", sorted(DISPOSITIONS))
    def test_every_documented_event(self, kind: str) -> None:
        assert row(document(kind)) == {
            "uuid": UUID,
            "phase": "done",
            "disposition": DISPOSITIONS[kind].value,
            "status": kind.removeprefix("call."),
            "result": kind.removeprefix("call."),
            "attempts_left": 0,
            "last_attempt": "2029-12-29T08:59:58Z",
        }

    AGAIN = "2029-12-29T09:10:00Z"

    @pytest.mark.parametrize(
        ("kind", "retry", "phase", "left"),
        [
            ("call.busy", {"is_final_attempt": False, "max_attempts": 3, "next_retry_at": AGAIN}, "open", 2),
            ("call.busy", {"is_final_attempt": False, "max_attempts": 3}, "open", 2),
            ("call.busy", {"attempt_number": 3, "max_attempts": 3}, "done", 0),
            ("call.busy", {"is_final_attempt": None, "max_attempts": 3}, "done", 2),
            ("call.busy", {"is_final_attempt": None, "next_retry_at": AGAIN}, "open", 0),
            ("call.completed", {"is_final_attempt": False, "max_attempts": 3}, "done", 2),
            ("call.completed", {"is_final_attempt": False, "max_attempts": 3, "next_retry_at": AGAIN}, "open", 2),
            ("call.started", {"is_final_attempt": False}, "open", 0),
            ("call.started", {"is_final_attempt": None}, "open", 0),
            ("call.transferred", {"is_final_attempt": True}, "done", 0),
            ("call.failed", {"attempt_number": "one", "max_attempts": True}, "done", None),
        ],
    )
    def test_whether_another_attempt_follows(
        self, kind: str, retry: dict[str, Any], phase: str, left: int | None
    ) -> None:
        told = row(document(kind, **retry))
        assert (told["phase"], told["attempts_left"]) == (phase, left)
        assert (told["disposition"] == "pending") == (phase == "open")

    def test_an_event_that_says_nothing_of_retries(self) -> None:
        told = document("call.no_answer")
        del told["data"]["retry"]
        assert (row(told)["phase"], row(told)["disposition"]) == ("done", "no_answer")

    @pytest.mark.parametrize("parameters", [None, {}, [], {"__task_uuid": None}, {"__task_uuid": ""}, {"uuid": "x"}])
    def test_nobody_of_ours(self, parameters: Any) -> None:
        told = document()
        told["data"]["call"]["call_parameters"] = parameters
        assert row(told)["uuid"] is None

    JSON = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
    NAMES = ("data", "call", "retry", "call_parameters", "__task_uuid", "event_type", "status", "next_retry_at")

    @given(part=JSON, name=st.sampled_from(NAMES))
    @settings(max_examples=200, deadline=None)
    def test_whatever_is_signed_can_be_read(self, part: Any, name: str) -> None:
        told = document()
        holder = next((one for one in (told, told["data"], *told["data"].values()) if name in one), None)
        (holder or told["data"]["call"]["call_parameters"])[name] = part
        raw = json.dumps(told, ensure_ascii=True).encode()
        assert HOOKS.read([received(raw).body]).height == 1
