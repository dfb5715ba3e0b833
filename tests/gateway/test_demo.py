"""The demo retailer loads once, into an empty database, with a past that the services themselves made."""

from datetime import date

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from domain.access import EVERY_ORDER, SYSTEM
from domain.catalog.service import save_channel
from domain.clock import SystemClock
from domain.events import EventKind
from domain.orders.model import OrderFilter, OrderSort
from domain.paging import PAGE_SIZE_MAX, Page
from gateway.demo import CUSTOMER, LOCATION, HoldsOtherData, load_demo
from gateway.settings import read_settings
from gateway.wiring import MADE_BY_DEMO, wire
from persistence.audit import audit
from persistence.database import Database
from persistence.demo.demand import Demand, midnight
from persistence.demo.retailer import retailer
from persistence.tables.log import EVENTS, FACTS, JOBS
from persistence.tables.orders import LINES, ORDERS
from tests.conftest import BOTH_DATABASES, _migrated
from tests.shop import SECRET

TODAY = date(2026, 6, 12)
SMALL = {"today": TODAY, "days": 3, "orders_per_day": 7}


EVERYTHING = (ORDERS, LINES, EVENTS, JOBS, FACTS)


@pytest.fixture(scope="module", params=BOTH_DATABASES)
def empty_url(request, tmp_path_factory):
    with _migrated(request, tmp_path_factory.mktemp("demo")) as url:
        yield url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo_url(empty_url):
    """A small demo, one for all that only look at it."""
    assert await load_demo(settings_for(empty_url), **SMALL)
    return empty_url


@pytest.fixture
async def demo(demo_url):
    database = Database(demo_url)
    yield database
    await database.close()


def settings_for(url: str):
    return read_settings(database_url=url, secret_key=SECRET)


async def orders_of(database: Database) -> list[tuple]:
    """Every line of every order, with whatever chance had a hand in."""
    statement = (
        select(ORDERS.c.id, ORDERS.c.number, ORDERS.c.placed_at, ORDERS.c.status, ORDERS.c.total_minor, LINES.c.sku)
        .join(LINES, LINES.c.order_id == ORDERS.c.id)
        .order_by(ORDERS.c.id, LINES.c.position)
    )
    return [tuple(row) for row in await database.fetch(statement)]


async def counts(database: Database) -> list[int]:
    return [(await database.fetch(select(func.count()).select_from(table)))[0][0] for table in EVERYTHING]


async def test_the_past_keeps_the_laws(demo):
    broken = [verdict async for verdict in audit(demo) if verdict.rows]

    assert broken == []


async def test_loading_the_demo_twice_changes_nothing(demo, demo_url):
    before = await counts(demo)

    is_new = await load_demo(settings_for(demo_url), **SMALL)

    assert not is_new
    assert await counts(demo) == before


async def test_the_same_day_gives_the_same_orders_on_either_database(demo, migrated_sqlite_file, tmp_path):
    file = tmp_path / "again.db"
    file.write_bytes(migrated_sqlite_file.read_bytes())
    await load_demo(settings_for(f"sqlite:///{file}"), **SMALL)
    again = Database(f"sqlite:///{file}")

    assert await orders_of(again) == await orders_of(demo)
    await again.close()


async def test_orders_go_all_the_way_and_end_before_the_day_begins(demo):
    kinds = {row.kind for row in await demo.fetch(select(EVENTS.c.kind))}
    (latest,) = await demo.fetch(select(func.max(EVENTS.c.at).label("at")))
    (orders,) = await demo.fetch(select(func.count(func.distinct(ORDERS.c.channel_code)).label("channels")))

    assert {
        EventKind.FULFILLMENT_ORDER_OPENED.value,
        EventKind.FULFILLMENT_ORDER_PICKED.value,
        EventKind.SHIPMENT_DISPATCHED.value,
        EventKind.SHIPMENT_TRACKED.value,
        EventKind.PAYMENT_CAPTURED.value,
    } <= kinds
    assert latest.at <= midnight(TODAY)
    assert orders.channels >= 3


async def test_nothing_that_was_due_is_left_undone(demo):
    due = await demo.fetch(select(JOBS.c.kind, JOBS.c.state).where(JOBS.c.run_at < midnight(TODAY)))

    assert due == []


async def test_the_tokens_of_a_local_server_are_for_somebody_there(demo_url):
    process = await wire(settings_for(demo_url), clock=SystemClock())

    customers = await process.world.reads.customers.by_id([CUSTOMER])
    locations = await process.world.reads.inventory.locations_by_code([LOCATION])
    await process.close()

    assert CUSTOMER in customers
    assert LOCATION in locations


async def test_test_payments_are_taken_where_the_demo_was_loaded(demo_url):
    process = await wire(settings_for(demo_url))
    provider = process.world.providers.named(None)
    await process.close()

    assert provider is not None
    assert provider.code == "test"


async def test_the_order_list_shows_the_newest_of_the_past(demo_url):
    process = await wire(settings_for(demo_url))
    page = Page(size=PAGE_SIZE_MAX)
    newest = await process.world.reads.orders.page(OrderFilter(), OrderSort.NEWEST, page, EVERY_ORDER)
    await process.close()

    instants = [edge.node.placed_at for edge in newest.edges]
    assert instants == sorted(instants, reverse=True)
    assert len(instants) >= 20


async def test_the_demo_does_not_mix_with_other_data(shop, migrated_database_url):
    async with shop.world.work() as work:
        await save_channel(work, retailer(TODAY).channels[0], SYSTEM)

    with pytest.raises(HoldsOtherData, match="other data"):
        await load_demo(settings_for(migrated_database_url), **SMALL)

    assert MADE_BY_DEMO not in [row.name for row in await shop.world.database.fetch(select(FACTS.c.name))]


async def test_a_demo_that_was_cut_short_is_loaded_anew(migrated_database_url):
    class StoppedError(Exception): ...

    def stop_half_way(what: str, _share: float) -> None:
        if what == "Weeks of orders":
            raise StoppedError

    with pytest.raises(StoppedError):
        await load_demo(settings_for(migrated_database_url), **SMALL, progress=stop_half_way)

    assert await load_demo(settings_for(migrated_database_url), **SMALL)
    assert not await load_demo(settings_for(migrated_database_url), **SMALL)


def test_four_weeks_of_demand_look_like_a_retailers():
    demand = Demand(retailer(TODAY), seed=7)
    sales = [sale for day in range(6, 34) for sale in demand.of_day(date.fromordinal(TODAY.toordinal() - day))]
    lines = [line for sale in sales for line in sale.command.lines]
    hours = [sale.at.hour for sale in sales]
    weekend = sum(sale.at.weekday() >= 5 for sale in sales)
    picked_up = [line for line in lines if line.fulfillment and line.fulfillment.pickup_location]

    assert {sale.command.channel for sale in sales} == {"web", "app", "pos", "call-center", "marketplace"}
    assert weekend / len(sales) > 2 / 7
    assert sum(hour >= 15 for hour in hours) > len(hours) / 2
    assert 0.1 < len(picked_up) / len(lines) < 0.25
    assert 0.3 < sum(sale.command.customer_id is not None for sale in sales) / len(sales) < 0.6
    assert any(not sale.is_paid_at_once for sale in sales)
