"""Errors in the documented envelope: `{"error": {"message", "type"}}`."""

from starlette.responses import JSONResponse, Response

TYPES = {
    400: "invalid_request",
    401: "authentication_error",
    404: "not_found",
    409: "duplicate_request",
    429: "rate_limit_exceeded",
    500: "internal_error",
}


class FormantError(Exception):
    def __init__(self, status: int, message: str, kind: str | None = None, **more: object) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.kind = kind or TYPES.get(status, "invalid_request")
        self.more = more

    def answer(self) -> Response:
        body = {"error": {"message": self.message, "type": self.kind} | self.more}
        return JSONResponse(body, status_code=self.status)


def bad(message: str) -> FormantError:
    return FormantError(400, message)


def missing(what: str) -> FormantError:
    return FormantError(404, f"{what} not found")
