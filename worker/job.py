"""The job that an upstream app pushes: one model, whose JSON Schema is the contract."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from worker.errors import InputError

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def _moment(value: Any) -> Any:
    """ISO 8601 with zone, or Unix seconds. Zoneless times and milliseconds are refused: they start at a wrong time."""
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        value = int(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        if not EARLIEST <= value <= LATEST:
            raise ValueError("is not in Unix seconds (milliseconds are not accepted)")
        return datetime.fromtimestamp(value, UTC)
    return _aware(value)


def _aware(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("is neither ISO 8601 with a zone nor Unix seconds") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("has no time zone; add one, for example +02:00 or Z")
    return value


class Job(BaseModel):
    """One campaign upload. Phone numbers are in the file, never in the job."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(min_length=1, description="path of a CSV file, or an https:// URL")
    account: str = Field(min_length=1, description="name of an account in rollcall.toml")
    options: dict[str, Any] = Field(default_factory=dict, description="parameters of the provider, e.g. num_attempts")
    phone_column: str | None = Field(None, description="name of the column with the number; guessed where it is plain")
    region: str | None = Field(None, pattern="^[A-Z]{2}$", description="ISO region of numbers without a country code")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="of the file; found out where absent")
    encoding: str | None = Field(None, description="of the file; by its byte order mark, else UTF-8")
    quote: str = Field('"', min_length=1, max_length=1)
    escape: str | None = Field(None, min_length=1, max_length=1)
    starts_at: Annotated[datetime | None, BeforeValidator(_moment)] = Field(
        None, description="ISO 8601 with zone, or Unix seconds; a row's own __start_at wins; absent: at once"
    )
    idempotency_key: str | None = Field(None, min_length=1, max_length=255)

    def digest(self, source_digest: str) -> str:
        """What makes two jobs the same: all of it but the key and where the file lay."""
        body = self.model_dump(mode="json", exclude={"idempotency_key", "source"})
        canonical = json.dumps([body, source_digest], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


DIALECT = ("delimiter", "encoding", "escape")


def parse(data: dict[str, Any]) -> Job:
    """A checked job. Dialect parameters among the options describe the file, as they do in the provider's call.

    Raises InputError `bad_job`, naming the first field that is wrong.
    """
    data = dict(data)
    options = dict(data.get("options") or {}) if isinstance(data.get("options") or {}, dict) else data["options"]
    if isinstance(options, dict):
        for name in DIALECT:
            if name in options:
                data[name] = options.pop(name)
        data["options"] = options
    try:
        return Job.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "job"
        text = first["msg"].removeprefix("Value error, ")
        raise InputError("bad_job", f"The job's {where} cannot be used: {text}; correct it.") from None
