"""What Plum's documents leave open, or lost."""

from sandbox.switches import Switch

ON_OFF = ("on", "off")
CAMPAIGN_FIELDS = ("campaign_name", "campaign", "name")
FILE_FIELDS = ("file", "csv_file", "csv", "phone_number_list", "phone_list", "text_file", "datafile", "upload")

SWITCHES = (
    Switch("plum_campaign_field", "any", "the name of the field with the campaign's name", ("any", *CAMPAIGN_FIELDS)),
    Switch("plum_file_field", "any", "the name of the field with the CSV file", ("any", *FILE_FIELDS)),
    Switch("plum_answer", "xml", "the form of an answer, as queuecall's or as the page's widget", ("xml", "json")),
    Switch(
        "plum_failure",
        "as_answer",
        "how a failure is told: as any answer with 'failed' in it, as plain text, or so with HTTP 400",
        ("as_answer", "text", "http_400"),
    ),
    Switch("plum_campaign_id", "told", "a campaign's id in the answer of queuecalls", ("told", "absent")),
    Switch("plum_count", "absent", "the count of queued calls in the answer of queuecalls", ("absent", "told")),
    Switch("plum_echo", "all", "what an answer echoes: every field with the PIN, or nothing", ("all", "nothing")),
    Switch("plum_repeated_name", "accept", "a campaign with a name that exists", ("accept", "fail")),
    Switch("plum_preflight_start_url", "off", "a GET of start_url must give 200 before anything is queued", ON_OFF),
    Switch("plum_preflight_result_url", "on", "a GET of result_url must give 200 before anything is queued", ON_OFF),
    Switch("plum_bad_rows", "fail", "a row that cannot be called: all fails, or it is left out", ("fail", "skip")),
    Switch("plum_quoting", "csv", "a quote in the file: as CSV has it, or a letter as any other", ("csv", "none")),
    Switch("plum_zoneless_time", "eastern", "the zone of a scheduled_time that names none", ("eastern", "utc")),
    Switch(
        "plum_result_posts",
        "each_call",
        "when result_url is posted to: after each call, or once the contact is done with",
        ("each_call", "final"),
    ),
    Switch("plum_result_fields", "long", "the spelling of the fields posted to result_url", ("long", "short")),
    Switch("plum_result_phone", "as_sent", "the phone number posted to result_url", ("as_sent", "e164", "ten_digits")),
    Switch("plum_ports", 500, "how many calls of a campaign are made at the same time; 0 is no limit"),
)
