"""The objects of any file system that fsspec knows, by their paths, and for how long a store is waited for.

The drivers of object stores repeat a request in up to three layers, one within the other: a store that takes requests
and answers none would hold a reader for a quarter of an hour, and a writer for ever. So whatever is asked of a store
has a time in all.
"""

import base64
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractBufferedFile

PATIENCE = 20.0  # seconds for one object, with every repetition: less than a lease, and than a request to a provider
LISTED_WITHIN = 600.0  # seconds for the names of all objects, which come by the thousand
SLOWEST = 512 << 10  # bytes a second: an upload that is slower is given up; a full chunk has 36 seconds
PART_BYTES = 16 << 20  # of an upload to S3; an object smaller than two goes whole
PARTS_AT_ONCE = 4  # all of them in memory
BLOCK_BYTES = 4 << 20  # read ahead of what is asked of a stream, which may be twice that
BLOCK_WITHIN = 40.0  # seconds: who reads a file has 45 until its lease ends

Door = Callable[[], AbstractContextManager[None]]


class Objects:
    """Raises ValueError and ImportError where the URL fits no driver; else whatever the driver raises."""

    def __init__(self, url: str) -> None:
        self._fs, self.root = fsspec.core.url_to_fs(url)
        self.local = isinstance(self._fs, LocalFileSystem)
        self._is_s3 = urlsplit(url).scheme in ("s3", "s3a")
        self._fs.dircache.use_listings_cache = False  # what another process stored since would be missing from it

    def put(self, path: str, at: str, digest: str) -> None:
        """Store a local file. S3 takes one that goes whole only where its SHA-256 is `digest`."""
        told: dict[str, Any] = {}
        if self._is_s3:
            told = {
                "chunksize": PART_BYTES,
                "max_concurrency": PARTS_AT_ONCE,
                "ChecksumSHA256": base64.b64encode(bytes.fromhex(digest)).decode(),
            }
        self._fs.put_file(path, at, **told, **self._within(PATIENCE + os.path.getsize(path) / SLOWEST))

    def read(self, at: str) -> bytes:
        whole = {"max_concurrency": 1} if self._is_s3 else {}  # else its size is asked for first
        data: bytes = self._fs.cat_file(at, **whole, **self._within(PATIENCE))
        return data

    def open(self, at: str, door: Door) -> BinaryIO:
        """A seekable stream. What a store raises while it is read goes through `door`."""
        if not self._fs.async_impl:
            return cast(BinaryIO, self._fs.open(at, "rb"))
        return cast(BinaryIO, _Stream(self._fs, at, self.info(at)["size"], door))

    def info(self, at: str) -> dict[str, Any]:
        found: dict[str, Any] = self._fs.info(at, **self._within(PATIENCE))
        return found

    def all(self) -> list[dict[str, Any]]:
        """The info of every object below the root."""
        try:
            found: list[dict[str, Any]] = self._fs.ls(self.root, detail=True, **self._within(LISTED_WITHIN))
        except FileNotFoundError:
            return []
        return found

    def remove(self, at: str) -> None:
        self._fs.rm_file(at, **self._within(PATIENCE))

    def _within(self, seconds: float) -> dict[str, float]:
        """What tells a driver for object stores to give up; those of files have no such word."""
        return {"timeout": seconds} if self._fs.async_impl else {}


class _Stream(AbstractBufferedFile):  # type: ignore[misc]  # fsspec carries no types
    """Reads ahead block by block. The drivers' own streams know no time in all."""

    def __init__(self, fs: Any, path: str, size: int, door: Door) -> None:
        self._door = door
        super().__init__(fs, path, "rb", BLOCK_BYTES, size=size)

    def _fetch_range(self, start: int, end: int) -> bytes:
        with self._door():
            data: bytes = self.fs.cat_file(self.path, start=start, end=end, timeout=BLOCK_WITHIN)
            if len(data) != end - start:
                raise EOFError(f"{len(data)} bytes came, {end - start} were asked for")
        return data
