"""What GetCallLists can be narrowed by, checked and put as it goes over the wire."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from worker.providers import own

_STATUSES = ("In progress", "Canceled", "Completed", "Suspended")


def _ids(given: Any) -> Any:
    """One id, several joined by semicolons or in a list, or `all`."""
    parts = given if isinstance(given, list) else str(given).split(";")
    words = [str(part).strip() for part in parts]
    if [word.lower() for word in words] == ["all"]:
        return "all"
    if not all(word.isascii() and word.isdigit() and len(word) <= 19 for word in words):
        raise ValueError("needs ids joined by semicolons, or all")
    return ";".join(words)


def _utc(text: str) -> str:
    """`YYYY-MM-DD HH:mm:ss` in UTC, of ISO 8601 with a zone."""
    wrong = ValueError("needs a time in ISO 8601 with a zone, such as 2030-01-31T09:00:00+01:00")
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise wrong
        return f"{moment.astimezone(UTC).replace(tzinfo=None):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        raise wrong from None


def _status(word: Any) -> Any:
    return next((known for known in _STATUSES if isinstance(word, str) and known.lower() == word.lower()), word)


def _upper(word: Any) -> Any:
    return word.upper() if isinstance(word, str) else word


Ids = Annotated[str, BeforeValidator(_ids)]
Moment = Annotated[str, AfterValidator(_utc)]
Text = Annotated[str, Field(min_length=1)]


class Filters(BaseModel):
    """Parameters of GetCallLists; the pages are Rollcall's own business."""

    model_config = ConfigDict(extra="forbid")

    list_id: Ids | None = None
    name: Text | None = None
    is_active: bool | None = None
    from_date: Moment | None = None
    to_date: Moment | None = None
    type_list: Annotated[Literal["AUTOMATIC", "MANUAL"] | None, BeforeValidator(_upper)] = None
    application_id: Ids | None = None
    application_name: Text | None = None
    rule_id: Ids | None = None
    rule_name: Text | None = None
    status: Annotated[Literal["In progress", "Canceled", "Completed", "Suspended"] | None, BeforeValidator(_status)] = (
        None
    )


def check(filters: dict[str, Any]) -> dict[str, Any]:
    """The filters as GetCallLists takes them; raises InputError `bad_filter`."""
    return own.checked_filters(Filters, "Voximplant", filters)
