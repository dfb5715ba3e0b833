"""What a small answer costs over HTTP: one object of eight fields out of memory, from socket to socket.

The floor is an ASGI application that sends the same bytes without looking at what was asked. Orderloom's gateway has
everything on that it always has (limits on the operation and on the caller, masking, metrics, the id of the request),
over a schema of one type and no database. Strawberry's ASGI view runs the same schema with ParserCache, ValidationCache
and orjson. Callers are anonymous, and only warnings are logged, as behind a proxy that keeps the log of requests; what
a line for each costs is shown beside it.

Asked as fast as it goes, the floor takes several requests in one turn of its loop, and is spared the waking up and the
sending that a slower server pays for each. So all are also asked equally often, which is how servers live.
"""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Any

import orjson
import strawberry
import uvloop

from benchmarks._measuring import (
    CACHES,
    Application,
    CarefulGraphQL,
    asked_in_turn,
    calling,
    posted,
    serving,
    show,
    versions,
)
from gateway.app import assemble, settle_memory
from gateway.serving import Roots
from gateway.settings import read_settings
from gateway.telemetry import configure_logging
from tests.shop import SECRET

ROUNDS = 11
PAUSE_S = 0.02  # Of eight callers, so some 400 requests a second.
DOCUMENT = "query Item($id: ID!) { item(id: $id) { id sku name quantity price active note position } }"
REQUEST = posted({"query": DOCUMENT, "variables": {"id": "i1"}})
ANSWER = (
    b'{"data":{"item":{"id":"i1","sku":"SKU-1","name":"Item 1","quantity":1,"price":0.125,'
    b'"active":true,"note":null,"position":1}}}'
)
FLOOR, USUAL = "an empty ASGI application", "strawberry.asgi, both caches"


# ── The schema ──


@strawberry.type
class Item:
    id: strawberry.ID
    sku: str
    name: str
    quantity: int
    price: float
    active: bool
    note: str | None
    position: int


ITEM = Item(
    id=strawberry.ID("i1"),
    sku="SKU-1",
    name="Item 1",
    quantity=1,
    price=0.125,
    active=True,
    note=None,
    position=1,
)


@strawberry.type
class Query:
    @strawberry.field
    def item(self, id: strawberry.ID) -> Item | None:
        return ITEM if id == ITEM.id else None


# ── The ways ──


def empty() -> Application:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "It has nothing to start or to stop."
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWER})

    return application


def orderloom() -> Application:
    settings = read_settings()
    configure_logging(settings)

    @asynccontextmanager
    async def opened(_telemetry: object) -> AsyncIterator[Any]:
        settle_memory()
        yield SimpleNamespace()

    return assemble(settings, Roots(Query), opened)


def by_strawberry() -> Application:
    return CarefulGraphQL(strawberry.Schema(Query, extensions=CACHES))


async def main() -> None:
    print(versions("uvicorn", "uvloop", "httptools", "starlette", "strawberry-graphql", "graphql-core", "orjson"))
    # All the callers are one address, which may ask more often than it should of a shop.
    ours = {"secret_key": SECRET, "request_rate": "1000000/second", "log_level": "warning"}
    with ExitStack() as stack:
        ways = {
            FLOOR: stack.enter_context(serving(empty)),
            "Orderloom": stack.enter_context(serving(orderloom, **ours)),
            "Orderloom, a log line for each": stack.enter_context(serving(orderloom, **ours | {"log_level": "info"})),
            USUAL: stack.enter_context(serving(by_strawberry)),
        }
        for server in ways.values():
            async with calling(server, REQUEST) as callers:
                answer = await callers.answer()
                assert orjson.loads(answer) == orjson.loads(ANSWER), answer
        busy = await asked_in_turn(ways, REQUEST, ROUNDS)
        alike = await asked_in_turn(ways, REQUEST, ROUNDS, pause_s=PAUSE_S)
    show("8 fields, as fast as it goes", busy, floor=FLOOR, usual=USUAL)
    show("8 fields, all as often", alike, floor=FLOOR, usual=USUAL)


if __name__ == "__main__":
    uvloop.run(main())
