"""Error codes and messages, from the provider's error table."""

MESSAGES = {
    1: "Fatal error",
    2: "Internal error",
    4: "DB error",
    5: "Billing failed",
    100: "Authorization failed",
    101: "Invalid arguments",
    102: "Missing 'cmd' parameter",
    103: "Unknown command",
    104: "Forbidden command",
    105: "The required output format type is not supported",
    111: "Invalid date format",
    115: "The 'account_id' parameter is invalid",
    116: "The 'application_id' parameter is invalid",
    127: "Insufficient money",
    131: "The account is not activated",
    134: "Required parameter is empty",
    147: "The 'rule_id' parameter is invalid",
    162: "try later..",
    210: "The 'currency' parameter is invalid",
    247: "The 'priority' parameter is invalid",
    248: "The 'max_simultaneous' parameter is invalid",
    249: "The 'num_attempts' parameter is invalid",
    250: "Invalid CSV file",
    251: "Call service error",
    252: "Error response from call service",
    253: "The 'name' parameter is invalid",
    255: "The 'list_id' parameter is invalid",
    257: "The 'reference_ip' parameter is invalid",
    314: "Concurrent resource limit exceeded",
    317: "Upgrade to a paid account to use the requested resource parameter",
    327: "Error parsing XLS file",
    340: "Rate limit exceed",
    375: "No scenario is bound to the rule",
    416: "Repeat after N seconds",
    427: "Invalid list type. Possible values are 'automatic' and 'manual'",
    428: "Invalid status. Possible values are 'in progress', 'canceled' and 'completed'",
    433: "Invalid key id.",
    434: "Invalid subuser id.",
    435: "Invalid role set.",
    447: "Invalid token format.",
    454: "The token TTL exceeds the maximum limit.",
    455: "Token issued in the future.",
    456: "The token has expired.",
    458: "Specify only one of the following parameters: {0}",
    482: "Invalid MIME type.",
    484: "HTTP request is rejected due to probable automatic request resend. Try again later.",
    485: "Specify the '{0}' parameter.",
    492: "The '{0}' parameter is forbidden.",
    493: "The '{0}' is not unique.",
    496: "The '{0}' parameter is invalid.",
    497: "{0} should be in range of {1}..{2}",
    499: "The '{0}' parameter length must be less than {1}.",
    515: "The same operation has been performed recently. Please try again later.",
    569: "Date range must be within {0} days.",
}

# Where the error switch asks for HTTP statuses; everything else is 400.
CREDENTIAL_CODES = frozenset({100, 115, 433, 434, 435, 447, 454, 455, 456})
STATUSES = dict.fromkeys(CREDENTIAL_CODES, 401) | {104: 403, 131: 403, 162: 429, 340: 429, 416: 429}


class ApiError(Exception):
    """An error as the platform words it. `field` is the parameter it blames."""

    def __init__(self, code: int, *words: object, field: str | None = None) -> None:
        self.code = code
        self.field = field
        template = MESSAGES.get(code, "Error {0}")
        blanks = ("?",) * 3  # a fault names a code and no words
        self.msg = template.format(*(words or (code,)), *blanks) if "{0}" in template else template
        super().__init__(f"{code} {self.msg}")

    @property
    def status(self) -> int:
        return STATUSES.get(self.code, 400)

    def document(self) -> dict[str, object]:
        body: dict[str, object] = {"msg": self.msg, "code": self.code}
        return body | ({"field_name": self.field} if self.field else {})


def invalid(field: str) -> ApiError:
    return ApiError(496, field, field=field)
