"""What providers have in common that make a list in one request and dial it at once: there is nothing else to ask."""

from collections.abc import Iterator
from typing import ClassVar, NoReturn

import polars as pl

from worker.errors import NotSent, Refused
from worker.providers.base import Frames, Hands, Place, Step, Submission

CREATE = Step("create")


def steps(_reference: str | None) -> tuple[Step, ...]:
    return (CREATE,)


def starts(_campaign: str | None) -> tuple[str, ...]:
    return ()


class AtOnce:
    """The verbs that such a provider refuses.

    `label` is its name for people, `unit` what it calls a list, `desk` where a person looks, and `to_stop` what a
    person does to stop one.
    """

    label: ClassVar[str]
    unit: ClassVar[str]
    desk: ClassVar[str]
    to_stop: ClassVar[str]
    hands: Hands | None = None

    def check_new(self, submission: Submission) -> None:
        """Raises NotSent `cannot_append` where contacts are to be added to a list that exists."""
        if submission.step != CREATE.name or submission.reference is not None:
            unit = self.unit
            text = f"{self.label} cannot add contacts to a {unit} that exists; send them as a {unit} of their own."
            raise NotSent("cannot_append", text, fault=True)

    def contacts(self, _reference: str) -> Iterator[pl.DataFrame]:
        self.cannot_look()

    def tasks(self, _place: Place) -> Frames:
        self.cannot_look()

    def stop(self, _place: Place) -> None:
        raise Refused("cannot_stop", f"{self.label} offers a program no way to stop a {self.unit}; {self.to_stop}.")

    def start(self, _step: str, _place: Place) -> str | None:
        raise Refused("cannot_start", f"A {self.unit} at {self.label} starts by itself; look at it in {self.desk}.")

    def cannot_look(self) -> NoReturn:
        text = f"{self.label} shows a program no contacts of a {self.unit}; look into {self.desk}."
        raise Refused("cannot_look", text)
