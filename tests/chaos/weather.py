"""The provider's bad days: faults of the sandbox, drawn by a seed, and the real time that some of them take."""

import time
from random import Random
from typing import Any

from tests.house import House
from tests.patience import until

UPLOADING = ["CreateCallList", "AppendToCallList"]
READING = ["GetCallLists", "GetCallListDetails", "GetAccountInfo"]
STEERING = ["StopCallListProcessing", "RecoverCallList"]
SOON = 0.3  # seconds of real time in which something is stored or becomes visible late

# fault -> its options, and the requests that it may befall
HARMLESS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "accept_then_hang_up": ({}, UPLOADING + READING + STEERING),
    "accept_then_500": ({}, UPLOADING + READING + STEERING),
    "cut_body": ({}, UPLOADING + READING + STEERING),
    "not_json": ({}, UPLOADING + READING + STEERING),
    "throttle": ({"retry_after": 20}, UPLOADING + READING + STEERING),
    "slow": ({"seconds": 0.05}, UPLOADING + READING),
    "store_late": ({"seconds": SOON}, UPLOADING),
    "late_visible": ({"seconds": SOON}, UPLOADING),
    "partial_details": ({}, ["GetCallListDetails"]),
    "no_answer": ({}, UPLOADING),
}
FOR_A_PERSON: dict[str, tuple[dict[str, Any], list[str]]] = {
    "short_count": ({}, UPLOADING),
    "refuse": ({}, UPLOADING),
}
LATE = ("store_late", "late_visible")


class Weather:
    """What befalls the requests of a round. What the provider does late it does before the clock is turned on: late by
    less than `settle`, which is what an account promises of its provider."""

    def __init__(self, house: House, dice: Random, lines: int, times: int, *, person: bool = False) -> None:
        self._house = house
        kinds = HARMLESS | (FOR_A_PERSON if person else {})
        self.names = dice.sample(sorted(kinds), lines)
        self._late = 0
        faults = []
        for name in self.names:
            options, methods = kinds[name]
            share, times_of = dice.choice((0.2, 0.5, 1.0)), dice.randint(1, times)
            faults.append({"fault": name, "share": share, "times": times_of, "methods": methods, **options})
        house.provider.faults(*faults, seed=dice.randrange(1_000_000))

    def settle(self) -> None:
        """Wait for what is under way at the provider."""
        fired = sum(
            one["times"] - one["left"]
            for one in self._house.provider.client.get("/faults").json()
            if one["fault"] in LATE
        )
        if fired == self._late:
            return
        self._late, seen = fired, time.monotonic()
        until(lambda: time.monotonic() > seen + len(LATE) * SOON)  # one request may be stored late, and shown late then
        for _ in range(2):  # the provider's loop has come round since, so what was due has been done
            self._house.provider.client.get("/ledger")

    def clear(self) -> None:
        self.settle()
        self._house.provider.faults()
