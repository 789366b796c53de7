"""Calls the sandbox as Kore.ai's pages write their requests: paths, headers and bodies as in their curl examples."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt

from sandbox.server import running
from tests.patience import until

IID = "st-0603182c-7ffb-53c3-b307-47ca14b9xxxx"
ACCOUNT = "67777ce93e25326494e9xxxx"
CLIENT = "cs-11111111-2222-3333-4444-555555555555"
SECRET = "a secret of forty-four characters or more ======"
V1 = f"/agentassist/api/v1/public/{IID}/campaign"
V2 = f"/campaign/api/v2/public/{IID}/campaign"
ADD = f"/api/1.1/public/{IID}/campaign/contactList/addContacts"
TOKEN = "01JZ0000000000000000000000"
DAYS = ("MO", "TU", "WE", "TH", "FR")
ALWAYS = [{"day": day, "start": "12:00 AM", "end": "12:00 AM"} for day in (*DAYS, "SA", "SU")]
OFFICE = [{"day": day, "start": "9:00 AM", "end": "6:00 PM"} for day in DAYS]

Json = dict[str, Any]


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: str) -> str:
    return jwt.encode(claims or {"sub": "1234567890", "appId": CLIENT}, secret, algorithm=algorithm)


def headers(**more: str) -> dict[str, str]:
    return {"auth": token(), "iid": IID, "accountId": ACCOUNT} | more


def list_body(name: str = "Renewal Due - July 2025", **more: Any) -> Json:
    told = {"name": name, "description": "Services that expire.", "source": "passiveApi", "allowDuplicates": True}
    return told | more


def campaign_body(*lists: str, days: list[Json] | None = None, zone: str = "UTC", **more: Any) -> Json:
    strategy = {
        "callerId": {"phoneNumber": "+15101234567"},
        "callingHours": {"frequency": "WEEKLY", "timezone": zone, "days": days or ALWAYS},
        "dialingOrder": more.pop("order", "FIFO"),
        "maxAttemptsPerRecord": more.pop("attempts", 1),
        "defaultRetryPeriod": more.pop("retry", 10),
        "maxRingTime": 30,
    }
    told = {
        "name": "Product Feedback Voice Campaign",
        "description": "Asks for feedback.",
        "contactLists": list(lists),
        "dncLists": {"name": "Default Global DNC"},
        "priority": "5",
        "dialingMode": "Agentless",
        "dialingStrategy": strategy,
        "schedule": {"isSchedulingEnabled": False},
        "experienceFlowName": "Voice Survey Entry Flow",
        "enableMachineDetect": "no",
        "campaignType": "voice",
    }
    return told | more


def people(count: int, first: int = 0, **more: str) -> list[Json]:
    ids = range(first, first + count)
    return [{"phoneNumber": f"+1202200{at:04d}", "uniqueId": f"{TOKEN}:{at}"} | more for at in ids]


@dataclass
class Kore:
    client: httpx.Client

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Kore"]:
        with running(speed=0) as url, httpx.Client(base_url=url, timeout=30, verify=False) as client:
            yield cls(client)

    def as_new(self) -> "Kore":
        """Nothing stored, no limit, no delays, everybody answers."""
        self.client.delete("/ledger")
        self.client.delete("/switches")
        self.put("/faults", [])
        self.put("/kore/limits", {"requests_per_minute": 0})
        self.put("/outcomes", {"answered": 1})
        self.switch(add_delay_ms=0, prepare_delay_ms=0)
        return self

    def put(self, path: str, body: Any) -> Any:
        response = self.client.put(path, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def switch(self, **values: str | int) -> None:
        self.put("/switches", {f"kore_{name}": value for name, value in values.items()})

    def send(self, verb: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        told = {"headers": headers(), "json": body} | more
        return self.client.request(verb, path, **told)

    def ask(self, verb: str, path: str, body: Any = None) -> Json:
        response = self.send(verb, path, body)
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    def refused(self, verb: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        response = self.send(verb, path, body, **more)
        assert response.json()["status"] == "failure", response.text
        return response.status_code, response.json()["message"]

    def make_list(self, name: str = "Renewal Due - July 2025", **more: Any) -> str:
        return str(self.ask("POST", f"{V2}/contactList/createContactList", list_body(name, **more))["data"]["_id"])

    def add(self, name: str, contacts: list[Json]) -> Json:
        return self.ask("POST", ADD, {"contact_list_name": name, "data": contacts})

    def fill(self, name: str, contacts: list[Json], stored: int | None = None) -> str:
        """A list with these contacts in it, once they are stored."""
        list_id = self.make_list(name)
        self.add(name, contacts)
        until(lambda: self.count(list_id) == (len(contacts) if stored is None else stored))
        return list_id

    def count(self, list_id: str) -> int:
        return int(self.ask("GET", f"{V2}/contactList/{list_id}")["data"]["totalRecordCount"])

    def make_campaign(self, *lists: str, **more: Any) -> str:
        path = f"{V2}?accountId={ACCOUNT}&campaignType=voice"
        made = self.ask("POST", path, campaign_body(*lists, **more))["data"]["id"]
        until(lambda: self.status(made) == "Ready")
        return str(made)

    def trigger(self, campaign: str, action: str = "play") -> Json:
        return self.ask("POST", trigger_path(campaign, action), {})

    def status(self, campaign: str) -> str:
        return str(self.ask("POST", f"{V2}/{campaign}/status?view=status", {})["data"]["status"])

    def outcomes(self, campaign: str) -> list[Json]:
        found = self.ask("POST", f"{V2}/{campaign}/status?view=contacts", {"page": 1, "limit": 100})
        rows: list[Json] = found["data"]["results"]
        return rows

    def turn(self, seconds: float) -> None:
        self.put("/clock", {"advance": seconds})

    def turn_to(self, weekday: int, hour: int) -> None:
        """Puts the clock to the next such weekday (0 is Monday) and hour in UTC."""
        now = datetime.fromtimestamp(self.client.get("/clock").json()["now"], UTC)
        day = now + timedelta(days=(weekday - now.weekday()) % 7)
        then = day.replace(hour=hour, minute=0, second=0, microsecond=0)
        # a millisecond more: what is lost in the sum must not leave the clock before the hour
        self.turn((then + timedelta(days=7 * (then < now)) - now).total_seconds() + 0.001)

    @property
    def ledger(self) -> Json:
        found: Json = self.client.get("/ledger").json()
        return found


def trigger_path(campaign: str, action: str) -> str:
    query = f"accountId={ACCOUNT}&campaignType=voice&trigger={action}"
    return f"/api/v2/public/{IID}/campaign/trigger/{campaign}?{query}"
