"""What an account at Voximplant may set in its `own` table."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Own(BaseModel):
    """Settings of the account itself."""

    model_config = ConfigDict(extra="forbid")

    details: Literal["csv", "json", "xls"] = Field(
        "csv", description="the form in which a list's contacts are read; csv has no limit of rows and is read in parts"
    )
    weekly_windows: bool = Field(
        False, description="calling windows by weekday, in a column whose meaning is not documented: try it first"
    )
