"""Refusals. The pages show none, so status and wording are ours, and a switch chooses among likely forms."""

RATE_TEXT = "You've exceeded the per-minute rate limit. Please wait for sometime before retrying."


class KoreError(Exception):
    """A request that cannot be carried out, with the HTTP status it deserves."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status

    def document(self, form: str) -> dict[str, object]:
        if form == "errors":
            return {"errors": [{"msg": self.message, "code": self.status}]}
        return {"status": form, "message": self.message}


def not_found(what: str) -> KoreError:
    return KoreError(f"{what} not found", 404)
