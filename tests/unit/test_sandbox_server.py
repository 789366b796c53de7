"""The sandbox as a process: how it starts, what it says, how it ends."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from sandbox.server import CannotListen, listen, running
from tests.patience import until
from tests.unit.sandbox_fixtures import KEY, LIST, ROWS


@contextmanager
def process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "sandbox", "--port", "0", *options]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert started.stdout is not None
        yield started, started.stdout.readline().split()[-1]
    finally:
        started.kill()
        started.communicate()


def test_it_serves_by_itself_with_the_options_it_was_given() -> None:
    with process("--speed", "7", "--balance", "0.5", "--currency", "EUR") as (_, url):
        assert httpx.get(f"{url}/healthz").json() == {"ok": True}
        assert httpx.get(f"{url}/clock").json()["speed"] == 7
        info = httpx.get(f"{url}/platform_api/GetAccountInfo", params=KEY).json()["result"]
        assert (info["balance"], info["currency"]) == (0.5, "EUR")


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_promptly_although_requests_are_held(by: signal.Signals) -> None:
    with process() as (started, url):
        faults = [{"fault": "no_answer", "methods": ["GetCallLists"]}, {"fault": "slow", "seconds": 60}]
        httpx.put(f"{url}/faults", json=faults)

        def ask(method: str) -> None:
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(f"{url}/platform_api/{method}", params=KEY, timeout=30)

        held = threading.Thread(target=ask, args=["GetCallLists"])
        slow = threading.Thread(target=httpx.get, args=[f"{url}/platform_api/GetAccountInfo"], kwargs={"params": KEY})
        held.start()
        slow.start()
        until(lambda: httpx.get(f"{url}/ledger").json()["requests"] >= 2)
        began = time.monotonic()
        started.send_signal(by)
        assert started.wait(10) == 0
        assert time.monotonic() - began < 3
        held.join(5)
        slow.join(5)
        assert started.stderr is not None
        assert started.stderr.read() == ""


def test_the_same_seed_dials_the_same_outcomes() -> None:
    def outcomes(seed: int) -> list[str]:
        file = "phone;__task_uuid\n" + "".join(f"+1415{row};u-{row}\n" for row in range(50))
        with running(seed=seed, speed=0) as url, httpx.Client(base_url=url, verify=False) as http:
            made = http.post("/platform_api/CreateCallList", params=KEY | LIST, files={"file_content": file.encode()})
            http.put("/clock", json={"advance": 3600})
            params = KEY | {"list_id": made.json()["list_id"], "output": "json"}
            tasks = http.get("/platform_api/GetCallListDetails", params=params).json()["result"]
            return [task["result_data"] for task in tasks]

    assert outcomes(3) == outcomes(3) != outcomes(4)


def test_a_taken_port_is_one_sentence_and_an_exit_code() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "sandbox", "--port", str(port)], capture_output=True, text=True, timeout=20
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"The sandbox cannot listen on 127.0.0.1:{port} (Address already in use)")
    assert ended.stderr.count("\n") == 1


def test_bad_options_are_said() -> None:
    with pytest.raises(CannotListen):
        listen("127.0.0.1", 70_000)
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", "--speed", "-1"], capture_output=True, text=True, timeout=20
    )
    assert (ended.returncode, ended.stderr) == (1, "The clock's speed must be 0 or more: 'speed' was -1.0.\n")


def test_a_restart_forgets_the_lists_and_gives_no_id_twice() -> None:
    ids = []
    for _ in range(2):
        with running(speed=0) as url, httpx.Client(base_url=url, verify=False) as http:
            assert http.get("/ledger").json()["lists"] == []
            made = http.post("/platform_api/CreateCallList", params=KEY | LIST, files={"file_content": ROWS.encode()})
            ids.append(made.json()["list_id"])
    assert ids[0] < ids[1]
