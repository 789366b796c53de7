"""What Formant's documents leave open."""

from sandbox.switches import Switch

SWITCHES = (
    Switch("formant_first_status", "pending", "the status of a batch not yet begun", ("pending", "scheduled")),
    Switch(
        "formant_running_status",
        "in_progress",
        "the status of a batch that is being called",
        ("in_progress", "processing", "running"),
    ),
    Switch(
        "formant_ended_status", "completed", "the status of a batch that is done", ("completed", "finished", "done")
    ),
    Switch(
        "formant_scheduled_for",
        "null",
        "scheduled_for of a batch, which nobody can set",
        ("null", "created_at", "absent"),
    ),
    Switch("formant_batches_order", "newest_first", "the order of the list", ("newest_first", "oldest_first")),
    Switch("formant_limit_over_maximum", "refuse", "a limit above 100: refused, or cut", ("refuse", "clamp")),
    Switch("formant_list_total", "absent", "whether the list tells how many batches there are", ("absent", "told")),
    Switch("formant_repeated_name", "accept", "a batch with a name that exists", ("accept", "409")),
    Switch(
        "formant_bad_rows",
        "accept",
        "a row without a number or with cells missing: called in vain, left out, or the whole file is refused",
        ("accept", "skip", "refuse"),
    ),
    Switch("formant_max_rows", 0, "the most rows in one file; 0 is no limit"),
    Switch("formant_success_rate", "fraction", "success_rate from 0 to 1, or to 100", ("fraction", "percent")),
    Switch("formant_retry_after", "seconds", "Retry-After beside a 429", ("seconds", "absent")),
    Switch(
        "formant_throttle",
        "rate_limit_exceeded",
        "how the fault 'throttle' is worded",
        ("rate_limit_exceeded", "concurrent_call_limit_exceeded"),
    ),
    Switch("formant_webhook_timestamp", "iso", "the form of X-FormantAI-Timestamp", ("iso", "unix")),
    Switch(
        "formant_webhook_stamped",
        "each_try",
        "the moment in X-FormantAI-Timestamp: of this try, or of the event",
        ("each_try", "event"),
    ),
    Switch(
        "formant_final_attempt",
        "none_follows",
        "is_final_attempt: no other attempt follows, or all attempts were used up",
        ("none_follows", "last_of_max"),
    ),
    Switch("formant_ports", 500, "how many calls of a batch are made at the same time; 0 is no limit"),
)
