"""The ASGI application: what is answered at which path, and what lives from start to stop."""

import asyncio
import gc
import logging
import random
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from time import perf_counter

import redis.asyncio
import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.access import Scope as Right
from domain.world import World
from gateway import console
from gateway.auth import SignIn
from gateway.connections import Connections
from gateway.documents import Documents
from gateway.http import Gateway, GraphQLOverHttp, NotServed, accepts_html, headers_of, query_of
from gateway.limits import RequestRate
from gateway.payer_page import PayerPage
from gateway.serving import INTERNAL, Roots, build_schema
from gateway.settings import Settings, read_settings
from gateway.sockets import LiveGraphQL
from gateway.telemetry import REQUEST_ID, Telemetry, configure_logging
from gateway.wiring import Process, wire
from gateway.worker import Worker
from schema import root

log = structlog.get_logger(__name__)

DATABASE_WAIT_S = 2.0  # Who asks whether we are ready asks again soon.
REDIS_WAIT_S = 0.5
CORS_KEPT_S = 600  # Browsers keep a preflight's answer no longer than some minutes anyway.
UNREMARKABLE = ("/health", "/ready", "/metrics", "/console/")  # Asked all day long, by machines.
SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
GRAPHQL = "/graphql"
NOSNIFF = (b"x-content-type-options", b"nosniff")

ROOTS = Roots(root.Query, root.Mutation, root.Subscription, root.TYPES)
# After so many new objects the young are looked through, after so many times the older, then all.
GARBAGE_NEW_MAX, GARBAGE_YOUNG_MAX, GARBAGE_OLD_MAX = 10_000, 20, 50
JOBS_DRAIN_S = 10.0  # What is not done by then is rolled back, and done by the next process.

# Opens the world for as long as the application runs.
Opened = Callable[[Telemetry], AbstractAsyncContextManager[World]]


def create_app(settings: Settings, *, worker: bool = True) -> Starlette:
    """The application as it is served, on a migrated database; `worker`: whether it does background work too."""

    @asynccontextmanager
    async def opened(telemetry: Telemetry) -> AsyncIterator[World]:
        async with running(settings) as process, AsyncExitStack() as stack:
            if worker:
                await stack.enter_async_context(working(process, telemetry))
            settle_memory()
            yield process.world

    return assemble(settings, ROOTS, opened)


