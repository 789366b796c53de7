"""Contact lists: made, read, renamed, deleted."""

import time

from sandbox.kore import listview
from sandbox.kore.call import Call
from sandbox.kore.contactlist import ContactList
from sandbox.kore.errors import KoreError
from sandbox.kore.platform import PROVIDER, Platform, new_id
from sandbox.kore.reading import Body, flag, text
from sandbox.kore.strategy import DESCRIPTION_MOST, NAME_MOST

Answer = dict[str, object]


def success(message: str, data: object) -> Answer:
    return {"status": "success", "message": message, "data": data}


async def create_contact_list(kore: Platform, call: Call) -> Answer:
    body = call.body
    name = text(body, name_key(kore, body), NAME_MOST)
    description = text(body, "description", DESCRIPTION_MOST)
    check_source(kore, body)
    allow_duplicates = flag(body, "allowDuplicates", False)
    check_free(kore, call.iid, name)
    list_id, now = new_id("cl"), kore.clock.now()
    made = ContactList(
        list_id=list_id,
        iid=call.iid,
        account_id=call.caller.account_id,
        name=name,
        description=description,
        allow_duplicates=allow_duplicates,
        created=now,
        visible_from=time.monotonic() + call.seconds("late_visible"),
        entry=kore.ledger.open(PROVIDER, list_id, name),
    )
    kore.lists[list_id] = made
    return success(f"Contact list {name} created successfully", listview.when_made(kore, made, call.version))


def name_key(kore: Platform, body: Body) -> str:
    key = kore.switches.choice("kore_list_name_key")
    if key != "either":
        return key
    return "name1" if "name1" in body and "name" not in body else "name"


def check_source(kore: Platform, body: Body) -> None:
    allowed = kore.switches.choice("kore_source")
    if text(body, "source") not in (listview.SOURCES.values() if allowed == "either" else (allowed,)):
        raise KoreError(f"source must be {'passiveApi' if allowed == 'either' else allowed}")


def check_free(kore: Platform, iid: str, name: str) -> None:
    """Lists have a name in lower case beside their own; that one is compared."""
    taken = {one.name.lower() for one in kore.lists.values() if one.iid == iid}
    if name.lower() in taken and kore.switches.choice("kore_repeated_list_name") == "refuse":
        raise KoreError(f"Contact list {name} already exists", 409)


async def get_contact_list(kore: Platform, call: Call) -> Answer:
    await kore.play()
    return success("", listview.alone(kore, kore.list_of(call.iid, call.target), call.version))


async def get_all_contact_lists(kore: Platform, call: Call) -> Answer:
    """All of them at once, the newest change first."""
    await kore.play()
    real_now = time.monotonic()
    mine = [one for one in kore.lists.values() if one.iid == call.iid and one.visible_from <= real_now]
    if call.query.get("type", "call") != "call":
        mine = []
    mine.sort(key=lambda one: one.updated, reverse=True)
    return success("", [listview.among_others(kore, one, call.version) for one in mine])


async def update_contact_list(kore: Platform, call: Call) -> Answer:
    target = kore.list_of(call.iid, call.target)
    name = text(call.body, "name", NAME_MOST)
    if name.lower() != target.name.lower():
        check_free(kore, call.iid, name)
    target.name, target.updated = name, kore.clock.now()
    if not target.entry.contacts:
        # the ledger has booked nobody yet under the old name
        target.entry.name = name
    body = {"name": name, "listType": "call", "updatedBy": listview.user_of(target)} | listview.owner_of(target)
    return success(f"Contact list {name} updated successfully", {"contactListId": target.list_id, "body": body})


async def delete_contact_list(kore: Platform, call: Call) -> Answer:
    target = kore.list_of(call.iid, call.target)
    if kore.campaigns_over(target):
        raise KoreError("Contact list is associated with a campaign")
    shown = listview.alone(kore, target, call.version)
    del kore.lists[target.list_id]
    target.entry.stored = 0
    return success(f"Contact list {target.name} deleted successfully", shown)
