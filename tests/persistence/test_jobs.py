"""Jobs are done once in effect: claimed by one worker at a time, tried again after a fault, lost with no crash."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from domain.clock import SetClock
from domain.jobs import NewJob
from persistence import jobs
from persistence.database import Database
from persistence.jobs import BACKOFF_MAX, DEAD, JOB_ATTEMPTS_MAX, LEASE, Job, LeaseLost, SqlJobs
from persistence.tables.log import JOBS

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
A_MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
async def database(migrated_database_url) -> AsyncIterator[Database]:
    database = Database(migrated_database_url)
    yield database
    await database.close()


@pytest.fixture
def queue(database, clock) -> SqlJobs:
    return SqlJobs(database, clock)


async def enqueue(database: Database, *new: NewJob) -> None:
    async with database.transaction() as transaction:
        await jobs.enqueue(transaction, new, NOW)


async def complete(database: Database, queue: SqlJobs, job: Job) -> None:
    async with database.transaction() as transaction:
        await queue.complete(transaction, job)


def a_job(number: int = 1, *, at: datetime | None = None, key: str | None = None) -> NewJob:
    return NewJob(kind="count", payload={"number": number}, run_at=at, key=key)


async def test_a_job_is_claimed_when_it_is_due_and_gone_when_it_is_done(database, queue, clock):
    await enqueue(database, a_job(1), a_job(2, at=NOW + A_MINUTE))

    (first,) = await queue.claim(10)
    await complete(database, queue, first)
    clock.set(NOW + A_MINUTE)
    (second,) = await queue.claim(10)
    await complete(database, queue, second)

    assert (first.kind, first.payload, second.payload) == ("count", {"number": 1}, {"number": 2})
    clock.set(NOW + timedelta(days=1))
    assert await queue.claim(10) == []


async def test_the_longest_due_are_claimed_first(database, queue, clock):
    await enqueue(database, *(a_job(i, at=NOW - i * A_MINUTE) for i in range(5)))

    assert {job.payload["number"] for job in await queue.claim(2)} == {4, 3}


async def test_a_job_of_a_transaction_rolled_back_was_never_asked_for(database, queue):
    with contextlib.suppress(ZeroDivisionError):
        async with database.transaction() as transaction:
            await jobs.enqueue(transaction, [a_job()], NOW)
            raise ZeroDivisionError

    assert await queue.claim(10) == []


async def test_workers_side_by_side_never_claim_the_same_job(database, migrated_database_url, clock):
    others = [Database(migrated_database_url) for _ in range(4)]
    await enqueue(database, *(a_job(i) for i in range(60)))

    claims = await asyncio.gather(*(SqlJobs(other, clock).claim(5) for _ in range(4) for other in others))

    claimed = [job.id for claim in claims for job in claim]
    assert len(claimed) == len(set(claimed)) >= 60 - 5 * 4  # A claim skips what another is just claiming.
    for other in others:
        await other.close()


async def test_a_dead_workers_job_is_claimed_again_after_its_lease_and_the_dead_can_no_longer_complete_it(
    database, queue, clock
):
    await enqueue(database, a_job())
    (lost,) = await queue.claim(1)

    clock.set(NOW + LEASE - timedelta(seconds=1))
    assert await queue.claim(1) == []
    clock.set(NOW + LEASE)
    (taken_over,) = await queue.claim(1)

    with pytest.raises(LeaseLost):
        await complete(database, queue, lost)
    await queue.fail(lost, ValueError())
    await complete(database, queue, taken_over)


async def test_a_job_that_fails_waits_longer_each_time_and_is_dead_after_the_last(database, queue, clock, caplog):
    await enqueue(database, a_job())
    waits = []
    for attempt in range(JOB_ATTEMPTS_MAX):
        assert not _logged_dead(caplog), f"dead after {attempt} attempts"
        (job,) = await queue.claim(1)
        await queue.fail(job, ValueError("a person's name"))
        waits.append((await _row(database)).run_at - clock.now())
        clock.forward(BACKOFF_MAX)

    assert waits[0] <= timedelta(seconds=1)
    assert all(later > earlier for earlier, later in zip(waits[::2], waits[2::2], strict=False))
    assert _logged_dead(caplog)
    row = await _row(database)
    assert (row.state, row.error) == (DEAD, "ValueError")
    assert "a person's name" not in caplog.text
    assert await queue.claim(1) == []


async def test_a_key_waits_once_and_the_earlier_time_counts(database, queue, clock):
    await enqueue(database, a_job(1, at=NOW + A_MINUTE, key="one"), a_job(2, key="other"))
    await enqueue(database, a_job(3, key="one"))
    await enqueue(database, a_job(4, at=NOW + 2 * A_MINUTE, key="one"))

    claimed = await queue.claim(10)

    assert [job.payload["number"] for job in claimed] == [1, 2]
    clock.set(NOW + 2 * A_MINUTE)
    assert {job.id for job in await queue.claim(10)} == {job.id for job in claimed}  # Only their leases have ended.


async def test_what_happens_while_a_job_is_being_done_is_a_job_again(database, queue):
    await enqueue(database, a_job(1, key="one"))
    (being_done,) = await queue.claim(1)

    await enqueue(database, a_job(2, key="one"))

    assert [job.payload["number"] for job in await queue.claim(1)] == [2]
    await complete(database, queue, being_done)


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_a_waiting_job_is_not_done_before_the_transaction_that_also_asked_for_it_can_be_seen(database, queue):
    await enqueue(database, a_job(1, key="one"))
    async with database.transaction() as transaction:
        await jobs.enqueue(transaction, [a_job(2, key="one")], NOW)

        assert await queue.claim(1) == []

    assert len(await queue.claim(1)) == 1


def _logged_dead(caplog) -> bool:
    return any(record.levelno == logging.ERROR for record in caplog.records)


async def _row(database: Database):
    (row,) = await database.fetch(select(JOBS))
    return row
