"""S3 as moto speaks it, over HTTP: nothing in whoever asks is replaced."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from moto.server import DomainDispatcherApplication, create_backend_app
from s3fs import S3FileSystem
from werkzeug.serving import make_server

Answering = Callable[[dict[str, Any], Any], Iterable[bytes]]

KEYS = {"AWS_ACCESS_KEY_ID": "a-key", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def served_s3(between: Callable[[Answering], Answering] = lambda app: app) -> Iterator[str]:
    """The address of a server that is empty; `between` may look at each request and spoil its answer."""
    app = between(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.log = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        httpx.post(f"{url}/moto-api/reset").raise_for_status()  # one memory serves all servers of a process
        with new_clients():
            yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent_store() -> Iterator[str]:
    """The address of a store that takes every request and answers none."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def environment(url: str) -> dict[str, str]:
    """What tells a process where S3 is and how it signs; what fails is not asked for again by botocore."""
    return {**KEYS, "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1"}


@contextmanager
def new_clients() -> Iterator[None]:
    """Drivers keep a client for as long as the process lives, with the server and the keys that it was made with."""
    S3FileSystem.clear_instance_cache()
    try:
        yield
    finally:
        S3FileSystem.clear_instance_cache()


def s3(url: str, service: str = "s3") -> Any:
    """A client that goes round all that is tested."""
    keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
    return boto3.client(service, endpoint_url=url, region_name=KEYS["AWS_DEFAULT_REGION"], **keys)


@dataclass
class Bucket:
    url: str
    name: str
    client: Any

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def names(self, prefix: str) -> set[str]:
        """What lies in a folder; of no more than a thousand objects."""
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=f"{prefix}/").get("Contents", [])
        return {one["Key"].removeprefix(f"{prefix}/") for one in found}

    def half_uploaded(self) -> list[str]:
        """Keys of what was begun in parts and neither completed nor given up."""
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]


def bucket_at(url: str, name: str) -> Bucket:
    client = s3(url)
    client.create_bucket(Bucket=name)
    return Bucket(url, name, client)
