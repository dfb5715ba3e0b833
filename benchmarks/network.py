"""Availability through a view over a network of 50 places, while 200 stock changes a second arrive.

BENCH_SKUS are counted at every place, on SQLite and on PostgreSQL; where it is measured in earnest, BENCH_SKUS=20000
BENCH_DATABASES=sqlite and BENCH_SKUS=100000 BENCH_DATABASES=postgresql. Orderloom is the application as it is served,
one process, asked anonymously in a channel that sells through a view: it counts warehouses and stores with a tag,
stores whose counts are accurate only, keeps units back there, and counts dated supply. The floor is Starlette and the
driver: the levels read by one statement, grouped, and as many figures written by orjson; no view and no GraphQL.

A process of its own changes stock through the service, WRITES_PER_S times a second by the clock whoever is late. With
each of its transactions it counts one SKU higher and tells the number once that is committed; every request asks for
that SKU, so each answer says whether it is older than what was committed before it was asked. Callers, server, writer
and database share the machine: compare ratios within a run.
"""

import asyncio
import multiprocessing
import os
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import aiosqlite
import asyncpg
import orjson
import uvloop
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks._measuring import CALLERS, Application, Server, calling, posted, postgres, serving, versions
from domain.access import SYSTEM
from domain.availability.views import KeepBackRule, LocationRule, StoreRule, SupplyRule
from domain.inventory.model import (
    AdjustableCounter,
    AdjustmentReason,
    AdjustStock,
    InboundSupplyKind,
    SaveInboundSupply,
    StockChange,
    StockLocationKind,
)
from domain.inventory.service import adjust_stock
from domain.inventory.supply import save_inbound_supply
from gateway.app import from_environment
from gateway.settings import Settings, read_settings
from gateway.wiring import wire
from persistence.database import POOL_SIZE, SQLITE_READERS
from persistence.migrating import migrate
from tests.factories import a_location, a_product
from tests.shop import SECRET, Shop, a_shop

SKUS = [f"SKU-{1_000_000 + i}" for i in range(int(os.environ.get("BENCH_SKUS", "2000")))]
DATABASES = os.environ.get("BENCH_DATABASES", "sqlite postgresql").split()
PLACES = [f"place-{100 + i}" for i in range(50)]
SOLD_MOST = 5  # One in so many SKUs is among those that sell most.
REQUESTS = 200  # Different ones.

ASKED_FOR = 20, 200
ROUNDS = 5
ROUND_S = 2.0
WARM_S = 3.0  # Caches are filled, and connections to the database made.
WRITES_PER_S, WRITES_AT_ONCE = 200, 40
SAVED_AT_ONCE = 1_000
LEVELS_AT_ONCE = 10_000  # SKUs whose levels are made in one transaction.
MARKED, MARKED_AT = SKUS[0], PLACES[1]  # A warehouse at which the view keeps nothing back.
MARKED_UNITS = 1_000  # More than anything else has, so that its place is the first.

DOCUMENT = """query Stock($skus: [String!]!) {
  availability(skus: $skus, channel: "web") {
    sku status quantity nextAvailableOn future { on quantity }
    locations { location { code name } status quantity } } }"""
OURS = {"secret_key": SECRET, "request_rate": "1000000/second", "log_level": "warning"}
FLOOR = "Starlette and the driver"


# ── What there is ──


def kind_of(place: int) -> StockLocationKind:
    if place < 10:
        return StockLocationKind.WAREHOUSE
    return StockLocationKind.STORE if place < 48 else StockLocationKind.SUPPLIER


