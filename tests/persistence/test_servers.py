"""The servers that the tests run against are real ones."""

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy import create_engine, inspect


async def test_postgres_answers_and_knows_every_letter(postgres_url):
    connection = await asyncpg.connect(postgres_url)

    lowered = await connection.fetchval("SELECT lower('ÀÉÎÕÜ ŽŁĐ')")

    await connection.close()
    assert lowered == "àéîõü žłđ"


async def test_redis_keeps_what_it_is_told(redis_url, seed):
    async with Redis.from_url(redis_url, decode_responses=True) as redis:
        await redis.set("test_servers", seed, ex=60)

        assert await redis.get("test_servers") == str(seed)


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_gets_an_empty_database(database_url, turn):
    if database_url.startswith("sqlite"):
        engine = create_engine(database_url)
        with engine.begin() as connection:
            assert inspect(connection).get_table_names() == []
            connection.exec_driver_sql("CREATE TABLE leftover (id integer)")
        engine.dispose()
    else:
        connection = await asyncpg.connect(database_url)
        assert await connection.fetch("SELECT FROM pg_tables WHERE schemaname = 'public'") == []
        await connection.execute("CREATE TABLE leftover (id integer)")
        await connection.close()


async def test_every_test_can_have_a_migrated_database(migrated_database_url):
    assert migrated_database_url.startswith(("sqlite:////", "postgresql://"))
