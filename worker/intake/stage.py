"""Staging: immutable objects addressed by the SHA-256 of their bytes, on any file system that fsspec knows.

A local folder is written so that a crash of the machine leaves either the whole object or none: temporary file in the
same folder, fsync, rename, fsync of the folder. Object stores are atomic by themselves.
"""

import hashlib
import os
import re
import secrets
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from worker.errors import ConfigError, StagingError, Unavailable
from worker.intake.objects import Objects

COPY_BYTES = 1 << 20
LARGE = 8 << 20  # bytes from which on a thread is worth it
HASHED_LATER = 16  # chunks that are written and still wait for their part in the digest
OWNERS_ONLY = 0o600
OURS = re.compile(r"[0-9a-f]{64}$|\.incoming-")


class Staging:
    """Objects under one fsspec URL: a plain path, `file://`, `s3://bucket/prefix`, `memory://`.

    Every method raises Unavailable where the store does not answer in time. After a fork, make another.
    """

    def __init__(self, url: str) -> None:
        self._shown = _without_secrets(url)
        if url.startswith(("s3://", "s3a://")) and "@" in urlsplit(url).netloc:
            text = f"The address of staging at {self._shown} holds a key; give keys by the environment."
            raise ConfigError("bad_staging_url", text)
        if re.match(r"(s3a?|gs|gcs|az|abfss?)://(/|$)", url):
            text = f"Staging cannot be at {self._shown}, which names no bucket; give one, and a folder in it."
            raise ConfigError("bad_staging_url", text)
        try:
            self._objects = Objects(url)
        except OSError as error:
            text = f"Staging at {self._shown} cannot be reached ({type(error).__name__}); check its address."
            raise Unavailable("staging_unavailable", text) from error
        except (ValueError, ImportError) as error:
            raise ConfigError(
                "bad_staging_url",
                f"Staging cannot be at {self._shown} ({error}); give a folder, or the URL of a store with its driver.",
            ) from error
        self._local, self._root = self._objects.local, self._objects.root

    def put(self, data: bytes) -> str:
        """Store `data` and return its digest. The same bytes twice are one object."""
        return self.put_stream([data])[0]

    def put_stream(self, chunks: Iterable[bytes | memoryview], *, settled: bool = True) -> tuple[str, int]:
        """Store the chunks as one object; (digest, size). Holds a few chunks at a time in memory.

        With `settled` false, the object may yet be lost with the machine until `settle` is called.
        """
        path = f"{self._folder() if self._local else tempfile.gettempdir()}/.incoming-{secrets.token_hex(16)}"
        try:
            with self._door():
                file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS_ONLY), "wb")
            with self._closed(file):
                digest, size = self._fill(file, chunks)
            with self._door():
                self._keep(path, digest)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)
        if settled:
            self.settle()
        return digest, size

    def settle(self) -> None:
        """Make sure of the names of all that was stored before. Once is enough for many objects."""
        if self._local:
            with self._door():
                _sync_folder(self._folder())

    def put_file(self, path: Path) -> tuple[str, int]:
        """Store a copy of a local file; (digest, size)."""
        with path.open("rb") as file:
            return self.put_stream(iter(lambda: file.read(COPY_BYTES), b""))

    def read(self, digest: str) -> bytes:
        """The object's bytes, proved. Raises StagingError when they are missing or not those that were stored."""
        with self._door(digest):
            data = self._objects.read(self._at(digest))
        if hashlib.sha256(data).hexdigest() != digest:
            raise StagingError(
                "staged_object_altered",
                f"The staged object {digest} in {self._shown} was altered; upload the file again.",
            )
        return data

    def open(self, digest: str) -> BinaryIO:
        """A seekable stream over the object, for what is too big to hold. The bytes are not proved.

        Where an object store does not answer any more, reading raises Unavailable, too.
        """
        with self._door(digest):
            return self._objects.open(self._at(digest), partial(self._door, digest))

    def delete(self, digest: str) -> None:
        """Remove the object; removing what is not there is no error."""
        try:
            with self._door(digest):
                self._objects.remove(self._at(digest))
        except StagingError:
            return

    def untouched_since(self, moment: datetime) -> Iterator[str]:
        """Names of the objects, and of what a writer left that died, which were written last before this moment."""
        with self._door():
            there = self._objects.all()
        for info in there:
            name = str(info["name"]).rpartition("/")[2]
            if OURS.match(name) and _written(info) < moment:
                yield name

    def delete_untouched(self, name: str, moment: datetime) -> bool:
        """Remove an object unless it was written anew since this moment; whether it was removed."""
        try:
            with self._door(name):
                if _written(self._objects.info(self._at(name))) >= moment:
                    return False
                self._objects.remove(self._at(name))
        except StagingError:
            return False
        return True

    def check(self) -> None:
        """Write, read and remove a small object. Raises Unavailable when that does not work."""
        data = b"rollcall staging check " + os.urandom(8).hex().encode()
        digest = self.put(data)
        self.read(digest)
        self.delete(digest)

    def _at(self, digest: str) -> str:
        return f"{self._root}/{digest}"

    def _folder(self) -> str:
        with self._door():
            if not os.path.isdir(self._root):
                os.makedirs(self._root, exist_ok=True)
                _sync_folder(os.path.dirname(self._root))
        return str(self._root)

    def _fill(self, file: IO[bytes], chunks: Iterable[bytes | memoryview]) -> tuple[str, int]:
        """The chunks come from outside, so that their own errors must not pass for staging's.

        The digest of a large object is worked out in a thread meanwhile: it takes as long as the disk does.
        """
        hasher, size = hashlib.sha256(), 0
        hashed: deque[Future[None]] = deque()
        with ThreadPoolExecutor(1, "digest") as thread:
            for chunk in chunks:
                if size < LARGE:
                    hasher.update(chunk)
                else:
                    hashed.append(thread.submit(hasher.update, chunk))
                if len(hashed) > HASHED_LATER:
                    hashed.popleft().result()
                size += len(chunk)
                with self._door():
                    file.write(chunk)
            with self._door():
                file.flush()
                if self._local:
                    os.fsync(file.fileno())
        for one in hashed:
            one.result()
        return hasher.hexdigest(), size

    @contextmanager
    def _closed(self, file: IO[bytes]) -> Iterator[None]:
        """Closed at the end. What could not be written is tried once more then, and a full disk says so again."""
        try:
            yield
        finally:
            with self._door():
                file.close()

    def _keep(self, path: str, digest: str) -> None:
        """Written even where the object exists: that also mends one that was altered."""
        if not self._local:
            self._objects.put(path, self._at(digest), digest)
        else:
            os.replace(path, self._at(digest))

    @contextmanager
    def _door(self, digest: str | None = None) -> Iterator[None]:
        """Every file system that fsspec drives has exceptions of its own, so all of them end here."""
        try:
            yield
        except Exception as error:
            if digest is not None and isinstance(error, FileNotFoundError) and not _no_bucket(error):
                raise StagingError(
                    "staged_object_missing",
                    f"The staged object {digest} is missing from {self._shown}; upload the file again.",
                ) from error
            raise Unavailable(
                "staging_unavailable",
                f"Staging at {self._shown} does not work ({type(error).__name__}); check that it may be written.",
            ) from error


def _written(info: dict[str, Any]) -> datetime:
    """Each file system has a word of its own for it."""
    told = next(info[word] for word in ("mtime", "LastModified", "last_modified", "created") if info.get(word))
    return told if isinstance(told, datetime) else datetime.fromtimestamp(told, UTC)


def _no_bucket(error: FileNotFoundError) -> bool:
    """Whether S3 misses the bucket, of whose objects that says nothing."""
    told = getattr(error.__cause__, "response", {})
    return bool(told.get("Error", {}).get("Code") == "NoSuchBucket")


def _sync_folder(folder: str) -> None:
    """A rename is only lasting once the folder that holds the name is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _without_secrets(url: str) -> str:
    """A store's URL may carry a key before the host or in the query."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