async def seed(url: str) -> None:
    await migrate(url)
    async with a_shop(url) as shop:
        shop.clock.set(datetime.now(UTC))  # Supply is due, and a view is in force, as a server's own clock has it.
        await shop.stock()  # A channel.
        async with shop.world.work() as work:
            for place, code in enumerate(PLACES):
                tags = ("web",) if place % 3 else ("web", "flagship")
                accuracy = 0.85 if place % 20 == 15 else 0.97
                location = a_location(code, kind=kind_of(place), tags=tags, stock_accuracy=accuracy)
                await work.inventory.save_location(location)
        for start in range(0, len(SKUS), SAVED_AT_ONCE):
            async with shop.world.work() as work:
                products = [a_product(sku) for sku in SKUS[start : start + SAVED_AT_ONCE]]
                await work.catalog.import_products(products, shop.clock.now())
        await fill(shop)
        await expect(shop)
        stores = (StockLocationKind.STORE,)
        await shop.sell_through(
            locations=LocationRule(kinds=(StockLocationKind.WAREHOUSE, StockLocationKind.STORE), tags=("web",)),
            store=StoreRule(min_stock_accuracy=0.9),
            keep_back=(
                KeepBackRule(reason="on display", units=1, kinds=stores),
                KeepBackRule(reason="for walk-in customers", percent=10, kinds=stores, location_tags=("flagship",)),
            ),
            supply=SupplyRule(in_transit=True, on_order=True, horizon_days=30),
        )
        await shop.world.database.run(text("ANALYZE"))


FILL = text("""
INSERT INTO stock_levels
    (sku, location_code, on_hand, allocated, reserved, damaged, inspection, safety_stock, updated_at)
SELECT sku, code, units, CASE WHEN units > 4 THEN 1 ELSE 0 END, 0, 0, 0, CASE WHEN units > 9 THEN 1 ELSE 0 END,
       CURRENT_TIMESTAMP
FROM (SELECT variants.sku, code,
             (CAST(substr(variants.sku, 5) AS integer) * 7 + CAST(substr(code, 7) AS integer) * 13) % 23 AS units
      FROM variants CROSS JOIN stock_locations
      WHERE variants.sku BETWEEN :first AND :last AND NOT (variants.sku = :marked AND code = :marked_at)) AS made
""")


async def fill(shop: Shop) -> None:
    """Every level but the marked one, straight into the table: nothing here reads the ledger beside it."""
    marked = {"marked": MARKED, "marked_at": MARKED_AT}
    for start in range(0, len(SKUS), LEVELS_AT_ONCE):
        some = SKUS[start : start + LEVELS_AT_ONCE]
        await shop.world.database.run(FILL, {"first": some[0], "last": some[-1], **marked})


async def expect(shop: Shop) -> None:
    """Every fourth SKU is due at a warehouse; some of it later than the view looks ahead."""
    lines = [
        SaveInboundSupply(
            reference=f"PO-{number}",
            kind=InboundSupplyKind.PURCHASE_ORDER,
            sku=sku,
            destination=PLACES[number % 10],
            quantity=40,
            expected_at=shop.clock.now() + timedelta(days=1 + number % 40),
        )
        for number, sku in enumerate(SKUS[1::4])
    ]
    for start in range(0, len(lines), SAVED_AT_ONCE):
        async with shop.world.work() as work:
            await save_inbound_supply(work, lines[start : start + SAVED_AT_ONCE], SYSTEM)


# ── The floor ──

LEVELS = """
SELECT level.sku, location.code, location.name,
       on_hand - allocated - reserved - damaged - inspection - safety_stock AS quantity
FROM stock_levels AS level JOIN stock_locations AS location ON location.code = level.location_code
WHERE level.sku {}
ORDER BY level.sku, quantity DESC, location.code
"""
FROM_POSTGRES = LEVELS.format("= ANY ($1)")
FROM_SQLITE = LEVELS.format("IN (SELECT value FROM json_each(?))")


def bare() -> Application:
    url = read_settings().database_url
    opened = reading_postgres if url.startswith("postgresql") else reading_sqlite
    levels: Any = None

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        nonlocal levels
        async with opened(url) as levels:
            yield

    async def answer(request: Request) -> Response:
        skus = orjson.loads(await request.body())["variables"]["skus"]
        found = {sku: described(sku, list(rows)) for sku, rows in groupby(await levels(skus), key=itemgetter(0))}
        body = orjson.dumps({"data": {"availability": [found.get(sku) for sku in skus]}})
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])], lifespan=lifespan)


def described(sku: str, rows: Sequence[Any]) -> dict[str, Any]:
    quantity = sum(units for _, _, _, units in rows if units > 0)
    places = [
        {"location": {"code": code, "name": name}, "status": "IN_STOCK", "quantity": units}
        for _, code, name, units in rows[:10]
        if units > 0
    ]
    shown = {"sku": sku, "status": "IN_STOCK", "quantity": quantity, "nextAvailableOn": None, "future": []}
    return {**shown, "locations": places}


