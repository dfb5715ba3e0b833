"""The worker: does what commits left to be done, and keeps house."""

import asyncio
import logging
from datetime import datetime, timedelta

from domain.idempotency import KEPT_FOR
from domain.orders.quotes import QUOTES_KEPT_FOR
from domain.reactions import HANDLERS
from gateway.telemetry import Telemetry
from persistence.event_bus import Bell, EventBus
from persistence.idempotency import forget_keys
from persistence.jobs import JOB_ATTEMPTS_MAX, Job, LeaseLost, SqlJobs
from persistence.log import DATABASE_FAULTS
from persistence.quotes import forget_quotes
from persistence.unit_of_work import SqlWorld

logger = logging.getLogger(__name__)

JOBS_AT_ONCE = 4  # Half of a process's connections: the other half answers callers.
JOBS_IN_A_ROW = 50  # One claim for so many, where they are done one by one.
IDLE_S = 1.0  # A timer is at most this late.
HOUSEKEEPING_EVERY = timedelta(hours=1)


class ProcessDied(Exception):  # noqa: N818
    """The job was claimed more often than it failed: it ends the process that does it."""


class Worker:
    """Claims jobs and does each in a unit of work of its own, which its completion is part of."""

    def __init__(self, world: SqlWorld, jobs: SqlJobs, bus: EventBus, telemetry: Telemetry | None = None) -> None:
        self._world = world
        self._jobs = jobs
        self._bus = bus
        self._telemetry = telemetry or Telemetry()
        self._is_stopping = False
        self._bell: Bell | None = None
        self._house_kept_at: datetime | None = None

    async def run(self) -> None:
        """Do jobs as they fall due, until told to stop."""
        with self._bus.listen() as self._bell:
            while not self._is_stopping:
                try:
                    await self._keep_house()
                    claimed = await self._jobs.claim(JOBS_AT_ONCE)
                except DATABASE_FAULTS as fault:
                    logger.warning("Jobs wait, the database cannot be reached: %s", type(fault).__name__)
                    claimed = []
                await asyncio.gather(*map(self._do, claimed))
                if not claimed and not self._is_stopping:
                    await self._bell.heard(within_s=IDLE_S)

    def stop(self) -> None:
        """Claim no more; `run` returns once the jobs at hand are done."""
        self._is_stopping = True
        if self._bell:
            self._bell.ring()

    async def run_until_idle(self) -> None:
        """Do all that is due at the clock's now, and what that gives rise to, one by one in order."""
        while claimed := await self._jobs.claim(JOBS_IN_A_ROW):
            for job in claimed:
                await self._do(job)

    async def _do(self, job: Job) -> None:
        outcome = "done"
        try:
            await self._work_at(job)
        except LeaseLost:
            outcome = "lost"
        except Exception as error:  # noqa: BLE001  (whatever goes wrong in one job, the others are done)
            outcome = "failed"
            await self._put_off(job, error)
        self._telemetry.job(job.kind, outcome)

    async def _work_at(self, job: Job) -> None:
        if job.attempts > JOB_ATTEMPTS_MAX:
            raise ProcessDied
        async with self._world.work() as work:
            await self._jobs.complete(work.transaction, job)
            await HANDLERS[job.kind](work, job.payload)

    async def _put_off(self, job: Job, error: Exception) -> None:
        try:
            await self._jobs.fail(job, error)
        except DATABASE_FAULTS as fault:
            logger.warning("Job %s (%s) waits for its lease to end: %s", job.id, job.kind, type(fault).__name__)

    async def _keep_house(self) -> None:
        now = self._world.clock.now()
        if self._house_kept_at is None or now - self._house_kept_at >= HOUSEKEEPING_EVERY:
            await forget_keys(self._world.database, now - KEPT_FOR)
            await forget_quotes(self._world.database, now - QUOTES_KEPT_FOR)
            self._house_kept_at = now
