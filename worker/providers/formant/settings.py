"""`own` of a Formant AI account: where it is served, and words that its documents do not list."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from worker.providers.own import settings_of

HOSTS = {"global": "https://api.voice.formantai.com", "india": "https://api.in.voice.formantai.com"}
Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=64)]


class Own(BaseModel):
    """`complete_states` are the statuses of a batch that will not call any more: none is documented."""

    model_config = ConfigDict(extra="forbid")

    region: Literal["global", "india"] = "global"
    complete_states: list[Word] = ["completed"]


check = settings_of(Own, "Formant AI")
