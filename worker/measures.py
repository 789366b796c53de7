"""What a worker counts of its own work, in Prometheus' text format, on the port that `metrics_port` names.

rollcall_events_total{event}              events of `worker.telemetry`, each a step of a flow
rollcall_answers_total{account,answer}    what came of sending a chunk: Accepted, Refused, Unknown and so on
rollcall_reviews_total{code}              chunks that a person was asked about
rollcall_outcomes_total                   outcomes that were stored, each time one changed
rollcall_rows_total{verdict}              rows of files that were read: `taken` or `rejected`
rollcall_lateness_seconds                 how long after its time a chunk was sent (histogram)
rollcall_request_seconds{host,result}     how long requests took (histogram); `result` is `done` or the error's name

A process that `metrics_port` does not name, or whose port is taken, counts all the same and tells nobody.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from worker import telemetry
from worker.errors import ProviderError

_log = logging.getLogger("rollcall.measures")

REGISTRY = CollectorRegistry()
EVENTS = Counter("rollcall_events", "Steps of flows", ["event"], registry=REGISTRY)
ANSWERS = Counter("rollcall_answers", "What came of sending a chunk", ["account", "answer"], registry=REGISTRY)
REVIEWS = Counter("rollcall_reviews", "Chunks that a person was asked about", ["code"], registry=REGISTRY)
OUTCOMES = Counter("rollcall_outcomes", "Outcomes that were stored", registry=REGISTRY)
ROWS = Counter("rollcall_rows", "Rows of files that were read", ["verdict"], registry=REGISTRY)
LATENESS = Histogram(
    "rollcall_lateness_seconds",
    "How long after its time a chunk was sent",
    buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600),
    registry=REGISTRY,
)
REQUESTS = Histogram(
    "rollcall_request_seconds",
    "How long requests to providers took",
    ["host", "result"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)


@contextmanager
def request(host: str) -> Iterator[None]:
    """Measure one request to a provider, from its turn to the end of its answer."""
    began, result = time.monotonic(), "done"
    try:
        yield
    except ProviderError as error:
        result = type(error).__name__
        raise
    finally:
        REQUESTS.labels(host, result).observe(time.monotonic() - began)


def count(event: str, fields: telemetry.Fields) -> None:
    """A listener of `worker.telemetry`."""
    EVENTS.labels(event).inc()
    match event:
        case "submit.sending":
            LATENESS.observe(_number(fields["late"]))
        case "submit.settled":
            ANSWERS.labels(fields["account"], fields["answer"]).inc()
        case "chunk.review":
            REVIEWS.labels(fields["code"]).inc()
        case "collect.stored":
            OUTCOMES.inc(_number(fields["changed"]))
        case "ingest.finished":
            rows, rejected = _number(fields["rows"]), _number(fields["rejected"])
            ROWS.labels("rejected").inc(rejected)
            ROWS.labels("taken").inc(rows - rejected)


def tell(port: int | None) -> None:
    """Count from now on, and answer `GET /metrics` on this port, to whoever reaches this machine; None: on none."""
    telemetry.listen(count)
    if port is None:
        return
    try:
        start_http_server(port, registry=REGISTRY)
    except OSError as error:
        _log.warning("metrics are not told: port %d cannot be had (%s)", port, error.strerror)


def _number(value: object) -> float:
    return float(str(value))
