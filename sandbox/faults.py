"""Faults on demand: which request is to go wrong, how, and how often, drawn from a seed."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sandbox.refusals import ControlError, known_keys, number

Row = TypeVar("Row")

# What each fault may be told beside share, methods and times, with its default.
OPTIONS: dict[str, dict[str, object]] = {
    "accept_then_hang_up": {},
    "store_late": {"seconds": 3},
    "accept_then_500": {},
    "no_answer": {},
    "unavailable": {},
    "refuse": {"code": None},
    "throttle": {"retry_after": None, "code": None},
    "slow": {"seconds": 3},
    "cut_body": {},
    "not_json": {},
    "short_count": {"drop": 0.1},
    "lose_contacts": {"drop": 0.1},
    "late_visible": {"seconds": 5},
    "partial_details": {"part": 0.5},
}
# Faults of what is stored or shown; the method itself carries them out. The others are faults of the answer.
OF_CONTENT = frozenset({"short_count", "lose_contacts", "late_visible", "partial_details"})
NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Methods:
    """What the providers know, so that a misspelt method is noticed and a fault only fires where it can.

    `content` names, for each fault of content, the methods that carry it out.
    """

    known: frozenset[str]
    content: Mapping[str, frozenset[str]]

    def __or__(self, other: "Methods") -> "Methods":
        both = {*self.content, *other.content}
        return Methods(
            self.known | other.known,
            {name: self.content.get(name, NONE) | other.content.get(name, NONE) for name in both},
        )

    def reach(self, fault: str) -> frozenset[str]:
        return self.content.get(fault, NONE) if fault in OF_CONTENT else self.known


@dataclass
class Fault:
    """One line of `PUT /faults`. `left` counts down `times`; None is for ever."""

    name: str
    share: float
    methods: frozenset[str]
    options: dict[str, object]
    times: int | None
    draw: random.Random
    named_methods: list[str] | None = None
    left: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.times

    def fires(self, method: str) -> bool:
        if method not in self.methods or self.left == 0 or self.draw.random() >= self.share:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    @property
    def seconds(self) -> float:
        return float(str(self.options["seconds"]))

    def fraction(self, key: str) -> float:
        return float(str(self.options[key]))

    def part_of(self, indexes: Iterable[int]) -> list[int]:
        """Those of the indexes that are in the fault's `part`: the same each time, and spread over all."""
        below = self.fraction("part") * 2**32
        return [index for index in indexes if index * 2654435761 % 2**32 < below]

    def code(self) -> int | None:
        value = self.options.get("code")
        return value if isinstance(value, int) else None

    def document(self) -> dict[str, object]:
        shown: dict[str, object] = {"fault": self.name, "share": self.share, "methods": self.named_methods}
        return shown | {"times": self.times, "left": self.left} | self.options


@dataclass(frozen=True)
class Befall:
    """What befalls one request: at most one fault of its answer, and any of what is stored or shown, by name."""

    answer: Fault | None
    content: dict[str, Fault]


class Faults:
    """The faults in force. Of those that concern the answer the first that fires counts; the others add up."""

    def __init__(self, methods: Methods, seed: int = 1) -> None:
        self._methods = methods
        self._seed = seed
        self._rules: list[Fault] = []

    def choose(self, method: str) -> Befall:
        answer: Fault | None = None
        content: dict[str, Fault] = {}
        for rule in self._rules:
            if rule.name in OF_CONTENT:
                if rule.name not in content and rule.fires(method):
                    content[rule.name] = rule
            elif answer is None and rule.fires(method):
                answer = rule
        return Befall(answer, content)

    def documents(self) -> list[dict[str, object]]:
        return [rule.document() for rule in self._rules]

    def put(self, document: object, seed: int | None = None) -> None:
        """Replaces all faults by a list of them, or by `{"faults": [...], "seed": n}`. Raises ControlError."""
        if isinstance(document, Mapping):
            known_keys(document, {"faults", "seed"}, "PUT /faults")
            if "seed" in document:
                seed = int(number(document, "seed", 0))
            document = document.get("faults")
        if not isinstance(document, list):
            raise ControlError("bad_faults", 'PUT /faults takes a JSON list of {"fault", "share", "methods"}.')
        used = self._seed if seed is None else seed
        self._rules = [self._rule(line, random.Random(f"{used}/{at}")) for at, line in enumerate(document)]

    def _rule(self, line: object, draw: random.Random) -> Fault:
        if not isinstance(line, Mapping) or line.get("fault") not in OPTIONS:
            raise ControlError("unknown_fault", f"Each fault needs a 'fault' of {', '.join(OPTIONS)}; got {line!r}.")
        name = str(line["fault"])
        known_keys(line, {"fault", "share", "methods", "times", "seed", *OPTIONS[name]}, f"Fault '{name}'")
        if "seed" in line:
            draw = random.Random(int(number(line, "seed", 0)))
        named = self._named(line.get("methods"))
        reach = self._methods.reach(name)
        return Fault(
            name=name,
            share=number(line, "share", 0, 1) if "share" in line else 1.0,
            methods=reach if named is None else reach & frozenset(named),
            options=OPTIONS[name] | {key: checked_option(line, key) for key in OPTIONS[name] if key in line},
            times=int(number(line, "times", 1)) if line.get("times") is not None else None,
            draw=draw,
            named_methods=named,
        )

    def _named(self, methods: object) -> list[str] | None:
        if not methods:
            return None
        named = [str(method) for method in methods] if isinstance(methods, list) else [str(methods)]
        for method in named:
            if method not in self._methods.known:
                known = ", ".join(sorted(self._methods.known))
                raise ControlError("unknown_method", f"'methods' names {method!r}; there are {known}.")
        return named


def thinned(rows: list[Row], share: float) -> list[Row]:
    """Without that share of the rows, and without at least one."""
    every = max(1, round(1 / share)) if share else len(rows) + 1
    return [row for at, row in enumerate(rows, 1) if at % every] if len(rows) >= every else rows[:-1]


def checked_option(line: Mapping[str, object], key: str) -> object:
    if key in ("code", "retry_after") and line[key] is None:
        return None
    if key in ("drop", "part"):
        return number(line, key, 0, 1)
    return int(number(line, key, 1)) if key == "code" else number(line, key, 0)
