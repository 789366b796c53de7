"""A headless Chromium out of a wheel (Qt WebEngine), which a test drives and looks through.

It runs in a process of its own, `python -m tests.browser.window USER PASSWORD`: a command a line on stdin (JSON:
["open", url] or ["run", script]), and for each one line with what came of it on stdout.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

from tests.chaos.bell_worker import ROOT
from tests.patience import until
from worker.lifeline import bound

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking"  # root has no sandbox; nothing is asked outside
WIDTH, HEIGHT = 1600, 1000


class Browser:
    """One window. Whoever asks for a password is given the one that it was started with."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log

    @classmethod
    @contextmanager
    def running(cls, log: Path, user: str, password: str) -> Iterator["Browser"]:
        env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_CHROMIUM_FLAGS": FLAGS}
        command = bound([sys.executable, "-m", "tests.browser.window", user, password], signal.SIGKILL)
        with (
            log.open("w") as said,
            subprocess.Popen(command, env=env, cwd=ROOT, text=True, stdin=PIPE, stdout=PIPE, stderr=said) as process,
        ):
            yield cls(process, log)
            process.communicate(timeout=30)  # it ends with its input

    def open(self, url: str) -> bool:
        """Whether the page was loaded; its scripts may go on."""
        return bool(self._ask("open", url))

    def run(self, script: str) -> Any:
        """What an expression of JavaScript comes to in the page that is shown."""
        return self._ask("run", script)

    def seen(self) -> str:
        """The text that somebody would read: what is hidden is not among it."""
        return str(self.run("document.body.innerText"))

    def waits_for(self, text: str) -> None:
        until(lambda: text in self.seen(), 30, f"the page shows {text!r}")

    def _ask(self, *words: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the browser ended; {self._log} says why"
        return json.loads(answer)


def main(user: str, password: str) -> None:
    from PySide6.QtCore import QObject, QUrl, Signal
    from PySide6.QtWebEngineWidgets import QWebEngineView
    from PySide6.QtWidgets import QApplication

    class Commands(QObject):
        """Lines of stdin as they come, while the pages live on."""

        came = Signal(str)

        def read(self) -> None:
            for line in sys.stdin:
                self.came.emit(line)
            os._exit(0)  # Qt takes its windows apart in an order of its own, and may fall over them

    app = QApplication(["browser"])
    view, commands, opening = QWebEngineView(), Commands(), []

    def answer(text: str) -> None:
        print(text or "null", flush=True)

    def obey(line: str) -> None:
        what, text = json.loads(line)
        if what == "open":
            opening.append(text)
            view.load(QUrl(text))
        else:
            view.page().runJavaScript(f"JSON.stringify({text})", answer)  # of an array Qt makes an empty text

    def loaded(well: bool) -> None:
        if opening:  # and not by a click
            opening.clear()
            answer(json.dumps(well))

    def prove(_url: object, asked: Any) -> None:
        asked.setUser(user)
        asked.setPassword(password)

    view.loadFinished.connect(loaded)
    view.page().authenticationRequired.connect(prove)
    commands.came.connect(obey)
    view.resize(WIDTH, HEIGHT)
    view.show()
    threading.Thread(target=commands.read, daemon=True).start()
    app.exec()


if __name__ == "__main__":
    main(*sys.argv[1:])
