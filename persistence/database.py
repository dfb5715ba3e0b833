"""The two databases, behind one way of asking: statements go in, rows come out."""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, TextIO, TypeVar

import aiosqlite
import asyncpg
import orjson
from sqlalchemy import Executable, Row, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from persistence.direct import GONE, DirectReads

T = TypeVar("T")

Rows = Sequence[Row[Any]]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

POOL_SIZE = 8  # Connections a process keeps to PostgreSQL: two cores are busy with fewer (measured: 4 to 8).
POOL_WAIT_S = 30  # A caller that waits longer for a connection is better told so.
# A connection that said nothing for longer is asked whether it still works before a transaction builds on it: what lies
# between may have forgotten it. One that its other end closed is known without asking.
QUIET_S = 10
PING_WAIT_S = 5
SQLITE_READERS = 4
SQLITE_BUSY_MS = 30_000  # How long a write waits for another process's write (an import beside a server).


class Statements(Protocol):
    """Where statements are run: one transaction, or any free connection for each."""

    @property
    def is_sqlite(self) -> bool: ...

    async def fetch(self, statement: Executable, parameters: Parameters = None) -> Rows:
        """All the rows a statement answers."""

    async def run(self, statement: Executable, parameters: Parameters = None) -> int:
        """Run a statement, once for each mapping of a sequence; how many rows it touched, known of single runs only."""


def async_url(url: str) -> URL:
    """The URL with the driver we use: `postgresql://…` and `sqlite:///…` are how users write it."""
    parsed = make_url(url)
    drivers = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
    name = parsed.drivername.split("+")[0]
    if name not in drivers:
        raise ValueError(f"The database is postgresql:// or sqlite:///, not {name}://.")
    return parsed.set(drivername=drivers[name])


class Transaction:
    """Statements on one connection, all committed or none."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"

    async def fetch(self, statement: Executable, parameters: Parameters = None) -> Rows:
        return (await self._connection.execute(statement, parameters)).all()

    async def run(self, statement: Executable, parameters: Parameters = None) -> int:
        return (await self._connection.execute(statement, parameters)).rowcount


class Database:
    """One database: `fetch` reads on any free connection, `transaction` writes on one.

    SQLite has one writer at a time: its transactions wait for each other here rather than fail there.
    is_alone: nothing else goes on in this process, so that it may stand still while SQLite works.
    """

    def __init__(self, url: str, *, is_alone: bool = False) -> None:
        parsed = async_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            connect = _in_this_thread(parsed) if is_alone else None
            self.writer = _sqlite_engine(parsed, connect, pool_size=1, begin="BEGIN IMMEDIATE", query_only=False)
            self.reader = _sqlite_engine(parsed, connect, pool_size=SQLITE_READERS, begin="BEGIN", query_only=True)
        else:
            self.writer = _postgres_engine(parsed)
            self.reader = self.writer.execution_options(isolation_level="AUTOCOMMIT")
            self._direct = DirectReads(self.writer)

    async def fetch(self, statement: Executable, parameters: Parameters = None) -> Rows:
        """Tried once more where its connection turns out to be gone."""
        try:
            return await self._fetch(statement, parameters)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return await self._fetch(statement, parameters)

    async def fetch_directly(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """As `fetch` for one of a few statements asked with every request, of texts, numbers and instants alone."""
        if self.is_sqlite:
            return await self.fetch(statement, parameters)
        try:
            return await self._direct.fetch(statement, parameters or {})
        except GONE:
            return await self.fetch(statement, parameters)

    async def _fetch(self, statement: Executable, parameters: Parameters) -> Rows:
        async with self.reader.connect() as connection:
            return (await connection.execute(statement, parameters)).all()

    async def run(self, statement: Executable, parameters: Parameters = None) -> int:
        async with self.transaction() as transaction:
            return await transaction.run(statement, parameters)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Committed on a clean exit, rolled back on an exception."""
        async with self.writer.begin() as connection:
            yield Transaction(connection)

    async def close(self) -> None:
        if self.is_sqlite:
            await self.reader.dispose()
        else:
            await self._direct.close()
        await self.writer.dispose()


def _postgres_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # What people told us stands in no error, and so in no log.
    )

    @event.listens_for(engine.sync_engine, "checkin")
    def given_back(_connection: Any, record: Any) -> None:
        record.info["quiet_since"] = monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def still_works(connection: Any, record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError  # The pool makes another in its place.
        if monotonic() - record.info.get("quiet_since", inf) > QUIET_S:
            try:
                # Not an empty query: the driver (asyncpg 0.32) fails on PostgreSQL's answer to one.
                connection.run_async(lambda driver: driver.execute("SELECT 1", timeout=PING_WAIT_S))
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as gone:
                raise DisconnectionError from gone

    return engine


class _InThisThread(aiosqlite.Connection):
    """Runs each statement where it is asked for: handing it to a thread and back takes longer than most statements."""

    async def _execute(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return fn(*args, **kwargs)


def _in_this_thread(url: URL) -> Callable[[], _InThisThread]:
    def connector() -> sqlite3.Connection:
        return sqlite3.connect(url.database or "", check_same_thread=False)

    return lambda: _InThisThread(connector, iter_chunk_size=1)


def _sqlite_engine(
    url: URL, connect: Callable[[], _InThisThread] | None, *, pool_size: int, begin: str, query_only: bool
) -> AsyncEngine:
    own: dict[str, Any] = {"async_creator": connect} if connect else {}
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        json_deserializer=orjson.loads,
        hide_parameters=True,
        **own,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # Transactions begin by our own statement, below: the driver's own begin is deferred and may fail half-way.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if query_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


_MAKING_LOCK = 0x6F726465726C6F6F  # "orderloo" in ASCII: one number for everyone who makes this database.


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[AsyncEngine]:
    """Make something of a database while no other process does: of several that try, one does and the others wait."""
    engine = create_async_engine(async_url(url))
    try:
        if engine.dialect.name == "sqlite":
            with await asyncio.to_thread(_locked, Path(f"{engine.url.database}.making")):
                yield engine
        else:
            async with engine.begin() as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MAKING_LOCK})
                yield engine
    finally:
        await engine.dispose()


def _locked(file: Path) -> TextIO:
    """A file of ours alone until it is closed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = file.open("w")
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle
