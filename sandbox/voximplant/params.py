"""Typed reading of parameters, each failure with the code that the provider's error table has for it."""

import codecs
import ipaddress
from calendar import timegm
from math import inf, isfinite
from time import strptime

from sandbox.voximplant.errors import ApiError, invalid

TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "")
MAX_INT = 2**63 - 1


def required(params: dict[str, str], name: str) -> str:
    value = params.get(name, "")
    if not value.strip():
        raise ApiError(134, field=name)
    return value


def whole(text: str, low: int, high: int) -> int | None:
    """The integer in `text` when it lies in the range, else None."""
    digits = text.strip()
    if not digits.lstrip("-").isascii() or not digits.lstrip("-").isdigit() or len(digits) > 20:
        return None
    value = int(digits)
    return value if low <= value <= high else None


def integer(params: dict[str, str], name: str, code: int, low: int = 0, high: int = MAX_INT) -> int:
    """A required integer; out of range is error `code`."""
    value = whole(required(params, name), low, high)
    if value is None:
        raise ApiError(code, name, field=name)
    return value


def given(params: dict[str, str], name: str) -> bool:
    return bool(params.get(name, "").strip())


def optional_integer(
    params: dict[str, str], name: str, default: int, low: int = 0, high: int = MAX_INT, code: int = 496
) -> int:
    return integer(params, name, code, low, high) if given(params, name) else default


def check_fraction(params: dict[str, str], name: str, low: float = 0, high: float = inf) -> None:
    """A number that may have decimals and may be left out. Raises ApiError 496."""
    if not given(params, name):
        return
    try:
        value = float(params[name])
    except ValueError as error:
        raise invalid(name) from error
    if not isfinite(value) or not low <= value <= high:
        raise invalid(name)


def boolean(params: dict[str, str], name: str) -> bool:
    value = params.get(name, "").strip().lower()
    if value not in TRUE + FALSE:
        raise invalid(name)
    return value in TRUE


def one_of(params: dict[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = params.get(name, "").strip() or default
    if value not in allowed:
        raise invalid(name)
    return value


def character(params: dict[str, str], name: str, default: str | None) -> str | None:
    """One character, as delimiters, quotes and escapes are."""
    value = params.get(name) or default
    if value is not None and (len(value) != 1 or value in "\r\n"):
        raise invalid(name)
    return value


def encoding(params: dict[str, str]) -> str:
    name = params.get("encoding", "").strip() or "utf-8"
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise invalid("encoding") from error
    if not getattr(info, "_is_text_encoding", True):
        raise invalid("encoding")
    return info.name


def ip_address(params: dict[str, str]) -> str | None:
    """`ip_address`, or by its older name `reference_ip`."""
    value = params.get("ip_address") or params.get("reference_ip")
    try:
        return str(ipaddress.ip_address(value)) if value else None
    except ValueError as error:
        raise ApiError(257, field="reference_ip") from error


def utc_time(params: dict[str, str], name: str) -> float | None:
    """`YYYY-MM-DD HH:mm:ss` in UTC as Unix seconds."""
    value = params.get(name, "").strip()
    if not value:
        return None
    try:
        return timegm(strptime(value, "%Y-%m-%d %H:%M:%S"))
    except ValueError as error:
        raise ApiError(111, field=name) from error


def id_filter(params: dict[str, str], name: str, code: int) -> set[int] | None:
    """The ids to keep; None where there is no filter or it says 'all'."""
    if params.get(name, "").strip().lower() in ("", "all"):
        return None
    return set(ids(params, name, code))


def ids(params: dict[str, str], name: str, code: int) -> list[int]:
    """Required ids joined by semicolons, in their order."""
    found = [whole(part, 0, MAX_INT) for part in required(params, name).split(";")]
    if None in found:
        raise ApiError(code, name, field=name)
    return [one for one in found if one is not None]
