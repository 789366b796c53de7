"""Troubles that last for a while and are mended by somebody: money, credentials, outages, files, lists of one name."""

import contextlib
import hashlib
import socket
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx

from tests.house import House

LONGEST = 3900  # seconds: an outage of an hour, and a little
STRANGER = "stranger"  # uuid of who was put into a list by somebody else
Mend = Callable[[], object]


def nobody_listens() -> str:
    """An address of this machine at which nothing answers."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{line.getsockname()[1]}"


class Troubles:
    """`made` counts them."""

    def __init__(self, house: House, dice: Random) -> None:
        self._house, self._dice = house, dice
        self._mends: list[tuple[datetime, Mend]] = []
        self.made: Counter[str] = Counter()

    def befall(self) -> None:
        kind = self._dice.choice((self._money, self._credential, self._outage, self._file, self._same_name))
        mend = kind()
        if mend is not None:
            self.made[kind.__name__.strip("_")] += 1
            self._mends.append((self._house.now + timedelta(seconds=self._dice.uniform(5, LONGEST)), mend))

    def mend_due(self) -> None:
        for at, mend in [one for one in self._mends if one[0] <= self._house.now]:
            self._mends.remove((at, mend))
            mend()

    def mend_all(self) -> None:
        for _, mend in self._mends:
            mend()
        self._mends.clear()

    def _money(self) -> Mend:
        self._house.provider.put("/balance", {"balance": 0})
        return lambda: self._house.provider.put("/balance", {"balance": 100})

    def _credential(self) -> Mend:
        self._house.provider.put("/accounts/1", {"api_key": "another"})
        return lambda: self._house.provider.put("/accounts/1", {"api_key": None})

    def _outage(self) -> Mend | None:
        """Nobody listens at the provider's address."""
        right = self._house.provider.url
        if self._house.account.url != right:
            return None
        self._lead_to(nobody_listens())
        return lambda: self._lead_to(right)

    def _lead_to(self, url: str) -> None:
        self._house.account.url = url
        self._house.ctx.forget_connections()

    def _file(self) -> Mend | None:
        """The object of a chunk that waits is missing, or is another one."""
        waiting = self._house.sql("SELECT digest FROM chunk WHERE state = 'ready' ORDER BY id")
        paths = [path for (digest,) in waiting for path in self._staged(digest)]
        if not paths:
            return None
        path = self._dice.choice(paths)
        right = path.read_bytes()
        if hashlib.sha256(right).hexdigest() not in path.name:
            return None  # it is another one already, and is brought back by whoever knows the right one
        if self._dice.random() < 0.5:
            path.unlink()
        else:
            path.chmod(0o644)
            path.write_bytes(right[:-1])
        return lambda: path.write_bytes(right)

    def _staged(self, digest: str) -> list[Path]:
        return list((self._house.ctx.settings.home / "staging").rglob(f"*{digest}*"))

    def _same_name(self) -> Mend | None:
        """Somebody makes a list under the name of one of ours."""
        names = self._house.sql("SELECT name FROM call_list ORDER BY id")
        if not names:
            return None
        number = self.made["same_name"]
        query: dict[str, Any] = {"rule_id": 1, "priority": 1, "max_simultaneous": 1, "num_attempts": 1}
        content = f"phone;__task_uuid\n+1202999{number:04};{STRANGER}{number}\n".encode()
        with contextlib.suppress(httpx.HTTPError):  # the provider errs with everybody
            self._house.provider.client.post(
                "/platform_api/CreateCallList",
                params={**query, "name": self._dice.choice(names)[0], "delimiter": ";"},
                data={"account_id": "1", "api_key": "sandbox"},
                files={"file_content": ("a.csv", content)},
                timeout=1,
            )
        return lambda: None