@asynccontextmanager
async def reading_postgres(url: str) -> AsyncIterator[Callable[[Sequence[str]], Any]]:
    async def nothing(_connection: object) -> None:
        """No session has any state to be reset."""

    async with asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE, reset=nothing) as pool:
        yield lambda skus: pool.fetch(FROM_POSTGRES, skus)


@asynccontextmanager
async def reading_sqlite(url: str) -> AsyncIterator[Callable[[Sequence[str]], Any]]:
    free: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
    for _ in range(SQLITE_READERS):
        free.put_nowait(await aiosqlite.connect(url.removeprefix("sqlite:///")))

    async def levels(skus: Sequence[str]) -> Any:
        connection = await free.get()
        try:
            return await connection.execute_fetchall(FROM_SQLITE, [orjson.dumps(skus).decode()])
        finally:
            free.put_nowait(connection)

    yield levels
    while not free.empty():
        await free.get_nowait().close()


# ── Stock changes ──


@dataclass(slots=True)
class Told:
    """What the writer's process tells the others.

    committed: the number of its last transaction that is committed. late_ms: how long after its time one was, at worst.
    """

    committed: Any
    late_ms: Any


@contextmanager
def writing(url: str) -> Iterator[Told]:
    processes = multiprocessing.get_context("spawn")
    told = Told(processes.Value("q", 0), processes.Value("d", 0.0))
    process = processes.Process(target=write, args=(url, told), daemon=True)
    process.start()
    try:
        while not told.committed.value:
            assert process.is_alive(), "The writer did not begin."
            time.sleep(0.05)
        yield told
        assert process.is_alive(), "The writer ended early."
    finally:
        process.kill()
        process.join()


def write(url: str, told: Told) -> None:
    uvloop.run(keep_writing(url, told))


async def keep_writing(url: str, told: Told) -> None:
    """A transaction at a time, each when it is due, however late the one before was."""
    process = await wire(Settings(database_url=url, secret_key=SECRET))
    random, began = Random(0), time.perf_counter()
    for number in count(1):
        due = began + number * WRITES_AT_ONCE / WRITES_PER_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        command = AdjustStock(idempotency_key=f"{os.getpid()}-{number}", changes=changes(number, random))
        async with process.world.work() as work:
            await adjust_stock(work, command, SYSTEM)
        told.committed.value = number
        told.late_ms.value = max(told.late_ms.value, (time.perf_counter() - due) * 1e3)


def changes(number: int, random: Random) -> tuple[StockChange, ...]:
    counted = StockChange(
        sku=MARKED,
        location=MARKED_AT,
        counter=AdjustableCounter.ON_HAND,
        reason=AdjustmentReason.COUNT,
        set_to=MARKED_UNITS + number,
    )
    received = replace(counted, reason=AdjustmentReason.RECEIPT, set_to=None, delta=1)
    others = range(WRITES_AT_ONCE - 1)
    return counted, *(replace(received, sku=random.choice(SKUS[1:]), location=random.choice(PLACES)) for _ in others)


# ── Callers ──


