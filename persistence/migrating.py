"""A database brought up to date. Apart, for importing Alembic takes longer than all else that a server imports here."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from persistence.database import alone

MIGRATIONS = Path(__file__).parent / "migrations"


async def migrate(url: str) -> None:
    """Bring a database to the newest migration."""
    async with alone(url) as engine, engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # Kept in the file. Turned on by the first of several that write, it would find the file locked.
            await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        await connection.run_sync(_upgrade)


def migrations(connection: Connection | None = None) -> Config:
    """Alembic's settings, run on a connection of ours."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(migrations(connection), "head")
