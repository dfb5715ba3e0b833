"""Callers who go before their answer is there, over the whole gateway: nothing of theirs goes on."""

import asyncio
import gc
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import strawberry

from gateway.app import assemble
from gateway.serving import Roots

TURNS = 50  # Of the loop; what is to end, ends within them.
RUNNING: Counter[str] = Counter()
GATES = {"open": asyncio.Event(), "asked": asyncio.Event()}


async def waits(what: str) -> str:
    RUNNING[what] += 1
    try:
        GATES["asked"].set()
        await GATES["open"].wait()
        return what
    finally:
        RUNNING[what] -= 1


async def slowly() -> str:
    return await waits("field")


async def leaves_slowly() -> "list[Leaf]":
    return [Leaf(name="oak"), Leaf(name="elm")]


@strawberry.type
class Leaf:
    name: str
    slow: str = strawberry.field(resolver=slowly)


@strawberry.type
class Query:
    leaves: list[Leaf] = strawberry.field(resolver=leaves_slowly)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def falling(self) -> AsyncIterator[Leaf]:
        RUNNING["stream"] += 1
        try:
            while True:
                yield Leaf(name="oak")
                await waits("source")
        finally:
            RUNNING["stream"] -= 1


@asynccontextmanager
async def _opened(_telemetry):
    yield SimpleNamespace()


@pytest.fixture(params=[True, False], ids=["compiled", "by graphql-core"])
async def app(settings, request):
    """The gateway, started; gates are shut again."""
    GATES.update(open=asyncio.Event(), asked=asyncio.Event())
    RUNNING.clear()
    app = assemble(settings(compiled=request.param), Roots(Query, None, Subscription), _opened)
    async with app.router.lifespan_context(app):
        yield app
    gc.collect()


class Caller:
    """One connection that asks, and goes when told to."""

    def __init__(self, app, query, accept="application/json"):
        self._app, self._body = app, json.dumps({"query": query}).encode()
        self._headers = [(b"content-type", b"application/json"), (b"accept", accept.encode())]
        self.goes, self.sent, self._has_asked = asyncio.Event(), [], False

    async def _receive(self):
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        self.sent.append(message)

    async def asks(self):
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "root_path": "",
            "headers": self._headers,
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", 8000),
        }
        await self._app(scope, self._receive, self._send)
        return b"".join(each.get("body", b"") for each in self.sent)


async def known(app, query):
    """Asked so often that it has its plans."""
    GATES["open"].set()
    for _ in range(3):
        assert b"errors" not in await Caller(app, query).asks()
    GATES.update(open=asyncio.Event(), asked=asyncio.Event())
    return query


async def settled():
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_a_request_that_the_server_gives_up_leaves_nothing_running(app):
    caller = Caller(app, await known(app, "{ leaves { name slow } }"))
    before = asyncio.all_tasks()
    asked = asyncio.ensure_future(caller.asks())
    await GATES["asked"].wait()
    await settled()
    assert RUNNING["field"] == 2

    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked

    assert asyncio.all_tasks() == before
    assert not +RUNNING


async def test_a_request_whose_caller_went_and_whom_nobody_stopped_comes_to_its_end(app):
    caller = Caller(app, await known(app, "{ leaves { name slow } }"))
    before = asyncio.all_tasks()
    asked = asyncio.ensure_future(caller.asks())
    await GATES["asked"].wait()

    caller.goes.set()
    await settled()
    GATES["open"].set()
    await asked
    await settled()

    assert asyncio.all_tasks() == before
    assert not +RUNNING


async def test_a_stream_whose_caller_went_is_closed_with_its_source(app):
    caller = Caller(app, "subscription { falling { name } }", accept="text/event-stream")
    before = asyncio.all_tasks()
    asked = asyncio.ensure_future(caller.asks())
    await GATES["asked"].wait()
    await settled()
    assert RUNNING == {"stream": 1, "source": 1}

    caller.goes.set()
    await asyncio.wait_for(asked, timeout=5)
    await settled()

    assert b"oak" in b"".join(each.get("body", b"") for each in caller.sent)
    assert asyncio.all_tasks() == before
    assert not +RUNNING
