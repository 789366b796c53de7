"""The predictive dialler's parameters: checked as the reference describes them, and not simulated.

The texts are those of CreateCallList and EditCallList, word for word the same in the official SDKs. What "applies only
if" another parameter says so is checked for its form, and otherwise of no effect.
"""

from sandbox.voximplant import params as read
from sandbox.voximplant.errors import ApiError, invalid

WITH_AGENTS = ("predictive", "progressive")
ALGORITHMS = ("AR_OPTIMIZED", "BF_OPTIMIZED", "AR_SMALL_GROUP", "AR_AUTO_BALANCED")
WORDS = {
    "acd_version": ("V1", "V2"),
    "predictive_type": ("DEFAULT_PREDICTIVE_TYPE", *ALGORITHMS),
    "personal_campaign_type": ("smart", "strict"),
    "buffer_size_target": ("VALUE", "OPERATOR", "AGENT"),
}
AVERAGES = ("avg_waiting_sec", "avg_dial_time_sec", "avg_time_talk_sec", "avg_total_time_sec", "percent_successful")
BUFFER_SIZE = (20, 500)


def check_created(params: dict[str, str], list_type: str) -> None:
    """CreateCallList's. Raises ApiError 485, 492 or 496."""
    if list_type in WITH_AGENTS and not read.given(params, "queue_id"):
        raise ApiError(485, "queue_id", field="queue_id")
    read.optional_integer(params, "queue_id", 0, 1)
    read.optional_integer(params, "buffer_size_value", BUFFER_SIZE[0], *BUFFER_SIZE)
    read.check_fraction(params, "buffer_threshold_factor")
    read.check_fraction(params, "minimum_busy_factor", 0, 1)
    read.check_fraction(params, "task_multiplier", 1)
    check_both(params, WORDS)


def check_edited(params: dict[str, str]) -> None:
    """EditCallList's: fewer, and some with other ranges. Raises ApiError 492 or 496."""
    read.check_fraction(params, "minimum_busy_factor")
    read.check_fraction(params, "task_multiplier")
    check_both(params, WORDS | {"predictive_type": ALGORITHMS})


def check_both(params: dict[str, str], words: dict[str, tuple[str, ...]]) -> None:
    for name, allowed in words.items():
        if read.given(params, name) and params[name].strip() not in allowed:
            raise invalid(name)
    read.check_fraction(params, "maximum_error_rate", 0, 1)
    for name in AVERAGES:
        read.check_fraction(params, name)
    personal = read.boolean(params, "is_personal_campaign")
    if read.given(params, "personal_campaign_type") and not personal:
        raise ApiError(492, "personal_campaign_type", field="personal_campaign_type")
