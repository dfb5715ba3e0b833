"""One transaction and everything that can be done in it; and the world, which opens them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from domain.calendar import Holidays
from domain.clock import Clock
from domain.events import NewEvent
from domain.ids import Ids
from domain.inventory import ledger
from domain.jobs import NewJob
from domain.payments.ports import Providers
from domain.reactions import jobs_for
from domain.world import Guesses, Live
from persistence import jobs, log
from persistence.availability import SqlAvailability, SqlAvailabilityNow
from persistence.catalog import SqlCatalog
from persistence.customers import SqlCustomers
from persistence.database import Database, Statements, Transaction
from persistence.fulfillment import SqlFulfillment
from persistence.holidays import public_holidays
from persistence.idempotency import SqlIdempotencyKeys
from persistence.inventory import SqlInventory
from persistence.log import EventNumbering, SqlLog
from persistence.orders import SqlOrders
from persistence.payments import SqlPayments
from persistence.places import SqlPlaces
from persistence.promising import SqlPromising
from persistence.quotes import SqlQuotes
from persistence.reservations import SqlReservations
from persistence.sealing import Vault
from persistence.supply import SqlSupply
from persistence.views import SqlViews


class SqlReads:
    """Every capability's reads, each statement on whatever `statements` gives it."""

    def __init__(self, statements: Statements, vault: Vault, clock: Clock) -> None:
        self.views = SqlViews(statements, clock)
        self.catalog = SqlCatalog(statements)
        self.promising = SqlPromising(statements)
        self.inventory = SqlInventory(statements)
        self.supply = SqlSupply(statements)
        self.reservations = SqlReservations(statements)
        self.customers = SqlCustomers(statements, vault)
        self.payments = SqlPayments(statements)
        self.orders = SqlOrders(statements, vault)
        self.quotes = SqlQuotes(statements, vault)
        self.fulfillment = SqlFulfillment(statements, vault)
        self.places = SqlPlaces(statements)
        self.log = SqlLog(statements)


class SqlFreeReads(SqlReads):
    """Reads outside of transactions, each on any free connection, and what the process remembers of them."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        super().__init__(database, vault, clock)
        self.availability = SqlAvailability(database, self, clock)


class SqlUnitOfWork(SqlReads):
    """One transaction: what is recorded and put off is written as its last statements."""

    def __init__(self, transaction: Transaction, world: "SqlWorld") -> None:
        super().__init__(transaction, world.digests, world.clock)
        self.availability = SqlAvailabilityNow(transaction, self, world.clock)
        self.clock = world.clock
        self.ids = world.ids
        self.digests = world.digests
        self.providers = world.providers
        self.keys = SqlIdempotencyKeys(transaction, world.digests, world.clock)
        self.transaction = transaction
        self._events: list[NewEvent] = []
        self._jobs: list[NewJob] = []

    def record(self, event: NewEvent) -> None:
        self._events.append(event)

    def later(self, job: NewJob) -> None:
        self._jobs.append(job)

    async def write_log(self) -> bool:
        """Write what was recorded, and the jobs it gives rise to; whether anything was.

        Stock that moved comes first, whoever moved it: what else happened is told to those who know of it.
        """
        if moved := self.inventory.moved:
            last = moved[max(moved)]
            self._events.insert(0, ledger.moved(list(moved), last.actor, last.at))
        if self._events:
            await log.append(self.transaction, self.ids, self._events)
            if self.transaction.is_sqlite:
                await log.number_within(self.transaction)
        queued = [*self._jobs, *jobs_for(self._events)]
        if queued:
            await jobs.enqueue(self.transaction, queued, self.clock.now())
        return bool(self._events or queued)


@dataclass(slots=True)
class SqlWorld:
    """A database as the inside sees it, with the process's shared pieces."""

    database: Database
    clock: Clock
    ids: Ids
    digests: Vault
    providers: Providers
    numbering: EventNumbering
    live: Live
    guesses: Guesses
    reads: SqlFreeReads = field(init=False)

    def __post_init__(self) -> None:
        self.reads = SqlFreeReads(self.database, self.digests, self.clock)

    def public_holidays(self, code: str) -> Holidays | None:
        return public_holidays(code)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlUnitOfWork]:
        async with self.database.transaction() as transaction:
            work = SqlUnitOfWork(transaction, self)
            yield work
            happened = await work.write_log()
        if happened:
            await self.numbering.committed()
