"""Moments beside those that the code tells of: around every commit, and around every request to the provider."""

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from worker import telemetry


def tell_of(engine: Engine, patch: pytest.MonkeyPatch) -> None:
    """From now on `commit.before`, `commit.after`, `request.before` and `request.after` are events too."""
    commit, send = engine.dialect.do_commit, httpx.Client.send

    def committing(connection: Any) -> None:
        telemetry.emit("commit.before")
        commit(connection)
        telemetry.emit("commit.after")

    def sending(client: httpx.Client, request: httpx.Request, **how: Any) -> httpx.Response:
        telemetry.emit("request.before")
        answer = send(client, request, **how)
        telemetry.emit("request.after")
        return answer

    patch.setattr(engine.dialect, "do_commit", committing)
    patch.setattr(httpx.Client, "send", sending)
