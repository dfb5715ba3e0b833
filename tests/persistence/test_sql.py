"""Looking up by many keys: found by an index on SQLite, too, however the condition is combined with others."""

import pytest
from sqlalchemy import literal, select
from sqlalchemy.dialects import sqlite

from persistence.availability import _STOCK
from persistence.database import Database
from persistence.sql import among
from persistence.tables.inventory import LEVELS

KEYS = ["A", "B"]
LOOK_UPS = {
    "alone": select(LEVELS).where(among(LEVELS.c.sku, KEYS)),
    "with another": select(LEVELS).where(among(LEVELS.c.sku, KEYS), LEVELS.c.on_hand > 0),
    "two of them": select(LEVELS).where(among(LEVELS.c.sku, KEYS), among(LEVELS.c.location_code, KEYS)),
}


@pytest.fixture
async def database(migrated_database_url):
    opened = Database(migrated_database_url)
    yield opened
    await opened.close()


async def _plan(database: Database, statement) -> list[str]:
    compiled = statement.compile(dialect=sqlite.dialect())
    async with database.reader.connect() as connection:
        values = tuple("[]" for _ in compiled.positiontup)
        return [row[-1] for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)]


@pytest.mark.parametrize("migrated_database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", LOOK_UPS)
async def test_rows_among_keys_are_searched_not_scanned_for(database, how):
    plan = await _plan(database, LOOK_UPS[how])

    assert any(step.startswith("SEARCH stock_levels USING INDEX") for step in plan), plan


@pytest.mark.parametrize("migrated_database_url", ["sqlite"], indirect=True)
async def test_what_availability_reads_is_searched_for_by_sku(database):
    plan = await _plan(database, _STOCK)

    for table in ("stock_levels", "inbound_supply", "stock_reservations"):
        assert any(step.startswith(f"SEARCH {table} USING INDEX") for step in plan), plan


@pytest.mark.parametrize(("values", "found"), [(KEYS, False), (["C"], True), ([], True)])
async def test_what_is_not_among_the_keys_can_be_asked_for(database, values, found):
    ((is_not,),) = await database.fetch(select(~among(literal("A"), values)))

    assert bool(is_not) is found
