"""A file in an object store: S3, Google Cloud Storage or Azure Blob Storage, by fsspec's driver for it.

Credentials come from where each driver looks for them (environment, profile, role), never from the address.
"""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import fsspec

from worker.errors import ConfigError, InputError, Unavailable
from worker.intake.unpack import too_large
from worker.sources.bounds import changed

DRIVERS = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}
PART_BYTES = 8 << 20
TRIES = 5  # for each part
PATIENCE = 60.0  # seconds for each try with what the driver repeats in it: a store may take requests and answer none
PAUSE = 0.2  # seconds before the first repetition; doubled with each
# What tells two versions of an object apart, in the words of the three stores.
VERSION = ("ETag", "etag", "generation", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime")
NO_CREDENTIALS = "CredentialsError"  # every store has exceptions of its own, and all of them are named so


def read(url: str, limit: int) -> Iterator[bytes]:
    """The object's bytes, part by part, each asked for again where it did not come.

    Raises ConfigError `no_source_driver`, InputError `no_file`, `is_a_directory`, `empty_file`, `source_refused`,
    `source_too_large`, `source_changed`, Unavailable `source_down`.
    """
    return _Object(url).parts(limit)


class _Object:
    def __init__(self, url: str) -> None:
        scheme, place = urlsplit(url).scheme, urlsplit(url).netloc.rpartition("@")[2]
        if urlsplit(url).password is not None:
            raise InputError(
                "source_refused", f"The address at {scheme}://{place} holds a key; give keys by the environment."
            )
        self._shown = f"{scheme}://{place}"
        try:
            self._fs, self._path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
        except ImportError:
            package = DRIVERS[scheme]
            raise ConfigError(
                "no_source_driver",
                f"Files at {scheme}:// are read with the package {package}; install it: pip install {package}.",
            ) from None
        except ValueError as error:  # the driver lacks what it needs to know of the store
            raise InputError("source_refused", f"{self._shown} cannot be opened; check its credentials.") from error
        except Exception as error:
            raise self._trouble(error) from error

    def parts(self, limit: int) -> Iterator[bytes]:
        info = self._info()
        if info.get("type") == "directory":
            raise InputError("is_a_directory", f"The address at {self._shown} is a folder; name the file in it.")
        size, version = int(info["size"]), _version(info)
        if not size:
            raise InputError("empty_file", f"The file at {self._shown} is empty; export it again.")
        if size > limit:
            raise too_large(limit)
        for begin in range(0, size, PART_BYTES):
            yield self._part(begin, min(begin + PART_BYTES, size), version)
        if _version(self._info()) != version:
            raise changed(self._shown)

    def _part(self, begin: int, end: int, version: list[str]) -> bytes:
        for tried in range(TRIES + 1):
            try:
                data: bytes = self._fs.cat_file(self._path, start=begin, end=end, timeout=PATIENCE)
            except Exception as error:
                if _version(self._info()) != version:
                    raise changed(self._shown) from error
                if tried == TRIES:
                    raise self._trouble(error) from error
                time.sleep(PAUSE * 2**tried)
                continue
            if len(data) == end - begin:
                return data
        raise changed(self._shown)

    def _info(self) -> dict[str, Any]:
        try:
            self._fs.invalidate_cache()
            info: dict[str, Any] = self._fs.info(self._path, timeout=PATIENCE)
        except Exception as error:
            raise self._trouble(error) from error
        return info

    def _trouble(self, error: Exception) -> InputError | Unavailable:
        """The driver's own words may hold the address with its keys, so they are not repeated."""
        if isinstance(error, FileNotFoundError):
            return InputError("no_file", f"There is no such file at {self._shown}; check the address.")
        if isinstance(error, PermissionError) or type(error).__name__.endswith(NO_CREDENTIALS):
            return InputError("source_refused", f"{self._shown} does not let the file be read; check its credentials.")
        return Unavailable(
            "source_down",
            f"The file could not be fetched from {self._shown} ({type(error).__name__}); nothing was stored, "
            "try again.",
        )


def _version(info: dict[str, Any]) -> list[str]:
    return [str(info[name]) for name in ("size", *VERSION) if name in info]
