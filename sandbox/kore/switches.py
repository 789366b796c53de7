"""What Kore.ai's documents leave open."""

from sandbox.switches import whole, word

SWITCHES = (
    word(
        "kore_list_name_key",
        "the key of a new list's name: the table says name, the v1 sample name1",
        "either",
        "name",
        "name1",
    ),
    word("kore_source", "the source a new list must name", "either", "passiveApi", "passiveApiIntegration"),
    word("kore_repeated_list_name", "a new list with a name that exists", "refuse", "accept"),
    word("kore_list_by_name", "which list a name means when several bear it", "newest", "oldest"),
    whole("kore_add_delay_ms", 200, "how many real milliseconds after its answer addContacts stores"),
    word(
        "kore_add_answer",
        "addContacts' answer: a message alone, or with the status an older page shows",
        "message",
        "status_and_message",
    ),
    word("kore_unknown_list", "addContacts to a list that is not there", "refuse", "ignore"),
    word(
        "kore_duplicate_key", "what makes two contacts the same where duplicates are not allowed", "phone", "uniqueId"
    ),
    word(
        "kore_bad_phone",
        "a contact without a usable number: dropped without a word; stored; or the request refused",
        "drop",
        "store",
        "refuse",
    ),
    whole("kore_max_contacts", 0, "the most contacts in one addContacts; 0 is no limit"),
    word(
        "kore_contact_fields",
        "what getAllContacts gives of a contact: all that was sent, or the number alone as documented",
        "all",
        "documented",
    ),
    word("kore_paging", "what moves getAllContacts to the next page", "skip", "page", "none"),
    whole("kore_contacts_max_limit", 50, "the most contacts on a page of getAllContacts"),
    whole("kore_prepare_delay_ms", 200, "how many real milliseconds a new campaign is Preparing"),
    word("kore_repeated_campaign_name", "a new campaign with a name that exists", "accept", "refuse"),
    word("kore_dnc_list", "dncLists in a campaign of version 2", "required", "optional"),
    word("kore_play_preparing", "play while Preparing", "refuse", "accept"),
    word(
        "kore_play_again",
        "play after Stopped or Completed: everybody again; what is left of a stopped run; or refused",
        "dials_again",
        "continues",
        "refused",
    ),
    word("kore_play_active", "play while Active", "refused", "dials_again"),
    word("kore_pause", "trigger=pause, which only the screens know", "refuse", "accept"),
    word(
        "kore_call_list",
        "which contacts a run dials: those stored when it was played, when its campaign was created, or also later",
        "at_play",
        "at_create",
        "live",
    ),
    word(
        "kore_outside_hours",
        "a contact whose own time zone is outside the hours when dialling begins",
        "skips",
        "waits",
    ),
    word(
        "kore_priority", "whether a campaign waits until those of higher priority have ended", "higher_first", "ignored"
    ),
    whole("kore_simultaneous", 100, "how many calls one campaign has under way at a time"),
    word("kore_schedule_zone", "the zone of a schedule's dates", "campaign", "utc"),
    word("kore_view_contacts", "whom view=contacts shows: contacts that were dialled, or all", "attempted", "all"),
    word("kore_view_unique_id", "uniqueId in view=contacts", "given", "blank"),
    word("kore_outcome_words", "the spelling of dialer outcomes; the pages show 'completed' alone", "camel", "snake"),
    word("kore_error_body", "the form of an error, which no page shows", "failure", "error", "errors"),
    word("kore_error_http_status", "the HTTP status of an error", "4xx", "200"),
    word("kore_rate_status", "the HTTP status of a request over the limit", "429", "400", "200"),
    word("kore_retry_after", "Retry-After on a request over the limit", "absent", "present"),
)
