"""Reads the fields of a JSON body. Each reader raises KoreError 400 and names the field."""

from collections.abc import Mapping, Sequence
from math import ceil

from sandbox.kore.errors import KoreError

Body = Mapping[str, object]


def text(body: Body, key: str, most: int | None = None) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.strip():
        raise KoreError(f"{key} is required")
    if most is not None and len(value) > most:
        raise KoreError(f"{key} must be at most {most} characters")
    return value


def flag(body: Body, key: str, default: bool) -> bool:
    value = body.get(key, default)
    if not isinstance(value, bool):
        raise KoreError(f"{key} must be a boolean")
    return value


def one_of(body: Body, key: str, choices: Sequence[str]) -> str:
    value = body.get(key)
    if not isinstance(value, str) or value not in choices:
        raise KoreError(f"{key} must be one of {', '.join(choices)}")
    return value


def whole(body: Body, key: str, low: int, high: int, default: int | None = None) -> int:
    value = body.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise KoreError(f"{key} must be a whole number from {low} to {high}")
    return value


def optional_whole(body: Body, key: str, default: int) -> int:
    """A number from 0 on; an empty string counts as not given, as the pages allow."""
    return default if body.get(key, "") == "" else whole(body, key, 0, 2**53)


def section(body: Body, key: str) -> dict[str, object]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise KoreError(f"{key} is required")
    return value


def sections(body: Body, key: str) -> list[dict[str, object]]:
    value = body.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(one, dict) for one in value):
        raise KoreError(f"{key} must be a list of objects")
    return value


def texts(body: Body, key: str) -> list[str]:
    value = body.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise KoreError(f"{key} must be a list of names")
    return value


def from_query(query: Mapping[str, str], key: str, default: int) -> int:
    value = query.get(key, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit():
        raise KoreError(f"{key} must be a whole number")
    return int(value)


def page_of(shown: Sequence[object], skip: int, limit: int, total: int) -> dict[str, object]:
    """A page as the lists answer it: what is shown from `skip` on, of `total`."""
    return {
        "results": shown,
        "skip": skip,
        "limit": limit,
        "hasMore": skip + limit < total,
        "totalPages": ceil(total / limit),
        "totalResults": total,
    }
