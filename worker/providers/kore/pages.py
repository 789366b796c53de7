"""Pages of an answer, read whole. Totals may move meanwhile, and a page may repeat what the one before it showed."""

from collections.abc import Callable, Iterator
from typing import Any

from worker.errors import Unknown

Item = dict[str, Any]
# The `data` of the page behind so many items, which is the page of this number, counted from 1.
Fetch = Callable[[int, int], Any]


def whole(fetch: Fetch, what: str) -> list[Item]:
    """Every item once, by its id: as many as the provider says there are, or Unknown."""
    found: dict[str, Item] = {}
    total = 0
    for number, data in _pages(fetch, what):
        known = len(found)
        found |= {identity(item, f"{number}/{place}"): item for place, item in enumerate(data["results"])}
        if data["results"] and len(found) == known:
            raise _broken(f"showed the same {what} again instead of the next ones; try the setting own.paging")
        total = data["totalResults"] if isinstance(data.get("totalResults"), int) else 0
    if len(found) < total:
        raise _broken(f"showed {len(found)} of {total} {what}")
    return list(found.values())


def records(fetch: Fetch, what: str) -> list[Item]:
    """Every item of pages whose items have no id, and whose total is not one: the page's own sample contradicts it."""
    found: list[Item] = []
    before: list[Item] | None = None
    for _, data in _pages(fetch, what):
        if data["results"] and data["results"] == before:
            raise _broken(f"showed the same {what} again instead of the next ones")
        before = data["results"]
        found += before
    return found


def identity(item: Item, otherwise: str = "") -> str:
    """An item's id, which has another name on each page."""
    return str(item.get("_id") or item.get("id") or otherwise)


def _pages(fetch: Fetch, what: str) -> Iterator[tuple[int, Item]]:
    behind, number = 0, 1
    while True:
        data = fetch(behind, number)
        results = data.get("results") if isinstance(data, dict) else None
        if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
            raise _broken(f"answered without a list of {what}")
        yield number, data
        behind += len(results)
        if not results or not _more(data, number):
            return
        number += 1


def _more(data: Item, number: int) -> bool:
    """Whether another page is there; where an answer does not say, one asks until an empty one."""
    if isinstance(data.get("hasMore"), bool):
        return bool(data["hasMore"])
    return number < data["totalPages"] if isinstance(data.get("totalPages"), int) else True


def _broken(text: str) -> Unknown:
    return Unknown("broken_answer", f"Kore.ai {text}.")
