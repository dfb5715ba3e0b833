"""How soon 2,000 subscribers know: from one event of an order to the last message, over WebSockets.

Each subscriber is a socket of its own that follows `orderEvents` as a dashboard of the staff does. One step of one
order is taken by a mutation on the same process, and timed from the moment it is known (its answer, or the first
message) until the last subscriber has its message. Strawberry's own WebSocket handler serves the same schema and
resolvers over a database alike, executed by graphql-core; event and order are read once for everyone there, too. The
floor sends as many bytes to each socket, without GraphQL.
"""

import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson
import strawberry
import uvloop
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.schema.config import StrawberryConfig
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from benchmarks._measuring import CACHES, Application, Server, calling, posted, serving, versions
from domain.access import Role
from gateway.app import ROOTS, from_environment, running
from gateway.auth import issue_token
from gateway.settings import read_settings
from gateway.telemetry import configure_logging
from persistence.migrating import migrate
from resolvers.context import Context
from resolvers.sharing import Shared
from schema.scalars import SCALARS
from tests.factories import a_viewer, an_order
from tests.shop import SECRET, a_shop

ROUNDS = 5
SUBSCRIBERS = 2_000
CONNECTED_AT_ONCE = 100  # A server's queue of those that are not yet accepted is short.
FILES_MAX = 3 * SUBSCRIBERS + 500  # All ways' sockets stay open, so that they can be asked in turn.
LAST_WITHIN_S = 60
FLOOR, USUAL = "the same bytes, no GraphQL", "strawberry.asgi"

TOKEN = issue_token(SECRET, Role.OPERATIONS)
ACCEPT = "mutation ($id: ID!) { acceptFulfillmentOrder(id: $id) { userErrors { message } } }"
FOLLOW = """subscription Steps($after: String) {
  orderEvents(after: $after) {
    cursor
    event { kind at summary }
    order { id number status fulfillmentStatus paymentStatus updatedAt totals { total { amount currency } } }
  }
}"""


async def seed(url: str) -> list[str]:
    """Orders that wait to be worked on; the ids of their fulfillment orders."""
    await migrate(url)
    async with a_shop(url) as shop:
        await shop.stock(milan={"A": 1_000})
        for _ in range(ROUNDS + 1):
            await shop.place(an_order(("A", 1)))
        await shop.run_jobs()
        return [row.id for row in await shop.world.database.fetch(text("SELECT id FROM fulfillment_orders"))]


# ── Strawberry's own way ──


class OwnGraphQL(GraphQL[Context, None]):
    """Every socket and request a context of its own; what is read of an event is shared, as Orderloom shares it."""

    world: Any = None

    def __init__(self) -> None:
        config = StrawberryConfig(scalar_map=SCALARS)
        roots = ROOTS.query, ROOTS.mutation, ROOTS.subscription
        super().__init__(strawberry.Schema(*roots, types=ROOTS.types, config=config, extensions=CACHES))
        self._shared = Shared()

    async def get_context(self, request: Any, response: Any) -> Context:
        return Context(self.world, a_viewer(Role.OPERATIONS), shared=self._shared)

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data).decode()


def by_strawberry() -> Application:
    settings, view = read_settings(), OwnGraphQL()
    configure_logging(settings)

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        async with running(settings) as process:
            view.world = process.world
            yield

    return Starlette(routes=[Route("/graphql", view), WebSocketRoute("/graphql", view)], lifespan=lifespan)


# ── The floor ──

# As long as the message of the others.
SENT = '{"id":"1","type":"next","payload":"%s"}' % ("x" * 408)


