"""What no document of Plum's says for certain: names of fields and words, as settings of the account."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from worker.providers.own import settings_of
from worker.states import Disposition

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\[\]-]{1,64}$")]
Names = Annotated[list[Name], Field(min_length=1)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=64)]


class ResultFields(BaseModel):
    """Under which names a post to result_url may tell what we look for, the likeliest first."""

    model_config = ConfigDict(extra="forbid")

    reference: Names = ["message_reference", "reference"]
    status: Names = ["status", "call_status", "state"]
    result: Names = ["result", "call_result", "reason", "cause", "disposition"]
    attempts: Names = ["attempts", "attempt", "attempt_number", "tries"]
    max_attempts: Names = ["max_attempts", "attempts_allowed"]
    at: Names = ["timestamp", "time", "ended_at", "end_time"]

    def every(self) -> frozenset[str]:
        lists = (self.reference, self.status, self.result, self.attempts, self.max_attempts, self.at)
        return frozenset(name.lower() for names in lists for name in names)


class Own(BaseModel):
    """`own` of a Plum account."""

    model_config = ConfigDict(extra="forbid")

    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]{1,200}$")] = "/webservice/queuecalls.php"
    file_field: Name = "file"
    name_field: Name = "campaign_name"
    retry_fields: Names = Field(["max_retries", "max_retry"], description="documented under both names: both are sent")
    secure_field: Name = "secure"
    accepted_words: Annotated[list[Word], Field(min_length=1)] = ["queued"]
    id_fields: Names = ["campaign_id", "id"]
    count_fields: Names = ["count"]
    result_fields: ResultFields = ResultFields()
    result_posts: Literal["each_call", "final"] = Field(
        "each_call", description="whether result_url is posted to after each call, or once a contact is done with"
    )
    result_words: dict[Word, Disposition] = Field(
        default_factory=dict, description="words of status or result to a disposition; pending: more calls will follow"
    )


check = settings_of(Own, "Plum Voice")
