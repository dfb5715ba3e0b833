"""Jobs: kept in the transaction that asks for them, and completed in the transaction that does them."""

import logging
import random
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.clock import Clock
from domain.errors import Refused
from domain.jobs import NewJob
from persistence.database import Database, Statements
from persistence.tables.log import JOBS

logger = logging.getLogger(__name__)


READY, DEAD = "ready", "dead"
LEASE = timedelta(seconds=60)  # Far longer than any job takes; the work of a process that died waits no longer.
BACKOFF_FIRST = timedelta(seconds=1)
BACKOFF_MAX = timedelta(hours=1)
JOB_ATTEMPTS_MAX = 12  # With the backoff above, some hour of trying: longer, and a person must look.
_ERROR_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Job:
    """A job that is ours until its lease ends. attempts: tells this claim from an earlier or later one."""

    id: int
    kind: str
    payload: Mapping[str, Any]
    attempts: int


class LeaseLost(Exception):  # noqa: N818
    """Another worker has taken the job: what was done for it must be rolled back."""


async def enqueue(transaction: Statements, jobs: Sequence[NewJob], now: datetime) -> None:
    """Write jobs, in one statement.

    Where a key already waits, that job is brought forward instead, and held until this transaction ends: so it is not
    claimed before what this transaction wrote can be seen.
    """
    rows = [
        {
            "kind": job.kind,
            "key": job.key,
            "payload": dict(job.payload),
            "run_at": job.run_at or now,
            "attempts": 0,
            "state": READY,
        }
        # In the order of their keys, so that two transactions cannot wait for each other.
        for job in sorted(jobs, key=lambda job: job.key or "")
    ]
    if not rows:
        return
    insert = (sqlite.insert if transaction.is_sqlite else postgresql.insert)(JOBS)
    sooner = case((insert.excluded.run_at < JOBS.c.run_at, insert.excluded.run_at), else_=JOBS.c.run_at)
    await transaction.run(insert.on_conflict_do_update(index_elements=["key"], set_={"run_at": sooner}), rows)


class SqlJobs:
    """The queue, as workers see it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def claim(self, limit: int) -> list[Job]:
        """Up to `limit` jobs that are due, the longest due first; nobody else is given them until the lease ends.

        A claimed job lets go of its key: what happens from now on may be something it has not seen.
        """
        now = self._clock.now()
        due = (
            select(JOBS.c.id)
            .where(JOBS.c.state == READY, JOBS.c.run_at <= now)
            .order_by(JOBS.c.run_at, JOBS.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claim = (
            update(JOBS)
            .where(JOBS.c.id == due.c.id)
            .values(run_at=now + LEASE, attempts=JOBS.c.attempts + 1, key=None)
            .returning(JOBS.c.id, JOBS.c.kind, JOBS.c.payload, JOBS.c.attempts)
        )
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(claim)
        return sorted((Job(row.id, row.kind, row.payload, row.attempts) for row in rows), key=lambda job: job.id)

    async def complete(self, transaction: Statements, job: Job) -> None:
        """Take the job off the queue, in the transaction that does it; call first, as it keeps all others off.

        Raises LeaseLost where it is no longer ours.
        """
        ours = (JOBS.c.id == job.id) & (JOBS.c.attempts == job.attempts)
        if await transaction.run(delete(JOBS).where(ours)) != 1:
            raise LeaseLost(f"Job {job.id} ({job.kind}) was taken by another worker.")

    async def fail(self, job: Job, error: Exception) -> None:
        """Put a job off after a fault; after the last attempt it is kept as dead, for a person to look at."""
        is_dead = job.attempts >= JOB_ATTEMPTS_MAX
        put_off = {
            "state": DEAD if is_dead else READY,
            "run_at": self._clock.now() + backoff(job.attempts),
            "error": _said(error),
        }
        ours = (JOBS.c.id == job.id) & (JOBS.c.attempts == job.attempts)
        await self._database.run(update(JOBS).where(ours).values(put_off))
        logger.log(
            logging.ERROR if is_dead else logging.WARNING,
            "Job %s (%s) failed for the %s. time of %s: %s\n%s",
            job.id,
            job.kind,
            job.attempts,
            JOB_ATTEMPTS_MAX,
            _said(error),
            "".join(traceback.format_tb(error.__traceback__)),
        )


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, spread so that what failed together parts."""
    longest: timedelta = min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** (attempts - 1))
    return longest * random.uniform(0.5, 1)  # noqa: S311  (spreads load; nobody gains by guessing it)


def _said(error: Exception) -> str:
    """Our own sentences; of a stranger's error only its name, as it may quote a row."""
    return str(error)[:_ERROR_LENGTH_MAX] if isinstance(error, Refused) else type(error).__name__
