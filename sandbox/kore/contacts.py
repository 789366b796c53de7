"""Contacts: added by the list's name, stored after the answer, and read page by page."""

import time

from sandbox.faults import thinned
from sandbox.kore.call import Call
from sandbox.kore.contactlist import Contact, ContactList
from sandbox.kore.errors import KoreError
from sandbox.kore.lists import Answer, success
from sandbox.kore.platform import Platform
from sandbox.kore.reading import from_query, page_of, sections, text

ADDING = "Adding contacts to public list is in progress"
ADDING_OF_OLD = {"status": "success", "message": "Contacts queued for addition."}
PAGE = 50


async def add_contacts(kore: Platform, call: Call) -> Answer:
    """Says no more than that it has begun. What cannot be stored is never mentioned again."""
    body = call.body
    name, sent = text(body, "contact_list_name"), sections(body, "data")
    most = kore.switches.limit("kore_max_contacts")
    if most and len(sent) > most:
        raise KoreError(f"data must hold at most {most} contacts")
    target = kore.lists_named(call.iid).get(name)
    if target is None and kore.switches.choice("kore_unknown_list") == "refuse":
        raise KoreError(f"Contact list {name} not found", 404)
    contacts = read_contacts(kore, sent)
    if "lose_contacts" in call.faults:
        contacts = thinned(contacts, call.faults["lose_contacts"].fraction("drop"))
    if target is not None:
        store_soon(kore, target, contacts, call.seconds("late_visible"))
    older = kore.switches.choice("kore_add_answer") == "status_and_message"
    return dict(ADDING_OF_OLD) if older else {"message": ADDING}


def read_contacts(kore: Platform, sent: list[dict[str, object]]) -> list[Contact]:
    policy, now = kore.switches.choice("kore_bad_phone"), kore.clock.now()
    contacts = [
        Contact({key: as_text(value) for key, value in one.items() if value is not None}, now, 0.0) for one in sent
    ]
    if policy == "store":
        return contacts
    usable = [one for one in contacts if one.usable]
    if policy == "refuse" and len(usable) < len(contacts):
        raise KoreError("phoneNumber is required")
    return usable


def as_text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def store_soon(kore: Platform, target: ContactList, contacts: list[Contact], unseen: float) -> None:
    async def work() -> None:
        for contact in contacts:
            contact.visible_from = time.monotonic() + unseen
        await kore.play()
        # the list may have been deleted meanwhile
        if target.list_id in kore.lists:
            kore.store(target, contacts)

    kore.background.later(kore.switches.limit("kore_add_delay_ms") / 1000, work)


async def get_all_contacts(kore: Platform, call: Call) -> Answer:
    target = kore.list_of(call.iid, call.target)
    shown = target.visible(time.monotonic())
    if "partial_details" in call.faults:
        shown = call.faults["partial_details"].part_of(shown)
    limit = max(1, min(from_query(call.query, "limit", PAGE), kore.switches.limit("kore_contacts_max_limit")))
    skip = skipped(kore, call, limit)
    whole = kore.switches.choice("kore_contact_fields") == "all"
    results = [target.contact_document(place, whole) for place in shown[skip : skip + limit]]
    return success("Contacts retrieved successfully", page_of(results, skip, limit, len(shown)))


def skipped(kore: Platform, call: Call, limit: int) -> int:
    match kore.switches.choice("kore_paging"):
        case "skip":
            return from_query(call.query, "skip", 0)
        case "page":
            return (max(1, from_query(call.query, "page", 1)) - 1) * limit
    return 0
