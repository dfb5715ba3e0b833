"""Reads straight through PostgreSQL's driver: for the statements that are asked with every request.

SQLAlchemy's way of running a statement takes several times what the driver takes for it: a connection checked out and
given back, a cache key, an execution context, what the columns of the result are.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import Executable, PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler

DIRECT_CONNECTIONS = 2  # Of those in the engine's pool: one that reads, and one that sends its answer.

# What says that a connection is gone, or about to be.
GONE = (
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class _Lent:
    """A connection of the engine's pool that is kept for direct reads."""

    of_pool: PoolProxiedConnection
    driver: Any


class DirectReads:
    """Connections borrowed from an engine's pool for as long as they live. Nothing is ever begun or set in them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._free: list[_Lent] = []
        self._some_free = asyncio.Semaphore(DIRECT_CONNECTIONS)
        self._texts: dict[Executable, tuple[str, Sequence[str]]] = {}

    async def fetch(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """The rows as the driver gives them: for columns and parameters that are texts, numbers or instants.

        The statement is compiled once and kept, so there must be few of them. Raises one of GONE where the connection
        turns out to be gone.
        """
        text, names = self._texts.get(statement) or self._compiled(statement)
        values = [parameters[name] for name in names]
        async with self._some_free:
            lent = self._kept() or await self._borrowed()
            try:
                rows: Sequence[Sequence[Any]] = await lent.driver.fetch(text, *values)
            except BaseException:
                lent.of_pool.invalidate()  # Whatever state it is in, the pool's next is sure to work.
                raise
            self._free.append(lent)
            return rows

    async def close(self) -> None:
        while self._free:
            lent = self._free.pop()
            await lent.driver.close()
            lent.of_pool.invalidate()

    def _kept(self) -> _Lent | None:
        """A free one that was not closed meanwhile."""
        while self._free:
            lent = self._free.pop()
            if not lent.driver.is_closed():
                return lent
            lent.of_pool.invalidate()
        return None

    async def _borrowed(self) -> _Lent:
        of_pool = await self._engine.raw_connection()
        return _Lent(of_pool, of_pool.driver_connection)

    def _compiled(self, statement: Executable) -> tuple[str, Sequence[str]]:
        compiled = statement.compile(dialect=self._engine.dialect)  # type: ignore[attr-defined]
        assert isinstance(compiled, SQLCompiler)
        self._texts[statement] = found = (str(compiled), compiled.positiontup or ())
        return found
