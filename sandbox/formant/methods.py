"""The four requests of the API reference, each to its documented answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sandbox.faults import Fault, thinned
from sandbox.formant.batch import Batch
from sandbox.formant.errors import FormantError, bad, missing
from sandbox.formant.platform import CREATE, GET, LIST, METRICS, Platform
from sandbox.formant.sheet import Sheet, read_sheet
from sandbox.forms import Form

MAX_LIMIT, DEFAULT_LIMIT = 100, 20
MAX_INT = 2**63 - 1
Answer = dict[str, object]


@dataclass(frozen=True)
class Asked:
    """One request as it was read. `agents` are those its key reaches, None for all."""

    agents: frozenset[int] | None
    query: Mapping[str, str]
    batch_id: str
    form: Form | None
    faults: Mapping[str, Fault]

    def reaches(self, agent_id: int) -> bool:
        return self.agents is None or agent_id in self.agents


async def create(platform: Platform, asked: Asked) -> Answer:
    if asked.form is None or not asked.form.multipart:
        raise bad("Request must be multipart/form-data")
    fields, files = asked.form.fields, asked.form.files
    agent_id = whole(fields.get("agent_id", ""), "agent_id", 1)
    if not asked.reaches(agent_id):
        raise missing("Agent")
    name = fields.get("name", "")
    if not name.strip():
        raise bad("name is required")
    file_name, content = files.get("file", ("", b""))
    if not file_name.lower().endswith(".csv"):
        raise bad("file must be a .csv file")
    sheet = read_sheet(content, platform.switches)
    if dropping := asked.faults.get("short_count"):
        sheet = Sheet(sheet.names, thinned(sheet.contacts, dropping.fraction("drop")))
    late = asked.faults.get("late_visible")
    batch = await platform.create(agent_id, name, sheet, late.seconds if late else 0.0)
    return {"data": batch.document(platform.switches)}


async def batches(platform: Platform, asked: Asked) -> Answer:
    told = asked.query.get("agent_id", "").strip()
    agent_id = whole(told, "agent_id", 1) if told else None
    limit, offset = page_size(platform, asked), whole(asked.query.get("offset") or "0", "offset")
    if agent_id is not None and not asked.reaches(agent_id):
        raise missing("Agent")
    await platform.play()
    found = [one for one in platform.batches(asked.agents) if agent_id in (None, one.agent_id)]
    if platform.switches.choice("formant_batches_order") == "newest_first":
        found.reverse()
    answer: Answer = {"data": [one.document(platform.switches) for one in found[offset : offset + limit]]}
    if platform.switches.choice("formant_list_total") == "told":
        answer["pagination"] = {"limit": limit, "offset": offset, "total": len(found)}
    return answer


async def batch(platform: Platform, asked: Asked) -> Answer:
    return {"data": (await one_batch(platform, asked)).document(platform.switches)}


async def metrics(platform: Platform, asked: Asked) -> Answer:
    return {"data": (await one_batch(platform, asked)).metrics(platform.switches)}


async def one_batch(platform: Platform, asked: Asked) -> Batch:
    try:
        batch_id = whole(asked.batch_id, "batch_id")
    except FormantError as error:
        raise missing("Batch call") from error
    await platform.play()
    return platform.batch(batch_id, asked.agents)


def page_size(platform: Platform, asked: Asked) -> int:
    limit = whole(asked.query.get("limit") or str(DEFAULT_LIMIT), "limit", 1)
    if limit > MAX_LIMIT and platform.switches.choice("formant_limit_over_maximum") == "refuse":
        raise bad(f"limit must be at most {MAX_LIMIT}")
    return min(limit, MAX_LIMIT)


def whole(text: str, name: str, low: int = 0) -> int:
    """Raises FormantError 400."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20) or not low <= int(text) <= MAX_INT:
        raise bad(f"{name} must be an integer of {low} or more")
    return int(text)


METHODS: dict[str, Callable[[Platform, Asked], Awaitable[Answer]]] = {
    CREATE: create,
    LIST: batches,
    GET: batch,
    METRICS: metrics,
}
