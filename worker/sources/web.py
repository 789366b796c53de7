"""A file from a web server. A connection that breaks is taken up where it broke; a file that changed is an error."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from worker.errors import InputError, Unavailable
from worker.sources.address import public_client
from worker.sources.bounds import changed, limited

TIMEOUT = 60.0
TRIES = 5  # in a row, none of which brought a byte
PAUSE = 0.2  # seconds before the first of them; doubled with each
HOPS = 5
REDIRECTS = (301, 302, 303, 307, 308)
LATER = (408, 425, 429)
RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
# The file is kept as it came, so that a place in it means the same in every answer; these are unpacked when it is read.
UNPACKED_LATER = ("", "identity", "gzip", "x-gzip", "zstd")


class Broken(Exception):
    """The connection broke, or the server is busy: what has not come yet may come later."""


def download(url: str, may_visit: Callable[[str], None], limit: int) -> Iterator[bytes]:
    """The file's bytes as they were stored, whole or not at all.

    `may_visit` is told each host that a redirect leads to and raises where it is not allowed. Raises InputError
    `source_refused`, `source_not_allowed`, `source_changed`, `source_too_large`, Unavailable `source_down`.
    """
    return limited(_Download(url, may_visit).parts(), limit)


class _Download:
    def __init__(self, url: str, may_visit: Callable[[str], None]) -> None:
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:
            raise InputError("source_refused", "The file's address is not one; check it.") from None
        self._host = self._url.host
        self._may_visit = may_visit
        self._got = 0
        self._seen = hashlib.sha256()
        self._version: tuple[str, str, str] | None = None

    def parts(self) -> Iterator[bytes]:
        tries = 0
        while True:
            before = self._got
            try:
                with self._answer() as response:
                    yield from self._new_bytes(response)
                return
            except (Broken, httpx.TransportError) as error:
                tries = 1 if self._got > before else tries + 1
                if not self._got or tries > TRIES:
                    raise self._down(error) from error
            time.sleep(PAUSE * 2 ** (tries - 1))

    def _new_bytes(self, response: httpx.Response) -> Iterator[bytes]:
        """What follows the bytes that are there. A server that begins again must begin with the same ones."""
        known = 0 if response.status_code == 206 else self._got
        again = hashlib.sha256()
        for part in response.iter_raw():
            if known:
                again.update(part[:known])
                part, known = part[known:], max(known - len(part), 0)
                if not known and again.digest() != self._seen.digest():
                    raise changed(self._host)
            if part:
                self._got += len(part)
                self._seen.update(part)
                yield part
        if known:
            raise changed(self._host)

    @contextmanager
    def _answer(self) -> Iterator[httpx.Response]:
        """The answer with the file, or with the rest of it, behind whatever redirects there are."""
        url = self._url
        for _ in range(HOPS + 1):
            with self._client(url) as client, client.stream("GET", url, headers=self._headers()) as response:
                if response.status_code not in REDIRECTS:
                    self._judge(response)
                    yield response
                    return
                url = self._next(url, response.headers.get("location", ""))
        raise self._refused(f"leads from one address to the next, more than {HOPS} times")

    def _client(self, url: httpx.URL) -> httpx.Client:
        if _origin(url) == _origin(self._url):
            return httpx.Client(timeout=TIMEOUT, follow_redirects=False)
        self._may_visit(url.host)
        return public_client(url.host, TIMEOUT)

    def _next(self, url: httpx.URL, location: str) -> httpx.URL:
        try:
            following = url.join(location)
        except httpx.InvalidURL:
            raise self._refused("leads to an address that is none") from None
        if following.scheme not in ("https", self._url.scheme) or not following.host:
            raise self._refused(f"leads to an address of kind {following.scheme}:// ")
        same = _origin(following) == _origin(self._url)
        return following.copy_with(userinfo=self._url.userinfo if same else b"")

    def _headers(self) -> dict[str, str]:
        headers = {"accept-encoding": "identity"}
        if self._got and self._version is not None:
            etag, modified, _ = self._version
            mark = etag if etag and not etag.startswith("W/") else modified
            if mark:
                headers |= {"range": f"bytes={self._got}-", "if-range": mark}
        return headers

    def _judge(self, response: httpx.Response) -> None:
        status, headers = response.status_code, response.headers
        if status >= 500 or status in LATER:
            raise Broken(f"HTTP {status}")
        if self._got and status in (404, 410, 412, 416):
            raise changed(self._host)
        if status not in ((200, 206) if self._got else (200,)):
            raise self._refused(f"answered HTTP {status} for the file")
        if headers.get("content-encoding", "").lower() not in UNPACKED_LATER:
            raise self._refused(f"sends the file in the encoding {headers['content-encoding']!r:.20}")
        if "content-length" not in headers and "transfer-encoding" not in headers:
            raise self._refused("does not say where the file ends, so that a broken connection would pass for its end")
        version = (headers.get("etag", ""), headers.get("last-modified", ""), self._length(response))
        if self._got and version != self._version:
            raise changed(self._host)
        self._version = version

    def _length(self, response: httpx.Response) -> str:
        """Of the whole file, where it is said."""
        if response.status_code == 200:
            return str(response.headers.get("content-length", ""))
        known = "" if self._version is None else self._version[2]
        found = RANGE.fullmatch(response.headers.get("content-range", ""))
        if found is None or int(found[1]) != self._got:
            raise self._refused("answered with another part of the file than was asked for")
        return known if found[2] == "*" else found[2]

    def _refused(self, why: str) -> InputError:
        return InputError("source_refused", f"{self._host} {why.strip()}; check the address.")

    def _down(self, error: Exception) -> Unavailable:
        why = str(error) if isinstance(error, Broken) else type(error).__name__
        return Unavailable(
            "source_down", f"The file could not be fetched from {self._host} ({why}); nothing was stored, try again."
        )


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    ports = {"http": 80, "https": 443}
    return url.scheme, url.host, url.port or ports.get(url.scheme)
