"""The job that an upstream app pushes: one model, whose JSON Schema is the contract."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema

from worker import wrong
from worker.errors import InputError

# Fields that jobs of before had not, and whose digest they must not change.
ADDED = ("only", "countries", "window", "zone_column", "pilot", "continues")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def _moment(value: Any) -> Any:
    """ISO 8601 with zone, or Unix seconds. Zoneless times and milliseconds are refused: they start at a wrong time."""
    if isinstance(value, str):
        value = _from_text(value.strip())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not EARLIEST.timestamp() <= value <= LATEST.timestamp():
            raise ValueError("it is not in Unix seconds (milliseconds are not accepted)")
        value = datetime.fromtimestamp(value, UTC)
    return _in_utc(value) if isinstance(value, datetime) else value


def _from_text(text: str) -> int | datetime:
    if text.isascii() and text.isdigit():
        return int(text[:20])
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("it is neither ISO 8601 with a zone nor Unix seconds") from None


def _in_utc(moment: datetime) -> datetime:
    """In UTC, so that one moment has one digest; a fraction is rounded up, since nobody is called before the start."""
    if moment.tzinfo is None:
        raise ValueError("it has no time zone; add one, for example +02:00 or Z")
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("it lies before 2000 or after 2100")
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=0) + timedelta(seconds=1) if moment.microsecond else moment


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    return text


def _place(text: str) -> str:
    try:
        urlsplit(text)
    except ValueError:
        raise ValueError("it is neither a path nor an address") from None
    return text


def _upper(text: str | None) -> str | None:
    return text and text.upper()


Text = Annotated[str, Field(min_length=1), AfterValidator(_storable)]
Key = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_storable)]
MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}, {"type": "null"}]}
Moment = Annotated[datetime | None, BeforeValidator(_moment), WithJsonSchema(MOMENT)]


# As the phone library has them. Where a number does not tell which of the two it is, it is fixed_line_or_mobile.
NumberType = Literal[
    "fixed_line",
    "mobile",
    "fixed_line_or_mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
]


def _country(code: str) -> str:
    if code not in SUPPORTED_REGIONS:
        raise ValueError("it is not the ISO code of a country, such as US or GB")
    return code


def _region(code: str) -> str:
    if not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):
        raise ValueError("it is not of two capital letters, such as US or GB")
    return code


CODE = {"type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO code"}
Region = Annotated[str, AfterValidator(_region), WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"})]
Country = Annotated[str, AfterValidator(_country), WithJsonSchema(CODE)]


class Job(wrong.Closed):
    """One campaign upload. Phone numbers are in the file, never in the job."""

    source: Annotated[Text, AfterValidator(_place)] = Field(
        description="a CSV or Excel file, packed or not: its path, or an https://, s3://, gs:// or az:// URL"
    )
    account: Text = Field(description="name of an account in rollcall.toml")
    options: dict[str, Any] = Field(default_factory=dict, description="parameters of the provider, e.g. num_attempts")
    phone_column: Text | None = Field(None, description="name of the column with the number; guessed where it is plain")
    region: Region | None = Field(None, description="ISO region of numbers without a country code")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="of the file; found out where absent")
    encoding: Text | None = Field(None, description="of the file; found out where absent")
    quote: str | None = Field(
        None,
        max_length=1,
        description="of the file; found out where absent, empty where quotes are ordinary characters",
    )
    escape: str | None = Field(None, min_length=1, max_length=1)
    only: list[NumberType] | None = Field(None, min_length=1, description="types of numbers to call; absent: any")
    countries: list[Country] | None = Field(None, min_length=1, description="countries to call; absent: any")
    window: Text | None = Field(
        None,
        description="when people may be called where they are: legal, hours within that such as 09:00-18:00, or any; "
        "absent: as the account has it",
    )
    zone_column: Text | None = Field(None, description="name of the column with IANA time zones; absent: by the number")
    starts_at: Moment = Field(
        None, description="ISO 8601 with zone, or Unix seconds; a row's own __start_at wins; absent: at once"
    )
    continues: Annotated[Text | None, AfterValidator(_upper)] = Field(
        None,
        description="id of the upload whose rejected rows these are, corrected; what is absent here is as it was there",
    )
    idempotency_key: Key | None = None
    pilot: int | None = Field(
        None, ge=1, description="so many contacts are called first; the others when a person has seen their outcomes"
    )

    def digest(self, source_digest: str) -> str:
        """What makes two jobs the same: all of it but the key and where the file lay."""
        body = self.model_dump(mode="json", exclude={"idempotency_key", "source"})
        body = {name: value for name, value in body.items() if name not in ADDED or value is not None}
        body["quote"] = '"' if self.quote is None else self.quote  # as it was when quotes were not found out
        canonical = json.dumps([body, source_digest], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


DIALECT = ("delimiter", "encoding", "quote", "escape")


def parse(data: dict[str, Any]) -> Job:
    """A checked job. Dialect parameters among the options describe the file, as they do in the provider's call.

    Raises InputError `bad_job`, naming the first field that is wrong.
    """
    data = dict(data)
    options = data.get("options") or {}
    data["options"] = _without_dialect(data, options) if isinstance(options, dict) else options
    try:
        return Job.model_validate(data)
    except ValidationError as error:
        found = wrong.first(error)
        where = ".".join(part for part in found.path if not part.isdigit())[:60] or "job"
        raise _bad(where if where.isprintable() else repr(where), found.text) from None


def _without_dialect(data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The options that are left; what described the file has moved into `data`."""
    options = dict(options)
    for name in DIALECT:
        if name in options:
            said = options.pop(name)
            if data.get(name) not in (None, said, Job.model_fields[name].default):
                raise _bad(name, f"it is {data[name]!r:.40} and among the options {said!r:.40}")
            data[name] = said
    return options


def _bad(where: str, text: str) -> InputError:
    return InputError("bad_job", f"The job's {where} cannot be used: {text}; correct it.")
