"""What every test can ask for: a seed, real servers, and a database of its own on both SQLite and PostgreSQL."""

import asyncio
import contextlib
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests import servers
from tests.running import Served, serving
from tests.shop import Shop, a_shop

DEFAULT_SEED = 20_261_121
SERVERS = {"postgres", "redis"}
SQLITE_FILE = "orderloom.db"
BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.hookimpl(tryfirst=True)  # Before hypothesis reads its own option.
def pytest_configure(config):
    if config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(_seed())
    if unknown := _left_out() - SERVERS:
        raise pytest.UsageError(f"WITHOUT names {sorted(unknown)}; it may name {sorted(SERVERS)}.")


def pytest_report_header(config):
    lines = [f"seed: {_seed()} (set SEED to change it); hypothesis seed: {config.option.hypothesis_seed}"]
    if without := _left_out():
        lines.append(f"WITHOUT {' and '.join(sorted(without))}: the tests that need them are LEFT OUT of this run.")
    return lines


def pytest_collection_modifyitems(config, items):
    """Mark what asks for a server, and leave out what WITHOUT names."""
    for item in items:
        for name in SERVERS:
            if f"{name}_url" in item.fixturenames:
                item.add_marker(name)
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in _left_out())]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _seed() -> int:
    return int(os.environ.get("SEED") or DEFAULT_SEED)


def _left_out() -> set[str]:
    return {name.strip() for name in os.environ.get("WITHOUT", "").split(",") if name.strip()}


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed for whatever a test draws at random; the header prints it."""
    return _seed()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database of a PostgreSQL server."""
    yield from _served(servers.postgres())


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server, shared by the whole run: use keys of your own."""
    yield from _served(servers.redis())


@pytest.fixture(params=BOTH_DATABASES)
def database_url(request, tmp_path) -> Iterator[str]:
    """An empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield _sqlite_url(tmp_path)
        return
    with _postgres_database(request.getfixturevalue("postgres_url"), template="template0") as url:
        yield url


@pytest.fixture(params=BOTH_DATABASES)
def migrated_database_url(request, tmp_path) -> Iterator[str]:
    """A database with today's tables and no rows, once on SQLite and once on PostgreSQL: a copy, so it costs little."""
    with _migrated(request, tmp_path) as url:
        yield url


@contextlib.contextmanager
def _migrated(request, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite_file"), folder)
        yield _sqlite_url(folder)
        return
    server = request.getfixturevalue("postgres_url")
    template = request.getfixturevalue("migrated_postgres_template")
    with _postgres_database(server, template=template) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory, migrate) -> Path:
    """The SQLite file that every migrated one is copied from."""
    file = tmp_path_factory.mktemp("migrated") / SQLITE_FILE
    _run(migrate(_sqlite_url(file.parent)))
    assert not file.with_name(f"{SQLITE_FILE}-wal").exists(), "The migration left its connection open."
    return file


@pytest.fixture(scope="session")
def migrated_postgres_template(postgres_url, migrate) -> Iterator[str]:
    """The name of the PostgreSQL database that every migrated one is copied from."""
    with _postgres_database(postgres_url, template="template0") as url:
        _run(migrate(url))
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="session")
def migrate() -> Callable[[str], Coroutine[None, None, None]]:
    """The project's own migration, imported only when a test needs it."""
    return import_module("persistence.migrating").migrate


def _served(server: contextlib.AbstractContextManager[str]) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(server)
        except servers.ServerUnavailableError as error:
            sentence = f"{error}\nTo run without a server, name it: WITHOUT=postgres,redis"
            raise pytest.fail.Exception(sentence, pytrace=False) from None
        yield url


def _sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / SQLITE_FILE}"


@contextlib.contextmanager
def _postgres_database(server: str, *, template: str) -> Iterator[str]:
    name = f"orderloom_test_{uuid.uuid4().hex}"
    _run(_execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        _run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(work: Coroutine[None, None, None]) -> None:
    """Run to the end on a loop of its own, and leave the tests' loop alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)


@pytest.fixture
async def shop(migrated_database_url) -> AsyncIterator[Shop]:
    """A small shop on a database of its own, on both kinds in turn."""
    async with a_shop(migrated_database_url) as opened:
        yield opened


@pytest.fixture(scope="session", params=BOTH_DATABASES)
def served_database_url(request, tmp_path_factory) -> Iterator[str]:
    with _migrated(request, tmp_path_factory.mktemp("served")) as url:
        yield url


@pytest.fixture(scope="session")
async def served(served_database_url, tmp_path_factory) -> AsyncIterator[Served]:
    """A running server and its shop, one for the whole run on each database: use SKUs and places of your own."""
    # Many callers from one address, and one that tries everything.
    rates = dict.fromkeys(("request_rate", "guesses_per_caller", "guesses_per_address"), "100000/second")
    folder = tmp_path_factory.mktemp("server")
    server = serving(folder, database_url=served_database_url, **rates)
    async with a_shop(served_database_url) as shop, server as (running, _):
        yield Served(shop, running)
