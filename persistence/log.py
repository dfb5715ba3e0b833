"""The event log: written with the change, numbered once the change is seen, and read by number."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import Refused, invalid
from domain.events import Event, NewEvent, position_of, slice_of
from domain.ids import Ids
from domain.paging import Page, Slice
from persistence.database import Database, Statements
from persistence.event_bus import EventBus
from persistence.sql import among
from persistence.tables.log import EVENTS

logger = logging.getLogger(__name__)


# What a database raises that cannot be reached or breaks off.
DATABASE_FAULTS = (SQLAlchemyError, OSError)


async def append(transaction: Statements, ids: Ids, events: Sequence[NewEvent]) -> None:
    """Write events, in one statement; they are read once they are numbered."""
    rows = [
        {
            "id": ids.new("evt"),
            "kind": event.kind.value,
            "subject": event.subject,
            "order_id": event.order_id,
            "sequence": event.sequence,
            "actor": event.actor,
            "at": event.at,
            "data": dict(event.data),
        }
        for event in events
    ]
    if rows:
        await transaction.run(insert(EVENTS), rows)


# ── Numbering ──

# The next numbers for all that has none, in the order it was written. Retention must leave the last event in place.
_last = select(func.coalesce(func.max(EVENTS.c.position), 0)).correlate(None).scalar_subquery()
_next = (
    select(EVENTS.c.written, (_last + func.row_number().over(order_by=EVENTS.c.written)).label("position"))
    .where(EVENTS.c.position.is_(None))
    .subquery()
)
_NUMBER = update(EVENTS).where(EVENTS.c.written == _next.c.written).values(position=_next.c.position)

_NUMBERING_LOCK = 0x6F726465726C6F67  # "orderlog" in ASCII: one number for everyone who numbers this database.
# A process that stops dead between lock and commit holds up the live push of all; the server ends it after this.
_NUMBERING_IDLE_MS = 2_000
# A little longer than the one before us can take; then the poll tries again.
_NUMBERING_WAIT_MS = 3_000
_ALONE = text(
    "SELECT pg_advisory_xact_lock(:lock) FROM (SELECT set_config('lock_timeout', :wait, true),"
    " set_config('idle_in_transaction_session_timeout', :idle, true) OFFSET 0) AS limits"
).bindparams(lock=_NUMBERING_LOCK, wait=f"{_NUMBERING_WAIT_MS}ms", idle=f"{_NUMBERING_IDLE_MS}ms")


async def number_within(transaction: Statements) -> None:
    """Give a position to every event that this transaction sees without one. Only one may do so at a time."""
    await transaction.run(_NUMBER)


class EventNumbering:
    """Gives positions to events whose transactions have been committed, and says so on the bus.

    A position is taken in a transaction of its own, after the commit of the event: so none can be read while a lower
    one may still appear, however long the transaction that will be given it takes. On SQLite writers are alone: there
    `number_within` is the last statement of theirs.
    """

    def __init__(self, database: Database, bus: EventBus) -> None:
        self._database = database
        self._bus = bus
        self._alone = asyncio.Lock()
        self._waiting: asyncio.Task[None] | None = None
        self._runs: set[asyncio.Task[None]] = set()

    async def committed(self) -> None:
        """Call after a commit that wrote events or jobs; when it returns, they are read by all.

        Callers that come while one numbering runs share the next. What fails is left to the next call.
        """
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._next_run())
            self._runs.add(self._waiting)
            self._waiting.add_done_callback(self._runs.discard)
        await asyncio.shield(self._waiting)

    async def number(self) -> None:
        """Number what was committed; raises what the database raises."""
        if self._database.is_sqlite:
            return
        async with self._database.transaction() as transaction:
            # A statement of its own: what the next one sees is fixed after the lock is ours.
            await transaction.fetch(_ALONE)
            await number_within(transaction)

    async def close(self) -> None:
        """Let the runs at hand end."""
        await asyncio.gather(*self._runs)

    async def _next_run(self) -> None:
        async with self._alone:
            self._waiting = None  # Who comes from here on may have committed after this run looked.
            try:
                await self.number()
            except DATABASE_FAULTS as fault:
                logger.warning("Events wait to be numbered: %s", type(fault).__name__)
            await self._bus.announce()


# ── Reading ──

_READ = select(EVENTS).where(EVENTS.c.position.is_not(None))


class SqlLog:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def end(self) -> int:
        return await self._one(func.coalesce(func.max(EVENTS.c.position), 0))

    async def oldest(self) -> int:
        return await self._one(func.coalesce(func.min(EVENTS.c.position), 0))

    async def after(
        self, position: int, limit: int, *, kinds: Sequence[str] = (), order_id: str | None = None
    ) -> list[Event]:
        statement = _READ.where(EVENTS.c.position > position).order_by(EVENTS.c.position).limit(limit)
        if kinds:
            statement = statement.where(among(EVENTS.c.kind, kinds))
        if order_id is not None:
            statement = statement.where(EVENTS.c.order_id == order_id)
        return [_event(row) for row in await self._statements.fetch(statement)]

    async def latest(self, order_id: str) -> Event | None:
        statement = _READ.where(EVENTS.c.order_id == order_id).order_by(EVENTS.c.position.desc()).limit(1)
        rows = await self._statements.fetch(statement)
        return _event(rows[0]) if rows else None

    async def by_id(self, ids: Sequence[str]) -> dict[str, Event]:
        statement = _READ.where(among(EVENTS.c.id, ids))
        return {row.id: _event(row) for row in await self._statements.fetch(statement)}

    async def timelines(self, order_ids: Sequence[str], page: Page) -> dict[str, Slice[Event]]:
        assert not page.backward, "A timeline is read forward."
        position = position_of(page.after or "")
        if position is None:
            raise Refused(invalid("This is no cursor of a timeline. Pass one that it gave, or none.", "after"))
        place = func.row_number().over(partition_by=EVENTS.c.order_id, order_by=EVENTS.c.position).label("place")
        of_orders = (
            select(EVENTS, place).where(EVENTS.c.position > position, among(EVENTS.c.order_id, order_ids)).subquery()
        )
        rows = await self._statements.fetch(
            select(of_orders).where(of_orders.c.place <= page.size + 1).order_by(of_orders.c.position)
        )
        events: dict[str, list[Event]] = {order_id: [] for order_id in order_ids}
        for row in rows:
            events[row.order_id].append(_event(row))
        return {order_id: slice_of(found, position, page.size) for order_id, found in events.items()}

    async def _one(self, figure: ColumnElement[int]) -> int:
        ((value,),) = await self._statements.fetch(select(figure))
        return int(value)


def _event(row: Row[Any]) -> Event:
    return Event(
        id=row.id,
        position=row.position,
        kind=row.kind,
        subject=row.subject,
        order_id=row.order_id,
        actor=row.actor,
        at=row.at,
        data=row.data,
    )
