"""The supervisor with real processes: order, readiness, restarts, stopping, and nothing left behind."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.patience import until
from tests.unit.supervised import Supervised, alive, shell
from worker import up_state
from worker.child import LARGEST_LOG, Backoff, Child, Phase, Service
from worker.errors import Exit
from worker.supervisor import StopRequest

Start = Callable[..., Supervised]

SLEEPS = "exec sleep 60"
WITH_CHILD = "sleep 60 & wait"
LOOP = "while :; do sleep 0.05; done"


def deaf(ready: Path, trap: str = "", **more: Any) -> dict[str, Any]:
    """A service that does not listen to SIGTERM, and is ready once it no longer does."""
    return shell("deaf", f"trap '' TERM; {trap} touch {ready}; {LOOP}", ready_file=str(ready), **more)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    begun: list[Supervised] = []

    def begin(*services: dict[str, Any], home: str = "home") -> Supervised:
        begun.append(Supervised(tmp_path / home, services))
        return begun[-1]

    yield begin
    for supervised in begun:
        supervised.end()


def test_services_start_in_order_each_after_the_one_before_is_ready(start: Start, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    up = start(
        shell("first", f"sleep 0.3; touch {ready}; {SLEEPS}", ready_file=str(ready)),
        shell("second", f"test -e {ready} && touch {tmp_path}/in-order; {SLEEPS}"),
    )
    up.wait_until_it_says("all up")
    until((tmp_path / "in-order").exists, what="the second service")
    lines = [line.split(" (")[0] for line in up.said.splitlines()]
    assert lines[:4] == ["first: started", "first: ready", "second: started", "second: ready"]


def test_they_stop_in_reverse_and_nothing_is_left(start: Start) -> None:
    up = start(shell("first", SLEEPS), shell("second", WITH_CHILD))
    up.wait_until_it_says("all up")
    until(lambda: len(up.below()) == 4, what="the grandchild")  # two services, a grandchild, the undertaker
    processes = up.below()
    assert up.stop(signal.SIGINT) == Exit.OK
    assert up.said.splitlines()[-2:] == ["second: stopped", "first: stopped"]
    until(lambda: not alive(processes), what="all are gone")
    assert not up_state.state_file(up.home).exists()
    assert up_state.running(up.home) is None


def test_what_dies_is_started_again_and_what_it_left_is_killed(start: Start) -> None:
    up = start(shell("worker", WITH_CHILD))
    up.wait_until_it_says("all up")
    until(lambda: len(up.below()) == 3, what="the grandchild")
    state = up_state.running(up.home)
    assert state is not None
    first = psutil.Process(int(str(state.services["worker"]["pid"])))
    orphans = first.children()
    assert orphans
    first.kill()
    up.wait_until_it_says("worker: was ended by SIGKILL; starting again in 0.5 s")
    until(lambda: not alive(orphans), what="the grandchild is gone")
    until(lambda: up.said.count("worker: ready") == 2, what="the second start")

    def told() -> object:
        state = up_state.running(up.home)
        return state and (state.services["worker"]["starts"], state.services["worker"]["phase"])

    until(lambda: told() == (2, "ready"), what="the others are told of the second start")


def test_one_that_ends_for_good_is_let_go(start: Start) -> None:
    up = start(shell("once", "exit 3", restart=False), shell("other", SLEEPS))
    up.wait_until_it_says("once: ended with exit code 3\n")
    up.wait_until_it_says("all up")
    assert up.stop() == Exit.OK
    assert up.said.count("once: started") == 1


def test_one_that_will_not_stop_is_killed_after_its_grace(start: Start, tmp_path: Path) -> None:
    up = start(deaf(tmp_path / "ready", grace=0.3))
    up.wait_until_it_says("all up")
    began = time.monotonic()
    assert up.stop() == Exit.OK
    assert 0.3 <= time.monotonic() - began < 5
    assert up.said.endswith("deaf: killed\n")


def test_a_service_may_ask_for_another_signal(start: Start, tmp_path: Path) -> None:
    # Not SIGQUIT: a shell ignores that in what it starts in the background, and nothing below can trap it then.
    trap = f"trap 'touch {tmp_path}/asked; exit 0' USR1;"
    up = start(deaf(tmp_path / "ready", trap, stop_signal=int(signal.SIGUSR1)))
    up.wait_until_it_says("all up")
    assert up.stop() == Exit.OK
    assert up.said.endswith("deaf: stopped\n")
    assert (tmp_path / "asked").exists()


def named(process: psutil.Process, name: str) -> bool:
    """What a shell runs may have ended since we saw it."""
    try:
        return bool(process.name() == name)
    except psutil.NoSuchProcess:
        return False


def test_a_signal_that_is_repeated_kills_what_has_not_stopped(start: Start, tmp_path: Path) -> None:
    up = start(deaf(tmp_path / "ready", grace=60.0))
    up.wait_until_it_says("all up")

    (service,) = [process for process in up.below() if named(process, "sh")]

    def killed_by_asking_again() -> bool:
        up.process.send_signal(signal.SIGINT)
        return not alive([service])

    until(killed_by_asking_again, what="the end of the service")
    until(lambda: up.said.endswith("deaf: killed\n"), what="the word about it")


def test_an_echo_of_a_signal_is_no_second_request() -> None:
    now = 50.0
    request = StopRequest(lambda: now)
    assert not request.made
    request.on_signal(signal.SIGINT, None)
    now += 0.9
    request.on_signal(signal.SIGTERM, None)  # make passes Ctrl-C on to what it runs
    assert (request.made, request.hurry) == (True, False)
    now += 0.2
    request.on_signal(signal.SIGINT, None)
    assert request.hurry


def test_nothing_outlives_a_supervisor_that_is_killed(start: Start) -> None:
    up = start(shell("plain", SLEEPS), shell("with-child", WITH_CHILD, grace=0.5))
    up.wait_until_it_says("all up")
    until(lambda: len(up.below()) == 4, what="the grandchild")
    processes = up.below()
    up.process.kill()
    up.process.wait()
    until(lambda: not alive(processes), what="all are gone")
    until(lambda: up_state.running(up.home) is None, what="the lock is free")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the parent-death signal is Linux's")
def test_services_stop_even_when_the_undertaker_is_killed_with_the_supervisor(start: Start) -> None:
    up = start(shell("plain", SLEEPS))
    up.wait_until_it_says("all up")
    processes = up.below()
    (undertaker,) = [process for process in processes if "undertaker.py" in " ".join(process.cmdline())]
    up.process.send_signal(signal.SIGSTOP)  # it must not find out and hire another
    undertaker.kill()
    up.process.kill()
    up.process.wait()
    until(lambda: not alive(processes), what="all are gone")


def test_an_undertaker_that_dies_is_replaced_and_knows_whom_to_bury(start: Start) -> None:
    up = start(shell("with-child", WITH_CHILD, grace=0.5))
    up.wait_until_it_says("all up")
    (undertaker,) = [p for p in up.below() if "undertaker.py" in " ".join(p.cmdline())]
    undertaker.kill()
    up.wait_until_it_says("undertaker: started again")
    processes = up.below()
    up.process.kill()
    up.process.wait()
    until(lambda: not alive(processes), what="all are gone")


def test_a_service_that_fails_before_it_is_ready_ends_everything(start: Start, tmp_path: Path) -> None:
    up = start(shell("first", SLEEPS), shell("broken", "exit 7", ready_file=str(tmp_path / "never")))
    assert up.process.wait(20) == Exit.UNAVAILABLE
    log = up.home / "logs" / "broken.log"
    assert f"service_failed: broken ended with exit code 7 before it was ready; {log} says why." in up.said
    assert "first: stopped" in up.said
    assert up_state.running(up.home) is None


def test_a_service_that_is_never_ready_ends_everything(start: Start, tmp_path: Path) -> None:
    up = start(shell("slow", SLEEPS, ready_file=str(tmp_path / "never"), ready_within=0.3))
    assert up.process.wait(20) == Exit.UNAVAILABLE
    assert "service_not_ready: slow was not ready within 0.3 s" in up.said
    assert "slow: stopped" in up.said


def test_a_signal_while_services_are_coming_up_stops_those_that_run(start: Start, tmp_path: Path) -> None:
    up = start(shell("first", SLEEPS), shell("waiting", SLEEPS, ready_file=str(tmp_path / "never")), shell("last", ""))
    up.wait_until_it_says("waiting: started")
    assert up.stop() == Exit.OK
    assert up.said.splitlines()[-2:] == ["waiting: stopped", "first: stopped"]
    assert "last" not in up.said


def test_one_home_has_one_supervisor(start: Start) -> None:
    up = start(shell("plain", SLEEPS))
    up.wait_until_it_says("all up")
    state = up_state.running(up.home)
    assert state is not None
    assert (state.pid, state.stopping) == (up.process.pid, False)
    second = Supervised(up.home, [shell("plain", SLEEPS)])
    assert second.process.wait(20) == Exit.INPUT
    assert f"already_running: `rollcall up` already runs for {up.home} as process {up.process.pid}" in second.said
    assert up.process.poll() is None
    other = start(shell("plain", SLEEPS), home="other")
    other.wait_until_it_says("all up")


def test_a_killed_one_whose_services_still_stop_is_told_apart(start: Start, tmp_path: Path) -> None:
    up = start(deaf(tmp_path / "ready", grace=2.0))
    up.wait_until_it_says("all up")
    up.process.kill()
    up.process.wait()
    state = up_state.running(up.home)
    assert state is not None
    assert state.stopping
    second = Supervised(up.home, [shell("plain", SLEEPS)])
    assert second.process.wait(20) == Exit.INPUT
    assert "is still stopping; try again" in second.said
    until(lambda: up_state.running(up.home) is None, what="the lock is free")


def test_a_command_that_does_not_exist_says_so_in_its_log(start: Start, tmp_path: Path) -> None:
    up = start({"name": "typo", "command": ["rollcall-no-such-program"], "ready_file": str(tmp_path / "never")})
    assert up.process.wait(20) == Exit.UNAVAILABLE
    assert "typo ended with exit code 127" in up.said
    assert "rollcall-no-such-program cannot be started: No such file" in (up.home / "logs" / "typo.log").read_text()


def test_backoff_doubles_to_its_cap_and_starts_over_after_a_steady_run() -> None:
    backoff = Backoff(first=0.5, cap=3.0, steady=60.0)
    assert [backoff.after(1.0) for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.after(60.0) == 0.5
    assert backoff.after(59.9) == 1.0


def test_a_restart_waits_for_its_time(tmp_path: Path) -> None:
    now = 1000.0
    child = Child(Service("brief", ["true"]), tmp_path, clock=lambda: now)
    pid = child.start()
    until(lambda: child.pid is not None and psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, what="it ends")
    death = child.ended()
    assert death is not None
    assert (death.pid, death.code, child.phase) == (pid, 0, Phase.ENDED)
    assert child.ended() is None
    assert child.plan_restart() == 0.5
    assert not child.due()
    now += 0.49
    assert not child.due()
    now += 0.02
    assert child.due()


def test_a_log_that_has_grown_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "talker.log"
    log.touch()
    os.truncate(log, LARGEST_LOG + 1)
    child = Child(Service("talker", ["echo", "anew"]), tmp_path)
    child.start()
    until(lambda: child.ended() is not None, what="it ends")
    assert log.read_text() == "anew\n"
    assert (tmp_path / "talker.log.1").stat().st_size == LARGEST_LOG + 1


def test_a_service_does_not_inherit_what_python_does_to_its_own_signals(tmp_path: Path) -> None:
    child = Child(Service("signals", ["/bin/sh", "-c", "kill -PIPE $$; echo ignored"]), tmp_path)
    child.start()
    pid = child.pid
    assert pid is not None
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, what="it ends")
    death = child.ended()
    assert death is not None
    assert death.code == -signal.SIGPIPE
