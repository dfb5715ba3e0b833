"""A small shop for tests: a wired process on a set clock, with goods, places and a way to ask for things."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import httpx2
from sqlalchemy import event, text

from domain.access import ANONYMOUS, EVERY_ORDER, SYSTEM, Viewer
from domain.availability.service import save_availability_view
from domain.availability.views import AvailabilityRules, AvailabilityViewStatus, SaveAvailabilityView
from domain.clock import SetClock
from domain.inventory.model import InboundSupplyKind, SaveInboundSupply, StockLevel
from domain.inventory.supply import save_inbound_supply
from domain.orders.model import Order, OrderLine, PlaceOrder
from domain.orders.placing import TRIES_MAX, Placed, Request, place_order
from domain.orders.ports import Overtaken
from domain.orders.quotes import CreateQuote, Quote, UpdateQuote
from domain.orders.quoting import Asker, create_quote, release_quote, update_quote
from gateway.app import ROOTS, assemble
from gateway.serving import Asked, ServedSchema, build_schema
from gateway.settings import Settings
from gateway.wiring import Process, wire
from gateway.worker import Worker
from persistence.audit import audit
from persistence.unit_of_work import SqlWorld
from resolvers.context import Context
from tests.factories import NOW, a_channel, a_count, a_location, a_product, a_shipping_method

_counted = ContextVar[list[str]]("counted")

URL = "http://127.0.0.1:8000"
SECRET = "a secret that only the tests know, long enough"


@dataclass
class Shop:
    """One process. `world` is what resolvers see; the clock stands at factories.NOW."""

    process: Process
    clock: SetClock

    @property
    def world(self) -> SqlWorld:
        return self.process.world

    async def stock(self, **units: dict[str, int]) -> None:
        """Goods at places: `stock(milan={"A": 5})`, with product, location, channel and shipping method as needed."""
        skus = sorted({sku for counts in units.values() for sku in counts})
        async with self.world.work() as work:
            await work.catalog.save_channel(a_channel())
            await work.promising.save_shipping_methods([a_shipping_method()])
            await work.catalog.import_products([a_product(sku) for sku in skus], self.clock.now())
            for code in units:
                await work.inventory.save_location(a_location(code))
            counts = [a_count(sku, code, count) for code, of in units.items() for sku, count in of.items()]
            await work.inventory.lock_levels([count.key for count in counts])
            await work.inventory.move(counts)

    async def sell_through(self, view: str = "view", **rules: Any) -> None:
        """Save a view of these rules, active, and have the channel `web` sell through it."""
        command = SaveAvailabilityView(
            code=view, name=view, rules=AvailabilityRules(**rules), status=AvailabilityViewStatus.ACTIVE
        )
        async with self.world.work() as work:
            await save_availability_view(work, command, SYSTEM)
            await work.catalog.save_channel(a_channel(availability_view=view))

    async def expect(self, sku: str, location: str, units: int, *, days: int) -> str:
        """A purchase order of some units, due so many days from now; its id."""
        line = SaveInboundSupply(
            reference=f"PO-{sku}-{location}-{days}",
            kind=InboundSupplyKind.PURCHASE_ORDER,
            sku=sku,
            destination=location,
            quantity=units,
            expected_at=self.clock.now() + timedelta(days=days),
        )
        async with self.world.work() as work:
            (saved,) = await save_inbound_supply(work, [line], SYSTEM)
        return saved.id

    async def place(self, command: PlaceOrder, viewer: Viewer = ANONYMOUS) -> Placed:
        """Place an order as the mutation does: tried again where others were quicker."""
        for _ in range(TRIES_MAX):
            try:
                async with self.world.work() as work:
                    return await place_order(work, Request(command, viewer))
            except Overtaken:
                continue
        raise Overtaken

    async def quote(self, command: CreateQuote | UpdateQuote, viewer: Viewer = ANONYMOUS, address: str = "") -> Quote:
        """Make a quote or change one as the mutations do: tried again where others were quicker."""
        asker = Asker(viewer, address)
        for _ in range(TRIES_MAX):
            try:
                async with self.world.work() as work:
                    if isinstance(command, CreateQuote):
                        quote_id = await create_quote(work, command, asker)
                    else:
                        quote_id = await update_quote(work, command, asker)
            except Overtaken:
                continue
            return await self.quoted(quote_id)
        raise Overtaken

    async def release(self, quote_id: str, viewer: Viewer = ANONYMOUS) -> None:
        async with self.world.work() as work:
            await release_quote(work, quote_id, viewer)

    async def quoted(self, quote_id: str) -> Quote:
        return (await self.world.reads.quotes.by_id([quote_id]))[quote_id]

    async def run_jobs(self) -> None:
        """Everything that is due by the clock, and what follows from it."""
        await Worker(self.world, self.process.jobs, self.process.bus).run_until_idle()

    async def answer(self, document: str, viewer: Viewer = ANONYMOUS, **variables: Any) -> tuple[Any, list[Any]]:
        """The data and the errors of one operation on the whole schema."""
        answer = await whole_schema().execute(Asked(document, variables), Context(self.world, viewer))
        return answer.data, answer.errors or []

    async def ask(self, document: str, viewer: Viewer = ANONYMOUS, **variables: Any) -> Any:
        """The data of one operation that must go well."""
        data, errors = await self.answer(document, viewer, **variables)
        assert not errors, errors
        return data

    @asynccontextmanager
    async def http(self) -> AsyncIterator[httpx2.AsyncClient]:
        """A client of the whole application, on this shop's world and clock."""

        @asynccontextmanager
        async def opened(*_: Any) -> AsyncIterator[SqlWorld]:
            yield self.world

        app = assemble(Settings(secret_key=SECRET), ROOTS, opened)
        transport = httpx2.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url=URL) as client:
            yield client

    async def order(self, order_id: str) -> Order:
        return (await self.world.reads.orders.by_id([order_id], EVERY_ORDER))[order_id]

    async def lines(self, order_id: str) -> list[OrderLine]:
        return list((await self.world.reads.orders.lines_by_order([order_id]))[order_id])

    async def level(self, sku: str, location: str) -> StockLevel:
        return (await self.world.reads.inventory.levels_by_key([(sku, location)]))[sku, location]

    async def count(self, table: str) -> int:
        ((number,),) = await self.world.database.fetch(text(f"SELECT count(*) FROM {table}"))
        return int(number)

    @contextmanager
    def counting_statements(self) -> Iterator[list[str]]:
        """The statements that the test runs meanwhile, in whatever connection; not what the process does by itself."""
        statements: list[str] = []
        ours = _counted.set(statements)  # Seen by the tasks that begin from here, not by those that run already.

        def note(_connection, _cursor, statement, *_rest) -> None:
            if _counted.get(None) is statements:
                statements.append(statement)

        async def fetch_directly(statement, parameters=None):
            if _counted.get(None) is statements:
                statements.append(str(statement))
            return await directly(statement, parameters)

        database = self.world.database
        directly = database.fetch_directly
        engines = [database.writer.sync_engine]  # On PostgreSQL what the reader runs is heard here, too.
        if database.is_sqlite:
            engines.append(database.reader.sync_engine)
        else:  # Beside SQLAlchemy's engines, which would hear of it.
            database.fetch_directly = fetch_directly
        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            _counted.reset(ours)
            database.fetch_directly = directly
            for engine in engines:
                event.remove(engine, "before_cursor_execute", note)

    async def broken_laws(self) -> list[str]:
        """What the audit finds wrong with the database: nothing, at the end of every test that asks."""
        return [f"{verdict.check}: {each}" async for verdict in audit(self.world.database) for each in verdict.breaks]

    async def kinds(self) -> Sequence[str]:
        """The kinds of all events, in the log's order."""
        return [event.kind for event in await self.world.reads.log.after(0, 1000)]


@cache
def whole_schema() -> ServedSchema:
    return build_schema(ROOTS, Settings(secret_key=SECRET))


@asynccontextmanager
async def a_shop(
    database_url: str, *, redis_url: str | None = None, is_live: bool = False, is_alone: bool = False
) -> AsyncIterator[Shop]:
    """is_live: whether the log's end is followed, as subscriptions need; else only what is asked for reads the log.

    is_alone: nothing goes on beside; statements of SQLite then run where they are asked for, which takes half the time.
    """
    settings = Settings(database_url=database_url, redis_url=redis_url, secret_key=SECRET, test_payments=True)
    clock = SetClock(NOW)
    process = await wire(settings, clock=clock, is_alone=is_alone)
    if is_live:
        await process.start()
    try:
        yield Shop(process, clock)
    finally:
        await process.close()
