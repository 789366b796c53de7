"""Voice campaigns: made, read, changed, deleted, listed."""

import time
from functools import partial

from sandbox.kore.call import Call
from sandbox.kore.campaign import STATUSES, Campaign
from sandbox.kore.errors import KoreError
from sandbox.kore.lists import Answer, success
from sandbox.kore.moments import iso
from sandbox.kore.platform import Platform, new_id, stable_id
from sandbox.kore.reading import Body, one_of, optional_whole, page_of
from sandbox.kore.run import ACTIVE, PAUSED, STOPPED
from sandbox.kore.strategy import MODES, Brief, check_lists, read_brief

PAGE = 50
SORT_FIELDS = ("name", "createdAt", "updatedAt")


def checked_brief(kore: Platform, call: Call) -> Brief:
    brief = read_brief(call.body, call.version, kore.switches.choice("kore_dnc_list") == "required")
    check_lists(brief, kore.lists_named(call.iid), kore.dnc)
    return brief


def check_type(call: Call) -> None:
    if call.query.get("campaignType") != "voice":
        raise KoreError("campaignType must be voice")


async def create_campaign(kore: Platform, call: Call) -> Answer:
    check_type(call)
    brief = checked_brief(kore, call)
    taken = {one.brief.name for one in kore.campaigns.values() if one.iid == call.iid}
    if brief.name in taken and kore.switches.choice("kore_repeated_campaign_name") == "refuse":
        raise KoreError(f"Campaign {brief.name} already exists", 409)
    named, real_now = kore.lists_named(call.iid), time.monotonic()
    made = Campaign(
        campaign_id=new_id("cd"),
        iid=call.iid,
        version=call.version,
        brief=brief,
        lists=[named[name] for name in brief.list_names],
        scrubbed=kore.numbers_not_to_call(brief.dnc_name),
        created=kore.clock.now(),
        ready_from=real_now + kore.switches.limit("kore_prepare_delay_ms") / 1000,
        visible_from=real_now + call.seconds("late_visible"),
    )
    kore.campaigns[made.campaign_id] = made
    shown = document(made) | {"id": made.campaign_id}
    return success(f"Campaign {brief.name} creation in progress", shown)


async def get_campaign(kore: Platform, call: Call) -> Answer:
    await kore.play()
    found = kore.campaign_of(call.iid, call.target)
    shown = {"_id": found.campaign_id} | document(found) | {"schedule": found.schedule_document}
    return success(f"Campaign {found.brief.name} retrieved successfully", shown)


async def update_campaign(kore: Platform, call: Call) -> Answer:
    if not call.raw.strip():
        # the page that reads a campaign names PUT in its table
        return await get_campaign(kore, call)
    await kore.play()
    found = kore.campaign_of(call.iid, call.target)
    if found.run is not None and found.run.state in (ACTIVE, PAUSED):
        raise KoreError("An active campaign cannot be edited")
    found.brief = checked_brief(kore, call)
    named = kore.lists_named(call.iid)
    found.lists = [named[name] for name in found.brief.list_names]
    found.scrubbed, found.updated = kore.numbers_not_to_call(found.brief.dnc_name), kore.clock.now()
    found.take_sizes()
    key = "id" if call.version == 1 else "_id"
    shown = {key: found.campaign_id} | document(found) | {"schedule": found.schedule_document}
    message = f"Campaign {found.brief.name} details updated successfully"
    return {"status": "success", "message": message, "id": found.campaign_id, "data": shown}


async def delete_campaign(kore: Platform, call: Call) -> Answer:
    """Also of one that is active: its calls under way end."""
    check_type(call)
    await kore.play()
    found = kore.campaign_of(call.iid, call.target)
    shown = {"_id": found.campaign_id} | document(found) | {"schedule": found.schedule_document}
    if found.run is not None:
        shown["campaignInstanceId"] = found.run.run_id
        found.run.state = STOPPED
    del kore.campaigns[found.campaign_id]
    return success(f"Campaign {found.brief.name} deleted successfully", shown)


def document(campaign: Campaign) -> Answer:
    return campaign.document(time.monotonic(), stable_id("cl", campaign.brief.dnc_name or ""))


async def get_campaigns(kore: Platform, call: Call) -> Answer:
    await kore.play()
    body, real_now = call.body, time.monotonic()
    mine = [one for one in kore.campaigns.values() if one.iid == call.iid and one.visible_from <= real_now]
    if one_of(body, "type", ("voice", "sms")) == "sms":
        mine = []
    chosen = in_order([one for one in mine if passes(one, body)], body)
    limit = optional_whole(body, "limit", PAGE) or PAGE
    skip = optional_whole(body, "skip", 0) or (max(1, optional_whole(body, "page", 1)) - 1) * limit
    results = [listed(one, call.version) for one in chosen[skip : skip + limit]]
    return success("Campaign  retrieved successfully", page_of(results, skip, limit, len(chosen)))


def passes(campaign: Campaign, body: Body) -> bool:
    created = iso(campaign.created)
    begin, end = body.get("startDate"), body.get("endDate")
    if (isinstance(begin, str) and begin and created < begin) or (isinstance(end, str) and end and created > end):
        return False
    filters = body.get("filters", {})
    if not isinstance(filters, dict):
        raise KoreError("filters must be an object")
    mine: dict[str, tuple[object, tuple[object, ...]]] = {
        "status": (campaign.status(time.monotonic()), STATUSES),
        "priority": (int(campaign.brief.priority), (1, 2, 3, 4, 5)),
        "dialingMode": (campaign.brief.mode, MODES),
    }
    return all(wanted(filters, key, value, known) for key, (value, known) in mine.items())


def wanted(filters: Body, key: str, value: object, known: tuple[object, ...]) -> bool:
    if key not in filters:
        return True
    allowed = filters[key]
    if not isinstance(allowed, list) or not all(one in known for one in allowed):
        raise KoreError(f"filters.{key} must be among {', '.join(map(str, known))}")
    return value in allowed


def in_order(campaigns: list[Campaign], body: Body) -> list[Campaign]:
    """The newest first, unless the body sorts."""
    told = body.get("sortBy") or {"createdAt": "desc"}
    if not isinstance(told, dict) or not set(told) <= set(SORT_FIELDS):
        raise KoreError(f"sortBy must name {', '.join(SORT_FIELDS)}")
    for key in reversed(told):
        newest_first = one_of(told, key, ("asc", "desc")) == "desc"
        campaigns.sort(key=partial(sort_key, key), reverse=newest_first)
    return campaigns


def sort_key(key: str, campaign: Campaign) -> tuple[str, float]:
    if key == "name":
        return campaign.brief.name, 0.0
    return "", campaign.created if key == "createdAt" else campaign.updated


def listed(campaign: Campaign, version: int) -> Answer:
    shown = document(campaign)
    kept = ("name", "description", "dncLists", "priority", "dialingMode", "status", "isFiltersEnabled")
    stamps = {"createdAt": shown["createdAt"], "updatedAt": shown["updatedAt"]}
    return (
        {"id" if version == 1 else "_id": campaign.campaign_id}
        | {key: shown[key] for key in kept if key in shown}
        | stamps
        | {"campaignInstanceUpdatedAt": shown["updatedAt"], "schedule": campaign.schedule_document}
        | {"connection": campaign.brief.connection, "contactLists": shown["contactLists"]}
    )
