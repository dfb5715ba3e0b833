"""What a storefront's question costs: availability of many SKUs at five locations each, on PostgreSQL, one process.

Orderloom is the application as it is served, over a migrated database, asked anonymously; only warnings are logged.
Beside it a program as one would write it with care from strawberry and SQLModel, over the same rows: entities read by
two statements, a DataLoader for the relation, plain fields, ParserCache, ValidationCache, orjson. It leaves out what
Orderloom decides beside (channels, kits, launch dates, who may see what). The floor is one statement by asyncpg, its
rows grouped and written by orjson, without GraphQL. BENCH_POSTGRES_URL names a server to use instead of the tests' own.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from typing import Any

import asyncpg
import orjson
import strawberry
import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from strawberry.dataloader import DataLoader

from benchmarks._measuring import (
    CACHES,
    Application,
    CarefulGraphQL,
    asked_in_turn,
    calling,
    posted,
    postgres,
    serving,
    show,
    versions,
)
from domain.availability.model import AvailabilityStatus
from domain.availability.views import LOW_STOCK_THRESHOLD
from gateway.app import from_environment
from gateway.settings import read_settings
from persistence.database import async_url
from persistence.migrating import migrate
from persistence.tables.catalog import ProductRow, VariantRow
from persistence.tables.inventory import StockLevelRow, StockLocationRow
from tests.shop import SECRET, a_shop

ROUNDS = 9
SKUS = [f"SKU-{i:04d}" for i in range(2_000)]
LOCATIONS = ("berlin", "lyon", "milan", "rome", "turin")
POOL_SIZE = 8  # As many as Orderloom keeps.
DOCUMENT = """query Stock($skus: [String!]!) {
  availability(skus: $skus) { sku status quantity locations { location { code name } status quantity } }
}"""
OURS = {"secret_key": SECRET, "request_rate": "1000000/second", "log_level": "warning"}
FLOOR, USUAL = "asyncpg and orjson, no GraphQL", "strawberry and SQLModel"


def request(skus: int) -> bytes:
    """Asks for SKUs from all over the catalog, as a page of search results does."""
    return posted({"query": DOCUMENT, "variables": {"skus": SKUS[:: len(SKUS) // skus]}})


async def seed(url: str) -> None:
    await migrate(url)
    async with a_shop(url) as shop:
        await shop.stock(
            **{code: {sku: 1 + (n * 7 + i * 3) % 20 for n, sku in enumerate(SKUS)} for i, code in enumerate(LOCATIONS)}
        )
        await shop.world.database.run(text("ANALYZE"))


# ── Strawberry and SQLModel ──


@strawberry.type
class Location:
    code: str
    name: str


@strawberry.type
class LocationAvailability:
    code: strawberry.Private[str]
    status: strawberry.enum(AvailabilityStatus)  # type: ignore[valid-type]
    quantity: int

    @strawberry.field
    async def location(self, info: strawberry.Info) -> Location:
        location: Location = await info.context["locations"].load(self.code)
        return location


@strawberry.type
class Availability:
    sku: str
    status: strawberry.enum(AvailabilityStatus)  # type: ignore[valid-type]
    quantity: int
    locations: list[LocationAvailability]


@strawberry.type
class Query:
    @strawberry.field
    async def availability(self, info: strawberry.Info, skus: list[str]) -> list[Availability | None]:
        async with AsyncSession(info.context["engine"]) as session:
            sold = select(VariantRow, ProductRow).join(ProductRow).where(col(VariantRow.sku).in_(skus))
            variants = {variant.sku: product for variant, product in await session.exec(sold)}
            levels: dict[str, list[StockLevelRow]] = {sku: [] for sku in variants}
            for level in await session.exec(select(StockLevelRow).where(col(StockLevelRow.sku).in_(variants))):
                levels[level.sku].append(level)
        return [answer(sku, variants[sku], levels[sku]) if sku in variants else None for sku in skus]


def answer(sku: str, product: ProductRow, levels: Iterable[StockLevelRow]) -> Availability:
    if product.status != "ACTIVE":
        return Availability(sku=sku, status=AvailabilityStatus.NOT_SELLABLE, quantity=0, locations=[])
    free = {level.location_code: units for level in levels if (units := free_units(level)) > 0}
    places = [
        LocationAvailability(code=code, status=status(units), quantity=units)
        for code, units in sorted(free.items(), key=lambda place: (-place[1], place[0]))
    ]
    quantity = sum(free.values())
    return Availability(sku=sku, status=status(quantity), quantity=quantity, locations=places)


def status(units: int) -> AvailabilityStatus:
    if units <= 0:
        return AvailabilityStatus.OUT_OF_STOCK
    return AvailabilityStatus.LOW_STOCK if units <= LOW_STOCK_THRESHOLD else AvailabilityStatus.IN_STOCK


def free_units(level: StockLevelRow) -> int:
    kept_back = level.damaged + level.inspection + level.safety_stock
    return level.on_hand - level.allocated - level.reserved - kept_back


class StockGraphQL(CarefulGraphQL):
    def __init__(self, url: str) -> None:
        super().__init__(strawberry.Schema(Query, extensions=CACHES))
        self._engine = create_async_engine(async_url(url), pool_size=POOL_SIZE, max_overflow=0)

    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        return {"engine": self._engine, "locations": DataLoader(self._locations)}

    async def _locations(self, codes: Sequence[str]) -> list[StockLocationRow]:
        async with AsyncSession(self._engine) as session:
            found = await session.exec(select(StockLocationRow).where(col(StockLocationRow.code).in_(codes)))
            locations = {location.code: location for location in found}
        return [locations[code] for code in codes]


def by_strawberry() -> Application:
    return StockGraphQL(read_settings().database_url)


# ── The floor ──

STATEMENT = """
SELECT level.sku, location.code, location.name,
       on_hand - allocated - reserved - damaged - inspection - safety_stock AS quantity
