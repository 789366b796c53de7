"""Statements that are made once: to put one together costs several times what it costs to send it, and a fleet asks the
same few thousands of times a second."""

import inspect
from collections.abc import Callable
from functools import cache, wraps
from types import NoneType
from typing import Any, ParamSpec, TypeVar, get_args

from sqlalchemy import Executable, bindparam

Given = ParamSpec("Given")
Statement = TypeVar("Statement", bound=Executable)


def once(make: Callable[Given, Statement]) -> Callable[Given, tuple[Statement, dict[str, Any]]]:
    """What `make` returns is made at the first call, of a placeholder for each argument; every call gives it, and the
    values of this call, as `Session.execute` takes the two.

    So `make` may compare with an argument or write it, and nothing else: what it decides, it decides once for all. None
    equals nothing, so it is taken only where the argument's type says so (TypeError).
    """
    asked = inspect.signature(make).parameters
    names = [f"the_{name}" for name in asked]  # apart from the names of columns
    may_be_none = {f"the_{name}" for name, one in asked.items() if NoneType in get_args(one.annotation)}

    @cache
    def made() -> Statement:
        return make(*(bindparam(name) for name in names))  # type: ignore[call-arg, arg-type]

    @wraps(make)
    def given(*args: Given.args, **named: Given.kwargs) -> tuple[Statement, dict[str, Any]]:
        values = dict(zip(names, args, strict=False)) | {f"the_{name}": value for name, value in named.items()}
        if any(value is None and name not in may_be_none for name, value in values.items()):
            raise TypeError(f"{make.__name__} compares with None, which equals nothing")
        return made(), values

    return given
