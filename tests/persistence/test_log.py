"""The log: read by number, and numbered only once the writing transaction is seen."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from domain.clock import SystemClock
from domain.errors import Refused
from domain.events import EventKind, NewEvent, cursor_of
from domain.ids import Ids
from domain.paging import Page
from persistence import log
from persistence.database import Database, Transaction
from persistence.event_bus import MemoryBus
from persistence.log import EventNumbering, SqlLog

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
IDS = Ids(SystemClock())


def an_event(
    subject: str, order_id: str | None = None, kind: EventKind = EventKind.ORDER_PLACED, **data: object
) -> NewEvent:
    return NewEvent(kind=kind, subject=subject, actor="system", at=NOW, order_id=order_id, data=data)


@pytest.fixture
async def database(migrated_database_url) -> AsyncIterator[Database]:
    database = Database(migrated_database_url)
    yield database
    await database.close()


@pytest.fixture
async def numbering(database) -> AsyncIterator[EventNumbering]:
    numbering = EventNumbering(database, MemoryBus())
    yield numbering
    await numbering.close()


async def append(transaction: Transaction, events: Sequence[NewEvent]) -> None:
    """As a unit of work does."""
    await log.append(transaction, IDS, events)
    if transaction.is_sqlite:
        await log.number_within(transaction)


async def happened(database: Database, numbering: EventNumbering, *events: NewEvent) -> None:
    async with database.transaction() as transaction:
        await append(transaction, events)
    await numbering.committed()


async def subjects(database: Database) -> list[str]:
    return [event.subject for event in await SqlLog(database).after(0, 1_000)]


async def test_events_are_read_in_the_order_they_were_written(database, numbering):
    await happened(database, numbering, an_event("ord_1", "ord_1", total="12.50"), an_event("loc_A"))
    await happened(database, numbering, an_event("ful_1", "ord_1", EventKind.FULFILLMENT_ORDER_OPENED))

    events = await SqlLog(database).after(0, 10)

    assert [(event.position, event.subject, event.order_id) for event in events] == [
        (1, "ord_1", "ord_1"),
        (2, "loc_A", None),
        (3, "ful_1", "ord_1"),
    ]
    assert (events[0].kind, events[0].actor, events[0].at) == ("order.placed", "system", NOW)
    assert events[0].data == {"total": "12.50"}
    assert await SqlLog(database).by_id([events[1].id, "evt_unknown"]) == {events[1].id: events[1]}


async def test_a_part_of_the_log_is_read_by_kind_order_and_length(database, numbering):
    log_reads = SqlLog(database)
    kinds = [EventKind.ORDER_PLACED, EventKind.ORDER_CONFIRMED, EventKind.ORDER_PLACED]
    await happened(database, numbering, *(an_event(f"ord_{i}", f"ord_{i % 2}", kind) for i, kind in enumerate(kinds)))

    assert [event.position for event in await log_reads.after(1, 10)] == [2, 3]
    assert [event.position for event in await log_reads.after(0, 2)] == [1, 2]
    assert [event.position for event in await log_reads.after(0, 10, kinds=["order.placed"])] == [1, 3]
    assert [event.position for event in await log_reads.after(0, 10, order_id="ord_0")] == [1, 3]
    assert (await log_reads.latest("ord_0")).position == 3
    assert await log_reads.latest("ord_9") is None


async def test_an_empty_log_ends_where_it_begins(database):
    assert (await SqlLog(database).end(), await SqlLog(database).oldest()) == (0, 0)


async def test_a_timeline_is_paged_by_the_cursors_of_its_events(database, numbering):
    await happened(database, numbering, *(an_event(f"x_{i}", "ord_1" if i % 2 else "ord_2") for i in range(7)))

    page = await SqlLog(database).timelines(["ord_1", "ord_2", "ord_3"], Page(size=2))
    first = page["ord_1"]
    second = (await SqlLog(database).timelines(["ord_1"], Page(size=2, after=first.edges[-1].cursor)))["ord_1"]

    assert [edge.node.subject for edge in (*first.edges, *second.edges)] == ["x_1", "x_3", "x_5"]
    assert (first.has_next, first.has_previous) == (True, False)
    assert (second.has_next, second.has_previous) == (False, True)
    assert [edge.node.subject for edge in page["ord_2"].edges] == ["x_0", "x_2"]
    assert not page["ord_3"].edges
    assert first.edges[1].cursor == cursor_of(first.edges[1].node.position)
    with pytest.raises(Refused):
        await SqlLog(database).timelines(["ord_1"], Page(after="nonsense"))


async def test_an_event_of_a_transaction_rolled_back_never_happened(database, numbering):
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as transaction:
            await append(transaction, [an_event("ord_lost")])
            raise ZeroDivisionError
    await happened(database, numbering, an_event("ord_kept"))

    events = await SqlLog(database).after(0, 10)

    assert [(event.position, event.subject) for event in events] == [(1, "ord_kept")]


async def test_whoever_reads_while_many_write_sees_every_event_once_and_no_position_appear_late(database, numbering):
    writers, each = 24, 10
    read = []
    done = asyncio.Event()

    async def write(writer: int) -> None:
        for turn in range(each):
            await happened(database, numbering, *(an_event(f"{writer}.{turn}.{part}") for part in range(3)))

    async def follow() -> None:
        while True:
            is_last = done.is_set()
            events = await SqlLog(database).after(read[-1].position if read else 0, 50)
            read.extend(events)
            if is_last and not events:
                return

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    done.set()
    await following

    assert [event.position for event in read] == list(range(1, writers * each * 3 + 1))
    assert len({event.subject for event in read}) == writers * each * 3
    for writer in range(writers):
        own = [event.subject for event in read if event.subject.startswith(f"{writer}.")]
        assert own == [f"{writer}.{turn}.{part}" for turn in range(each) for part in range(3)]


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_a_long_transaction_holds_nobody_back_and_is_numbered_when_it_ends(database, numbering):
    async with database.transaction() as long:
        await append(long, [an_event("ord_slow")])
        await happened(database, numbering, an_event("ord_quick"))
        assert await subjects(database) == ["ord_quick"]
    await numbering.committed()

    assert await subjects(database) == ["ord_quick", "ord_slow"]


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_commits_that_come_together_are_numbered_together(database, numbering, monkeypatch):
    runs = []
    number = numbering.number

    async def counted() -> None:
        runs.append(len(runs))
        await number()

    monkeypatch.setattr(numbering, "number", counted)
    async with database.transaction() as transaction:
        await append(transaction, [an_event("ord_1")])

    await asyncio.gather(*(numbering.committed() for _ in range(50)))

    assert len(runs) == 1
    assert await subjects(database) == ["ord_1"]


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_several_processes_number_side_by_side_without_a_gap(database, migrated_database_url):
    processes = [Database(migrated_database_url) for _ in range(3)]
    numberings = [EventNumbering(process, MemoryBus()) for process in processes]

    await asyncio.gather(
        *(
            happened(process, numbering, an_event(f"{i}.{turn}"))
            for turn in range(30)
            for i, (process, numbering) in enumerate(zip(processes, numberings, strict=True))
        )
    )

    events = await SqlLog(database).after(0, 1_000)
    assert [event.position for event in events] == list(range(1, 91))
    for process, numbering in zip(processes, numberings, strict=True):
        await numbering.close()
        await process.close()


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_a_process_that_stops_dead_while_numbering_holds_the_others_up_only_for_a_while(
    database, numbering, monkeypatch, caplog
):
    monkeypatch.setattr(log, "_ALONE", log._ALONE.bindparams(idle="100ms", wait="2s"))
    stopped = await database.writer.connect()
    await stopped.execute(log._ALONE)

    await happened(database, numbering, an_event("ord_1"))

    assert await subjects(database) == ["ord_1"]
    await stopped.invalidate()
    await stopped.close()


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_a_numbering_that_fails_fails_no_caller_and_is_made_good_by_the_next(database, numbering, monkeypatch):
    async with database.transaction() as transaction:
        await append(transaction, [an_event("ord_1")])
    with monkeypatch.context() as broken:
        broken.setattr(log, "_ALONE", text("SELECT no_such_function()"))
        await numbering.committed()
    assert await subjects(database) == []

    await numbering.committed()

    assert await subjects(database) == ["ord_1"]
