"""The provider's bad days: faults of the sandbox, drawn by a seed, and the real time that some of them take."""

import time
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.house import House
from tests.patience import until

SOON = 0.3  # seconds of real time in which something is stored or becomes visible late


@dataclass(frozen=True)
class Requests:
    """The sandbox's names for a provider's requests: those that carry people, that look, and that start or stop."""

    uploading: tuple[str, ...]
    reading: tuple[str, ...] = ()
    steering: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.uploading + self.reading + self.steering


VOXIMPLANT = Requests(
    uploading=("CreateCallList", "AppendToCallList"),
    reading=("GetCallLists", "GetCallListDetails", "GetAccountInfo"),
    steering=("StopCallListProcessing", "RecoverCallList"),
    details=("GetCallListDetails",),
)
Kinds = dict[str, tuple[dict[str, Any], tuple[str, ...]]]  # fault -> its options, and the requests it may befall


def harmless(of: Requests) -> Kinds:
    return {
        "accept_then_hang_up": ({}, of.all),
        "accept_then_500": ({}, of.all),
        "cut_body": ({}, of.all),
        "not_json": ({}, of.all),
        "throttle": ({"retry_after": 20}, of.all),
        "slow": ({"seconds": 0.05}, of.uploading + of.reading),
        "store_late": ({"seconds": SOON}, of.uploading),
        "late_visible": ({"seconds": SOON}, of.uploading),
        "partial_details": ({}, of.details),
        "no_answer": ({}, of.uploading),
    }


def for_a_person(of: Requests) -> Kinds:
    return {"short_count": ({}, of.uploading), "refuse": ({}, of.uploading)}


LATE = ("store_late", "late_visible")


class Weather:
    """What befalls the requests of a round. What the provider does late it does before the clock is turned on: late by
    less than `settle`, which is what an account promises of its provider."""

    def __init__(
        self,
        house: House,
        dice: Random,
        lines: int,
        times: int,
        *,
        person: bool = False,
        of: Requests = VOXIMPLANT,
    ) -> None:
        self._house = house
        kinds = {**harmless(of), **(for_a_person(of) if person else {})}
        kinds = {name: told for name, told in kinds.items() if told[1]}
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
