"""The official Python SDK works against the sandbox: the witness that the sandbox is faithful.

The SDK lives in an environment of its own: ROLLCALL_SDK_PYTHON names its Python, else `.venv-sdk` is made here. It
only speaks https, so the sandbox gets a certificate; its tokens are signed, and the sandbox checks the signatures.
"""

import csv
import datetime
import io
import ipaddress
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from sandbox.server import running

ROOT = Path(__file__).parents[2]
WITNESS = Path(__file__).parent / "sdk_witness" / "witness.py"
SDK = "voximplant-apiclient>=2.12,<2.13"
ACCOUNT = "424242"


@pytest.fixture(scope="session")
def sdk_python() -> str:
    """A Python that has the SDK. Where it cannot be had the tests fail: nothing is skipped."""
    given = os.environ.get("ROLLCALL_SDK_PYTHON")
    if given:
        return given
    python = ROOT / ".venv-sdk" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    has_it = subprocess.run([str(python), "-c", "import voximplant.apiclient"], capture_output=True, check=False)
    if has_it.returncode:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", SDK], check=True)
    return str(python)


def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def certificate(key: rsa.RSAPrivateKey) -> str:
    """Signed by itself, for 127.0.0.1."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


class Stage:
    """The sandbox behind https, and the credentials of an account whose key it knows."""

    def __init__(self, folder: Path, http: httpx.Client, authority: Path, python: str) -> None:
        self.folder, self.http, self.authority, self.python = folder, http, authority, python
        self.key = private_key()
        registered = http.put(f"/keys/{ACCOUNT}", json={"key_id": "key-1", "public_key": public_pem(self.key)})
        assert registered.status_code == 200

    def run(self, key: rsa.RSAPrivateKey) -> dict[str, Any]:
        credentials = self.folder / "credentials.json"
        said = {"account_id": int(ACCOUNT), "key_id": "key-1", "private_key": private_pem(key)}
        credentials.write_text(json.dumps(said))
        endpoint = f"{self.http.base_url.host}:{self.http.base_url.port}"
        environment = os.environ | {"REQUESTS_CA_BUNDLE": str(self.authority)}
        command = [self.python, str(WITNESS), endpoint, str(credentials)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr
        told: dict[str, Any] = json.loads(ended.stdout)
        return told


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, sdk_python: str) -> Iterator[Stage]:
    folder, key = tmp_path_factory.mktemp("witness"), private_key()
    authority, key_file = folder / "certificate.pem", folder / "key.pem"
    authority.write_text(certificate(key))
    key_file.write_text(private_pem(key))
    trusting = ssl.create_default_context(cafile=authority)
    with (
        running(speed=1000, balance=12.5, tls_certificate=authority, tls_key=key_file) as url,
        httpx.Client(base_url=url, verify=trusting) as http,
    ):
        yield Stage(folder, http, authority, sdk_python)


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, Any]:
    """One run of the SDK through every method, and what it was told."""
    return stage.run(stage.key)


def test_it_creates_and_appends(told: dict[str, Any], stage: Stage) -> None:
    created, appended = told["campaign"]["created"], told["campaign"]["appended"]
    assert (created["result"], created["count"]) == (True, 2)
    assert (appended["list_id"], appended["count"]) == (created["list_id"], 1)
    assert created["batch_id"] != appended["batch_id"]
    book = stage.http.get("/ledger").json()
    assert book["lists"][0] == {
        "provider": "voximplant",
        "reference": str(created["list_id"]),
        "name": "witness & co",
        "contacts": 3,
    }
    assert (book["contacts"], book["called_twice"]) == (8, 0)


def test_it_finds_its_list_by_name_and_date(told: dict[str, Any]) -> None:
    found = told["campaign"]["found"]
    assert (found["count"], found["total_count"]) == (1, 1)
    [shown] = found["result"]
    assert (shown["list_name"], shown["status"]) == ("witness & co", "Canceled")
    assert shown["dt_submit"].endswith("+00:00")  # the SDK has read it as a time
    [done] = told["campaign"]["done"]["result"]
    assert done["status"] == "Completed"
    assert done["dt_complete"] > done["dt_submit"]


def test_it_reads_details_as_json(told: dict[str, Any]) -> None:
    before, after = told["campaign"]["before"], told["campaign"]["after"]
    assert {task["status"] for task in before["result"]} == {"Canceled"}
    assert [task["task_uuid"] for task in after["result"]] == ["w-1", "w-2", "w-3"]
    assert {task["status"] for task in after["result"]} <= {"Processed", "Error"}
    assert json.loads(after["result"][1]["custom_data"]) == {"phone": "+14155550002", "name": "Zoë"}
    assert all(task["start_execution_time"] is None for task in after["result"])
    assert [task["task_uuid"] for task in told["campaign"]["of_batch"]["result"]] == ["w-3"]


def test_it_reads_details_as_csv(told: dict[str, Any]) -> None:
    header, *rows = told["campaign"]["csv"]["file_content"].splitlines()
    assert header.startswith("phone;__task_uuid;name;__start_execution_time;")
    assert [row.split(";")[2] for row in rows] == ["Ann", "Zoë", "Cid"]


def test_it_stops_and_recovers(told: dict[str, Any]) -> None:
    assert told["campaign"]["recovered"] == {"result": True, "count_recovery": 3}
    stopped = told["stopped"]
    assert stopped["stop"]["result"] is True
    assert {task["status_id"] for task in stopped["tasks"]["result"]} == {4}
    assert stopped["lists"]["total_count"] == 1
    assert stopped["recover"] == {"result": True, "count_recovery": 2}


def test_it_edits(told: dict[str, Any]) -> None:
    assert told["changed"]["edited"] == {"result": True}
    [shown] = told["changed"]["shown"]["result"]
    assert (shown["list_name"], shown["priority"], shown["num_attempts"]) == ("witness edited", 4, 3)
    assert (shown["max_simultaneous"], shown["interval_seconds"]) == (2, 9)
    assert shown["task_priority_strategy"] == "repeated_attempts"


def test_it_cancels_tasks_and_batches(told: dict[str, Any], stage: Stage) -> None:
    changed = told["changed"]
    by_id = [(line["task_uuid"], line["result"]) for line in changed["by id"]["result"]]
    assert by_id == [("w-1", True), (None, False)]
    assert [line["result"] for line in changed["by uuid"]["result"]] == [False]
    assert changed["batch"] == {"result": True}
    assert changed["recovered"] == {"result": True, "count_recovery": 1}
    statuses = {task["task_uuid"]: task["status"] for task in changed["tasks"]["result"]}
    assert (statuses["w-1"], statuses["w-3"]) == ("Canceled", "Canceled")
    rows = csv.DictReader(io.StringIO(stage.http.get("/ledger/calls").text))
    list_id = str(changed["made"]["list_id"])
    calls = {row["uuid"]: int(row["calls"]) for row in rows if row["list_reference"] == list_id}
    assert (calls["w-1"], calls["w-3"]) == (0, 0)
    assert calls["w-2"] >= 1


def test_it_filters_lists(told: dict[str, Any]) -> None:
    assert told["changed"]["manual"]["total_count"] == 0
    assert told["changed"]["filtered"]["total_count"] == 1


def test_it_reads_its_account(told: dict[str, Any], stage: Stage) -> None:
    account = told["account"]
    assert account["result"]["account_id"] == int(ACCOUNT)
    assert (account["result"]["balance"], account["result"]["currency"]) == (12.5, "USD")
    assert account["result"]["created"].endswith("+00:00")
    assert account["api_address"] == f"{stage.http.base_url.host}:{stage.http.base_url.port}"
    assert told["rate"]["result"]["USD"] == 1


def test_it_raises_the_documented_codes(told: dict[str, Any]) -> None:
    assert told["errors"] == {
        "no such list": 255,
        "six attempts": 249,
        "ragged": 250,
        "no such list to edit": 251,
        "no tasks to cancel": 485,
        "another account": 115,
    }


def test_a_token_signed_with_another_key_is_refused(stage: Stage) -> None:
    assert stage.run(private_key()) == {"refused": 100}
