"""What Flower shows: every task by a name that makes sense, and no phone number or secret in any argument."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from celery import Celery

from tests.databases import databases
from tests.e2e.fleet import CELERY, LOOPBACK, Fleet, fleet, free_port
from tests.embedded_broker import EmbeddedBroker
from tests.house import some_numbers
from tests.patience import until
from worker import producer, view
from worker.bells import QUEUES, task_name
from worker.settings import Settings

ROWS = 400
SECRET = "4f1c2d-key-of-the-account"
USER, PASSWORD = "anna", "closed-door"
ID = re.compile(r"^\(?\[?'?(?:[0-9A-HJKMNP-TV-Z]{26}|\d+|sandbox)?'?,?\]?\)?$")
# What a bell carries: the id of an upload or of a list, or an account's name. A sweep carries nothing.


class Watched(NamedTuple):
    """A fleet that has carried an upload from end to end, and Flower beside it."""

    fleet: Fleet
    client: httpx.Client
    ulid: str
    tasks: list[dict[str, Any]]


def start_flower(running: Fleet) -> str:
    port = free_port()
    told = ["flower", f"--address={LOOPBACK}", f"--port={port}", "--read-only"]
    running.start("flower", [*CELERY, *told], FLOWER_BASIC_AUTH=f"{USER}:{PASSWORD}").wait_until_it_listens(port)
    return f"http://{LOOPBACK}:{port}"


def carry(folder: Path, settings: Settings) -> str:
    """Push a file and return its upload's id when it is finished."""
    people = folder / "people.csv"
    people.write_text("name,phone\n" + "".join(f"Person,{number}\n" for number in some_numbers(ROWS)))
    ctx = producer.connect(settings)
    try:
        ulid = producer.enqueue({"source": str(people), "account": "sandbox"}, context=ctx).id
        until(lambda: state(ctx, ulid) == "finished", 60, "the upload is finished")
    finally:
        ctx.close()
    return ulid


def state(ctx: Any, ulid: str) -> str:
    with ctx.db.read() as session:
        return view.find(session, ulid).state


def push_by_hand(broker: str) -> str:
    """A raw message as the README shows it; its job names a file by an address that is itself a secret."""
    message_id = str(uuid.uuid4())
    job = {"source": f"https://example.com/people.csv?signature={SECRET}", "account": "sandbox"}
    with Celery(broker=broker) as app:
        app.conf.task_send_sent_event = True  # which comes before what the worker says, or after it
        app.send_task("rollcall.upload", args=[job], queue="ingest", task_id=message_id, argsrepr="(job)")
    return message_id


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    home = folder / "home"
    home.mkdir()
    with (
        databases(home, None) as database,
        EmbeddedBroker.running(home) as broker,
        fleet(folder) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("ROLLCALL_SANDBOX_KEY", SECRET)
        sandbox = running.start_sandbox("--speed", "600")
        told = {"database_url": database, "broker_url": broker.url, "sandbox_url": sandbox}
        settings = Settings(home=home, **told)  # type: ignore[arg-type]
        running.env = {f"ROLLCALL_{name.upper()}": value for name, value in told.items()}
        running.env |= {"ROLLCALL_HOME": str(home), "ROLLCALL_SANDBOX_KEY": SECRET}
        address = start_flower(running)
        running.start_workers()
        with httpx.Client(base_url=address, auth=(USER, PASSWORD), timeout=20) as client:
            until(lambda: task_name("sweep") in client.get("/api/tasks").text, 60, "Flower has asked for events")
            with Celery(broker=broker.url) as app:
                assert len(app.control.enable_events(reply=True, timeout=10, limit=2)) == 2
            ulid, message_id = carry(folder, settings), push_by_hand(told["broker_url"])
            until(lambda: message_id in client.get("/api/tasks").text, 30, "Flower has seen the last task")
            yield Watched(running, client, ulid, list(client.get("/api/tasks").json().values()))
        assert running.stop() == dict.fromkeys(running.members, 0)


def test_tasks_are_called_after_what_they_do(watched: Watched) -> None:
    seen = {task["name"] for task in watched.tasks} - {None}  # a worker had it in hand when Flower asked
    assert seen <= {task_name(bell) for bell in QUEUES}
    assert seen >= {task_name(bell) for bell in ("ingest", "submit", "collect", "sweep", "upload")}


def test_the_upload_can_be_followed_by_its_id(watched: Watched) -> None:
    rung = [task for task in watched.tasks if watched.ulid in str(task["args"])]  # a sweep may ring, too
    assert {(task["name"], task["state"]) for task in rung} == {("rollcall.ingest", "SUCCESS")}


def test_a_bell_carries_an_id_and_nothing_else(watched: Watched) -> None:
    for task in watched.tasks:
        if task["name"] != task_name("upload"):
            assert ID.match(str(task["args"] or "")), task
        assert task["kwargs"] in ("{}", None, ""), task
        assert task["result"] in ("None", None, ""), task


@pytest.mark.parametrize("page", ["/api/tasks", "/tasks", "/workers", "/api/workers", "/broker"])
def test_no_page_shows_a_phone_number_or_a_secret(watched: Watched, page: str) -> None:
    answer = watched.client.get(page, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    shown = answer.text
    assert SECRET not in shown
    assert PASSWORD not in shown
    assert not [number for number in some_numbers(ROWS) if number.removeprefix("+") in shown]


def test_a_task_page_shows_no_phone_number_and_no_secret(watched: Watched) -> None:
    for name in ("rollcall.upload", "rollcall.submit", "rollcall.ingest"):
        task = next(task for task in watched.tasks if task["name"] == name)
        page = watched.client.get(f"/task/{task['uuid']}")
        info = watched.client.get(f"/api/task/info/{task['uuid']}")
        assert (page.status_code, info.status_code) == (200, 200)
        assert SECRET not in page.text + info.text
        assert "+1202" not in page.text + info.text


def test_nobody_sees_anything_without_the_password(watched: Watched) -> None:
    for page in ("/", "/tasks", "/workers", "/broker", "/api/tasks", "/api/workers"):
        assert httpx.get(f"{watched.client.base_url}{page}", follow_redirects=True).status_code == 401, page


def test_its_buttons_do_nothing(watched: Watched) -> None:
    refused = watched.client.post("/api/worker/shutdown/calls@anywhere")
    assert refused.status_code == 403
    assert watched.fleet.members["calls"].alive()


def test_no_log_holds_a_phone_number_or_a_secret_and_the_workers_name_the_upload(watched: Watched) -> None:
    for member in watched.fleet.members.values():
        said = member.said()
        assert SECRET not in said, member.name
        assert "+1202" not in said, member.name
    lines = watched.fleet.members["calls"].said().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert watched.ulid in {event.get("upload") for event in events}
