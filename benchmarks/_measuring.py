"""What the benchmarks over the network share: servers in processes of their own, callers to keep them busy, a database.

A server's CPU is what its process says it has spent, in all its threads, before and after a round. The ways that are
compared are asked in turn, round by round, so that a machine whose speed drifts slows them all alike.
"""

import asyncio
import contextlib
import multiprocessing
import os
import platform
import re
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import cycle
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import orjson
import uvicorn
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from gateway.cli import server_options
from gateway.settings import read_settings
from tests import servers

START_TIMEOUT_S = 60  # About 3 s on a quiet machine.
STOP_TIMEOUT_S = 25  # A little more than a server takes to drain.
CALLERS = 8  # Enough that a server never waits for the next request.
ROUND_S = 1.0  # A few hundred requests of the slowest.
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

Application = Callable[..., Awaitable[None]]


# ── Strawberry, set up with care ──

CACHES: list[Any] = [lambda: ParserCache(128), lambda: ValidationCache(128)]


class CarefulGraphQL(GraphQL[Any, Any]):
    """Strawberry's own view, which reads and writes JSON with orjson."""

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)


# ── Servers ──


class Server:
    """A process that serves an application as `orderloom serve` does, on a port of this machine."""

    def __init__(self, port: int, pid: int | None, questions: Connection) -> None:
        self.port = port
        self._pid = pid
        self._questions = questions

    @property
    def cpu_s(self) -> float:
        """What the process has spent since it began."""
        self._questions.send(None)
        seconds: float = self._questions.recv()
        return seconds

    @property
    def most_memory_mb(self) -> float:
        """The most that it ever had at a time. Source: proc(5), VmHWM."""
        status = Path(f"/proc/{self._pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@contextmanager
def serving(application: Callable[[], Application], **settings: str) -> Iterator[Server]:
    """application: a function of a module, which the new process calls; settings: as ORDERLOOM_… of its environment."""
    questions, answers = multiprocessing.Pipe()
    port = _free_port()
    environment = {f"ORDERLOOM_{name.upper()}": value for name, value in settings.items()}
    with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
        arguments = (application, port, environment, log.name, answers)
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=arguments, daemon=True)
        process.start()
        try:
            _wait_for(port, process)
            yield Server(port, process.pid, questions)
        except BaseException:
            print(log.read(), file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.join(STOP_TIMEOUT_S)
            process.kill()


def _serve(
    application: Callable[[], Application], port: int, environment: Mapping[str, str], log: str, answers: Connection
) -> None:
    for name in [name for name in os.environ if name.startswith("ORDERLOOM_")]:
        del os.environ[name]
    os.environ.update(environment)
    sys.stderr = open(log, "a", buffering=1)  # noqa: PTH123, SIM115  (for as long as the process runs)
    threading.Thread(target=_tell_cpu, args=(answers,), daemon=True).start()
    uvicorn.run(application, factory=True, host="127.0.0.1", port=port, **server_options(read_settings()))


def _tell_cpu(answers: Connection) -> None:
    with contextlib.suppress(EOFError):
        while True:
            answers.recv()
            answers.send(time.process_time())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: BaseProcess) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if not process.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The server did not start.")
        time.sleep(0.05)


# ── Callers ──


