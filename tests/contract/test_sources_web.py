"""Files from a web server: whole or not at all whatever becomes of the connection, and only from where they may be."""

import hashlib
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.file_server import FileServer, file_server
from tests.house import House, some_numbers
from tests.unit.packing import PACKINGS
from worker import sources
from worker.errors import InputError, Unavailable
from worker.job import Job

LIST = ("phone,name\n" + "".join(f"{number},Ada\n" for number in some_numbers(20_000))).encode()
SECRET = "signature=s3cr3t"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(LIST) as running:
        yield running


def stage(house: House, url: str, trusted: bool = True) -> str:
    return sources.stage(house.ctx, Job(source=url, account="sandbox"), trusted=trusted)


def refusal(house: House, url: str, trusted: bool = True) -> str:
    with pytest.raises((InputError, Unavailable)) as caught:
        stage(house, url, trusted)
    assert "s3cr3t" not in caught.value.message
    assert not list((house.folder / "staging").glob("*"))
    return caught.value.code


def test_a_file_from_the_web_is_staged_by_its_digest(small_house: House, server: FileServer) -> None:
    digest = stage(small_house, f"{server.url}/list.csv?{SECRET}")
    assert digest == hashlib.sha256(LIST).hexdigest()
    assert small_house.ctx.staging.read(digest) == LIST


def test_a_broken_connection_is_taken_up_where_it_broke(small_house: House, server: FileServer) -> None:
    server.breaks = [100_000, 50_000, 0]
    assert stage(small_house, f"{server.url}/list.csv") == hashlib.sha256(LIST).hexdigest()
    assert server.asked == [None, "bytes=100000-", "bytes=150000-", "bytes=150000-"]


@pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {"ETag": 'W/"weak"'}, {}])
def test_a_server_without_ranges_is_read_again_from_the_start(
    small_house: House, server: FileServer, headers: dict[str, str]
) -> None:
    server.ranges, server.headers, server.breaks = False, headers, [200_000, 100_000]
    assert stage(small_house, f"{server.url}/list.csv") == hashlib.sha256(LIST).hexdigest()


def test_a_server_that_never_gives_more_is_down(
    small_house: House, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources.web, "PAUSE", 0.001)
    server.breaks = [1000] + [0] * 20
    assert refusal(small_house, f"{server.url}/list.csv?{SECRET}") == "source_down"
    assert len(server.asked) == 1 + sources.web.TRIES


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("tagged", [True, False])
def test_a_file_that_changes_meanwhile_is_an_error(
    small_house: House, server: FileServer, ranges: bool, tagged: bool
) -> None:
    server.ranges, server.breaks = ranges, [100_000]
    server.headers = {"ETag": '"one"'} if tagged else {}

    def change() -> None:
        server.content = LIST.replace(b"Ada", b"Bob")
        server.headers = {"ETag": '"two"'} if tagged else {}

    server.after_break = change
    assert refusal(small_house, f"{server.url}/list.csv") == "source_changed"


def test_a_file_that_goes_away_meanwhile_is_an_error(small_house: House, server: FileServer) -> None:
    server.breaks, server.status = [100_000], [200, 404]
    assert refusal(small_house, f"{server.url}/list.csv") == "source_changed"


@pytest.mark.parametrize(
    ("status", "code"), [(404, "source_refused"), (403, "source_refused"), (503, "source_down"), (429, "source_down")]
)
def test_what_the_server_says_first_is_believed(small_house: House, server: FileServer, status: int, code: str) -> None:
    server.status = [status]
    assert refusal(small_house, f"{server.url}/list.csv?{SECRET}") == code
    assert len(server.asked) == 1


def test_a_busy_moment_in_between_is_waited_out(small_house: House, server: FileServer) -> None:
    server.breaks, server.status = [100_000], [200, 503]
    assert stage(small_house, f"{server.url}/list.csv") == hashlib.sha256(LIST).hexdigest()


def test_a_file_without_an_end_is_refused(small_house: House, server: FileServer) -> None:
    server.length = False
    assert refusal(small_house, f"{server.url}/list.csv") == "source_refused"


def test_a_file_beyond_the_limit_is_refused(small_house: House, server: FileServer) -> None:
    small_house.ctx.settings.source_limit = len(LIST) - 1
    assert refusal(small_house, f"{server.url}/list.csv") == "source_too_large"
    server.content = PACKINGS["zst"](LIST)
    with pytest.raises(InputError, match="unpacked"):
        stage(small_house, f"{server.url}/list.csv.zst")


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_what_the_server_packed_is_unpacked_when_it_is_read(
    small_house: House, server: FileServer, encoding: str
) -> None:
    server.content, server.headers = PACKINGS["gz"](LIST), {"Content-Encoding": encoding}
    if encoding == "gzip":
        assert stage(small_house, f"{server.url}/list.csv")
    else:
        assert refusal(small_house, f"{server.url}/list.csv") == "source_refused"


def test_a_redirect_to_the_same_server_is_followed_with_its_login(small_house: House, server: FileServer) -> None:
    server.leads = {"/latest": "/list.csv"}
    url = server.url.replace("http://", "http://user:s3cr3t@")
    assert stage(small_house, f"{url}/latest") == hashlib.sha256(LIST).hexdigest()
    assert len(set(server.authorized)) == 1
    assert server.authorized[0] is not None


def test_a_redirect_to_a_private_address_is_not_followed(small_house: House, server: FileServer) -> None:
    with file_server(LIST) as other:
        port = other.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0.0.0.0"):
            server.leads = {"/list.csv": f"http://{host}:{port}/list.csv"}
            assert refusal(small_house, f"{server.url}/list.csv") in ("source_not_allowed", "source_refused")
        assert other.asked == []


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/list.csv", "file:///etc/passwd", "/list.csv"])
def test_a_redirect_to_nowhere_is_refused(small_house: House, server: FileServer, to: str) -> None:
    server.leads = {"/list.csv": to}
    assert refusal(small_house, f"{server.url}/list.csv") == "source_refused"


def test_nobody_there(small_house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert refusal(small_house, f"http://127.0.0.1:{taken.getsockname()[1]}/?{SECRET}") == "source_down"
    assert refusal(small_house, f"https://nobody.invalid/list.csv?{SECRET}") == "source_down"


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """The same behind TLS, under a certificate that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with file_server(LIST, context) as running:
        running.url = running.url.replace("http://127.0.0.1", "https://localhost")
        yield running


def test_a_message_may_only_name_hosts_that_are_allowed(small_house: House, secure: FileServer) -> None:
    assert refusal(small_house, f"{secure.url}/list.csv", trusted=False) == "source_not_allowed"
    assert secure.asked == []
    small_house.ctx.settings.source_hosts = ["localhost"]
    assert stage(small_house, f"{secure.url}/list.csv", trusted=False) == hashlib.sha256(LIST).hexdigest()
    secure.leads = {"/list.csv": "https://example.org/list.csv"}
    assert refusal(small_house, f"{secure.url}/list.csv", trusted=False) == "source_not_allowed"
