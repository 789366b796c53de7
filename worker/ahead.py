"""Work that runs ahead in a thread of its own while what it made before is dealt with."""

from collections.abc import Generator
from contextlib import closing
from contextvars import copy_context
from queue import Queue
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")

LOOKS_EVERY = 0.05  # seconds


class _End:
    """The last thing in a queue: the work is over, by itself or by an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """The same items, the next of them made while one is dealt with, in the context of who asks for the first one. What
    making them raises comes out here.

    To be closed by whoever may stop early, which waits for the item that is being made: the thread has ended then, and
    touches nothing any more.
    """
    made: Queue[Item | _End] = Queue()
    stopped = False

    def work() -> None:
        try:
            with closing(items):
                for item in items:
                    made.put(item)
                    del item
                    made.join()  # until it is taken, so that memory holds two and not three
                    if stopped:
                        return
            made.put(_End())
        except BaseException as error:
            made.put(_End(error))

    worker = Thread(target=copy_context().run, args=(work,), name="ahead", daemon=True)
    worker.start()
    try:
        while not isinstance(found := made.get(), _End):
            made.task_done()
            yield found
            del found
        if (error := found.error) is not None:
            del found  # which holds the error, whose traceback holds this frame
            try:
                raise error
            finally:
                del error
    finally:
        stopped = True
        while worker.is_alive():
            while not made.empty():
                made.get()
                made.task_done()
            worker.join(LOOKS_EVERY)
