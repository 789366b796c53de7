"""What sets a campaign going and halts it: play and stop, and a schedule."""

import time

from sandbox.kore.call import Call
from sandbox.kore.campaign import PREPARING, Campaign
from sandbox.kore.campaigns import check_type
from sandbox.kore.errors import KoreError, not_found
from sandbox.kore.lists import Answer
from sandbox.kore.moments import iso
from sandbox.kore.platform import Platform
from sandbox.kore.run import ACTIVE, PAUSED, STOPPED, Run
from sandbox.kore.schedule import read_schedule


async def trigger_campaign(kore: Platform, call: Call) -> Answer:
    """The only answers without an envelope: `status` is the campaign's."""
    check_type(call)
    await kore.play()
    campaign = kore.campaign_of(call.iid, call.target)
    match call.query.get("trigger"):
        case "play":
            return started(kore, play(kore, campaign))
        case "stop":
            return halted(kore, campaign, STOPPED)
        case "pause" if kore.switches.choice("kore_pause") == "accept":
            return halted(kore, campaign, PAUSED)
    raise KoreError("trigger must be one of play, stop")


def play(kore: Platform, campaign: Campaign) -> Run:
    run = campaign.run
    if campaign.next_at is not None:
        raise KoreError("A scheduled campaign cannot be started")
    if run is None:
        preparing = campaign.status(time.monotonic()) == PREPARING
        if preparing and kore.switches.choice("kore_play_preparing") == "refuse":
            raise KoreError("Campaign is being prepared")
        return kore.begin(campaign, kore.clock.now())
    if run.state == PAUSED:
        run.state = ACTIVE
        return run
    if run.state == ACTIVE:
        if kore.switches.choice("kore_play_active") == "refused":
            raise KoreError("Campaign is already active")
        return kore.begin(campaign, kore.clock.now())
    return play_again(kore, campaign, run)


def play_again(kore: Platform, campaign: Campaign, run: Run) -> Run:
    policy = kore.switches.choice("kore_play_again")
    if policy == "dials_again":
        return kore.begin(campaign, kore.clock.now())
    if policy == "continues" and run.state == STOPPED:
        kore.resume(campaign, run)
        return run
    raise KoreError(f"Campaign is already {run.state.lower()}")


def started(kore: Platform, run: Run) -> Answer:
    return {
        "status": ACTIVE,
        "message": "Campaign Started",
        "totalCallsCompleted": run.calls_completed,
        "updatedAt": iso(kore.clock.now()),
        "campaignInstanceId": run.run_id,
    }


def halted(kore: Platform, campaign: Campaign, state: str) -> Answer:
    """Calls under way end; none begins."""
    run = campaign.run
    if run is None or run.state not in (ACTIVE, PAUSED):
        raise KoreError("Campaign is not active")
    run.state, campaign.updated = state, kore.clock.now()
    stamp = iso(campaign.updated)
    return {"status": state, "message": f"Campaign {state}", "updatedAt": stamp, "campaignInstanceId": run.run_id}


async def schedule_campaign(kore: Platform, call: Call) -> Answer:
    await kore.play()
    name, enable = call.query.get("campaignName", ""), call.query.get("enableSchedule")
    named = [one for one in kore.campaigns.values() if one.iid == call.iid and one.brief.name == name]
    if not named:
        raise not_found("Campaign")
    campaign = named[-1]
    if enable == "true":
        put_schedule(kore, campaign, call)
        message = f"Campaign {name} scheduled successfully"
    elif enable == "false":
        campaign.schedule = campaign.next_at = None
        message = f"Campaign {name} schedule has been disabled successfully"
    else:
        raise KoreError("enableSchedule must be a boolean")
    campaign.updated = kore.clock.now()
    return {"status": "success", "message": message, "id": campaign.campaign_id}


def put_schedule(kore: Platform, campaign: Campaign, call: Call) -> None:
    if campaign.run is not None and campaign.run.state in (ACTIVE, PAUSED):
        raise KoreError("An active campaign cannot be edited")
    own = kore.switches.choice("kore_schedule_zone") == "campaign"
    schedule = read_schedule(call.body, campaign.brief.hours.zone if own else "UTC", kore.clock.now())
    campaign.schedule, campaign.next_at = schedule, schedule.next_after(kore.clock.now())
