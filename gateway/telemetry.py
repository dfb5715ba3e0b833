"""What the process says about itself, and never of a person: logs with the request's id, figures for Prometheus."""

import asyncio
import logging
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.execution import OUTCOMES
from gateway.settings import LogFormat, Settings

# Operation names are the clients' own words: this many are told apart, the rest are counted together.
OPERATION_NAMES_MAX = 200
OPERATION_NAME_LENGTH_MAX = 64
# Where several processes serve, each writes its figures here and any of them answers for all.
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
TOLD_EVERY_S = 1.0  # Prometheus asks every ten seconds or so.
# From a cached answer to the longest a caller waits.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# Should one of these ever be bound to a log line by mistake, it is not written.
UNSPOKEN = frozenset({"authorization", "token", "access_token", "secret", "password", "email", "phone", "address"})


def _counts() -> defaultdict[Any, int]:
    return defaultdict(int)


@dataclass(slots=True)
class Due:
    """What requests counted and Prometheus's library has not been told, by the labels; operations by their own names.

    Each of the library's values has a lock, and a small answer would spend a tenth of its time on seven of them.
    """

    requests: defaultdict[tuple[str, int], int] = field(default_factory=_counts)
    operations: defaultdict[tuple[str, str | None, str], int] = field(default_factory=_counts)
    seconds: defaultdict[tuple[str, str | None], list[float]] = field(default_factory=lambda: defaultdict(list))
    plans: defaultdict[str, int] = field(default_factory=_counts)


class Telemetry:
    """The figures of one application; in_flight: how many requests are being answered."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._due = Due()
        self._registry = CollectorRegistry()
        self._names: set[str] = set()
        self._requests = Counter(
            "orderloom_http_requests", "HTTP requests answered.", ["method", "status"], registry=self._registry
        )
        self._operations = Counter(
            "orderloom_operations", "GraphQL operations.", ["type", "name", "outcome"], registry=self._registry
        )
        self._operation_seconds = Histogram(
            "orderloom_operation_seconds",
            "How long queries and mutations took.",
            ["type", "name"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.documents = Counter(
            "orderloom_documents", "Documents read; all others were known.", registry=self._registry
        )
        self._plans = Counter(
            "orderloom_plans",
            "Executions, by whether there was a plan: known, made, first_sight, or none where none can be made.",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in OUTCOMES:
            self._plans.labels(outcome)
        self.handed_back = Counter(
            "orderloom_plans_handed_back",
            "Values that a plan gave back to graphql-core, which completes them slowly.",
            ["field", "reason"],
            registry=self._registry,
        )
        self.jobs = Counter("orderloom_jobs", "Jobs done.", ["kind", "outcome"], registry=self._registry)
        self._in_flight = self._gauge("orderloom_requests_in_flight", "HTTP requests being answered.")
        self.sockets = self._gauge("orderloom_sockets", "Open WebSocket connections.")
        self.subscriptions = self._gauge("orderloom_subscriptions", "Live subscriptions.")

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self._registry, multiprocess_mode="livesum")

    def operation(self, kind: str, name: str | None, outcome: str, seconds: float | None = None) -> None:
        """outcome: ok, refused (the caller can act on it) or fault (we can). seconds: None for a subscription."""
        self._due.operations[kind, name, outcome] += 1
        if seconds is not None:
            self._due.seconds[kind, name].append(seconds)

    def request(self, method: str, status: int) -> None:
        self._due.requests[method, status] += 1

    def planned(self, outcome: str) -> None:
        """outcome: one of gateway.execution.OUTCOMES."""
        self._due.plans[outcome] += 1

    def hand_back(self, field: str, reason: str) -> None:
        """field: one of the schema's, as Type.field. reason: one of gateway.execution.REASONS."""
        self.handed_back.labels(field, reason).inc()

    def job(self, kind: str, outcome: str) -> None:
        self.jobs.labels(kind, outcome).inc()

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """While it lasts, what was counted is told once a second, so that other processes can answer for this one."""

        async def tell_regularly() -> None:
            while True:
                await asyncio.sleep(TOLD_EVERY_S)
                self.tell()

        task = asyncio.create_task(tell_regularly())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.tell()

    def tell(self) -> None:
        """Have Prometheus's library know all that was counted."""
        due, self._due = self._due, Due()
        for (method, status), times in due.requests.items():
            self._requests.labels(method, status).inc(times)
        for (kind, name, outcome), times in due.operations.items():
            self._operations.labels(kind, self._bounded(name), outcome).inc(times)
        for (kind, name), took in due.seconds.items():
            observe = self._operation_seconds.labels(kind, self._bounded(name)).observe
            for seconds in took:
                observe(seconds)
        for outcome, times in due.plans.items():
            self._plans.labels(outcome).inc(times)
        self._in_flight.set(self.in_flight)

    def exposition(self) -> bytes:
        """All figures, in Prometheus's text format."""
        self.tell()
        if SHARED_METRICS not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)

    def _bounded(self, name: str | None) -> str:
        if name is None:
            return "anonymous"
        name = name[:OPERATION_NAME_LENGTH_MAX]
        if name not in self._names and len(self._names) >= OPERATION_NAMES_MAX:
            return "other"
        self._names.add(name)
        return name


# The request that is being answered, for every line that is logged meanwhile.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)


def server_timing(names: Sequence[str], instants: Sequence[float]) -> str:
    """What was done between two instants after another, in seconds, as the header of that name says it.

    Source: https://www.w3.org/TR/server-timing/; its durations are milliseconds.
    """
    spans = zip(names, pairwise(instants), strict=True)
    return ", ".join(f"{name};dur={(end - start) * 1000:.2f}" for name, (start, end) in spans)


def configure_logging(settings: Settings) -> None:
    """Everything that is logged, by us and by libraries, goes to standard error in one format."""
    before: list[Any] = [
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper("iso", utc=True),
        _unspoken,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    # Tracebacks are written without the values of variables: those may be a person's.
    if settings.log_format is LogFormat.JSON:
        rendered: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        rendered = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.value.upper())
    # Uvicorn tells each socket's address, which is a person's; what it tells beside that, we tell ourselves.
    for chatty in ("uvicorn", "httpx2", "httpcore2", "aiosqlite", "asyncio", "sqlalchemy", "alembic", "strawberry"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _with_request_id(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request_id := REQUEST_ID.get():
        line["request_id"] = request_id
    return line


def _unspoken(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in UNSPOKEN.intersection(line):
        del line[key]
    return line
