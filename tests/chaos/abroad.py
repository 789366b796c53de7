"""Rounds of crash points at the providers that are not Voximplant, each by its own rules.

Plum Voice calls outcomes back and can be asked nothing. Formant AI calls back, too, and shows its batches but nobody in
them. Kore.ai takes a list in steps, stores it out of sight, and dials when it is told to.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random

import pytest

from tests.chaos.weather import Requests
from tests.house import House, door
from tests.patience import until

ACCOUNTS = {
    "plum": Requests(uploading=("queuecalls",)),
    "formant": Requests(uploading=("batch-call",), reading=("batch-calls",)),
    "kore": Requests(
        uploading=("addContacts",),
        reading=("getAllContactLists", "getContactList", "getAllContacts", "getCampaigns", "campaignContacts"),
        steering=("createContactList", "createCampaign", "triggerCampaign", "campaignStatus"),
        details=("getAllContacts", "campaignContacts"),
    ),
}


@contextmanager
def reachable(house: House, dice: Random) -> Iterator[None]:
    """The house has a door for callbacks, which come as they like. The clock is turned on when they have arrived."""
    with ExitStack() as stack:
        line = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        public = f"http://127.0.0.1:{line.getsockname()[1]}"
        house.ctx.settings.public_url = public
        stack.enter_context(door(house, line))
        secret = house.ctx.settings.account("formant").callback_secret()
        address = {"webhook_url": f"{public}/callbacks/formant/formant", "secret": secret}
        house.provider.put("/formant/agents/1", address)
        house.provider.put("/kore/limits", {"requests_per_minute": 0})
        house.provider.put("/switches", {"kore_add_delay_ms": 0, "kore_prepare_delay_ms": 0})
        manners = {"times": dice.randint(1, 3), "shuffle": dice.random() < 0.5, "before_answer": dice.random() < 0.3}
        house.provider.put("/callbacks", {**manners, "drop": dice.choice((0, 0, 0.1))})
        patch, turn = stack.enter_context(pytest.MonkeyPatch.context()), house.turn

        def turned(seconds: float) -> None:
            turn(seconds)
            until(lambda: house.provider.client.get("/callbacks").json()["queued"] == 0, 30, "callbacks arrive")

        patch.setattr(house, "turn", turned)
        yield
