"""What Voximplant's documents leave open."""

from sandbox.switches import Switch

REPEATS = ("accept", "skip_row", "reject_file")

SWITCHES = (
    Switch("repeated_uuid", "accept", "a __task_uuid that stands twice in one file", REPEATS),
    Switch("repeated_uuid_across_append", "accept", "a __task_uuid that an append brings again", REPEATS),
    Switch("repeated_list_name", "accept", "CreateCallList with a name that exists", ("accept", "reject")),
    Switch(
        "append_to_completed",
        "dials",
        "an append to a completed list: dialled; stored and never dialled; or error 251",
        ("dials", "ignored", "refused"),
    ),
    Switch(
        "append_by_repeated_name",
        "newest",
        "which list an append by name reaches when several bear it",
        ("newest", "oldest", "refused"),
    ),
    Switch("ragged_rows", "refuse", "a row with more or fewer cells than the header", ("refuse", "skip_row", "accept")),
    Switch("blank_rows", "skip", "an empty line in the file", ("skip", "refuse")),
    Switch("header_alone", "refuse", "a file without rows", ("refuse", "accept")),
    Switch("bom", "strip", "a byte order mark before the header", ("strip", "keep", "refuse")),
    Switch("crlf", "accept", "lines that end in CR LF", ("accept", "refuse")),
    Switch("max_rows", 0, "the most rows in one file; 0 is no limit"),
    Switch("max_bytes", 0, "the most bytes in one file; 0 is no limit"),
    Switch(
        "is_cancelled",
        "honoured",
        "a list created with is_cancelled: waits for RecoverCallList; is dialled at once; or cannot be recovered",
        ("honoured", "ignored", "not_recoverable"),
    ),
    Switch("low_balance_create", "accepts", "an upload at a low balance: stored, or 127", ("accepts", "refuses")),
    Switch(
        "low_balance_status",
        "Canceled",
        "the status of an open list while the balance is low",
        ("Canceled", "Suspended", "In progress"),
    ),
    Switch("batch_id", "string", "batch_id in an upload's answer", ("string", "number_on_append", "absent")),
    Switch("resend_guard", "off", "error for the same upload sent again soon", ("off", "484", "515")),
    Switch("resend_window", 60, "how many real seconds the resend guard remembers"),
    Switch("name_filter", "exact", "how GetCallLists compares 'name'", ("exact", "substring")),
    Switch("lists_order", "oldest_first", "the order of GetCallLists", ("oldest_first", "newest_first")),
    Switch("lists_default_count", 1000, "how many lists GetCallLists gives when 'count' is not sent"),
    Switch("count_over_maximum", "clamp", "a 'count' above 1000: cut to 1000, or error 497", ("clamp", "refuse")),
    Switch(
        "attempts_left_key",
        "attmepts_left",
        "the key of the attempts left, misspelt in real output",
        ("attmepts_left", "attempts_left"),
    ),
    Switch("details_count", "returned", "'count' in JSON details: this page, or all tasks", ("returned", "total")),
    Switch(
        "details_content_type",
        "application/octet-stream",
        "the content type of CSV and XLS details",
        ("application/octet-stream", "text/csv"),
    ),
    Switch(
        "details_task_uuid",
        "always",
        "the __task_uuid column in CSV details: always, or only if it was uploaded",
        ("always", "as_sent"),
    ),
    Switch(
        "execution_time_format",
        "time",
        "a task's window in JSON details: HH:mm:ss as documented, or with a date as the Python SDK expects",
        ("time", "datetime"),
    ),
    Switch("error_http_status", "200", "the HTTP status of an error", ("200", "4xx")),
    Switch("error_envelope", "error", "whether 'errors' stands beside 'error'", ("error", "error_and_errors")),
    Switch("unknown_method", "103", "an unknown method: error 103, or HTTP 404", ("103", "404")),
    Switch(
        "account_info_api_key",
        "with_api_key",
        "when GetAccountInfo echoes the api_key",
        ("with_api_key", "always", "never"),
    ),
)
