"""Structured logs, one JSON object a line on stderr, each with the upload it is about. Telemetry is heard here."""

import logging
import sys

import structlog

from worker import telemetry

QUIET = ("httpx", "httpcore", "kombu", "amqp", "fsspec")  # a request line of httpx shows the whole query
LOUD = ("ingest.failed", "account.held", "submit.late_answer", "sweep.expired", "sweep.late", "chunk.review")
_events = logging.getLogger("rollcall.events")


def configure(level: int = logging.INFO) -> None:
    """Send everything that is logged to stderr as JSON lines; safe to call twice."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    telemetry.listen(_hear)


def new_task(**_: object) -> None:
    """What is logged from here on belongs to no upload yet."""
    structlog.contextvars.clear_contextvars()


def _hear(event: str, fields: telemetry.Fields) -> None:
    """Log the event. The first one of a task says which upload it is about; the lines after it say so too."""
    if "upload" in fields:
        structlog.contextvars.bind_contextvars(upload=fields["upload"])
    level = logging.WARNING if event in LOUD else logging.INFO
    _events.log(level, event, extra={name: value for name, value in fields.items() if name != "message"})
