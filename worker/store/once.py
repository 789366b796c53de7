"""Statements that are made once: to put one together costs several times what it costs to send it, and a fleet asks the
same few thousands of times a second."""

import inspect
from collections.abc import Callable
from datetime import datetime
from functools import cache, wraps
from types import NoneType
from typing import Any, ParamSpec, TypeVar, get_args

from sqlalchemy import Executable, bindparam
from sqlmodel.sql.sqltypes import UTCDateTime

Given = ParamSpec("Given")
Statement = TypeVar("Statement", bound=Executable)

TIME = UTCDateTime()


def once(make: Callable[Given, Statement]) -> Callable[Given, tuple[Statement, dict[str, Any]]]:
    """What `make` returns is made at the first call, of a placeholder for each argument; every call gives it, and the
    values of this call, as `Session.execute` takes the two.

    So `make` may compare with an argument or write it, and nothing else: what it decides, it decides once for all. None
    equals nothing, so it is taken only where the argument's type says so (TypeError).
    """
    asked = inspect.signature(make).parameters
    kinds = {f"the_{name}": one.annotation for name, one in asked.items()}  # apart from the names of columns
    may_be_none = {name for name, kind in kinds.items() if NoneType in get_args(kind)}

    @cache
    def made() -> Statement:
        # A time has its type with it: within a CASE it stands beside no column to take one from.
        types = {name: TIME if kind is datetime or datetime in get_args(kind) else None for name, kind in kinds.items()}
        return make(*(bindparam(name, type_=type_) for name, type_ in types.items()))  # type: ignore[call-arg, arg-type]

    @wraps(make)
    def given(*args: Given.args, **named: Given.kwargs) -> tuple[Statement, dict[str, Any]]:
        values = dict(zip(kinds, args, strict=False)) | {f"the_{name}": value for name, value in named.items()}
        if any(value is None and name not in may_be_none for name, value in values.items()):
            raise TypeError(f"{make.__name__} compares with None, which equals nothing")
        return made(), values

    return given
