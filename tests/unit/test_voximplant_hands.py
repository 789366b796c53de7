"""The requests of a person's hands as they go over the wire, and answers of every shape that may come back."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit.wire_server import Server, says, serving, status
from worker.errors import Unknown
from worker.providers.base import Hands, Place
from worker.providers.voximplant import Voximplant
from worker.providers.voximplant.auth import ApiKey
from worker.providers.voximplant.hands import UNSAID


@contextmanager
def answered(*answers: Any) -> Iterator[tuple[Hands, Server]]:
    """Hands whose requests are answered with these, one after the other."""
    with serving(says(*(status(200, json.dumps(answer).encode()) for answer in answers))) as server:
        made = Voximplant(server.url, ApiKey("17", "secret-key"), 5)
        assert made.hands is not None
        yield made.hands, server
        made.close()


def test_what_goes_to_a_scenario_never_stands_in_an_address() -> None:
    answers = ({"result": 1, "list_id": 7}, {"result": True}, [{"task_uuid": "u-1", "result": True}])
    with answered(*answers) as (hands, server):
        hands.next(Place("7"), "agent=Ana&2")
        hands.edit(Place("7"), {"list_custom_data": "private", "is_personal_campaign": True})
        assert hands.withdraw(Place("7"), ["u-1", "u-2"]) == {"u-1": None, "u-2": UNSAID}
    sent = [request.split(b"\r\n\r\n", 1) for request in server.requests]
    heads, bodies = [head.split(b"\r\n")[0] for head, _ in sent], [body for _, body in sent]
    methods = ("StartNextCallTask", "EditCallList", "CancelCallListTask")
    assert heads == [f"POST /platform_api/{method} HTTP/1.1".encode() for method in methods]
    assert b"custom_params=agent%3DAna%262" in bodies[0]
    assert b"list_custom_data=private" in bodies[1]
    assert b"is_personal_campaign=true" in bodies[1]
    assert b"account_id=17&" in bodies[2]
    assert b"tasks_uuids=u-1%3Bu-2" in bodies[2]


ODD: list[tuple[Any, dict[str, str | None] | None]] = [
    ({"result": []}, {"u": UNSAID}),
    ([{"task_id": 5, "result": True}], {"u": UNSAID}),
    ([{"task_uuid": "u", "result": 1}], {"u": None}),
    ([{"task_uuid": "u", "result": "true"}], {"u": None}),
    ([{"task_uuid": "u", "result": False}], {"u": UNSAID}),
    ([{"task_uuid": "u", "result": 0, "error_msg": "No."}], {"u": "No."}),
    ([{"task_uuid": "u", "result": None, "error_msg": "Calls +12025550123."}], {"u": "Calls [number]."}),
    ([{"task_uuid": "u", "result": True}, {"task_uuid": "u", "result": False, "error_msg": "No."}], {"u": "No."}),
    ([{"task_uuid": "u", "result": False, "error_msg": "No."}, {"task_uuid": "u", "result": True}], {"u": "No."}),
    ({"result": True}, None),
    ({}, None),
    (["u"], None),
    ("u", None),
]


@pytest.mark.parametrize(("answer", "told"), ODD)
def test_whatever_the_answer_about_a_contact_looks_like(answer: Any, told: dict[str, str | None] | None) -> None:
    with answered(answer) as (hands, _):
        if told is not None:
            assert hands.withdraw(Place("7"), ["u"]) == told
            return
        with pytest.raises(Unknown) as raised:
            hands.withdraw(Place("7"), ["u"])
        assert raised.value.code == "broken_answer"


@pytest.mark.parametrize("result", [False, 0, None, "no", []])
def test_what_is_not_confirmed_may_have_been_done(result: Any) -> None:
    with answered({"result": result}, {"result": result}) as (hands, _):
        asked: list[Callable[[], None]] = [lambda: hands.next(Place("7"), None), lambda: hands.edit(Place("7"), {})]
        for ask in asked:
            with pytest.raises(Unknown) as raised:
                ask()
            assert raised.value.code == "broken_answer"
