"""Work that runs ahead: nothing is lost or turned round, errors come out, and whoever stops early leaves no thread."""

import threading
from collections.abc import Generator
from contextlib import closing
from contextvars import ContextVar

import pytest

from worker.ahead import ahead


def counted(until: int, made: list[int], closed: list[bool]) -> Generator[int, None, None]:
    try:
        for number in range(until):
            made.append(number)
            yield number
    finally:
        closed.append(True)


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "ahead"]


@pytest.mark.parametrize("count", [0, 1, 200])
def test_all_items_come_in_their_order(count: int) -> None:
    closed: list[bool] = []
    with closing(ahead(ahead(counted(count, [], closed)))) as items:
        assert list(items) == list(range(count))
    assert closed == [True]
    assert not running()


def test_what_making_an_item_raises_comes_out_after_those_before_it() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise KeyError("two")

    seen: list[int] = []
    with pytest.raises(KeyError, match="two"), closing(ahead(ahead(failing()))) as items:
        seen.extend(items)
    assert seen == [1]
    assert not running()


def test_who_stops_early_leaves_nothing_behind() -> None:
    made: list[int] = []
    closed: list[bool] = []
    with closing(ahead(ahead(counted(1000, made, closed)))) as items:
        assert next(items) == 0
    assert closed == [True]
    assert len(made) <= 4, "no more is made than is in hand"
    assert not running()


def test_it_is_made_in_the_context_of_who_asks() -> None:
    told: ContextVar[str] = ContextVar("told", default="nothing")
    told.set("to stop")
    with closing(ahead(told.get() for _ in range(2))) as items:
        assert list(items) == ["to stop"] * 2
