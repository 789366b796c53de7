"""What `rollcall up` would run, and what it refuses before it runs anything."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker import flock, heartbeat, up_state
from worker.child import Service
from worker.errors import InputError, Unavailable
from worker.settings import AccountSettings, Settings
from worker.up import Plan, is_called_back, services, up

ROOT = Path(__file__).parents[2]


def plan(home: Path, **changes: object) -> Plan:
    usual: dict[str, object] = {
        "home": home,
        "broker_url": "redis://broker:6379/0",
        "own_broker": True,
        "sandbox_port": 8765,
        "flower_port": 5555,
    }
    return Plan(**{**usual, **changes})  # type: ignore[arg-type]


def by_name(listed: list[Service]) -> dict[str, Service]:
    return {service.name: service for service in listed}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_everything_starts_after_what_it_needs(tmp_path: Path) -> None:
    assert [service.name for service in services(plan(tmp_path))] == [
        "broker",
        "sandbox",
        "calls",
        "intake",
        "beat",
        "flower",
    ]


def test_what_is_not_wanted_or_not_ours_is_left_out(tmp_path: Path) -> None:
    listed = services(plan(tmp_path, own_broker=False, sandbox_port=None, flower_port=None))
    assert [service.name for service in listed] == ["calls", "intake", "beat"]
    assert all("ROLLCALL_SANDBOX_URL" not in service.env for service in listed)


def test_the_door_is_opened_before_the_workers_and_closed_after_them(tmp_path: Path) -> None:
    listed = services(plan(tmp_path, web=("127.0.0.2", 8766)))
    assert [service.name for service in listed][:4] == ["broker", "sandbox", "web", "calls"]
    assert {"web", "127.0.0.2", "8766"} <= set(by_name(listed)["web"].command)
    assert plan(tmp_path, web=("127.0.0.2", 8766)).ports == {"sandbox": 8765, "flower": 5555, "web": 8766}


def test_the_door_is_for_accounts_that_are_called_back(tmp_path: Path) -> None:
    secret = AccountSettings(callback_secret_env="SECRET")
    assert not is_called_back(Settings(home=tmp_path, accounts={"madrid": AccountSettings()}))
    assert is_called_back(Settings(home=tmp_path, accounts={"madrid": secret}))
    assert is_called_back(Settings(home=tmp_path, public_url="https://calls.example"))


def test_every_service_knows_home_broker_and_sandbox(tmp_path: Path) -> None:
    for service in services(plan(tmp_path, sandbox_port=9001)):
        assert service.env["ROLLCALL_HOME"] == str(tmp_path)
        assert service.env["ROLLCALL_BROKER_URL"] == "redis://broker:6379/0"
        assert service.env["ROLLCALL_SANDBOX_URL"] == "http://127.0.0.1:9001"


def test_no_url_stands_in_a_command_line_where_anybody_could_read_its_password(tmp_path: Path) -> None:
    for service in services(plan(tmp_path, broker_url="redis://:secret@broker/0")):
        assert "secret" not in " ".join(service.command)


def test_calls_wait_in_threads_and_intake_has_a_process(tmp_path: Path) -> None:
    listed = by_name(services(plan(tmp_path)))
    calls, intake = list(listed["calls"].command), list(listed["intake"].command)
    assert calls[calls.index("--pool") + 1] == "threads"
    assert calls[calls.index("-Q") + 1] == "submit,collect,sweep"
    assert intake[intake.index("--pool") + 1] == "prefork"
    assert intake[intake.index("-Q") + 1] == "ingest"
    assert listed["intake"].env["POLARS_MAX_THREADS"] == "1"
    assert "POLARS_MAX_THREADS" not in listed["calls"].env
    assert listed["calls"].env["MALLOC_ARENA_MAX"] == listed["intake"].env["MALLOC_ARENA_MAX"] == "2"
    kept = intake[intake.index("--max-memory-per-child") + 1]
    assert f'"--max-memory-per-child", "{kept}"' in (ROOT / "docker-compose.yml").read_text()


def test_flower_is_on_loopback_and_cannot_do_anything(tmp_path: Path) -> None:
    command = by_name(services(plan(tmp_path, flower_port=5556)))["flower"].command
    assert {"--address=127.0.0.1", "--port=5556", "--read-only", "--max-tasks=5000"} <= set(command)


def test_state_of_beat_and_heartbeats_lies_in_the_home(tmp_path: Path) -> None:
    listed = by_name(services(plan(tmp_path)))
    assert str(tmp_path / "beat" / "schedule") in listed["beat"].command
    for name in ("calls", "intake", "beat"):
        ready_file = listed[name].ready_file
        assert ready_file is not None
        assert ready_file.parent.is_dir()
        assert listed[name].env[heartbeat.VARIABLE] == str(ready_file)


@pytest.mark.parametrize("name", ["sandbox", "flower"])
def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path, taken: int, name: str) -> None:
    ports = {"sandbox_port": free_port(), "flower_port": free_port(), f"{name}_port": taken}
    with pytest.raises(InputError, match=rf"Port {taken} on 127\.0\.0\.1 is taken.*--{name}-port") as caught:
        up(tmp_path / "home", **ports)  # type: ignore[arg-type]
    assert caught.value.code == "port_busy"
    assert not (tmp_path / "home").exists()


def test_a_taken_port_of_the_door_is_said_with_its_setting(tmp_path: Path, taken: int) -> None:
    with pytest.raises(InputError, match=rf"Port {taken} on 127\.0\.0\.1 is taken.*web_port") as caught:
        up(tmp_path / "home", sandbox=False, flower=False, web=("127.0.0.1", taken))
    assert caught.value.code == "port_busy"


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_cannot_be_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(InputError) as caught:
        up(tmp_path, sandbox_port=port)
    assert caught.value.code == "bad_port"


def test_one_port_for_two_is_refused(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(InputError, match="same port"):
        up(tmp_path, sandbox_port=port, flower_port=port)


def test_a_second_up_is_told_so_before_it_complains_of_ports(tmp_path: Path, taken: int) -> None:
    lock = flock.take(up_state.lock_file(tmp_path))
    assert lock is not None
    up_state.publish(tmp_path, up_state.Running(os.getpid(), "2030-01-31T09:00:00+00:00", {}, {}))
    with pytest.raises(InputError, match=f"already runs for .* as process {os.getpid()}") as caught:
        up(tmp_path, sandbox_port=taken)
    assert caught.value.code == "already_running"
    os.close(lock)


def test_a_configured_broker_that_is_away_is_said_without_its_password(tmp_path: Path) -> None:
    url = f"redis://:secret@127.0.0.1:{free_port()}/0"
    with pytest.raises(Unavailable, match="ROLLCALL_BROKER_URL") as caught:
        up(tmp_path, broker_url=url, sandbox=False, flower=False)
    assert caught.value.code == "broker_unreachable"
    assert "secret" not in caught.value.message


def test_a_heartbeat_begins_when_the_worker_is_ready_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "calls"
    beating = heartbeat.Heartbeat(path)
    beating.beat(sender=None)
    assert not path.exists()  # its heart beats before it takes tasks
    beating.begin(sender=None)
    assert heartbeat.fresh(path)
    os.utime(path, (0, 0))
    assert not heartbeat.fresh(path)
    beating.beat(sender=None)
    assert heartbeat.fresh(path)


def test_without_a_heartbeat_file_the_worker_is_not_alive(tmp_path: Path) -> None:
    assert not heartbeat.fresh(tmp_path / "never")
