"""A job pushed without our library: the bare Celery message that any language can write to the broker."""

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Queue

from tests.databases import databases
from tests.e2e.fleet import INTAKE, Member, fleet
from tests.embedded_broker import EmbeddedBroker
from tests.house import some_numbers
from tests.patience import until
from worker import producer
from worker.context import Context
from worker.models import Upload
from worker.redis_client import connect
from worker.settings import Settings
from worker.store import uploads

QUEUE = "ingest"


@dataclass
class Door:
    """The worker that hears `rollcall.upload`, its broker, and the one folder from which a message may name a file."""

    ctx: Context
    worker: Member
    open_folder: Path
    closed_folder: Path

    def file(self, folder: Path, rows: int = 30) -> Path:
        path = folder / f"{uuid.uuid4()}.csv"
        path.write_text("name,phone\n" + "".join(f"Person,{number}\n" for number in some_numbers(rows)))
        return path

    def push(self, job: Any, message_id: str) -> None:
        self.push_arguments([job], message_id)

    def push_arguments(self, arguments: list[Any], message_id: str) -> None:
        """Protocol 2 written by hand with nothing but a Redis client, as another language would."""
        headers = {"lang": "go", "task": "rollcall.upload", "id": message_id, "root_id": message_id}
        body = [arguments, {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
        where = {"exchange": "", "routing_key": QUEUE}
        properties = {"correlation_id": message_id, "delivery_mode": 2, "delivery_info": where, "priority": 0}
        message = {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": {**properties, "body_encoding": "base64", "delivery_tag": str(uuid.uuid4())},
        }
        assert self.ctx.settings.broker_url is not None
        with connect(self.ctx.settings.broker_url) as client:
            client.lpush(QUEUE, json.dumps(message))

    def push_by_kombu(self, job: Any, message_id: str) -> None:
        headers = {"lang": "py", "task": "rollcall.upload", "id": message_id, "root_id": message_id}
        with Connection(self.ctx.settings.broker_url) as connection:
            channel = connection.Producer(serializer="json")
            queue = Queue(QUEUE)
            channel.publish([[job], {}, {}], headers=headers, routing_key=QUEUE, declare=[queue])

    def by_key(self, key: str) -> Upload | None:
        with self.ctx.db.read() as session:
            return uploads.by_key(session, key)

    def heard(self, key: str) -> Upload:
        """The upload that a message became."""
        until(lambda: self.by_key(key) is not None or not self.worker.alive(), 30, f"the message {key} is heard")
        found = self.by_key(key)
        assert found is not None, self.worker.said()
        return found

    def taken_in(self, key: str) -> Upload:
        self.heard(key)
        until(lambda: self.heard(key).total > 0, 30, "the file is read")
        return self.heard(key)

    def nothing_waits(self) -> bool:
        """Every message was taken and acknowledged."""
        assert self.ctx.settings.broker_url is not None
        with connect(self.ctx.settings.broker_url) as client:
            return int(client.llen(QUEUE)) == 0 and int(client.hlen("unacked")) == 0

    def count(self) -> int:
        with self.ctx.db.read() as session:
            return len(uploads.newest(session, 1000))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    home, open_folder, closed_folder = folder / "home", folder / "exports", folder / "private"
    for made in (home, open_folder, closed_folder):
        made.mkdir()
    (home / "staging").mkdir()
    with (
        databases(home, None) as database,
        EmbeddedBroker.running(home) as broker,
        fleet(folder) as running,
    ):
        settings = Settings(home=home, database_url=database, broker_url=broker.url, source_folders=[open_folder])
        running.env = {
            "ROLLCALL_HOME": str(home),
            "ROLLCALL_BROKER_URL": str(settings.broker_url),
            "ROLLCALL_DATABASE_URL": database,
            "ROLLCALL_TIMING__RUNG": "0.5",
            "ROLLCALL_SOURCE_FOLDERS": json.dumps([str(open_folder)]),
        }
        worker = running.start("intake", INTAKE)
        worker.wait_until_it_works()
        ctx = producer.connect(settings)
        yield Door(ctx, worker, open_folder, closed_folder)
        ctx.close()
        worker.stop()


def test_a_message_without_a_key_has_its_own_id_for_one(door: Door) -> None:
    message_id = str(uuid.uuid4())
    door.push({"source": str(door.file(door.open_folder)), "account": "sandbox"}, message_id)
    upload = door.taken_in(message_id)
    assert upload.total == 30
    assert upload.account == "sandbox"


def test_kombus_own_message_is_heard_too(door: Door) -> None:
    message_id = str(uuid.uuid4())
    door.push_by_kombu({"source": str(door.file(door.open_folder, 7)), "account": "sandbox"}, message_id)
    assert door.taken_in(message_id).total == 7


def test_a_message_that_comes_twice_makes_one_upload(door: Door) -> None:
    message_id, before = str(uuid.uuid4()), door.count()
    job = {"source": str(door.file(door.open_folder)), "account": "sandbox"}
    for _ in range(2):
        door.push(job, message_id)
    door.taken_in(message_id)
    until(door.nothing_waits, 30, "both are heard")
    assert door.count() == before + 1


def test_the_key_of_the_job_wins_over_the_message(door: Door) -> None:
    key, before = str(uuid.uuid4()), door.count()
    job = {"source": str(door.file(door.open_folder)), "account": "sandbox", "idempotency_key": key}
    for _ in range(2):
        door.push(job, str(uuid.uuid4()))
    door.taken_in(key)
    until(door.nothing_waits, 30, "both are heard")
    assert door.count() == before + 1


def test_a_library_and_a_message_with_the_same_key_are_one_upload(door: Door) -> None:
    key, before = str(uuid.uuid4()), door.count()
    job = {"source": str(door.file(door.open_folder)), "account": "sandbox", "idempotency_key": key}
    pushed = producer.enqueue(job, context=door.ctx)
    door.push(job, str(uuid.uuid4()))
    until(door.nothing_waits, 30, "it is heard")
    assert door.heard(key).ulid == pushed.id
    assert door.count() == before + 1


BAD = [
    ({"source": "here.csv"}, "bad_job"),
    ({"source": "here.csv", "account": "nobody"}, "unknown_account"),
    ({"source": "here.csv", "account": "sandbox", "surprise": 1}, "bad_job"),
    ({"source": "here.csv", "account": "sandbox", "options": {"priority": -1}}, "bad_option"),
    ({"source": "ftp://example.com/here.csv", "account": "sandbox"}, "unsupported_source"),
    ({"source": "https://example.com/here.csv", "account": "sandbox"}, "source_not_allowed"),
    ({"source": "http://127.0.0.1:1/here.csv", "account": "sandbox"}, "unsupported_source"),
    ("not even an object", "bad_job"),
    (None, "bad_job"),
]


@pytest.mark.parametrize(("job", "code"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_job_that_cannot_be_is_a_failed_upload_with_a_code(door: Door, job: Any, code: str) -> None:
    message_id = str(uuid.uuid4())
    door.push(job, message_id)
    upload = door.heard(message_id)
    assert (upload.state, upload.code) == ("failed", code)
    assert upload.message
    assert upload.ended_at is not None
    until(door.nothing_waits, 30, "it is acknowledged")


@pytest.mark.parametrize("way", ["straight", "around", "through a link", "with a scheme"])
def test_a_file_outside_the_folders_that_messages_may_name_is_refused(door: Door, way: str) -> None:
    private = door.file(door.closed_folder)
    link = door.open_folder / f"{uuid.uuid4()}.csv"
    link.symlink_to(private)
    named = {
        "straight": str(private),
        "around": f"{door.open_folder}/../{door.closed_folder.name}/{private.name}",
        "through a link": str(link),
        "with a scheme": f"file://{private}",
    }[way]
    message_id = str(uuid.uuid4())
    door.push({"source": named, "account": "sandbox"}, message_id)
    upload = door.heard(message_id)
    assert (upload.state, upload.code) == ("failed", "source_not_allowed")
    assert upload.source_digest is None
    assert str(door.closed_folder) not in str(upload.message)  # whoever may push learns nothing of our disk


@pytest.mark.parametrize("arguments", [[], [{}, {}]], ids=["none", "two"])
def test_a_message_with_another_number_of_arguments_is_a_failed_upload(door: Door, arguments: list[Any]) -> None:
    message_id = str(uuid.uuid4())
    door.push_arguments(arguments, message_id)
    assert (door.heard(message_id).state, door.heard(message_id).code) == ("failed", "bad_job")


def test_a_key_of_null_is_no_key(door: Door) -> None:
    """Many languages write null for what is missing; such a message, too, makes one upload when it comes twice."""
    message_id, before = str(uuid.uuid4()), door.count()
    job = {"source": str(door.file(door.open_folder)), "account": "sandbox", "idempotency_key": None}
    for _ in range(2):
        producer.receive_message(door.ctx, job, message_id)
    assert door.count() == before + 1


@pytest.mark.parametrize("source", ["https://[::1", "http://[", "a loop"])
def test_a_source_that_cannot_even_be_read_as_one_is_a_failed_upload(door: Door, source: str) -> None:
    loop = door.open_folder / f"{uuid.uuid4()}.csv"
    loop.symlink_to(loop)
    message_id = str(uuid.uuid4())
    job = {"source": str(loop) if source == "a loop" else source, "account": "sandbox"}
    producer.receive_message(door.ctx, job, message_id)
    assert door.heard(message_id).state == "failed"


def test_a_message_that_cannot_be_stored_yet_comes_again_until_it_can(door: Door) -> None:
    """Nothing but the message knows of the job, so a disk that is away must not cost it."""
    staging, message_id = door.ctx.settings.home / "staging", str(uuid.uuid4())
    away = staging.rename(staging.with_name("away"))
    staging.touch()
    try:
        door.push({"source": str(door.file(door.open_folder, 11)), "account": "sandbox"}, message_id)
        until(lambda: f"rollcall.upload[{message_id}] retry" in door.worker.said(), 30, "it is put off")
        assert door.by_key(message_id) is None
    finally:
        staging.unlink()
        away.rename(staging)
    assert door.taken_in(message_id).total == 11
    until(door.nothing_waits, 30, "it is acknowledged")


def test_a_failed_message_that_comes_again_stays_one_failure(door: Door) -> None:
    message_id, before = str(uuid.uuid4()), door.count()
    for _ in range(2):
        door.push({"account": "sandbox"}, message_id)
    door.heard(message_id)
    until(door.nothing_waits, 30, "both are heard")
    assert door.count() == before + 1


def test_the_worker_lives_on_and_logs_no_phone_number(door: Door) -> None:
    assert door.worker.alive()
    said = door.worker.said()
    assert not [number for number in some_numbers(30) if number in said]