def requests(skus: int) -> list[bytes]:
    """For the marked SKU and others; half of these are of the fifth of the catalog that sells most."""
    random, most = Random(skus), SKUS[1::SOLD_MOST]
    asked = []
    for _ in range(REQUESTS):
        others = dict.fromkeys([*random.sample(most, skus // 2), *random.sample(SKUS[1:], skus)])
        asked.append(posted({"query": DOCUMENT, "variables": {"skus": [MARKED, *others][:skus]}}))
    return asked


# The marked SKU is the first of the answer, and its marked place the first of its places.
FIGURE = re.compile(rb'"code":"%s","name":"[^"]*"},"status":"IN_STOCK","quantity":(\d+)' % MARKED_AT.encode())


class Watching:
    """How long each answer took, and by how many transactions the oldest was behind what was committed before."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.took_ms: list[float] = []
        self.behind = 0

    def asked(self) -> tuple[int, float]:
        return self._told.committed.value, time.perf_counter()

    def answered(self, asked: tuple[int, float], body: bytes) -> None:
        committed, began = asked
        self.took_ms.append((time.perf_counter() - began) * 1e3)
        figure = FIGURE.search(body)
        assert figure, body[:1_000]
        self.behind = max(self.behind, committed - (int(figure[1]) - MARKED_UNITS))


# ── The page ──


@dataclass
class Measured:
    """One way, round by round: kept busy, and asked by one caller alone."""

    busy: Watching
    alone: Watching
    cpu_ms: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)


async def measure(ways: Mapping[str, Server], skus: int, told: Told) -> dict[str, Measured]:
    """The ways are asked in turn, round by round."""
    asked = requests(skus)
    found = {name: Measured(Watching(told), Watching(told)) for name in ways}
    for server in ways.values():
        async with calling(server, *asked) as callers:
            await callers.answered_within(WARM_S)
    for _ in range(ROUNDS):
        for name, server in ways.items():
            each = found[name]
            async with calling(server, *asked, watch=each.busy) as callers:
                cpu_s, began = server.cpu_s, time.perf_counter()
                answered = await callers.answered_within(ROUND_S)
                each.per_s.append(answered / (time.perf_counter() - began))
                each.cpu_ms.append((server.cpu_s - cpu_s) / answered * 1e3)
            async with calling(server, *asked, callers=1, watch=each.alone) as callers:
                await callers.answered_within(ROUND_S)
    return found


def show(title: str, found: Mapping[str, Measured]) -> None:
    """Medians of rounds; the share is the median of the rounds' own, percentiles are of all answers."""
    print(f"\n{title:<26}{'CPU ms':>8}{'of the floor':>14}{'requests/s':>12}{'of the floor':>14}", end="")
    print(f"{f'p50/p99 ms of {CALLERS}':>18}{'of one alone':>15}{'behind':>8}")
    floor = found[FLOOR]
    for name, each in found.items():
        over = statistics.median(one / other for one, other in zip(each.cpu_ms, floor.cpu_ms, strict=True))
        share = statistics.median(one / other for one, other in zip(each.per_s, floor.per_s, strict=True))
        cpu, rate = statistics.median(each.cpu_ms), statistics.median(each.per_s)
        print(f"  {name:<24}{cpu:>8.2f}{over:>13.2f}x{rate:>12.1f}{share:>14.0%}", end="")
        behind = max(each.busy.behind, each.alone.behind)
        print(f"{percentiles(each.busy):>18}{percentiles(each.alone):>15}{behind:>8}", flush=True)


def percentiles(watching: Watching) -> str:
    cuts = statistics.quantiles(watching.took_ms, n=100)
    return f"{cuts[49]:.1f} / {cuts[98]:.1f}"


def measure_on(name: str, url: str) -> None:
    began = time.perf_counter()
    asyncio.run(seed(url))
    levels = len(SKUS) * len(PLACES)
    print(f"\n{name}: {len(SKUS):,} SKUs x {len(PLACES)} places, {levels:,} levels", end="")
    print(f" (made in {time.perf_counter() - began:.0f} s), {WRITES_PER_S} changes a second", flush=True)
    served: dict[str, Callable[[], Application]] = {FLOOR: bare, "Orderloom": from_environment}
    with ExitStack() as stack:
        ways = {way: stack.enter_context(serving(each, database_url=url, **OURS)) for way, each in served.items()}
        told = stack.enter_context(writing(url))
        began, before = time.perf_counter(), told.committed.value
        for skus in ASKED_FOR:
            show(f"{skus} SKUs", uvloop.run(measure(ways, skus, told)))
        written = (told.committed.value - before) * WRITES_AT_ONCE / (time.perf_counter() - began)
        print(f"\n  written: {written:.0f} changes a second, the latest {told.late_ms.value:.0f} ms after its time")
        print("  most memory:", ", ".join(f"{way} {server.most_memory_mb:.0f} MB" for way, server in ways.items()))


def main() -> None:
    print(
        versions("starlette", "strawberry-graphql", "sqlalchemy", "asyncpg", "aiosqlite", "orjson", "uvicorn", "uvloop")
    )
    if "sqlite" in DATABASES:
        with tempfile.TemporaryDirectory() as folder:
            measure_on("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}")
    if "postgresql" in DATABASES:
        with postgres() as url:
            measure_on("PostgreSQL", url)


if __name__ == "__main__":
    main()
