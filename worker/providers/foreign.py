"""Options that only one provider has: given to another they are refused with a sentence, never ignored."""

from worker.providers.own import Impossible

_NAMES = "rule_id reference_ip ip_address server_location task_priority_strategy queue_id avg_waiting_sec"

OF_VOXIMPLANT: Impossible = dict.fromkeys(
    _NAMES.split(), "it is a matter of Voximplant's platform, and has no counterpart here"
)
