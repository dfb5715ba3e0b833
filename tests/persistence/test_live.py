"""What is new in the log reaches everyone who follows, once and in order, in whatever order transactions end."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from domain.clock import SystemClock
from domain.events import Event, EventKind, FellBehind, NewEvent
from domain.ids import Ids
from persistence import live, log
from persistence.database import Database, Transaction
from persistence.event_bus import MemoryBus
from persistence.live import LiveTail
from persistence.log import EventNumbering, SqlLog

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
IDS = Ids(SystemClock())
A_SECOND = 1.0


class Process:
    """One process's share of a database: how it writes, and what it sees live."""

    def __init__(self, url: str) -> None:
        self.bus = MemoryBus()
        self.database = Database(url)
        self.numbering = EventNumbering(self.database, self.bus)
        self.log = SqlLog(self.database)
        self.tail = LiveTail(self.log, self.bus, self.numbering)

    async def write(self, transaction: Transaction, *subjects: str, order_id: str | None = None) -> None:
        events = [
            NewEvent(kind=EventKind.ORDER_PLACED, subject=subject, actor="system", at=NOW, data={}, order_id=order_id)
            for subject in subjects
        ]
        await log.append(transaction, IDS, events)
        if transaction.is_sqlite:
            await log.number_within(transaction)

    async def commit(self, *subjects: str, order_id: str | None = None) -> None:
        async with self.database.transaction() as transaction:
            await self.write(transaction, *subjects, order_id=order_id)
        await self.numbering.committed()


@asynccontextmanager
async def a_process(url: str) -> AsyncIterator[Process]:
    process = Process(url)
    await process.tail.start()
    yield process
    await process.tail.stop()
    await process.numbering.close()
    await process.database.close()


@pytest.fixture
async def process(migrated_database_url) -> AsyncIterator[Process]:
    async with a_process(migrated_database_url) as process:
        yield process


async def taken(tail: AsyncIterator[Sequence[Event]], count: int, within_s: float = A_SECOND) -> list[str]:
    """The subjects of the next `count` events."""
    subjects: list[str] = []
    async with asyncio.timeout(within_s):
        while len(subjects) < count:
            subjects += [event.subject for event in await anext(tail)]
    return subjects


async def is_true(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not claim():  # noqa: ASYNC110  (what is claimed rings no bell)
            await asyncio.sleep(0.005)


async def test_a_follower_sees_what_happens_from_then_on_in_order(process):
    await process.commit("before")
    await is_true(lambda: process.tail._position == 1)
    with process.tail.follow() as tail:
        await process.commit("first", "second")
        await process.commit("third")

        assert await taken(tail, 3) == ["first", "second", "third"]


async def test_who_follows_one_order_hears_of_no_other(process):
    with process.tail.follow(order_id="ord_1") as tail:
        await process.commit("other", order_id="ord_2")
        await process.commit("stock")
        await process.commit("own", order_id="ord_1")

        assert await taken(tail, 1) == ["own"]


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_transactions_that_end_in_reverse_order_are_pushed_within_a_second_and_none_is_lost(process):
    with process.tail.follow() as tail:
        async with process.database.transaction() as first:
            await process.write(first, "first to write")
            await process.commit("first to commit")

            assert await taken(tail, 1) == ["first to commit"]
        await process.numbering.committed()

        assert await taken(tail, 1) == ["first to write"]
    assert [event.position for event in await process.log.after(0, 10)] == [1, 2]


async def test_what_another_process_commits_is_found_by_the_poll_alone(process, migrated_database_url, monkeypatch):
    monkeypatch.setattr(live, "POLL_S", 0.02)
    async with a_process(migrated_database_url) as other:
        with other.tail.follow() as tail:
            await process.commit("from elsewhere")

            assert await taken(tail, 1) == ["from elsewhere"]


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_what_a_process_committed_and_died_before_numbering_is_numbered_by_the_poll(process):
    with process.tail.follow() as tail:
        async with process.database.transaction() as transaction:
            await process.write(transaction, "left behind")

        assert await taken(tail, 1, within_s=5 * live.POLL_S) == ["left behind"]


async def test_who_takes_too_slowly_is_told_so_and_holds_nobody_up(process, monkeypatch):
    monkeypatch.setattr(live, "FOLLOWER_EVENTS_MAX", 3)
    with process.tail.follow() as slow, process.tail.follow() as quick:
        for turn in range(2):
            await process.commit(*(f"{turn}.{part}" for part in range(3)))
            assert len(await taken(quick, 3)) == 3

        with pytest.raises(FellBehind):
            await anext(slow)


async def test_more_than_one_batch_is_read_to_its_end(process, monkeypatch):
    monkeypatch.setattr(live, "BATCH", 2)
    with process.tail.follow() as tail:
        await process.commit(*map(str, range(7)))

        assert await taken(tail, 7) == list(map(str, range(7)))


async def test_a_database_that_breaks_off_is_read_again(process, monkeypatch, caplog):
    with process.tail.follow() as tail:
        with monkeypatch.context() as broken:
            broken.setattr(process.log, "after", _breaks_off)
            await process.commit("meanwhile")
            await is_true(lambda: "live events wait" in caplog.text)

        assert await taken(tail, 1, within_s=5 * live.POLL_S) == ["meanwhile"]


async def _breaks_off(*_arguments):
    raise OperationalError("SELECT", {}, Exception("gone"))


async def test_when_the_process_stops_every_follower_ends_after_what_waits(process):
    with process.tail.follow() as tail, process.tail.follow(order_id="ord_1") as idle:
        await process.commit("last")
        await is_true(lambda: process.tail._position == 1)
        await process.tail.stop()

        assert [[event.subject for event in events] async for events in tail] == [["last"]]
        assert [events async for events in idle] == []
    with process.tail.follow() as late:
        assert [events async for events in late] == []


async def test_a_thousand_followers_killed_leave_nothing_behind(process):
    tasks_before = asyncio.all_tasks()

    await _kill_a_thousand(process.tail)

    assert process.tail.follower_count == 0
    assert not process.tail._followers
    assert asyncio.all_tasks() == tasks_before
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, live._Follower)]


async def _kill_a_thousand(tail: LiveTail) -> None:
    async def follow(order_id: str | None) -> None:
        with tail.follow(order_id=order_id) as events:
            async for _ in events:
                pass

    following = [asyncio.create_task(follow(f"ord_{i % 10}" if i % 2 else None)) for i in range(1_000)]
    await is_true(lambda: tail.follower_count == 1_000)
    for task in following:
        task.cancel()
    await asyncio.wait(
        following
    )  # `gather` of Python 3.11 keeps the exceptions, and with them what they were raised in.
