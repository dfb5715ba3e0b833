"""The bus: in one process or in many, a bell rings when somebody says that something was committed."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable

import pytest

from persistence import event_bus
from persistence.event_bus import EventBus, MemoryBus, RedisBus

SOON_S = 5  # What a quiet machine does in milliseconds.


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def processes(request) -> AsyncIterator[tuple[EventBus, EventBus]]:
    """The buses of two processes; in memory there is only one."""
    if request.param == "memory":
        bus = MemoryBus()
        buses = (bus, bus)
    else:
        url = request.getfixturevalue("redis_url")
        buses = (RedisBus(url), RedisBus(url))
    for bus in buses:
        await bus.start()
    yield buses
    for bus in buses:
        await bus.close()
    gc.collect()  # What was left open would warn here.


async def test_an_announcement_rings_the_bells_of_every_process(processes):
    here, there = processes
    with here.listen() as own, there.listen() as first, there.listen() as second:
        await eventually_heard(here.announce, first)
        await here.announce()

        assert all(await asyncio.gather(*(bell.heard(within_s=SOON_S) for bell in (own, first, second))))


async def test_rings_that_nobody_waited_for_are_one_ring():
    bus = MemoryBus()
    with bus.listen() as bell:
        for _ in range(100):
            await bus.announce()

        assert await bell.heard()
        assert not await bell.heard(within_s=0.01)


async def test_who_no_longer_listens_leaves_nothing_behind():
    bus = MemoryBus()
    for _ in range(1_000):
        with bus.listen():
            pass

    assert not bus._bells


async def test_without_redis_announcing_neither_waits_nor_fails_and_rings_our_own_bells(caplog):
    bus = RedisBus("redis://127.0.0.1:1/")
    await bus.start()
    with bus.listen() as bell:
        async with asyncio.timeout(SOON_S):
            await bus.announce()

            assert await bell.heard()
            while "Redis is away" not in caplog.text:  # noqa: ASYNC110  (a log line rings no bell)
                await asyncio.sleep(0)

    await bus.close()


async def test_after_redis_was_away_it_is_heard_again(redis_url, monkeypatch):
    monkeypatch.setattr(event_bus, "RECONNECT_FIRST_S", 0.01)
    here, there = RedisBus(redis_url), RedisBus(redis_url)
    await here.start()
    await there.start()
    with there.listen() as bell:
        await eventually_heard(here.announce, bell)

        await here._redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await here._redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        await eventually_heard(here.announce, bell)
    await here.close()
    await there.close()


async def test_closing_leaves_no_task_and_no_connection(redis_url):
    before = asyncio.all_tasks()
    bus = RedisBus(redis_url)
    await bus.start()
    with bus.listen() as bell:
        await bus.announce()
        await bell.heard(within_s=SOON_S)

    await bus.close()

    assert asyncio.all_tasks() == before
    gc.collect()


async def eventually_heard(announce: Callable, bell: event_bus.Bell) -> None:
    """Announce until it is heard: a subscription takes a moment to stand."""
    async with asyncio.timeout(SOON_S):
        await announce()
        while not await bell.heard(within_s=0.05):
            await announce()
