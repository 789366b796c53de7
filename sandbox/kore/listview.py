"""How a contact list shows itself. Each page leaves out something else."""

import time

from sandbox.kore.contactlist import ContactList
from sandbox.kore.moments import iso
from sandbox.kore.platform import Platform, stable_id
from sandbox.kore.run import ACTIVE, PAUSED

SOURCES = {1: "passiveApiIntegration", 2: "passiveApi"}
MAPPING = ("firstName", "lastName", "phoneNumber", "timeZone", "uniqueId")

OWNERSHIP = frozenset({"lname", "orgId", "iId", "accountId"})
OF_VERSION_2 = frozenset({"isGlobalDNC", "isDefault", "columns"})
UNLISTED = frozenset({"isActive", "createdBy", "updatedBy", "createdAt", "allowDuplicates", "isGlobalDNC", "isDefault"})


def when_made(kore: Platform, target: ContactList, version: int) -> dict[str, object]:
    """Create's answer. It says passiveApi in both versions."""
    hidden = OWNERSHIP | (OF_VERSION_2 if version == 1 else frozenset())
    return without(whole(kore, target, version), hidden) | {"source": SOURCES[2]}


def alone(kore: Platform, target: ContactList, version: int) -> dict[str, object]:
    """One list that is read or deleted: version 1 shows whose it is, version 2 what kind."""
    hidden = OF_VERSION_2 | {"allowDuplicates"} if version == 1 else OWNERSHIP
    return without(whole(kore, target, version), hidden)


def among_others(kore: Platform, target: ContactList, version: int) -> dict[str, object]:
    hidden = OWNERSHIP | UNLISTED | (OF_VERSION_2 if version == 1 else frozenset())
    return without(whole(kore, target, version), hidden)


def without(shown: dict[str, object], hidden: frozenset[str]) -> dict[str, object]:
    return {key: value for key, value in shown.items() if key not in hidden}


def whole(kore: Platform, target: ContactList, version: int) -> dict[str, object]:
    users, real_now = kore.campaigns_over(target), time.monotonic()
    mapped = MAPPING if version == 1 else (*MAPPING, "contactPriority")
    shown: dict[str, object] = {
        "_id": target.list_id,
        "isActive": True,
        "name": target.name,
        "lname": target.name.lower(),
        "description": target.description,
        "totalRecordCount": len(target.visible(real_now)),
        "status": "Ready",
        "createdBy": user_of(target),
        "updatedBy": user_of(target),
        "mapping": {name: name for name in mapped},
        "isListInUse": any(one.status(real_now) in (ACTIVE, PAUSED) for one in users),
        "listType": "call",
        "isGlobalDNC": False,
        "isDefault": False,
        "campaignInUse": [{"id": one.campaign_id, "name": one.brief.name} for one in users],
        "source": SOURCES[version],
        "apiConfigurations": {"dataSyncMode": "allowDuplicates" if target.allow_duplicates else "noDuplicates"},
        "columns": [],
        "files": [],
        "createdAt": iso(target.created),
        "updatedAt": iso(target.updated),
        "allowDuplicates": target.allow_duplicates,
    }
    return shown | owner_of(target)


def owner_of(target: ContactList) -> dict[str, object]:
    return {"orgId": stable_id("o", target.account_id), "iId": target.iid, "accountId": target.account_id}


def user_of(target: ContactList) -> str:
    return stable_id("u", target.account_id)