def settle_memory() -> None:
    """What is there by now stays: the collector need not look at a hundred thousand objects again and again.

    Answers are trees of new objects without circles, so it need not look often either.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_NEW_MAX, GARBAGE_YOUNG_MAX, GARBAGE_OLD_MAX)


def from_environment() -> Starlette:
    """What each process of a server makes for itself."""
    settings = read_settings()
    configure_logging(settings)
    return create_app(settings)


async def work(settings: Settings) -> None:
    """Do background work until told to stop."""
    stopped = asyncio.Event()
    for told in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(told, stopped.set)
    async with running(settings) as process, working(process, Telemetry()):
        log.info("worker.started")
        await stopped.wait()
    log.info("worker.stopped")


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Process]:
    process = await wire(settings)
    try:
        if process.world.providers.named("test"):
            log.warning("payments.test", said="TEST PAYMENTS ARE TAKEN HERE: orders are placed and no money moves.")
        await process.start()
        yield process
    finally:
        await process.close()


@asynccontextmanager
async def working(process: Process, telemetry: Telemetry) -> AsyncIterator[None]:
    """A worker beside whatever else the process does; one that dies takes the process with it, to be begun anew."""
    worker = Worker(process.world, process.jobs, process.bus, telemetry)
    task = asyncio.create_task(worker.run())
    task.add_done_callback(_end_with)
    try:
        yield
    finally:
        worker.stop()
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(JOBS_DRAIN_S):
                await task


def _end_with(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.critical("worker.died", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def assemble(settings: Settings, roots: Roots, opened: Opened) -> Starlette:
    """The application over any schema and world."""
    telemetry = Telemetry()
    schema = build_schema(roots, settings, telemetry)
    gateway = Gateway(
        settings,
        schema,
        Documents(settings),
        SignIn(settings),
        RequestRate(settings),
        telemetry,
        Connections(settings, telemetry),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(gateway.sign_in.close)
            gateway.world = await stack.enter_async_context(opened(telemetry))
            await stack.enter_async_context(telemetry.telling())
            log.info("gateway.started", database="sqlite" if settings.is_sqlite else "postgresql")
            yield
            log.info("gateway.stopping")

    graphql = GraphQLPages(gateway)
    app = Starlette(routes=_routes(gateway, graphql), lifespan=lifespan)
    # Not Starlette's own stack: nearly all requests are GraphQL, and each layer around them is paid for by all of them.
    app.middleware_stack = RequestsObserved(
        _shared(settings, ShortPath(ExceptionMiddleware(app.router), graphql)), telemetry
    )
    return app


def _shared(settings: Settings, app: ASGIApp) -> ASGIApp:
    """The application as browsers on other origins may use it."""
    if not settings.cors_origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "x-request-id", "accept-language"],
        expose_headers=["x-request-id", "retry-after"],
        max_age=CORS_KEPT_S,
    )


def _routes(gateway: Gateway, graphql: "GraphQLPages") -> list[BaseRoute]:
    pages = Pages(gateway)
    return [
        Route(GRAPHQL, graphql),
        WebSocketRoute(GRAPHQL, LiveGraphQL(gateway)),
        Route("/", pages.landing),
        Route("/health", pages.health),
        Route("/ready", pages.ready),
        Route("/metrics", pages.metrics),
        Route("/schema.graphql", pages.schema),
        Route("/test-payments/{payment_id}", PayerPage(gateway).__call__, methods=["GET", "POST"]),
        Mount("/console", console.Assets()),
    ]


class GraphQLPages:
    """/graphql: GraphiQL for a browser that comes without a query, GraphQL over HTTP for all else."""

    def __init__(self, gateway: Gateway) -> None:
        self._has_graphiql = gateway.settings.graphiql
        self._graphql = GraphQLOverHttp(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_browser = scope["method"] == "GET" and accepts_html(headers_of(scope).get(b"accept"))
        if self._has_graphiql and is_browser and "query" not in query_of(scope):
            await console.graphiql_page()(scope, receive, send)
        else:
            await self._graphql(scope, receive, send)


class Pages:
    """What is not GraphQL."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._sdl = gateway.schema.as_str() if gateway.settings.introspection else None

    async def landing(self, _request: Request) -> Response:
        return console.landing_page()

    async def schema(self, _request: Request) -> Response:
        return PlainTextResponse(self._sdl) if self._sdl else _not_found()

    async def health(self, _request: Request) -> Response:
        """The process is alive: it says so."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """Whether requests can be answered: the database is needed, Redis only makes things faster."""
        database, cache = await asyncio.gather(self._database(), self._redis())
        status = {"status": "ready" if database else "not ready", "database": _said(is_well=database)}
        if cache is not None:
            status["redis"] = _said(is_well=cache)
        return JSONResponse(status, 200 if database else 503)

    async def metrics(self, request: Request) -> Response:
        if not self._gateway.settings.metrics:
            return _not_found()
        try:
            viewer = await self._gateway.viewer(headers_of(request.scope))
        except NotServed as refusal:
            return JSONResponse({"errors": [refusal.error]}, refusal.status, dict(refusal.headers))
        if viewer.has(Right.METRICS_READ):
            return Response(self._gateway.telemetry.exposition(), media_type="text/plain; version=0.0.4")
        status = 401 if viewer.subject is None else 403
        sentence = f"Metrics are for tokens with the scope {Right.METRICS_READ.value}."
        return PlainTextResponse(sentence, status, {"WWW-Authenticate": "Bearer"} if status == 401 else None)

    async def _database(self) -> bool:
        assert self._gateway.world
        try:
            async with asyncio.timeout(DATABASE_WAIT_S):
                await self._gateway.world.reads.log.end()
        except (SQLAlchemyError, OSError) as error:  # A timeout is an OSError.
            log.warning("ready.database_unavailable", error=type(error).__name__)
            return False
        return True

    async def _redis(self) -> bool | None:
        """None where there is none."""
        if not self._gateway.settings.redis_url:
            return None
        client = redis.asyncio.Redis.from_url(self._gateway.settings.redis_url)
        try:
            async with asyncio.timeout(REDIS_WAIT_S):
                await client.ping()
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()
        return True


class RequestsObserved:
    """Gives every request its id, counts it, logs it without saying whose it is, and masks what went wrong in it."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry
        self._root_logger = logging.getLogger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        # Whoever called us hears nothing of it: each request is a task of its own.
        REQUEST_ID.set(request_id)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status: int | None = None

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode()), NOSNIFF]
            await send(message)

        self._telemetry.in_flight += 1
        try:
            await self._app(scope, receive, sent)
        except Exception:
            if status is None:
                await _masked(scope, receive, sent)
            raise  # The server logs it.
        finally:
            self._telemetry.in_flight -= 1
            self._telemetry.request(_method(scope), status or 500)
            self._log(scope, status or 500, perf_counter() - began)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        level = logging.DEBUG if scope["path"].startswith(UNREMARKABLE) and status < 400 else logging.INFO
        # Asked here, as most of what a line costs comes before the logger would ask.
        if self._root_logger.isEnabledFor(level):
            # The path alone: a query is in the body, or after the question mark, with what people wrote into it.
            line = {"method": _method(scope), "path": scope["path"], "status": status}
            log.log(level, "request", **line, seconds=round(seconds, 4))


class ShortPath:
    """GraphQL requests past the table of routes: nearly all requests are, and theirs is one path."""

    def __init__(self, app: ASGIApp, graphql: ASGIApp) -> None:
        self._app = app
        self._graphql = graphql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_graphql = scope["type"] == "http" and scope["path"] == GRAPHQL
        await (self._graphql if is_graphql else self._app)(scope, receive, send)


def _method(scope: Scope) -> str:
    """Labels are kept for ever, and methods are the caller's own words."""
    method: str = scope["method"]
    return method if method in {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"} else "other"


def _request_id(scope: Scope) -> str:
    """The caller's own where it is sane."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_ID.fullmatch(given := value.decode("latin-1")):
            return str(given)
    return f"{random.getrandbits(64):016x}"  # Nobody gains by guessing it.


async def _masked(scope: Scope, receive: Receive, send: Send) -> None:
    """What goes wrong outside an operation: the server logs it, under the request's id."""
    message = "Something went wrong on our side. It is logged under this request's id."
    response = JSONResponse({"errors": [{"message": message, "extensions": {"code": INTERNAL}}]}, 500)
    await response(scope, receive, send)


def _said(*, is_well: bool) -> str:
    return "ok" if is_well else "unavailable"


def _not_found() -> Response:
    return PlainTextResponse("There is nothing here.", 404)
