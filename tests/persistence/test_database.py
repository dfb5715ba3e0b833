"""Connections that are gone: the next read and the next transaction find others."""

import asyncio
from threading import Thread

import asyncpg
import pytest
from sqlalchemy import select, text

from persistence import database as module
from persistence.database import Database
from persistence.tables.catalog import GENERATION

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)]

READ = select(GENERATION.c.id)
END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def database(migrated_database_url):
    opened = Database(migrated_database_url)
    yield opened
    await opened.close()


async def _end_connections(url: str) -> None:
    """All but this one, and wait until they are gone."""
    connection = await asyncpg.connect(url)
    await connection.execute(END_OTHERS)
    await connection.close()


def _end_connections_unnoticed(url: str) -> None:
    """The same while this thread's loop stands still: nothing in it can have noticed."""
    thread = Thread(target=asyncio.run, args=(_end_connections(url),))
    thread.start()
    thread.join()


async def _reads(database: Database) -> list[list[tuple[int, ...]]]:
    """What the two ways of reading answer, on several connections at once."""
    reading = [way(READ) for way in (database.fetch, database.fetch_directly) for _ in range(4)]
    return [[tuple(row) for row in rows] for rows in await asyncio.gather(*reading)]


async def _in_a_transaction(database: Database) -> int:
    async with database.transaction() as transaction:
        ((found,),) = await transaction.fetch(text("SELECT 1"))
        return int(found)


async def test_connections_that_the_server_ended_are_replaced_before_they_are_used(database, migrated_database_url):
    await _reads(database)

    await _end_connections(migrated_database_url)
    assert await _in_a_transaction(database) == 1

    await _end_connections(migrated_database_url)
    assert await _reads(database) == [[(1,)]] * 8


@pytest.mark.parametrize("way", ["fetch", "fetch_directly"])
async def test_a_read_that_finds_its_connection_gone_is_tried_once_more(database, migrated_database_url, way):
    read = getattr(database, way)
    await read(READ)

    _end_connections_unnoticed(migrated_database_url)

    assert [tuple(row) for row in await read(READ)] == [(1,)]


async def test_a_transaction_asks_a_connection_that_was_quiet_whether_it_still_works(
    database, migrated_database_url, monkeypatch
):
    await _in_a_transaction(database)
    monkeypatch.setattr(module, "QUIET_S", -1)

    _end_connections_unnoticed(migrated_database_url)

    assert await _in_a_transaction(database) == 1


async def test_a_connection_that_was_quiet_and_still_works_is_used_again(database, monkeypatch):
    monkeypatch.setattr(module, "QUIET_S", -1)

    assert [await _in_a_transaction(database) for _ in range(2)] == [1, 1]


async def test_what_is_wrong_with_a_read_itself_is_told_and_not_tried_again(database):
    for way in (database.fetch, database.fetch_directly):
        with pytest.raises(Exception, match="division by zero"):
            await way(select(GENERATION.c.id / (GENERATION.c.id - GENERATION.c.id)))
        assert [tuple(row) for row in await way(READ)] == [(1,)]
