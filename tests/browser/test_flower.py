"""What somebody sees who looks at Flower, whose pages are drawn by scripts: in a headless Chromium."""

import re
from collections.abc import Iterator

import pytest

from tests.browser.window import Browser
from tests.e2e.test_flower import PASSWORD, ROWS, SECRET, USER, Watched, watched
from tests.house import some_numbers
from worker.bells import QUEUES, task_name

__all__ = ["watched"]  # the fleet that is looked at


@pytest.fixture(scope="module")
def window(watched: Watched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser.running(tmp_path_factory.mktemp("window") / "log", USER, PASSWORD) as browser:
        yield browser


def look(watched: Watched, window: Browser, page: str, text: str) -> None:
    assert window.open(f"{watched.client.base_url}{page}")
    window.waits_for(text)


def test_somebody_who_looks_sees_tasks_by_name_and_follows_one_to_its_upload(watched: Watched, window: Browser) -> None:
    look(watched, window, "/tasks", "rollcall.")
    assert set(re.findall(r"rollcall\.\w+", window.seen())) <= {task_name(bell) for bell in QUEUES}
    look(watched, window, "/tasks?name=rollcall.ingest", "rollcall.ingest")
    uuid = next(task["uuid"] for task in watched.tasks if watched.ulid in str(task["args"]))
    window.run(f"document.querySelector('#tasks-table a[href$=\"/task/{uuid}\"]').click()")
    window.waits_for(watched.ulid)
    assert "SUCCESS" in window.seen()


@pytest.mark.parametrize(
    ("page", "text"), [("/", "intake@"), ("/tasks?name=rollcall.upload", "SUCCESS"), ("/broker", "ingest")]
)
def test_what_is_drawn_shows_no_phone_number_and_no_secret(
    watched: Watched, window: Browser, page: str, text: str
) -> None:
    look(watched, window, page, text)
    drawn = window.run("document.documentElement.outerHTML")
    assert SECRET not in drawn
    assert PASSWORD not in drawn
    assert not [number for number in some_numbers(ROWS) if number.removeprefix("+") in drawn]


def test_nobody_is_shown_a_button_that_stops_a_worker(watched: Watched, window: Browser) -> None:
    look(watched, window, "/", "calls@")
    window.run("[...document.querySelectorAll('a.worker-name-link')].find(a => a.innerText.includes('calls@')).click()")
    window.waits_for("Queues")
    buttons = "[...document.querySelectorAll('button')].filter(b => b.offsetWidth && !b.disabled).map(b => b.innerText)"
    assert not re.search("actions|grow|shrink|apply|cancel", " ".join(window.run(buttons)), re.IGNORECASE)
