"""Names of lists: tidied before they go out, and found again by the token at their end."""

from collections.abc import Iterable

from worker.providers.base import Found


def tidy(name: str) -> str:
    """Blanks of any kind become one space: a name that the provider tidied up would not be found again."""
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise ValueError("may not be blank or contain characters that cannot be printed")
    return name


def bearing(list_name: str, lists: Iterable[Found]) -> list[Found]:
    """Those that bear this name, or its token. Each once: pages may overlap while lists are made."""
    token = list_name[list_name.rfind("[") :] if list_name.endswith("]") else list_name
    bearing = (one for one in lists if one.name == list_name or (token != list_name and one.name.endswith(token)))
    return list({one.reference: one for one in bearing}.values())
