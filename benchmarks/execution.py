"""What compiled execution gains: CPU from a request's body to the bytes of its answer, without network and database.

Two pages of 200 objects: eight plain fields each; and one batched relation with a nested list of five each. Strawberry
runs as one would set it up with care: ParserCache, ValidationCache, a DataLoader, orjson. Beside it the same schema
with plans, and as the gateway serves it, which also checks and measures each request, counts and times it, and masks
its errors. Each is run in turn within one process; the ratios of the same round are what to compare.
"""

import asyncio
import gc
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import orjson
import strawberry
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from domain.access import ANONYMOUS
from gateway.documents import Documents
from gateway.execution import Host, Related, compiled_executor
from gateway.http import asked_of
from gateway.serving import ServedSchema
from gateway.settings import Settings
from gateway.telemetry import Telemetry

ROUNDS = 15
REQUESTS = 10  # Of each in a round: some 100 ms of the slowest.
OBJECTS = 200
PARENT = strawberry.Parent[Any]


# ── The domain: frozen values with slots ──


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    sku: str
    name: str
    quantity: int
    price: float
    active: bool
    note: str | None
    position: int


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Line:
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Order:
    id: str
    number: str
    customer_id: str
    lines: list[Line]


ITEMS = [Item(f"i{i}", f"SKU-{i}", f"Item {i}", i, i / 8, i % 2 == 0, None, i) for i in range(OBJECTS)]
ORDERS = [Order(f"o{i}", f"#{i}", f"c{i}", [Line(f"SKU-{n}", n) for n in range(5)]) for i in range(OBJECTS)]
CUSTOMERS = {f"c{i}": Customer(f"c{i}", f"Customer {i}") for i in range(OBJECTS)}


async def customers_by_id(keys: list[str]) -> dict[str, Customer]:
    return {key: CUSTOMERS[key] for key in keys}


class Context:
    viewer = ANONYMOUS

    def __init__(self) -> None:
        async def load(keys: list[str]) -> list[Customer | None]:
            found = await customers_by_id(keys)
            return [found.get(key) for key in keys]

        self.customers: DataLoader[str, Customer | None] = DataLoader(load_fn=load)

    def forget(self) -> None:
        """What the gateway asks of a context when all is answered."""


# ── The schema ──


@strawberry.type(name="Item")
class ItemType:
    id: strawberry.ID
    sku: str
    name: str
    quantity: int
    price: float
    active: bool
    note: str | None
    position: int


@strawberry.type(name="Customer")
class CustomerType:
    id: strawberry.ID
    name: str


@strawberry.type(name="Line")
class LineType:
    sku: str
    quantity: int


def customer_of(root: PARENT, info: strawberry.Info) -> Any:
    return info.context.customers.load(root.customer_id)


@strawberry.type(name="Order")
class OrderType:
    id: strawberry.ID
    number: str
    lines: list[LineType]
    customer: CustomerType = strawberry.field(resolver=customer_of, metadata={"related": "customer_id"})


@strawberry.type
class Query:
    @strawberry.field
    async def items(self, first: int) -> list[ItemType]:
        return ITEMS[:first]  # type: ignore[return-value]

    @strawberry.field
    async def orders(self, first: int) -> list[OrderType]:
        return ORDERS[:first]  # type: ignore[return-value]


PAGES = {
    "200 x 8 plain fields": "query Items($first: Int!) "
    "{ items(first: $first) { id sku name quantity price active note position } }",
    "200 x relation and 5 nested": "query Orders($first: Int!) "
    "{ orders(first: $first) { id number customer { id name } lines { sku quantity } } }",
}


def related(known: Any) -> Related | None:
    key = (known.extensions["strawberry-definition"].metadata or {}).get("related")
    return Related(customers_by_id, key) if key else None


EXECUTOR = compiled_executor(Host(answer=related, ask=lambda _context, batch, keys: batch(keys)))
CACHES: list[Any] = [lambda: ParserCache(128), lambda: ValidationCache(128)]
REFERENCE = strawberry.Schema(Query, extensions=CACHES)
COMPILED = strawberry.Schema(Query, extensions=CACHES, execution_context_class=EXECUTOR)


# ── The ways from body to answer ──


def by_strawberry(schema: strawberry.Schema) -> Callable[[bytes], Awaitable[bytes]]:
    async def answered(body: bytes) -> bytes:
        asked = orjson.loads(body)
        result = await schema.execute(asked["query"], asked["variables"], Context())
        assert not result.errors
        return orjson.dumps({"data": result.data})

    return answered


def as_served(executor: type) -> Callable[[bytes], Awaitable[bytes]]:
    """With what every request is owed: it is looked at, measured, counted and timed, and its errors are masked."""
    settings = Settings()
    documents = Documents(settings)
    schema = ServedSchema(COMPILED, executor, settings, Telemetry())

    async def answered(body: bytes) -> bytes:
        answer = await schema.execute(asked_of(orjson.loads(body), settings, documents), Context())  # type: ignore[arg-type]
        return answer.encoded()

    return answered


WAYS = {
    "strawberry, both caches, orjson": by_strawberry(REFERENCE),
    "the same with plans": by_strawberry(COMPILED),
    "as served, without plans": as_served(StrawberryGraphQLCoreExecutionContext),
    "as served": as_served(EXECUTOR),
}


async def measure(page: str, document: str) -> None:
    body = orjson.dumps({"query": document, "variables": {"first": OBJECTS}})
    answers = [await way(body) for way in WAYS.values() for _ in range(3)]
    assert len(set(answers)) == 1, "All ways must give the same answer."
    spent: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            gc.collect()
            began = time.process_time()
            for _ in range(REQUESTS):
                await way(body)
            spent[name].append((time.process_time() - began) / REQUESTS)
    reference = next(iter(spent.values()))
    print(f"\n{page:<36}{'CPU µs':>10}{'requests/s':>12}{'ratio':>10}")
    for name, times in spent.items():
        took = statistics.median(times)
        ratio = statistics.median(one / other for one, other in zip(reference, times, strict=True))
        print(f"  {name:<34}{took * 1e6:>10.0f}{1 / took:>12.0f}{ratio:>9.1f}x")


async def main() -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("strawberry-graphql", "graphql-core", "orjson"))
    print(f"Python {platform.python_version()}, {libraries}; median of {ROUNDS} rounds of {REQUESTS} requests, in turn")
    for page, document in PAGES.items():
        await measure(page, document)


if __name__ == "__main__":
    asyncio.run(main())