def bare() -> Application:
    sockets: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(b"content-length", b"2")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"{}"})
            for each in sockets:
                await each({"type": "websocket.send", "text": SENT})
            return
        assert scope["type"] == "websocket", "It has nothing to start or to stop."
        await send({"type": "websocket.accept", "subprotocol": GRAPHQL_TRANSPORT_WS_PROTOCOL})
        await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
        sockets.append(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return application


# ── Subscribers ──

UPGRADE = f"""GET /graphql HTTP/1.1
host: 127.0.0.1
connection: upgrade
upgrade: websocket
sec-websocket-version: 13
sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==
sec-websocket-protocol: {GRAPHQL_TRANSPORT_WS_PROTOCOL}

""".replace("\n", "\r\n").encode()
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def framed(kind: int, content: bytes) -> bytes:
    """One message as a client sends it; a mask of zeros changes nothing of it.

    Source: RFC 6455, section 5.2.
    """
    assert len(content) < 1 << 16
    short = len(content) < 126
    length = bytes([0x80 | len(content)]) if short else b"\xfe" + len(content).to_bytes(2, "big")
    return bytes([0x80 | kind]) + length + bytes(4) + content


class Subscriber(asyncio.Protocol):
    """Reads no more of a message than how long it is."""

    def __init__(self, subscribe: bytes, told: Callable[[bytes], None]) -> None:
        self.acknowledged = asyncio.get_running_loop().create_future()
        self._subscribe = subscribe
        self._told = told
        self._received = bytearray()
        self._is_open = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(UPGRADE)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_open:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_open, self._received = True, rest
            hello = {"type": "connection_init", "payload": {"authorization": f"Bearer {TOKEN}"}}
            self._transport.write(framed(TEXT, orjson.dumps(hello)))
        while (frame := self._next()) is not None:
            self._taken(*frame)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.acknowledged.done():
            self.acknowledged.set_exception(error or ConnectionError("The server closed a socket."))

    def _next(self) -> tuple[int, bytes] | None:
        received = self._received
        if len(received) < 2:
            return None
        start, length = 2, received[1]
        if length == 126:
            start, length = 4, int.from_bytes(received[2:4], "big")
        assert length != 127, "No message here is that long."
        if len(received) < start + length:
            return None
        kind, content = received[0] & 0x0F, bytes(received[start : start + length])
        del received[: start + length]
        return kind, content

    def _taken(self, kind: int, content: bytes) -> None:
        if kind == PING:
            self._transport.write(framed(PONG, content))
        elif kind == TEXT and not self.acknowledged.done():
            assert b"connection_ack" in content, content
            self._transport.write(self._subscribe)
            self.acknowledged.set_result(None)
        elif kind == TEXT:
            self._told(content)
        else:
            assert kind != CLOSE, content


class Subscribers:
    """All those of one server, and a caller who causes what they are told."""

    def __init__(self, server: Server, tasks: Iterator[str]) -> None:
        self._server = server
        self._tasks = tasks
        self._count = 0
        self._first_at = 0.0
        self._all = asyncio.Event()
        self.message = b""

    async def connect(self, stack: AsyncExitStack) -> None:
        payload = {"query": FOLLOW, "variables": {"after": await self._end_of_log()}}
        subscribe = framed(TEXT, orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        loop = asyncio.get_running_loop()

        async def one() -> None:
            transport, subscriber = await loop.create_connection(
                lambda: Subscriber(subscribe, self._told), "127.0.0.1", self._server.port
            )
            stack.callback(transport.abort)
            await subscriber.acknowledged

        for _ in range(0, SUBSCRIBERS, CONNECTED_AT_ONCE):
            await asyncio.gather(*(one() for _ in range(CONNECTED_AT_ONCE)))

    async def event(self) -> tuple[float, float]:
        """Cause one: the seconds until the last has its message, and the server's CPU for each."""
        assert not self._count, "There was an event that nobody caused."
        request = posted({"query": ACCEPT, "variables": {"id": next(self._tasks)}}, authorization=f"Bearer {TOKEN}")
        async with calling(self._server, request) as callers:
            cpu_s = self._server.cpu_s
            answer = orjson.loads(await callers.answer())
            assert "errors" not in answer, answer
            began = min(self._first_at or time.perf_counter(), time.perf_counter())
            async with asyncio.timeout(LAST_WITHIN_S):
                await self._all.wait()
            took = time.perf_counter() - began
            cpu_s = self._server.cpu_s - cpu_s
        assert b'"next"' in self.message, self.message
        assert b'"errors"' not in self.message, self.message
        self._count, self._first_at = 0, 0.0
        self._all.clear()
        return took, cpu_s / SUBSCRIBERS

    def _told(self, message: bytes) -> None:
        self._count += 1
        if self._count == 1:
            self._first_at, self.message = time.perf_counter(), message
        elif self._count == SUBSCRIBERS:
            self._all.set()

    async def _end_of_log(self) -> str | None:
        """So that an event is missed by none who subscribes, however late that is."""
        request = posted({"query": "{ eventCursor }"}, authorization=f"Bearer {TOKEN}")
        async with calling(self._server, request) as callers:
            answer = orjson.loads(await callers.answer())
        return answer["data"]["eventCursor"] if answer else None


@contextmanager
def enough_files() -> Iterator[None]:
    """Of open files a process may often have a thousand; raised, the servers inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES_MAX), hard))
    yield


async def measure(ways: Mapping[str, Server], tasks: Mapping[str, list[str]]) -> None:
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    async with AsyncExitStack() as stack:
        following = {name: Subscribers(server, iter(tasks[name])) for name, server in ways.items()}
        for each in following.values():
            await each.connect(stack)
            await each.event()  # Caches are filled, and whoever subscribed late is caught up.
        for _ in range(ROUNDS):
            for name, each in following.items():
                took[name].append(await each.event())
    show(took)


def show(took: Mapping[str, list[tuple[float, float]]]) -> None:
    """Medians; each ratio is the median of the rounds' own ratios of time."""
    title = f"one event to {SUBSCRIBERS:,} subscribers"
    print(f"\n{title:<34}{'ms to the last':>16}{'messages/s':>12}{'CPU µs each':>13}", end="")
    print(f"{'of the floor':>14}{'sooner than usual':>19}")
    for name, each in took.items():
        last, cpu = (statistics.median(column) for column in zip(*each, strict=True))
        over = statistics.median(one / other for (one, _), (other, _) in zip(each, took[FLOOR], strict=True))
        sooner = statistics.median(other / one for (one, _), (other, _) in zip(each, took[USUAL], strict=True))
        print(f"  {name:<32}{last * 1e3:>16.0f}{SUBSCRIBERS / last:>12.0f}{cpu * 1e6:>13.0f}", end="")
        print(f"{over:>13.2f}x{sooner:>18.1f}x")


def main() -> None:
    print(versions("strawberry-graphql", "graphql-core", "orjson", "uvicorn", "uvloop", "websockets"))
    served: dict[str, Callable[[], Application]] = {FLOOR: bare, "Orderloom": from_environment, USUAL: by_strawberry}
    with enough_files(), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ways, tasks = {}, {}
        for number, (name, application) in enumerate(served.items()):
            url = f"sqlite:///{folder / f'{number}.db'}"
            tasks[name] = asyncio.run(seed(url))
            settings = {"database_url": url, "secret_key": SECRET, "test_payments": "1", "log_level": "warning"}
            settings["request_rate"] = "1000000/second"  # All the subscribers are one caller.
            ways[name] = stack.enter_context(serving(application, **settings))
        uvloop.run(measure(ways, tasks))


if __name__ == "__main__":
    main()
