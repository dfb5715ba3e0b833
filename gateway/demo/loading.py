"""Loading the demo: the retailer as its files describe it, then some weeks of trade."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.access import SYSTEM
from domain.catalog.model import PRODUCTS_PER_IMPORT_MAX
from domain.catalog.service import import_products, save_categories, save_channel
from domain.clock import SetClock
from domain.inventory.model import InboundSupply, Movement, StockCounter, StockMovementReason
from domain.inventory.service import save_stock_location
from domain.promising.service import save_shipping_method
from domain.world import Reads, UnitOfWork
from gateway.demo.past import Past
from gateway.settings import Settings
from gateway.wiring import MADE_BY_DEMO, Process, wire
from persistence.database import Database, alone
from persistence.demo.demand import midnight
from persistence.demo.retailer import Retailer, retailer
from persistence.demo.stock import StockCount
from persistence.tables import metadata
from persistence.tables.availability import REVISIONS, VIEWS
from persistence.tables.catalog import GENERATION
from persistence.tables.log import FACTS

T = TypeVar("T")

# What is being done, and how much of it is: 0 to 1.
Progress = Callable[[str, float], None]

# Whom the tokens that a local server prints are for: a customer with orders, and the store that has most of the work.
CUSTOMER = "cus_demo_001"
LOCATION = "milano-torino"

# Tables with rows that migrations made, and that no database is without.
FROM_THE_BEGINNING = (FACTS, GENERATION, VIEWS, REVISIONS)

SEED = 7
DAYS = 28
_LOADING = "loading"


class HoldsOtherData(Exception):  # noqa: N818
    """The database is in use for something else than the demo; the text says what to do."""


def _silent(_what: str, _share: float) -> None:
    """Progress that nobody watches."""


async def load_demo(
    settings: Settings,
    *,
    progress: Progress = _silent,
    today: date | None = None,
    days: int = DAYS,
    orders_per_day: int | None = None,
    seed: int = SEED,
) -> bool:
    """Load the demo into a migrated, empty database; False where it is there already.

    today: the past ends at the midnight that begins it, in Rome. days: how long a past. orders_per_day: on an ordinary
    day; None is as the demand's file says. All of them and the seed alike, the same orders come of it.
    Raises HoldsOtherData.
    """
    today = today or datetime.now(UTC).date()
    past = [today - timedelta(days=days - n) for n in range(days)]
    clock = SetClock(midnight(today) - timedelta(days=days + 1))
    # One process writes, and nobody listens; the database takes test payments by the time it is served.
    by_itself = settings.model_copy(update={"redis_url": None, "test_payments": True})
    randomness = Random(f"demo/{seed}/{today}").randbytes  # noqa: S311  (the demo's ids are no secret)
    async with alone(settings.database_url):
        process = await wire(by_itself, clock=clock, randomness=randomness, is_alone=True)
        try:
            if not await _begin(process):
                return False
            shop = retailer(today, seed)
            await _load_retailer(process, shop, progress)
            await Past(process, clock, shop, past, seed=seed, orders_per_day=orders_per_day).make(progress)
            await _mark(process.world.database, f"{today} {seed}")
        finally:
            await process.close()
    return True


# ── Once, and into nothing else ──


async def _begin(process: Process) -> bool:
    """Mark the database as being loaded; False where it was loaded before. Raises HoldsOtherData.

    What a loading left that was cut short is cleared away: nothing else was there when it began.
    """
    database = process.world.database
    insert = sqlite.insert if database.is_sqlite else postgresql.insert
    row = {"name": MADE_BY_DEMO, "value": _LOADING}
    if await database.run(insert(FACTS).values(row).on_conflict_do_nothing()) == 0:
        (found,) = await database.fetch(select(FACTS.c.value).where(FACTS.c.name == MADE_BY_DEMO))
        if found.value == _LOADING:
            await _clear(database)
            return True
        return False
    if await _is_in_use(process.world.reads):
        await database.run(delete(FACTS).where(FACTS.c.name == MADE_BY_DEMO))
        raise HoldsOtherData(
            "This database holds other data. The demo is loaded into an empty one: point ORDERLOOM_DATABASE_URL, or "
            "ORDERLOOM_DATA_DIR, elsewhere."
        )
    return True


async def _is_in_use(reads: Reads) -> bool:
    return bool(
        await reads.log.end()
        or await reads.catalog.channels()
        or await reads.catalog.categories()
        or await reads.promising.shipping_methods()
    )


async def _clear(database: Database) -> None:
    async with database.transaction() as transaction:
        for table in reversed(metadata.sorted_tables):
            if table not in FROM_THE_BEGINNING:
                await transaction.run(delete(table))


async def _mark(database: Database, value: str) -> None:
    await database.run(update(FACTS).where(FACTS.c.name == MADE_BY_DEMO).values(value=value))


# ── The retailer ──


async def _load_retailer(process: Process, shop: Retailer, progress: Progress) -> None:
    progress("The retailer", 0)
    async with process.world.work() as work:
        for channel in shop.channels:
            await save_channel(work, channel, SYSTEM)
        await save_categories(work, shop.categories, SYSTEM)
        for products in _chunks(shop.products, PRODUCTS_PER_IMPORT_MAX):
            await import_products(work, products, SYSTEM)
        for location in shop.locations:
            await save_stock_location(work, location, SYSTEM)
        for method in shop.shipping_methods:
            await save_shipping_method(work, method)
        await work.customers.add(shop.customers, {})
    progress("The retailer", 0.5)
    async with process.world.work() as work:
        await _count_stock(work, shop.stock)
        await work.supply.open(shop.supply)
        await work.inventory.move(_on_the_road(shop.supply, work.clock.now()))
    progress("The retailer", 1)


async def _count_stock(work: UnitOfWork, counts: Sequence[StockCount]) -> None:
    """The first count of every shelf, and what each store keeps back."""
    at = work.clock.now()
    await work.inventory.open_levels([(count.sku, count.location) for count in counts], at)
    await work.inventory.move([movement for count in counts for movement in _movements(count, at)])
    await work.inventory.set_bins({(count.sku, count.location): count.bin for count in counts})


def _movements(count: StockCount, at: datetime) -> Iterator[Movement]:
    counters = {StockCounter.ON_HAND: count.on_hand, StockCounter.SAFETY_STOCK: count.safety_stock}
    for counter, units in counters.items():
        if units:
            yield Movement(
                sku=count.sku,
                location=count.location,
                counter=counter,
                delta=units,
                reason=StockMovementReason.COUNT,
                reference="Opening count",
                actor=SYSTEM.actor,
                at=at,
            )


def _on_the_road(supply: Sequence[InboundSupply], at: datetime) -> list[Movement]:
    """The departures of transfers, of units that stood at their origins when they were counted."""
    return [
        Movement(
            sku=each.sku,
            location=each.origin,
            counter=StockCounter.ON_HAND,
            delta=units,
            reason=reason,
            reference=each.reference,
            actor=SYSTEM.actor,
            at=at,
        )
        for each in supply
        if each.left_a_place and each.origin
        for reason, units in (
            (StockMovementReason.COUNT, each.ordered),
            (StockMovementReason.TRANSFER_OUT, -each.ordered),
        )
    ]


def _chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]
