"""What only a Kore.ai account has to be told. What its pages say in two ways, or not at all, has a default."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Own(BaseModel):
    """The `own` settings of an account."""

    model_config = ConfigDict(extra="forbid")

    iid: str = Field(min_length=1, max_length=255, description="the application's id, st-…")
    client_id: str = Field(min_length=1, max_length=255, description="of the JWT app; its secret is the API key")
    api: Literal["v1", "v2"] = "v2"
    source: Literal["passiveApi", "passiveApiIntegration"] = "passiveApi"
    name_field: Literal["name", "name1"] = "name"
    unique_id_field: str = Field("uniqueId", min_length=1, max_length=255, description="what our uuid is called")
    plus: bool = Field(False, description="send numbers with a plus, which the page's sample lacks")
    paging: Literal["skip", "page"] = Field("skip", description="what moves a list of contacts to the next page")
    subject: str = Field("1234567890", min_length=1, max_length=255, description="`sub` of the token")
    enforce_jti: bool = Field(False, description="the JWT app enforces JTI: every token carries an id of its own")
