"""What the process says about itself, and never of a person: logs with the request's id, figures for Prometheus."""

import logging
import os
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from functools import cache
from time import perf_counter
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
# From a cached answer to the longest a caller waits.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# Should one of these ever be bound to a log line by mistake, it is not written.
UNSPOKEN = frozenset({"authorization", "token", "access_token", "secret", "password", "email", "phone", "address"})


class Telemetry:
    """The figures of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._names: set[str] = set()
        self._requests = Counter(
            "orderloom_http_requests", "HTTP requests answered.", ["method", "status"], registry=self._registry
        )
        self.operations = Counter(
            "orderloom_operations", "GraphQL operations.", ["type", "name", "outcome"], registry=self._registry
        )
        self.operation_seconds = Histogram(
            "orderloom_operation_seconds",
            "How long queries and mutations took.",
            ["type", "name"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.documents = Counter(
            "orderloom_documents", "Documents read; all others were known.", registry=self._registry
        )
        plans = Counter(
            "orderloom_plans",
            "Executions, by whether there was a plan: known, made, first_sight, or none where none can be made.",
            ["outcome"],
            registry=self._registry,
        )
        self._plans = {outcome: plans.labels(outcome) for outcome in OUTCOMES}
        self.handed_back = Counter(
            "orderloom_plans_handed_back",
            "Values that a plan gave back to graphql-core, which completes them slowly.",
            ["field", "reason"],
            registry=self._registry,
        )
        self.jobs = Counter("orderloom_jobs", "Jobs done.", ["kind", "outcome"], registry=self._registry)
        self.in_flight = self._gauge("orderloom_requests_in_flight", "HTTP requests being answered.")
        self.sockets = self._gauge("orderloom_sockets", "Open WebSocket connections.")
        self.subscriptions = self._gauge("orderloom_subscriptions", "Live subscriptions.")

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, registry=self._registry, multiprocess_mode="livesum")

    def operation(self, kind: str, name: str | None, outcome: str, seconds: float | None = None) -> None:
        """outcome: ok, refused (the caller can act on it) or fault (we can). seconds: None for a subscription."""
        name = self._bounded(name)
        self._operations_of(kind, name, outcome).inc()
        if seconds is not None:
            self._seconds_of(kind, name).observe(seconds)

    def request(self, method: str, status: int) -> None:
        self._requests_of(method, status).inc()

    def planned(self, outcome: str) -> None:
        """outcome: one of gateway.execution.OUTCOMES."""
        self._plans[outcome].inc()

    def hand_back(self, field: str, reason: str) -> None:
        """field: one of the schema's, as Type.field. reason: one of gateway.execution.REASONS."""
        self.handed_back.labels(field, reason).inc()

    def job(self, kind: str, outcome: str) -> None:
        self.jobs.labels(kind, outcome).inc()

    def exposition(self) -> bytes:
        """All figures, in Prometheus's text format."""
        if SHARED_METRICS not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)

    # Looking a series up costs more than counting: those there are live as long as the process, and so does this.
    @cache  # noqa: B019
    def _requests_of(self, method: str, status: int) -> Counter:
        return self._requests.labels(method, status)

    @cache  # noqa: B019
    def _operations_of(self, kind: str, name: str, outcome: str) -> Counter:
        return self.operations.labels(kind, name, outcome)

    @cache  # noqa: B019
    def _seconds_of(self, kind: str, name: str) -> Histogram:
        return self.operation_seconds.labels(kind, name)

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


class Stopwatch:
    """Seconds since it was made; laps are what was done in them, in order."""

    __slots__ = ("_began", "_laps")

    def __init__(self) -> None:
        self._began = perf_counter()
        self._laps: list[tuple[str, float]] = []

    @property
    def seconds(self) -> float:
        return perf_counter() - self._began

    def lap(self, name: str) -> None:
        """What was done since the last one."""
        self._laps.append((name, perf_counter()))

    @property
    def server_timing(self) -> str:
        """As the header of that name says it: https://www.w3.org/TR/server-timing/, in milliseconds."""
        starts = [self._began, *(at for _, at in self._laps)]
        spans = [f"{name};dur={(at - start) * 1000:.2f}" for (name, at), start in zip(self._laps, starts, strict=False)]
        return ", ".join(spans)


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
