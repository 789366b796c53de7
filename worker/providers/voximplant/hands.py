"""What a person may do to lists by hand: StartNextCallTask, EditCallList, CancelCallListTask, and GetCallLists.

Their parameters travel in the body: a thousand uuids make a longer address than servers read, and what is passed to
a scenario has no place in a log.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from worker.errors import Unknown
from worker.providers.answer import spoken
from worker.providers.base import Found, Place

# A request of that method with these fields in its body; its answer, wrapped in `result` where it is a bare array.
Call = Callable[[str, dict[str, Any]], dict[str, Any]]
Lists = Callable[[dict[str, Any]], Iterator[Found]]

MOST_TASKS = 1000
UNSAID = "Voximplant did not say what became of it; ask again."


class ListHands:
    """The hands of one account. `account_id` is its number at Voximplant."""

    def __init__(self, call: Call, lists: Lists, account_id: str) -> None:
        self._call = call
        self._lists = lists
        self._account_id = account_id

    def lists(self, filters: dict[str, Any]) -> Iterator[Found]:
        """Each list once: pages may overlap while lists are made."""
        shown: set[str] = set()
        for found in self._lists(filters):
            if found.reference not in shown:
                shown.add(found.reference)
                yield found

    def next(self, place: Place, params: str | None) -> None:
        """`params` reach the scenario as custom_params."""
        fields = {"list_id": place.reference, **({} if params is None else {"custom_params": params})}
        _confirmed("StartNextCallTask", self._call("StartNextCallTask", fields))

    def edit(self, place: Place, changes: dict[str, Any]) -> None:
        _confirmed("EditCallList", self._call("EditCallList", {**changes, "list_id": place.reference}))

    def withdraw(self, place: Place, uuids: Sequence[str]) -> dict[str, str | None]:
        """Whoever is not mentioned in the answer, or stands in the list twice and stays once, is not taken back."""
        if not uuids:
            return {}
        fields = {"account_id": self._account_id, "list_id": place.reference, "tasks_uuids": ";".join(uuids)}
        told = self._call("CancelCallListTask", fields).get("result")
        if not isinstance(told, list) or not all(isinstance(task, dict) for task in told):
            raise Unknown("broken_answer", "CancelCallListTask answered without its tasks; it may have been done.")
        words: dict[str, str | None] = {}
        for task in told:
            uuid = str(task.get("task_uuid"))
            words[uuid] = words.get(uuid) or _why_not(task)
        return {uuid: words.get(uuid, UNSAID) for uuid in uuids}


def _why_not(task: dict[str, Any]) -> str | None:
    return None if _yes(task.get("result")) else spoken(task.get("error_msg") or "") or UNSAID


def _confirmed(method: str, answer: dict[str, Any]) -> None:
    if not _yes(answer.get("result")):
        raise Unknown("broken_answer", f"{method} answered without saying that it was done; it may have been.")


def _yes(result: Any) -> bool:
    """`true`, which the documents type now as a boolean and now as a number."""
    return result is True or str(result).lower() in ("1", "true")
