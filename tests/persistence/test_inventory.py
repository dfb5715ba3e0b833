"""Stock is kept: locations come back as they went in, and levels are always the sums of their movements."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import func, insert, select

from domain.calendar import OpeningHours, Weekday
from domain.errors import Refused
from domain.inventory.model import (
    LocationCapability,
    LocationFilter,
    Movement,
    StockCounter,
    StockLocation,
    StockLocationKind,
    StockMovementReason,
)
from domain.money import Money
from domain.paging import Page
from domain.places import Address, GeoPoint
from persistence.database import Database
from persistence.holidays import PublicHolidays
from persistence.inventory import SqlInventory
from persistence.tables.catalog import ProductRow, VariantRow
from persistence.tables.inventory import StockMovementRow

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
STORE = StockLocation(
    code="store-milan",
    name="Milan, Brera",
    kind=StockLocationKind.STORE,
    address=Address(line1="Via Solferino 1", city="Milano", country="IT", point=GeoPoint(45.4741, 9.1874)),
    timezone="Europe/Rome",
    capabilities=frozenset({LocationCapability.PICKUP, LocationCapability.SHIP}),
    tags=("city", "flagship"),
    opening_hours=(
        OpeningHours(Weekday.MONDAY, time(9, 30), time(13)),
        OpeningHours(Weekday.MONDAY, time(15), time(19, 30)),
    ),
    closures=(date(2026, 8, 15),),
    holidays=PublicHolidays("IT-MI"),
    cutoff=time(14, 30),
    processing_minutes=120,
    daily_capacity=80,
    handling_cost=Money(250, "EUR"),
    stock_accuracy=0.93,
)
WAREHOUSE = StockLocation(
    code="wh-lyon",
    name="Lyon",
    kind=StockLocationKind.WAREHOUSE,
    address=Address(line1="Rue du Port 7", city="Lyon", country="FR"),
    timezone="Europe/Paris",
    capabilities=frozenset({LocationCapability.SHIP}),
)


@pytest.fixture
async def database(migrated_database_url) -> AsyncIterator[Database]:
    """Two locations and the SKUs A, B and C, of which nothing is in stock."""
    database = Database(migrated_database_url)
    async with database.transaction() as transaction:
        await transaction.run(insert(ProductRow), [_product_row()])
        await transaction.run(insert(VariantRow), [_variant_row(sku, i) for i, sku in enumerate("ABC")])
        for location in (WAREHOUSE, STORE):
            await SqlInventory(transaction).save_location(location)
    yield database
    await database.close()


def moved(sku: str, delta: int, counter: StockCounter = StockCounter.ON_HAND, *, location: str = "wh-lyon") -> Movement:
    return Movement(
        sku=sku,
        location=location,
        counter=counter,
        delta=delta,
        reason=StockMovementReason.ADJUSTMENT,
        actor="tests",
        at=NOW,
        reference="count 7",
    )


async def move(database: Database, *movements: Movement) -> None:
    async with database.transaction() as transaction:
        inventory = SqlInventory(transaction)
        await inventory.lock_levels({movement.key for movement in movements})
        await inventory.move(movements)


async def test_a_location_comes_back_as_it_was_saved_and_saving_again_replaces_it(database):
    inventory = SqlInventory(database)

    assert await inventory.locations() == [STORE, WAREHOUSE]

    await inventory.save_location(WAREHOUSE)
    assert await inventory.locations_by_code(["wh-lyon", "nowhere"]) == {"wh-lyon": WAREHOUSE}


async def test_locations_that_pass_a_filter_are_listed_by_code(database):
    inventory = SqlInventory(database)
    await inventory.save_location(replace(STORE, code="store-gone", active=False))
    await inventory.save_location(replace(STORE, code="store-asti"))

    passing = await inventory.locations_passing(LocationFilter(capabilities=(LocationCapability.PICKUP,)))

    assert [location.code for location in passing] == ["store-asti", "store-milan"]


async def test_levels_are_the_sums_of_their_movements(database):
    await move(database, moved("A", 5), moved("A", 4), moved("A", 3, StockCounter.ALLOCATED), moved("B", 1))
    await move(database, moved("A", -2), moved("A", -3, StockCounter.ALLOCATED), moved("A", 2, location="store-milan"))

    levels = await SqlInventory(database).levels_by_sku(["A", "B", "C"])

    assert [(level.location, level.on_hand, level.allocated) for level in levels["A"]] == [
        ("store-milan", 2, 0),
        ("wh-lyon", 7, 0),
    ]
    assert [(level.on_hand, level.updated_at) for level in levels["B"]] == [(1, NOW)]
    assert "C" not in levels
    ((movements,),) = await database.fetch(select(func.count()).select_from(StockMovementRow))
    assert movements == 7


async def test_moving_many_levels_takes_as_many_statements_as_moving_one(database):
    async with database.transaction() as transaction:
        counted = _CountingStatements(transaction)
        await SqlInventory(counted).move([moved("A", 1)])
        for_one, counted.count = counted.count, 0
        await SqlInventory(counted).move([moved(sku, 1) for sku in "ABC" for _ in range(300)])

    assert (for_one, counted.count) == (3, 3)


async def test_a_counter_that_would_fall_below_zero_moves_nothing(database):
    await move(database, moved("A", 1))

    with pytest.raises(Exception, match=r"ck_stock_levels_on_hand"):
        await move(database, moved("B", 9), moved("A", -2))

    levels = await SqlInventory(database).levels_by_key([("A", "wh-lyon"), ("B", "wh-lyon")])
    assert [(key, level.on_hand) for key, level in levels.items()] == [(("A", "wh-lyon"), 1)]


async def test_those_who_count_a_level_at_once_count_it_one_after_the_other_be_it_new_or_not(database):
    async def count(units: int) -> None:
        async with database.transaction() as transaction:
            inventory = SqlInventory(transaction)
            levels = await inventory.open_levels([("A", "wh-lyon")], NOW)
            await inventory.move([moved("A", units - levels["A", "wh-lyon"].on_hand)])

    await asyncio.gather(*(count(5) for _ in range(6)))
    await asyncio.gather(*(count(3) for _ in range(6)))

    (level,) = (await SqlInventory(database).levels_by_sku(["A"]))["A"]
    assert level.on_hand == 3


async def test_parallel_movements_of_the_same_levels_in_any_order_all_count(database):
    both = [moved("A", 1), moved("B", 1)]

    await asyncio.gather(*(move(database, *(both if turn % 2 else both[::-1])) for turn in range(16)))

    levels = await SqlInventory(database).levels_by_key([("A", "wh-lyon"), ("B", "wh-lyon")])
    assert [level.on_hand for level in levels.values()] == [16, 16]


async def test_locations_are_found_by_kind_country_tag_and_by_all_they_can_do(database):
    inventory = SqlInventory(database)
    await inventory.save_location(replace(WAREHOUSE, code="wh-closed", active=False))

    async def found(**asked):
        part = await inventory.locations_page(LocationFilter(**asked), Page())
        return [edge.node.code for edge in part.edges], await part.count()

    assert await found() == (["store-milan", "wh-lyon"], 2)
    assert await found(active_only=False) == (["store-milan", "wh-closed", "wh-lyon"], 3)
    assert await found(kinds=(StockLocationKind.WAREHOUSE,)) == (["wh-lyon"], 1)
    assert await found(countries=("IT", "DE")) == (["store-milan"], 1)
    assert await found(tags=("outlet", "flagship")) == (["store-milan"], 1)
    assert await found(capabilities=(LocationCapability.SHIP,)) == (["store-milan", "wh-lyon"], 2)
    assert await found(capabilities=(LocationCapability.SHIP, LocationCapability.PICKUP)) == (["store-milan"], 1)


async def test_pages_of_the_levels_of_many_locations_come_in_one_statement(database):
    await move(database, *(moved(sku, 1, location=place) for sku in "ABC" for place in ("wh-lyon", "store-milan")))
    counted = _CountingStatements(database)
    inventory = SqlInventory(counted)

    first = await inventory.levels_by_location(["wh-lyon", "store-milan", "nowhere"], Page(2))
    cursor = first["wh-lyon"].edges[-1].cursor
    second = await inventory.levels_by_location(["wh-lyon"], Page(2, after=cursor), skus=["A", "C"])

    assert counted.count == 2
    assert [[edge.node.sku for edge in first[place].edges] for place in first] == [["A", "B"], ["A", "B"], []]
    assert [(part.has_next, part.has_previous) for part in first.values()] == [
        (True, False),
        (True, False),
        (False, False),
    ]
    assert ([edge.node.sku for edge in second["wh-lyon"].edges], second["wh-lyon"].has_next) == (["C"], False)

    assert await asyncio.gather(*(part.count() for part in first.values())) == [3, 3, 0]
    assert counted.count == 3


async def test_a_level_tells_its_movements_newest_first_page_by_page(database):
    await move(
        database, moved("A", 1), moved("B", 9), moved("A", 2), moved("A", 3, location="store-milan"), moved("A", 4)
    )
    inventory = SqlInventory(database)
    key = ("A", "wh-lyon")

    newest = (await inventory.movements_by_key([key], Page(2)))[key]
    rest = (await inventory.movements_by_key([key], Page(2, after=newest.edges[-1].cursor)))[key]

    assert [edge.node.delta for edge in newest.edges] == [4, 2]
    assert [edge.node.delta for edge in rest.edges] == [1]
    assert (newest.has_next, rest.has_next) == (True, False)
    movement = newest.edges[0].node
    assert (movement.reason, movement.reference, movement.actor, movement.at) == (
        StockMovementReason.ADJUSTMENT,
        "count 7",
        "tests",
        NOW,
    )
    assert await inventory.movements_by_number([movement.number]) == {movement.number: movement}


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "WyJBIl0"])
async def test_a_cursor_of_another_list_is_refused(database, cursor):
    with pytest.raises(Refused) as refused:
        await SqlInventory(database).movements_by_key([("A", "wh-lyon")], Page(after=cursor))

    assert [problem.path for problem in refused.value.problems] == [("after",)]


async def test_a_level_says_where_its_goods_are_shelved(database):
    await move(database, moved("A", 1), moved("B", 1))
    inventory = SqlInventory(database)

    await inventory.set_bins({("A", "wh-lyon"): "R12-3", ("B", "wh-lyon"): "R1"})
    await inventory.set_bins({("B", "wh-lyon"): None})

    levels = await inventory.levels_by_key([("A", "wh-lyon"), ("B", "wh-lyon")])
    assert [level.bin for level in levels.values()] == ["R12-3", None]


async def test_keys_that_no_database_keeps_are_not_there(database):
    inventory = SqlInventory(database)

    assert await inventory.levels_by_key([("A\0", "wh-lyon")]) == {}
    assert await inventory.locations_by_code(["\ud800"]) == {}


class _CountingStatements:
    """Statements that are counted."""

    def __init__(self, inner):
        self.inner = inner
        self.count = 0

    @property
    def is_sqlite(self):
        return self.inner.is_sqlite

    async def fetch(self, statement, parameters=None):
        self.count += 1
        return await self.inner.fetch(statement, parameters)

    async def run(self, statement, parameters=None):
        self.count += 1
        return await self.inner.run(statement, parameters)


def _product_row():
    return {
        "code": "shirt",
        "names": {"en": "Shirt"},
        "descriptions": {},
        "tags": [],
        "attributes": {},
        "status": "ACTIVE",
        "search_text": "shirt",
        "created_at": NOW,
        "updated_at": NOW,
    }


def _variant_row(sku, position):
    return {
        "sku": sku,
        "product_code": "shirt",
        "position": position,
        "names": {},
        "options": [],
        "tax_class": "standard",
        "traits": [],
        "lead_time_days": 0,
    }
