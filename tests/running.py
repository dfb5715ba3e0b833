"""Orderloom as it really runs: servers and workers as processes of their own, and callers over HTTP and WebSocket."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from domain.access import Role
from gateway.app import ROOTS, assemble
from gateway.auth import issue_token
from gateway.settings import Settings
from tests.shop import SECRET, Shop

COMMAND = Path(sys.executable).with_name("orderloom")
SUBPROTOCOL = "graphql-transport-ws"
START_TIMEOUT_S = 60  # About 2 s on a quiet machine.
STOP_TIMEOUT_S = 25  # A little more than a server takes to drain.
ANSWER_TIMEOUT_S = 30
CONNECTIONS_MAX = 200
LOOK_AGAIN_S = 0.05

# ── Callers ──


@dataclass
class Caller:
    """Somebody who asks a server; without a token nobody in particular."""

    url: str
    http: httpx2.AsyncClient
    token: str | None = None

    async def post(self, document: str, **variables: Any) -> httpx2.Response:
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        # Written here, with escapes: httpx2 would refuse half a character, which a hostile caller may send.
        body = json.dumps({"query": document, "variables": variables})
        return await self.http.post(f"{self.url}/graphql", content=body, headers=headers)

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of one operation that must go well."""
        answer = (await self.post(document, **variables)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def do(self, mutation: str, **variables: Any) -> Any:
        """The payload of the one mutation of a document, which must have nothing against it."""
        (payload,) = (await self.ask(mutation, **variables)).values()
        assert not payload["userErrors"], payload["userErrors"]
        return payload

    @asynccontextmanager
    async def follow(self, document: str, **variables: Any) -> AsyncIterator["Following"]:
        """A socket with one subscription on it."""
        payload = {"authorization": f"Bearer {self.token}"} if self.token else {}
        url = self.url.replace("http", "ws", 1) + "/graphql"
        async with connect(url, subprotocols=[SUBPROTOCOL], open_timeout=ANSWER_TIMEOUT_S, compression=None) as socket:
            following = Following(socket)
            await following.begin(payload, document, variables)
            yield following


class Following:
    """A subscription's answers, one after the other, until it is complete or the socket is cut.

    Source: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def begin(self, payload: dict[str, str], document: str, variables: dict[str, Any]) -> None:
        await self._send({"type": "connection_init", "payload": payload})
        assert (await self._received())["type"] == "connection_ack"
        await self._send({"type": "subscribe", "id": "1", "payload": {"query": document, "variables": variables}})

    def __aiter__(self) -> "Following":
        return self

    async def __anext__(self) -> Any:
        """The data of the next answer."""
        try:
            message = await self._received()
        except ConnectionClosed:
            raise StopAsyncIteration from None
        if message["type"] == "complete":
            raise StopAsyncIteration
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message["payload"]["errors"]
        (answer,) = message["payload"]["data"].values()
        return answer

    async def next(self, count: int, within_s: float = ANSWER_TIMEOUT_S) -> list[Any]:
        async with asyncio.timeout(within_s):
            return [await anext(self) for _ in range(count)]

    async def until(self, is_last: Callable[[Any], bool], within_s: float = ANSWER_TIMEOUT_S) -> list[Any]:
        """All answers up to one, with it."""
        answers = []
        async with asyncio.timeout(within_s):
            async for answer in self:
                answers.append(answer)
                if is_last(answer):
                    return answers
        raise AssertionError(f"The subscription ended after {answers}.")

    @property
    def close_code(self) -> int | None:
        """Why the other end closed the socket; None while it is open."""
        return self._socket.close_code

    def cut(self) -> None:
        """Lose the connection, as a phone in a tunnel does: without a word to the other end."""
        self._socket.transport.abort()

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send(json.dumps(message))

    async def _received(self) -> dict[str, Any]:
        """The next message that is no ping."""
        while True:
            message: dict[str, Any] = json.loads(await self._socket.recv())
            if message["type"] != "ping":
                return message
            await self._send({"type": "pong"})


# ── Servers ──


@dataclass
class Served:
    """A running server, and the shop on its database as the test sees it."""

    shop: Shop
    server: "Server"


@dataclass
class Server:
    """A server on this machine, and who may ask it."""

    url: str
    http: httpx2.AsyncClient

    def caller(self, role: Role | None = None, *, customer: str | None = None, location: str | None = None) -> Caller:
        token = issue_token(SECRET, role, customer=customer, locations=[location] if location else ()) if role else None
        return Caller(self.url, self.http, token)

    @property
    def anybody(self) -> Caller:
        return self.caller()

    async def is_ready(self) -> bool:
        try:
            return (await self.http.get(f"{self.url}/ready")).status_code == 200
        except httpx2.HTTPError:
            return False


class Running:
    """A process of ours; `log` is where it says what it does."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as written:
            self._process = subprocess.Popen(
                [COMMAND, *command], env=environment, cwd=log.parent, stdout=written, stderr=written
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    async def stop(self) -> None:
        """Tell it to stop, and wait until it has."""
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self._process.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            await self.kill()
            raise AssertionError(f"It did not stop:\n{self.log.read_text()[-4000:]}") from None

    async def kill(self) -> None:
        """As when the machine loses its power."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def said(self, word: str) -> None:
        """Wait until it has said something."""
        await true_within(START_TIMEOUT_S, lambda: word in self.log.read_text(), self._must_live)

    def _must_live(self) -> None:
        assert not self.has_ended, f"It ended:\n{self.log.read_text()[-4000:]}"


_logs = itertools.count(1)


@asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[tuple[Server, Running]]:
    """`orderloom serve` with settings of ours (`database_url=…`), from when it is ready until it is stopped."""
    port = free_port()
    running = Running(["serve", "--port", str(port)], _environment(folder, settings), _log(folder))
    async with _calling(f"http://127.0.0.1:{port}") as server, _ended(running):
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await server.is_ready():
                running._must_live()
                await asyncio.sleep(LOOK_AGAIN_S)
        yield server, running


@asynccontextmanager
async def working(folder: Path, **settings: str) -> AsyncIterator[Running]:
    """`orderloom worker` with settings of ours, until it is stopped."""
    running = Running(["worker"], _environment(folder, settings), _log(folder))
    async with _ended(running):
        await running.said("worker.started")
        yield running


@asynccontextmanager
async def serving_here(shop: Shop) -> AsyncIterator[Server]:
    """A shop's application behind real sockets, in the test's own process, to be looked into."""

    @asynccontextmanager
    async def opened(*_: Any) -> AsyncIterator[Any]:
        yield shop.world

    app = assemble(Settings(secret_key=SECRET), ROOTS, opened)
    listening = socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS_MAX)
    server = _Uvicorn(uvicorn.Config(app, log_config=None, ws_per_message_deflate=False))
    serve = asyncio.create_task(server.serve([listening]))
    async with _calling(f"http://127.0.0.1:{listening.getsockname()[1]}") as calling:
        try:
            await true_within(START_TIMEOUT_S, lambda: server.started)
            yield calling
        finally:
            server.should_exit = True
            await serve


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):
        """Signals are the test run's."""
        yield


@asynccontextmanager
async def _calling(url: str) -> AsyncIterator[Server]:
    limits = httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    async with httpx2.AsyncClient(limits=limits, timeout=ANSWER_TIMEOUT_S) as http:
        yield Server(url, http)


@asynccontextmanager
async def _ended(running: Running) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await running.kill()
        raise
    if not running.has_ended:
        await running.stop()


def _environment(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    given = {"secret_key": SECRET, "data_dir": str(folder), "test_payments": "1", "log_level": "info", **settings}
    named = {f"ORDERLOOM_{name.upper()}": value for name, value in given.items()}
    # So that every journey can be made both ways: ORDERLOOM_COMPILED=0 make test ARGS=tests/journeys.
    switches = {name: os.environ[name] for name in ("PATH", "ORDERLOOM_COMPILED") if name in os.environ}
    return switches | named


def _log(folder: Path) -> Path:
    return folder / f"process-{next(_logs)}.log"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def true_within(seconds: float, claim: Callable[[], bool], *checks: Callable[[], None]) -> None:
    """Wait for what another process does, and rings no bell for."""
    async with asyncio.timeout(seconds):
        while not claim():
            for check in checks:
                check()
            await asyncio.sleep(LOOK_AGAIN_S)
