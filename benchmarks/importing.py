"""How fast `orderloom import stock` takes in a file, and in how much memory, on SQLite and PostgreSQL.

One snapshot of LOCATIONS places after the other, by the command line in a process of its own: a tenth of the rows into
empty places, then all of them, the same once more, and every second one with another figure, so that as many levels
are zeroed at its end. Prints seconds, rows a second and the most memory that the process had; what to compare is the
memory of a tenth with that of all. BENCH_ROWS is how many rows that is, 1000000 where it is measured in earnest;
BENCH_POSTGRES_URL names a server to use instead of the tests' own.
"""

import asyncio
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._measuring import postgres, versions
from persistence.migrating import migrate
from tests.factories import a_product
from tests.shop import SECRET, a_shop

ROWS = int(os.environ.get("BENCH_ROWS", "50000"))
LOCATIONS = [f"place-{i:02d}" for i in range(50)]
PRODUCTS_AT_ONCE = 1_000
ORDERLOOM = [sys.executable, "-c", "from gateway.cli import main; main()"]


def rows(share: int, more: int = 0) -> Iterator[tuple[str, str, int]]:
    """One of `share` SKUs at every location, each figure by `more` higher, in the order of SKUs."""
    for number in range(0, ROWS // len(LOCATIONS), share):
        for i, location in enumerate(LOCATIONS):
            yield f"SKU-{number:06d}", location, 1 + (number * 7 + i * 3) % 20 + more


def written(folder: Path, name: str, share: int, more: int = 0) -> Path:
    file = folder / f"{name}.csv"
    with file.open("w", newline="") as opened:
        lines = csv.writer(opened)
        lines.writerow(("sku", "location", "quantity"))
        lines.writerows(rows(share, more))
    return file


async def seed(url: str) -> None:
    await migrate(url)
    skus = sorted({sku for sku, _, _ in rows(1)})
    async with a_shop(url) as shop:
        await shop.stock(**{code: {} for code in LOCATIONS})
        for start in range(0, len(skus), PRODUCTS_AT_ONCE):
            async with shop.world.work() as work:
                products = [a_product(sku) for sku in skus[start : start + PRODUCTS_AT_ONCE]]
                await work.catalog.import_products(products, shop.clock.now())


def imported(url: str, file: Path) -> tuple[float, float]:
    """Seconds, from start to end of the process, and the most MB that it had."""
    environment = os.environ | {"ORDERLOOM_DATABASE_URL": url, "ORDERLOOM_SECRET_KEY": SECRET}
    began = time.perf_counter()
    with subprocess.Popen(
        [*ORDERLOOM, "import", "stock", str(file)], env=environment, stdout=subprocess.DEVNULL
    ) as run:
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == 0, "Every line is right."
    return time.perf_counter() - began, used.ru_maxrss / 1024


def measure(name: str, url: str, folder: Path) -> None:
    asyncio.run(seed(url))
    tenth, whole, half = written(folder, "tenth", 10), written(folder, "whole", 1), written(folder, "half", 2, more=1)
    runs = {
        "a tenth, all new": (tenth, 10),
        "all, most of them new": (whole, 1),
        "all, nothing changes": (whole, 1),
        "half, the rest zeroed": (half, 2),
    }
    print(f"\n{name:<26}{'rows':>10}{'s':>8}{'rows/s':>9}{'MB':>6}")
    for what, (file, share) in runs.items():
        took_s, memory_mb = imported(url, file)
        count = len(range(0, ROWS // len(LOCATIONS), share)) * len(LOCATIONS)
        print(f"  {what:<24}{count:>10}{took_s:>8.1f}{count / took_s:>9.0f}{memory_mb:>6.0f}", flush=True)


def main() -> None:
    print(f"{versions('sqlalchemy', 'asyncpg', 'aiosqlite')}; {len(LOCATIONS)} locations")
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}", Path(folder))
        with postgres() as url:
            measure("PostgreSQL", url, Path(folder))


if __name__ == "__main__":
    main()
