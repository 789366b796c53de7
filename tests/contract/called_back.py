"""What a sandbox posted to its customer, handed to an account's inbox as the HTTP door would."""

from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import polars as pl

from tests.unit.receiver import Received
from worker.providers.base import Event, Inbound, Inbox

ACCOUNT = "/callbacks/us"


def inner_path(received: Received) -> tuple[str, ...]:
    path = urlsplit(received.path).path
    assert path.startswith(f"{ACCOUNT}/")
    return tuple(unquote(part) for part in path.removeprefix(f"{ACCOUNT}/").split("/"))


def inbound(received: Received) -> Inbound:
    headers = {name.lower(): value for name, value in received.headers.items()}
    return Inbound(inner_path(received), headers, received.body, received.at)


def events(inbox: Inbox | None, posts: Iterable[Received]) -> dict[str, Event]:
    """Every event once, by its id, in the order of arrival."""
    assert inbox is not None
    taken: dict[str, Event] = {}
    for post in posts:
        event = inbox.receive(inbound(post))
        taken.setdefault(event.id, event)
    return taken


def told(inbox: Inbox | None, posts: Iterable[Received]) -> pl.DataFrame:
    assert inbox is not None
    return inbox.read([event.body for event in events(inbox, posts).values()])


def ends(frame: pl.DataFrame) -> dict[str, str]:
    """The disposition of each contact that is over; fails where one of them is so twice."""
    over = frame.filter(pl.col("phase") == "done")
    assert over["uuid"].is_unique().all()
    return dict(over.select("uuid", "disposition").iter_rows())
