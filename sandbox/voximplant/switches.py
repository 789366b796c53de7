"""What Voximplant's documents leave open."""

from sandbox.switches import whole, word

REPEATS = ("accept", "skip_row", "reject_file")

SWITCHES = (
    word("repeated_uuid", "a __task_uuid that stands twice in one file", *REPEATS),
    word("repeated_uuid_across_append", "a __task_uuid that an append brings again", *REPEATS),
    word("repeated_list_name", "CreateCallList with a name that exists", "accept", "reject"),
    word(
        "append_to_completed",
        "an append to a completed list: dialled; stored and never dialled; or error 251",
        "dials",
        "ignored",
        "refused",
    ),
    word(
        "append_by_repeated_name",
        "which list an append by name reaches when several bear it",
        "newest",
        "oldest",
        "refused",
    ),
    word("ragged_rows", "a row with more or fewer cells than the header", "refuse", "skip_row", "accept"),
    word("blank_rows", "an empty line in the file", "skip", "refuse"),
    word("header_alone", "a file without rows", "refuse", "accept"),
    word("bom", "a byte order mark before the header", "strip", "keep", "refuse"),
    word("crlf", "lines that end in CR LF", "accept", "refuse"),
    whole("max_rows", 0, "the most rows in one file; 0 is no limit"),
    whole("max_bytes", 0, "the most bytes in one file; 0 is no limit"),
    word(
        "is_cancelled",
        "a list created with is_cancelled: waits for RecoverCallList; is dialled at once; or cannot be recovered",
        "honoured",
        "ignored",
        "not_recoverable",
    ),
    word("low_balance_create", "an upload at a low balance: stored, or 127", "accepts", "refuses"),
    word(
        "low_balance_status",
        "the status of an open list while the balance is low",
        "Canceled",
        "Suspended",
        "In progress",
    ),
    word("batch_id", "batch_id in an upload's answer", "string", "number_on_append", "absent"),
    word("resend_guard", "error for the same upload sent again soon", "off", "484", "515"),
    whole("resend_window", 60, "how many real seconds the resend guard remembers"),
    word("name_filter", "how GetCallLists compares 'name'", "exact", "substring"),
    word("lists_order", "the order of GetCallLists", "oldest_first", "newest_first"),
    whole("lists_default_count", 1000, "how many lists GetCallLists gives when 'count' is not sent"),
    word("count_over_maximum", "a 'count' above 1000: cut to 1000, or error 497", "clamp", "refuse"),
    word(
        "attempts_left_key", "the key of the attempts left, misspelt in real output", "attmepts_left", "attempts_left"
    ),
    word("details_count", "'count' in JSON details: this page, or all tasks", "returned", "total"),
    word("details_content_type", "the content type of CSV and XLS details", "application/octet-stream", "text/csv"),
    word(
        "details_task_uuid",
        "the __task_uuid column in CSV details: always, or only if it was uploaded",
        "always",
        "as_sent",
    ),
    word(
        "execution_time_format",
        "a task's window in JSON details: HH:mm:ss as documented, or with a date as the Python SDK expects",
        "time",
        "datetime",
    ),
    word(
        "start_next_empty",
        "StartNextCallTask where no task can be started: error 251, or the answer as if one had been",
        "refuse",
        "accept",
    ),
    word("start_next_result", "'result' of StartNextCallTask, a number by its type", "true", "1"),
    word("cancel_task_answer", "CancelCallListTask's lines: under 'result', or a bare array", "wrapped", "bare"),
    word(
        "cancel_task_in_call",
        "a task to be canceled in the middle of a call: goes on, or is canceled once the call has failed",
        "refuse",
        "after_the_call",
    ),
    word(
        "recover_cancelled_tasks",
        "what RecoverCallList does to tasks that were canceled one by one",
        "stay",
        "come_back",
    ),
    word(
        "edit_start_at",
        "start_at in EditCallList: Unix seconds, yyyy-MM-dd HH:mm:ss as older pages had it, or both",
        "both",
        "unix",
        "datetime",
    ),
    word("error_http_status", "the HTTP status of an error", "200", "4xx"),
    word("error_envelope", "whether 'errors' stands beside 'error'", "error", "error_and_errors"),
    word("unknown_method", "an unknown method: error 103, or HTTP 404", "103", "404"),
    word("account_info_api_key", "when GetAccountInfo echoes the api_key", "with_api_key", "always", "never"),
)
