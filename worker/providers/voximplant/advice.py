"""What to do about an error of Voximplant, in terms of what a user can reach: options, files, accounts, screens."""

_RULE = "the control panel lists an application's rules under Applications, Routing"
_REPORT = "That is a fault of this program; report it with this sentence."
_OURS = "An upload looks up what it had sent, and goes on by itself."
_WAIT = "It was not done and may be tried again in a while, as an upload does by itself."
_CLOCK = "Set the clock of this machine; the next request is counted by Voximplant's clock."
_AGAIN = (
    "Voximplant takes it for a repetition of a request that it has. An upload looks it up, and never sends it again."
)
_KEY = "Download the service account's key again from the control panel (Service accounts) into credentials_file"
_ROLES = "the roles that it needs are named by `rollcall check`"

ADVICE: dict[int, str] = {
    1: f"The fault is Voximplant's. {_OURS}",
    2: f"The fault is Voximplant's. {_OURS}",
    4: f"The fault is Voximplant's. {_OURS}",
    5: f"The account could not be charged: look at its billing in the control panel. {_OURS}",
    100: f"The key is wrong, or its role may not do this: correct the account's credential; {_ROLES}.",
    101: "Compare the upload's options with what Voximplant's reference says of them, and correct the one it names.",
    102: _REPORT,
    103: "The account's url leads to a server that does not know this method; correct the url, or leave it out.",
    104: f"The account may not use this method: give its credential another role; {_ROLES}.",
    105: 'Set own = { details = "csv" } for the account.',
    115: "Correct account_id of the account, or the account_id in its credentials file.",
    127: "Top the account up in the control panel; a call list needs at least 1 USD.",
    131: "Activate the account in the control panel: confirm its e-mail address and its documents.",
    134: "Set the parameter that it names, with --set NAME=… or in the account's options.",
    147: f"Set rule_id to a rule of this account: --set rule_id=…; {_RULE}.",
    162: _WAIT,
    247: "Set priority to a whole number from 0, the highest, to 2147483648: --set priority=…",
    248: "Set max_simultaneous to a whole number from 1: --set max_simultaneous=…",
    249: "Set num_attempts to a whole number from 1 to 5, for a manual list from 1: --set num_attempts=…",
    250: "Look at the columns beside the number: names that begin with two underscores are Voximplant's own, and their "
    "cells must have its form.",
    251: "Its call service could not do it: the list may not exist there, be stopped, or have nobody left to call. "
    "Look at it in the control panel.",
    252: f"Its call service did not do its part. {_OURS}",
    253: r"Set name to at most 255 characters without '/' and '\': --set name=…",
    255: "The list is not in this account, or was deleted there: check that the account is the one it was made with.",
    257: "Set reference_ip, or ip_address, to an address such as 192.0.2.7, or leave it out.",
    314: "Other call lists of the account use all it may: wait for one to end, or set max_simultaneous lower.",
    317: "A trial account may not do this: upgrade it in the control panel, or leave out the option that it names.",
    327: _REPORT,
    340: f"{_WAIT} If it happens often, set requests_per_second of the account lower.",
    375: f"Bind a scenario to the rule, or set rule_id to another one; {_RULE}.",
    401: "Look at the account and its credential in the control panel.",
    416: _WAIT,
    427: "Set call_list_type, or the filter type_list, to one of the values that it names.",
    428: "Set the filter status to one of the values that it names.",
    433: f"{_KEY}: the key_id in it is not one of this account's.",
    434: f"{_KEY}: the one it was made for does not exist any more.",
    435: f"Give the service account a role in the control panel; {_ROLES}.",
    447: f"{_KEY}, and check that nothing rewrites the header Authorization on its way.",
    454: _REPORT,
    455: _CLOCK,
    456: _CLOCK,
    458: "Leave out all but one of the options that it names.",
    482: _REPORT,
    484: _AGAIN,
    485: "Set the parameter that it names, with --set NAME=… or in the account's options.",
    492: "Leave out the option that it names: this account or this kind of list may not have it.",
    493: f"Something with that name or uuid is there already. {_OURS}",
    496: "Correct the option that it names; values of server_location stand at "
    "https://api.voximplant.com/getServerLocations.",
    497: "Set the option that it names to a value in that range.",
    499: "Make the option that it names shorter.",
    515: _AGAIN,
    569: "Choose from_date and to_date closer together.",
}
