"""A contact list as the provider keeps it, and the contacts in it."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sandbox.kore.moments import iso
from sandbox.ledger import ListEntry
from sandbox.phones import number_of

USABLE_DIGITS = range(7, 16)


@dataclass(slots=True)
class Contact:
    """`fields` is what was sent, as text. `visible_from` is in real seconds: reads before that do not see it."""

    fields: dict[str, str]
    created: float
    visible_from: float

    @property
    def phone(self) -> str:
        return self.fields.get("phoneNumber", "").strip()

    @property
    def unique_id(self) -> str:
        return self.fields.get("uniqueId", "")

    @property
    def number(self) -> int:
        return number_of(self.phone) or 0

    @property
    def usable(self) -> bool:
        return len(str(self.number)) in USABLE_DIGITS


@dataclass(eq=False)
class ContactList:
    list_id: str
    iid: str
    account_id: str
    name: str
    description: str
    allow_duplicates: bool
    created: float
    visible_from: float
    entry: ListEntry
    updated: float = field(init=False)
    contacts: list[Contact] = field(default_factory=list)
    _numbers: set[int] = field(default_factory=set)
    _unique_ids: set[str] = field(default_factory=set)
    _all_visible_from: float = 0.0

    def __post_init__(self) -> None:
        self.updated = self.created
        self.entry.stored = 0

    def add(self, contacts: Iterable[Contact], key: str, now: float) -> list[Contact]:
        """Stores them; where duplicates are not allowed, those the list knows by `key` are left out unsaid."""
        added = []
        for contact in contacts:
            if not self.allow_duplicates and self._knows(contact, key):
                continue
            self._numbers.add(contact.number)
            self._unique_ids.add(contact.unique_id)
            self._all_visible_from = max(self._all_visible_from, contact.visible_from)
            added.append(contact)
        self.contacts += added
        self.updated = now
        self.entry.stored = len(self.contacts)
        return added

    def _knows(self, contact: Contact, key: str) -> bool:
        if key == "uniqueId" and contact.unique_id:
            return contact.unique_id in self._unique_ids
        # a contact without an id of its own can only be known by its number
        return contact.number in self._numbers

    def visible(self, real_now: float) -> Sequence[int]:
        """The places of the contacts that reads see. All of them, but for a moment after a fault."""
        if real_now >= self._all_visible_from:
            return range(len(self.contacts))
        return [place for place, contact in enumerate(self.contacts) if contact.visible_from <= real_now]

    def contact_document(self, place: int, whole: bool) -> dict[str, object]:
        contact = self.contacts[place]
        stamp = iso(contact.created)
        contact_id = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.list_id}/{place}")
        shown: dict[str, object] = {"_id": f"cc-{contact_id}", "createdAt": stamp, "updatedAt": stamp}
        return shown | (contact.fields if whole else {"phoneNumber": contact.phone})
