"""What a voice campaign is told when it is created or updated."""

from collections.abc import Collection
from dataclasses import dataclass

from sandbox.kore.errors import KoreError
from sandbox.kore.hours import Hours, read_hours
from sandbox.kore.reading import Body, flag, one_of, section, text, texts, whole

NAME_MOST, DESCRIPTION_MOST = 48, 256
PRIORITIES = ("1", "2", "3", "4", "5")
MODES = ("Agentless", "Progressive", "Preview")
MACHINE_DETECTION = ("no", "detect", "disconnect")


@dataclass(frozen=True)
class Brief:
    """A campaign's settings. `shown` is the dialing strategy as it was sent."""

    name: str
    description: str
    list_names: tuple[str, ...]
    dnc_name: str | None
    priority: str
    mode: str
    hours: Hours
    newest_first: bool
    attempts: int
    retry_minutes: int
    connection: str
    machine_detect: bool
    max_skips: int | None
    shown: dict[str, object]


def read_brief(body: Body, version: int, dnc_required: bool) -> Brief:
    """Raises KoreError for the first field that is not as documented."""
    one_of(body, "campaignType", ("voice",))
    strategy = section(body, "dialingStrategy")
    text(section(strategy, "callerId"), "phoneNumber")
    whole(strategy, "maxRingTime", 5, 120)
    mode = one_of(body, "dialingMode", MODES)
    if flag(section(body, "schedule"), "isSchedulingEnabled", False) if "schedule" in body else False:
        # no page says what else such a schedule holds
        raise KoreError("schedule is not accepted here; enable the schedule of the campaign afterwards")
    return Brief(
        name=text(body, "name", NAME_MOST),
        description=text(body, "description", DESCRIPTION_MOST),
        list_names=tuple(texts(body, "contactLists")),
        dnc_name=read_dnc(body, version, dnc_required),
        priority=one_of(body, "priority", PRIORITIES),
        mode=mode,
        hours=read_hours(strategy),
        newest_first=one_of(strategy, "dialingOrder", ("FIFO", "LIFO")) == "LIFO",
        attempts=whole(strategy, "maxAttemptsPerRecord", 1, 100),
        retry_minutes=whole(strategy, "defaultRetryPeriod", 1, 1440),
        connection=text(body, "experienceFlowName" if mode == "Agentless" else "queue_name"),
        machine_detect=read_machine_detect(body, version),
        max_skips=whole(body, "maxSkips", 0, 1000) if "maxSkips" in body else None,
        shown=strategy,
    )


def read_dnc(body: Body, version: int, required: bool) -> str | None:
    if version == 1 or (not required and "dncLists" not in body):
        return None
    return text(section(body, "dncLists"), "name")


def read_machine_detect(body: Body, version: int) -> bool:
    """A boolean in version 1, a word in version 2; both are shown as a boolean."""
    if "enableMachineDetect" not in body:
        return False
    if version == 1:
        return flag(body, "enableMachineDetect", False)
    return one_of(body, "enableMachineDetect", MACHINE_DETECTION) != "no"


def check_lists(brief: Brief, lists: Collection[str], dnc_lists: Collection[str]) -> None:
    for name in brief.list_names:
        if name not in lists:
            raise KoreError(f"Contact list {name} not found", 404)
    if brief.dnc_name is not None and brief.dnc_name not in dnc_lists:
        raise KoreError(f"DNC list {brief.dnc_name} not found", 404)
