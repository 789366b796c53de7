"""What Formant's documents leave open."""

from sandbox.switches import whole, word

SWITCHES = (
    word("formant_first_status", "the status of a batch not yet begun", "pending", "scheduled"),
    word(
        "formant_running_status", "the status of a batch that is being called", "in_progress", "processing", "running"
    ),
    word("formant_ended_status", "the status of a batch that is done", "completed", "finished", "done"),
    word("formant_scheduled_for", "scheduled_for of a batch, which nobody can set", "null", "created_at", "absent"),
    word("formant_batches_order", "the order of the list", "newest_first", "oldest_first"),
    word("formant_limit_over_maximum", "a limit above 100: refused, or cut", "refuse", "clamp"),
    word("formant_list_total", "whether the list tells how many batches there are", "absent", "told"),
    word("formant_repeated_name", "a batch with a name that exists", "accept", "409"),
    word(
        "formant_bad_rows",
        "a row without a number or with cells missing: called in vain, left out, or the whole file is refused",
        "accept",
        "skip",
        "refuse",
    ),
    whole("formant_max_rows", 0, "the most rows in one file; 0 is no limit"),
    word("formant_success_rate", "success_rate from 0 to 1, or to 100", "fraction", "percent"),
    word("formant_retry_after", "Retry-After beside a 429", "seconds", "absent"),
    word(
        "formant_throttle",
        "how the fault 'throttle' is worded",
        "rate_limit_exceeded",
        "concurrent_call_limit_exceeded",
    ),
    word("formant_webhook_timestamp", "the form of X-FormantAI-Timestamp", "iso", "unix"),
    word(
        "formant_webhook_stamped",
        "the moment in X-FormantAI-Timestamp: of this try, or of the event",
        "each_try",
        "event",
    ),
    word(
        "formant_final_attempt",
        "is_final_attempt: no other attempt follows, or all attempts were used up",
        "none_follows",
        "last_of_max",
    ),
    whole("formant_ports", 500, "how many calls of a batch are made at the same time; 0 is no limit"),
)
