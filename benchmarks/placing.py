"""How fast orders are placed: one a transaction by many callers, and in batches, on SQLite and PostgreSQL.

Prints orders a second, the median of RUNS interleaved runs, and what batches gain within the same run. Nothing is
asserted: machines differ, ratios of one run are what to compare. PostgreSQL is the tests' own, but with fsync as in
production; BENCH_POSTGRES_URL names another.
"""

import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import asyncpg

from domain.access import ANONYMOUS
from domain.orders.placing import Placed, Request, place_orders
from persistence.migrating import migrate
from tests import servers
from tests.factories import an_order
from tests.shop import Shop, a_shop

RUNS = 3
ORDERS = 200  # A run of a few seconds at the slowest.
CALLERS = 16
BATCH = 50
SKUS = [f"S{i:03d}" for i in range(100)]


async def one_by_one(shop: Shop) -> float:
    """Orders a second, CALLERS at a time, a transaction each."""
    waiting = [an_order((SKUS[i % len(SKUS)], 1), (SKUS[(i * 7 + 1) % len(SKUS)], 2)) for i in range(ORDERS)]

    async def caller() -> None:
        while waiting:
            await shop.place(waiting.pop())

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return ORDERS / (time.perf_counter() - began)


async def in_batches(shop: Shop) -> float:
    """Orders a second, BATCH a transaction."""
    commands = [an_order((SKUS[i % len(SKUS)], 1), (SKUS[(i * 7 + 1) % len(SKUS)], 2)) for i in range(ORDERS)]
    began = time.perf_counter()
    for start in range(0, ORDERS, BATCH):
        async with shop.world.work() as work:
            results = await place_orders(work, [Request(each, ANONYMOUS) for each in commands[start : start + BATCH]])
        assert all(isinstance(result, Placed) for result in results)
    return ORDERS / (time.perf_counter() - began)


async def measure(name: str, url: str) -> None:
    await migrate(url)
    async with a_shop(url) as shop:
        await shop.stock(milan=dict.fromkeys(SKUS, 1_000_000))
        runs = [(await one_by_one(shop), await in_batches(shop)) for _ in range(RUNS)]
    single, batched = (statistics.median(run[i] for run in runs) for i in range(2))
    gain = statistics.median(batch / one for one, batch in runs)
    print(f"{name:<12}{single:>16.0f}{batched:>18.0f}{gain:>10.1f}x")


@contextmanager
def postgres() -> Iterator[str]:
    if url := os.environ.get("BENCH_POSTGRES_URL"):
        yield url
        return
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with servers.postgres(servers.POSTGRES_SETTINGS | durable) as url:
        yield url


async def main() -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("sqlalchemy", "asyncpg", "aiosqlite"))
    print(f"Python {platform.python_version()}, {libraries}; {ORDERS} orders of 2 lines, median of {RUNS} runs")
    print(f"{'':<12}{'one by one /s':>16}{f'batches of {BATCH} /s':>18}{'gain':>11}")
    with tempfile.TemporaryDirectory() as folder:
        await measure("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}")
    with postgres() as server:
        connection = await asyncpg.connect(server)
        name = f"orderloom_bench_{os.getpid()}"
        await connection.execute(f"CREATE DATABASE {name}")
        try:
            await measure("PostgreSQL", server.rpartition("/")[0] + f"/{name}")
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await connection.close()


if __name__ == "__main__":
    asyncio.run(main())