FROM stock_levels AS level
JOIN stock_locations AS location ON location.code = level.location_code
JOIN variants AS variant ON variant.sku = level.sku
JOIN products AS product ON product.code = variant.product_code
WHERE level.sku = ANY ($1) AND location.active AND product.status = 'ACTIVE'
ORDER BY level.sku, quantity DESC, location.code
"""


def bare() -> Application:
    async def nothing(_connection: object) -> None:
        """No session has any state to be reset."""

    url = read_settings().database_url
    pool = asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE, reset=nothing)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http", "It has nothing to start or to stop."
        await pool  # Opened with the first request.
        skus = orjson.loads(await whole(receive))["variables"]["skus"]
        rows = await pool.fetch(STATEMENT, skus)
        answers = {sku: described(sku, list(places)) for sku, places in groupby(rows, itemgetter(0))}
        body = orjson.dumps({"data": {"availability": [answers.get(sku) for sku in skus]}})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


async def whole(receive: Any) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    return body


def described(sku: str, rows: Sequence[Any]) -> dict[str, Any]:
    places = [
        {"location": {"code": code, "name": name}, "status": status(units).value, "quantity": units}
        for _, code, name, units in rows
    ]
    quantity = sum(place["quantity"] for place in places)
    return {"sku": sku, "status": status(quantity).value, "quantity": quantity, "locations": places}


# ── Both pages ──


async def measure(ways: dict[str, Any], skus: int) -> None:
    asked = request(skus)
    answers = []
    for server in ways.values():
        async with calling(server, asked) as callers:
            answers.append(orjson.loads(await callers.answer()))
    assert all(each == answers[0] for each in answers), "All ways must give the same answer."
    show(
        f"{skus} SKUs x {len(LOCATIONS)} locations", await asked_in_turn(ways, asked, ROUNDS), floor=FLOOR, usual=USUAL
    )


def main() -> None:
    print(versions("strawberry-graphql", "sqlmodel", "sqlalchemy", "asyncpg", "orjson", "uvicorn", "uvloop"))
    with ExitStack() as stack:
        url = stack.enter_context(postgres())
        asyncio.run(seed(url))
        served: dict[str, Callable[[], Application]] = {
            FLOOR: bare,
            "Orderloom": from_environment,
            USUAL: by_strawberry,
        }
        ways = {name: stack.enter_context(serving(each, database_url=url, **OURS)) for name, each in served.items()}
        for skus in (20, 200):
            uvloop.run(measure(ways, skus))


if __name__ == "__main__":
    main()
