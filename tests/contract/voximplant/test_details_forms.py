"""GetCallListDetails in its three forms: what became of a contact must not depend on which one is asked for."""

from collections.abc import Iterator
from contextlib import ExitStack

import polars as pl
import pytest

from tests.contract.adapter_case import OPTIONS, payload, refusal, submit, switch, tasks, turn
from tests.house import Provider
from worker.errors import Unknown
from worker.providers.base import TASKS, Opening, Place
from worker.providers.registry import KINDS
from worker.providers.voximplant import Voximplant
from worker.providers.voximplant.auth import ApiKey

FORMS = ("csv", "json", "xls")
OWN = {"status": "gold", "result_data": "mine", "status_id": "2", "attempts_left": "9", "note": "ünï ☎"}


@pytest.fixture(scope="module")
def adapters(sandbox: Provider) -> Iterator[dict[str, Voximplant]]:
    with ExitStack() as stack:
        made = {form: Voximplant(sandbox.url, ApiKey("1", "sandbox"), 10, form=form) for form in FORMS}
        for adapter in made.values():
            stack.callback(adapter.close)
        yield made


def every_form(adapters: dict[str, Voximplant], reference: str) -> pl.DataFrame:
    """The frames of all forms, which are one and the same."""
    frames = {form: tasks(adapter, reference) for form, adapter in adapters.items()}
    assert all(dict(frame.schema) == TASKS for frame in frames.values())
    assert frames["json"].equals(frames["csv"])
    assert frames["xls"].equals(frames["csv"])
    return frames["csv"]


@pytest.mark.parametrize("left", ["attmepts_left", "attempts_left"])
def test_of_contacts_in_every_state(adapters: dict[str, Voximplant], provider: Provider, left: str) -> None:
    switch(provider, attempts_left_key=left)
    provider.put("/outcomes", {"answered": 0.4, "busy": 0.3, "invalid number": 0.3})
    options = {**OPTIONS, "num_attempts": 2, "interval_seconds": 600, "max_simultaneous": 12}
    adapter = adapters["csv"]
    reference = submit(adapter, payload(40, own=OWN), options=options).reference
    assert set(every_form(adapters, reference)["phase"]) == {"open"}
    turn(provider, 60)
    halfway = every_form(adapters, reference)
    assert len(set(halfway["status"])) > 1
    adapter.stop(Place(reference))
    assert "cancelled" in set(every_form(adapters, reference)["phase"])
    adapter.start("recover", Place(reference))
    turn(provider, 7200)
    last = every_form(adapters, reference)
    assert (last.height, last["uuid"].n_unique()) == (40, 40)
    assert set(last["disposition"]) == {"processed", "failed"}
    assert set(last["result"]) > {"answered", "busy"}


def test_of_contacts_without_uuids_of_their_own(adapters: dict[str, Voximplant], provider: Provider) -> None:
    """A file that does not carry the provider's uuids is replaced by the JSON pages."""
    reference = submit(adapters["csv"], payload(7, uuids=False)).reference
    shown = every_form(adapters, reference)
    switch(provider, details_task_uuid="as_sent")
    assert every_form(adapters, reference).equals(shown)
    assert shown["uuid"].n_unique() == 7


@pytest.mark.parametrize("fault", ["cut_body", "accept_then_500", "not_json", "accept_then_hang_up"])
@pytest.mark.parametrize("form", FORMS)
def test_a_reading_that_is_lost_is_no_reading(
    adapters: dict[str, Voximplant], provider: Provider, form: str, fault: str
) -> None:
    reference = submit(adapters[form], payload(50)).reference
    provider.faults({"fault": fault})
    assert type(refusal(tasks, adapters[form], reference)) is Unknown


@pytest.mark.parametrize("form", FORMS)
def test_an_account_says_which_form(provider: Provider, form: str) -> None:
    kind = KINDS["voximplant"]
    own = kind.check_own({"details": form})
    made = kind.connect(Opening(provider.url, "1", secret="sandbox", own=own))
    assert isinstance(made, Voximplant)
    reference = submit(made).reference
    assert tasks(made, reference).height == 3
    made.close()
