"""The migrations make the tables that the statements are written for."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from persistence import tables
from persistence.database import Database


async def test_a_migrated_database_has_the_tables_as_they_are_declared(migrated_database_url):
    database = Database(migrated_database_url)

    async with database.writer.connect() as connection:
        differences = await connection.run_sync(_differences)
    await database.close()

    assert differences == []


def _differences(connection: Connection):
    return compare_metadata(MigrationContext.configure(connection), tables.metadata)