def posted(body: Any, **headers: str) -> bytes:
    """A GraphQL request, ready to be sent on a connection that is kept."""
    content = orjson.dumps(body)
    fields = {"host": "127.0.0.1", "accept": "application/json", "content-type": "application/json", **headers}
    lines = ["POST /graphql HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, f"content-length: {len(content)}", "", ""]).encode() + content


class Watch(Protocol):
    """Is told of every request and of its answer."""

    def asked(self) -> Any:
        """Called as a request is sent; what is given back is given to `answered`."""

    def answered(self, asked: Any, body: bytes) -> None: ...


class Callers:
    """Connections that each send a request, wait for its answer, and send it again, at once or after a pause."""

    def __init__(self, connections: list["_Caller"]) -> None:
        self._connections = connections

    async def answer(self) -> bytes:
        """The body of one answer."""
        await self._connections[0].ask(until=0)
        return self._connections[0].body

    async def answered_within(self, seconds: float) -> int:
        """How many answers come when all keep asking for so long, the last ones awaited."""
        until = time.perf_counter() + seconds
        return sum(await asyncio.gather(*(each.ask(until) for each in self._connections)))


@asynccontextmanager
async def calling(
    server: Server, *requests: bytes, pause_s: float = 0, callers: int = CALLERS, watch: Watch | None = None
) -> AsyncIterator[Callers]:
    """requests: sent one after the other, by whoever is next, and then from the first again."""
    connect = asyncio.get_running_loop().create_connection
    sent = cycle(requests)
    made = [await connect(lambda: _Caller(sent, pause_s, watch), "127.0.0.1", server.port) for _ in range(callers)]
    try:
        yield Callers([caller for _, caller in made])
    finally:
        for transport, _ in made:
            transport.close()


class _Caller(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], pause_s: float, watch: Watch | None) -> None:
        self.body = b""
        self._requests = requests
        self._pause_s = pause_s
        self._watch = watch
        self._asked: Any = None
        self._received = bytearray()
        self._answered = 0
        self._until = 0.0
        self._done: asyncio.Future[int] | None = None

    async def ask(self, until: float) -> int:
        """Ask at least once, and until a time has come; how many answers there were."""
        self._answered, self._until = 0, until
        self._done = asyncio.get_running_loop().create_future()
        self._send()
        return await self._done

    def _send(self) -> None:
        self._asked = self._watch and self._watch.asked()
        self._transport.write(next(self._requests))

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._done
        self._received += data
        head, found, body = bytes(self._received).partition(HEAD_END)
        length = LENGTH.search(head) if found else None
        if length is None or len(body) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(RuntimeError(f"It was answered:\n{self._received.decode()}"))
            return
        if self._watch:
            self._watch.answered(self._asked, body)
        self.body = body
        self._received.clear()
        self._answered += 1
        if time.perf_counter() < self._until:
            if self._pause_s:
                asyncio.get_running_loop().call_later(self._pause_s, self._send)
            else:
                self._send()
        else:
            self._done.set_result(self._answered)

    def connection_lost(self, error: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(error or ConnectionError("The server closed a connection."))


# ── Rounds ──


@dataclass
class Spent:
    """What one way took in each round."""

    cpu_s: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)


async def asked_in_turn(
    ways: Mapping[str, Server], request: bytes, rounds: int, *, pause_s: float = 0
) -> dict[str, Spent]:
    """CPU for each request, and requests a second, of servers that are each kept busy in turn.

    pause_s: what each caller waits before it asks again, so that all servers have as much to do.
    """
    spent = {name: Spent() for name in ways}
    async with AsyncExitStack() as stack:
        callers = {
            name: await stack.enter_async_context(calling(server, request, pause_s=pause_s))
            for name, server in ways.items()
        }
        for each in callers.values():
            await each.answered_within(ROUND_S / 2)  # Caches are filled, and connections to the database made.
        for _ in range(rounds):
            for name, server in ways.items():
                cpu_s, began = server.cpu_s, time.perf_counter()
                answered = await callers[name].answered_within(ROUND_S)
                spent[name].per_s.append(answered / (time.perf_counter() - began))
                spent[name].cpu_s.append((server.cpu_s - cpu_s) / answered)
    return spent


def show(title: str, spent: Mapping[str, Spent], *, floor: str, usual: str) -> None:
    """Medians; each ratio is the median of the rounds' own ratios of CPU."""
    print(f"\n{title:<40}{'CPU µs':>9}{'requests/s':>12}{'of the floor':>14}{'less than usual':>17}")
    for name, each in spent.items():
        over = _ratio(each.cpu_s, spent[floor].cpu_s)
        less = _ratio(spent[usual].cpu_s, each.cpu_s)
        cpu, rate = statistics.median(each.cpu_s), statistics.median(each.per_s)
        print(f"  {name:<38}{cpu * 1e6:>9.0f}{rate:>12.0f}{over:>13.2f}x{less:>16.1f}x")


def _ratio(these: list[float], those: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(these, those, strict=True))


def versions(*libraries: str) -> str:
    named = ", ".join(f"{name} {version(name)}" for name in libraries)
    return f"Python {platform.python_version()}, {named}"


# ── A database ──


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database, on the server that BENCH_POSTGRES_URL names, else on one that is started for it."""
    with contextlib.ExitStack() as stack:
        server = os.environ.get("BENCH_POSTGRES_URL") or stack.enter_context(servers.postgres())
        name = f"orderloom_bench_{os.getpid()}_{threading.get_native_id()}"
        asyncio.run(_execute(server, f"CREATE DATABASE {name}"))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
