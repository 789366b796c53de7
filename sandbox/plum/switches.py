"""What Plum's documents leave open, or lost."""

from sandbox.switches import whole, word

CAMPAIGN_FIELDS = ("campaign_name", "campaign", "name")
FILE_FIELDS = ("file", "csv_file", "csv", "phone_number_list", "phone_list", "text_file", "datafile", "upload")

SWITCHES = (
    word("plum_campaign_field", "the name of the field with the campaign's name", "any", *CAMPAIGN_FIELDS),
    word("plum_file_field", "the name of the field with the CSV file", "any", *FILE_FIELDS),
    word("plum_answer", "the form of an answer, as queuecall's or as the page's widget", "xml", "json"),
    word(
        "plum_failure",
        "how a failure is told: as any answer with 'failed' in it, as plain text, or so with HTTP 400",
        "as_answer",
        "text",
        "http_400",
    ),
    word("plum_campaign_id", "a campaign's id in the answer of queuecalls", "told", "absent"),
    word("plum_count", "the count of queued calls in the answer of queuecalls", "absent", "told"),
    word("plum_echo", "what an answer echoes: every field with the PIN, or nothing", "all", "nothing"),
    word("plum_repeated_name", "a campaign with a name that exists", "accept", "fail"),
    word("plum_preflight_start_url", "a GET of start_url must give 200 before anything is queued", "off", "on"),
    word("plum_preflight_result_url", "a GET of result_url must give 200 before anything is queued", "on", "off"),
    word("plum_bad_rows", "a row that cannot be called: all fails, or it is left out", "fail", "skip"),
    word("plum_quoting", "a quote in the file: as CSV has it, or a letter as any other", "csv", "none"),
    word("plum_zoneless_time", "the zone of a scheduled_time that names none", "eastern", "utc"),
    word(
        "plum_result_posts",
        "when result_url is posted to: after each call, or once the contact is done with",
        "each_call",
        "final",
    ),
    word("plum_result_fields", "the spelling of the fields posted to result_url", "long", "short"),
    word("plum_result_phone", "the phone number posted to result_url", "as_sent", "e164", "ten_digits"),
    whole("plum_ports", 500, "how many calls of a campaign are made at the same time; 0 is no limit"),
)
