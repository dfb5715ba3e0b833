"""The worker does what commits left to be done: once, in the transaction that takes the job off the queue."""

import asyncio
from datetime import timedelta

import pytest

from domain.access import Role
from domain.events import EventKind, NewEvent
from domain.idempotency import KEPT_FOR, Asked
from domain.jobs import NewJob
from domain.reactions import HANDLERS, REACTIONS
from gateway import worker
from gateway.worker import Worker
from persistence.jobs import BACKOFF_MAX, JOB_ATTEMPTS_MAX, LEASE
from tests.factories import NOW, a_viewer, an_order

SOON_S = 5  # What a quiet machine does in milliseconds.
CUSTOMER = a_viewer(Role.CUSTOMER, customer_id="cus_ada")


@pytest.fixture
def handlers(monkeypatch) -> dict:
    """Kinds of job of the test's own, beside the real ones."""
    ours = dict(HANDLERS)
    monkeypatch.setattr(worker, "HANDLERS", ours)
    return ours


@pytest.fixture
def working(shop) -> Worker:
    return Worker(shop.world, shop.process.jobs, shop.process.bus)


async def later(shop, kind: str, **changes) -> None:
    async with shop.world.work() as work:
        work.later(NewJob(kind=kind, payload={"orderId": "ord_1"}, **changes))


def tells(handlers: dict, kind: str, *, fails: int = 0, follow: str | None = None) -> list[str]:
    """A handler that records an event, and fails the first few times; the ids of the orders it was called for."""
    calls: list[str] = []

    async def handler(work, payload) -> None:
        calls.append(payload["orderId"])
        event = NewEvent(kind=EventKind.ORDER_COMPLETED, subject=kind, actor="system", at=work.clock.now(), data={})
        work.record(event)
        if follow:
            work.later(NewJob(kind=follow, payload=payload))
        if len(calls) <= fails:
            raise ValueError(kind)

    handlers[kind] = handler
    return calls


async def told(shop) -> list[str]:
    return [event.subject for event in await shop.world.reads.log.after(0, 1_000)]


async def test_an_order_that_is_confirmed_is_asked_of_its_places_and_a_canceled_one_taken_back(shop):
    await shop.stock(milan={"A": 5})
    await shop.place(an_order(("A", 1)))

    await shop.run_jobs()

    assert (await shop.kinds())[-1] == "fulfillment_order.opened"
    assert await shop.count("jobs") == 0


def test_every_reaction_and_every_timer_has_a_handler():
    timers = {"end_remorse", "expire_payment", "lapse_hold"}

    assert {kind for kinds in REACTIONS.values() for kind in kinds} | timers == set(HANDLERS)


async def test_a_job_that_fails_leaves_nothing_and_is_done_whole_later(shop, handlers, working, caplog):
    calls = tells(handlers, "count", fails=2)
    await later(shop, "count")

    for _ in range(4):
        await working.run_until_idle()
        shop.clock.forward(BACKOFF_MAX)

    assert len(calls) == 3
    assert await told(shop) == ["count"]
    assert "failed for the 2. time" in caplog.text


async def test_one_job_that_fails_holds_no_other_up(shop, handlers, working, caplog):
    tells(handlers, "fails", fails=JOB_ATTEMPTS_MAX)
    done = tells(handlers, "goes well")
    await later(shop, "fails")
    await later(shop, "no such kind")
    await later(shop, "goes well")

    await working.run_until_idle()

    assert len(done) == 1


async def test_what_a_job_gives_rise_to_is_done_too_and_a_timer_at_its_time(shop, handlers, working):
    tells(handlers, "first", follow="second")
    second = tells(handlers, "second")
    timer = tells(handlers, "timer")
    await later(shop, "first")
    await later(shop, "timer", run_at=NOW + timedelta(minutes=30))

    await working.run_until_idle()
    assert (len(second), len(timer)) == (1, 0)

    shop.clock.forward(timedelta(minutes=30))
    await working.run_until_idle()
    assert (len(second), len(timer)) == (1, 1)


async def test_several_workers_do_each_job_once(shop, handlers):
    calls = tells(handlers, "count")
    for _ in range(20):
        await later(shop, "count")

    await asyncio.gather(*(Worker(shop.world, shop.process.jobs, shop.process.bus).run_until_idle() for _ in range(4)))

    assert len(await told(shop)) == len(calls) == 20


async def test_a_job_whose_lease_was_lost_meanwhile_is_rolled_back(shop, handlers, working):
    tells(handlers, "count")
    await later(shop, "count")
    (stale,) = await shop.process.jobs.claim(1)
    shop.clock.forward(LEASE)
    (_fresh,) = await shop.process.jobs.claim(1)

    await working._do(stale)

    assert await told(shop) == []
    assert await shop.count("jobs") == 1


async def test_a_job_that_ends_the_process_each_time_is_given_up_without_being_tried_again(
    shop, handlers, working, caplog
):
    calls = tells(handlers, "deadly")
    await later(shop, "deadly")
    for _ in range(JOB_ATTEMPTS_MAX):
        assert len(await shop.process.jobs.claim(1)) == 1
        shop.clock.forward(LEASE)

    await working.run_until_idle()

    assert calls == []
    assert "ProcessDied" in caplog.text


async def test_a_running_worker_hears_of_new_work_at_once_and_stops_when_told(shop, handlers, working, monkeypatch):
    monkeypatch.setattr(worker, "IDLE_S", 3600)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_work, _payload) -> None:
        begun.set()
        await may_end.wait()

    handlers["slow"] = slow
    running = asyncio.create_task(working.run())
    async with asyncio.timeout(SOON_S):
        await later(shop, "slow")
        await begun.wait()
        working.stop()
        await asyncio.sleep(0)
        assert not running.done()  # It finishes what it has at hand.
        may_end.set()
        await running

    assert await shop.count("jobs") == 0


async def test_an_idle_worker_stops_at_once(shop, working, monkeypatch):
    monkeypatch.setattr(worker, "IDLE_S", 3600)
    running = asyncio.create_task(working.run())
    async with asyncio.timeout(SOON_S):
        while not working._house_kept_at:  # noqa: ASYNC110  (its first round rings no bell)
            await asyncio.sleep(0.01)
        working.stop()
        await running


async def test_a_worker_outlives_a_database_that_breaks_off(shop, handlers, working, monkeypatch, caplog):
    monkeypatch.setattr(worker, "IDLE_S", 0.01)
    calls = tells(handlers, "count")
    await later(shop, "count")
    with monkeypatch.context() as broken:
        broken.setattr(shop.process.jobs, "claim", _breaks_off)
        running = asyncio.create_task(working.run())
        async with asyncio.timeout(SOON_S):
            while "cannot be reached" not in caplog.text:  # noqa: ASYNC110  (a log line rings no bell)
                await asyncio.sleep(0.01)
    async with asyncio.timeout(SOON_S):
        while not calls:  # noqa: ASYNC110  (a handler's first call rings no bell)
            await asyncio.sleep(0.01)
    working.stop()
    await running


async def _breaks_off(_limit):
    raise ConnectionRefusedError


async def test_keys_that_are_too_old_are_forgotten_and_others_are_kept(shop, working):
    async with shop.world.work() as work:
        await work.keys.claim([Asked(CUSTOMER, "old", "input")])
    shop.clock.forward(timedelta(days=1))
    async with shop.world.work() as work:
        await work.keys.claim([Asked(CUSTOMER, "young", "input")])
    shop.clock.set(NOW + KEPT_FOR + timedelta(seconds=1))

    await working._keep_house()

    assert await shop.count("idempotency_keys") == 1
