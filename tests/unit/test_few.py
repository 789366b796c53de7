"""Few large files at a time: who waits, who does not, and when the waiting ends."""

import threading

import pytest

from worker.errors import NotSent
from worker.giving_up import giving_up
from worker.providers.few import AT_ONCE, LARGE, LOOKS_EVERY, one_of_few

SHORTLY = 0.05  # seconds of real time in which nothing must happen
LONG = 10.0


class Reader(threading.Thread):
    """Reads a large file until it is told to end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.reads, self.ends = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with one_of_few(LARGE + 1):
            self.reads.set()
            self.ends.wait(LONG)

    def end(self) -> None:
        self.ends.set()
        self.join(LONG)
        assert not self.is_alive()


def test_a_large_file_waits_until_one_of_the_others_was_read() -> None:
    readers = [Reader() for _ in range(AT_ONCE)]
    assert all(reader.reads.wait(LONG) for reader in readers)
    late = Reader()
    assert not late.reads.wait(SHORTLY)
    readers[0].end()
    assert late.reads.wait(LONG)
    for reader in (*readers[1:], late):
        reader.end()


def test_a_small_file_does_not_wait() -> None:
    readers = [Reader() for _ in range(AT_ONCE)]
    assert all(reader.reads.wait(LONG) for reader in readers)
    with one_of_few(LARGE):
        pass
    for reader in readers:
        reader.end()


def test_who_is_told_to_stop_waits_no_longer() -> None:
    readers, stopping = [Reader() for _ in range(AT_ONCE)], threading.Event()
    assert all(reader.reads.wait(LONG) for reader in readers)
    threading.Timer(LOOKS_EVERY, stopping.set).start()
    with giving_up(stopping), pytest.raises(NotSent, match="told to stop"), one_of_few(LARGE + 1):
        pass
    for reader in readers:
        reader.end()


def test_an_error_gives_the_place_back() -> None:
    for _ in range(AT_ONCE + 1):
        with pytest.raises(ZeroDivisionError), one_of_few(LARGE + 1):
            raise ZeroDivisionError
