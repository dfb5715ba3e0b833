"""The gateway over a schema of a few fields and a world that knows the time of day and little else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import strawberry
from starlette.testclient import TestClient

from domain.access import Role, Scope
from domain.errors import Forbidden, Refused, invalid
from gateway.app import assemble
from gateway.auth import issue_token
from gateway.serving import Roots
from gateway.settings import read_settings
from schema.common import Info
from schema.shapes import asked

SECRET = "s" * 48
END_OF_LOG = 40


@strawberry.type
class Leaf:
    name: str = "oak"

    @strawberry.field
    def leaf(self) -> "Leaf":
        return Leaf()

    @strawberry.field
    def leaves(self, first: int | None = None) -> list["Leaf"]:
        return [Leaf()] * (first or 1)


@strawberry.type
class LeafConnection:
    nodes: list[Leaf]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def leaf(self) -> Leaf:
        return Leaf()

    @strawberry.field
    def named(self, names: list[str]) -> list[Leaf]:
        return [Leaf(name=name) for name in names]

    @strawberry.field
    def page(self, first: int | None = None, last: int | None = None) -> LeafConnection:
        return LeafConnection(nodes=[])

    @strawberry.field
    def who(self, info: Info) -> str:
        viewer = info.context.viewer
        return " ".join([viewer.subject or "nobody", viewer.customer_id or "-", *sorted(viewer.locations)])

    @strawberry.field
    def language(self, info: Info) -> str | None:
        return info.context.language

    @strawberry.field
    def address(self, info: Info) -> str:
        return info.context.address

    @strawberry.field
    def event_cursor(self, info: Info) -> str:
        return info.context.event_cursor

    @asked(needs=Scope.EVENTS_READ)
    def secrets(self) -> str:
        Query.answered.append("secrets")
        return "the feed"

    @strawberry.field
    def refused(self) -> str | None:
        raise Refused(invalid("At most 3 may be asked; 5 were.", "filter", 0, "first"))

    @strawberry.field
    def forbidden(self) -> str | None:
        raise Forbidden("forbidden", "orders:read")

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("SELECT * FROM customers WHERE email = 'ada@example.com'")

    @strawberry.field
    def needed(self) -> str:
        raise RuntimeError("nothing here")

    @strawberry.field
    def seen(self) -> list[str]:
        return Query.answered


Query.answered = []


@strawberry.type
class Mutation:
    @strawberry.field
    def shout(self, text: str) -> str:
        return text.upper()


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self, info: Info, until: int) -> AsyncIterator[str]:
        for number in range(until):
            yield f"{info.context.viewer.subject or 'nobody'} {number}"

    @strawberry.subscription
    async def forever(self) -> AsyncIterator[int]:
        Subscription.open += 1
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            Subscription.open -= 1

    @strawberry.subscription
    async def snaps(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("SELECT 1")


Subscription.open = 0
ROOTS = Roots(Query, Mutation, Subscription)


class Log:
    async def end(self) -> int:
        return END_OF_LOG


@asynccontextmanager
async def _opened(_telemetry):
    yield SimpleNamespace(reads=SimpleNamespace(log=Log()))


@pytest.fixture
def settings():
    """Makes settings, whatever the environment says."""
    return lambda **given: read_settings(**{"secret_key": SECRET, "database_url": "sqlite:///unused.sqlite"} | given)


@pytest.fixture
def client(settings):
    """Starts the gateway with the settings given, and stops it after the test."""
    started = []

    def start(**given) -> TestClient:
        app = assemble(settings(**given), ROOTS, _opened)
        started.append(TestClient(app, raise_server_exceptions=False).__enter__())
        return started[-1]

    yield start
    for each in started:
        each.__exit__(None, None, None)


@pytest.fixture
def bearer():
    """Makes the headers of a caller with a role."""
    return lambda role, **claims: {"authorization": f"Bearer {issue_token(SECRET, Role(role), **claims)}"}
