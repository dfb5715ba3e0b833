"""What takes too long is ended by a timer that all of it shares; what ends by itself, or is ended by others, is not."""

import asyncio

import pytest

from gateway.deadlines import Deadline

LONG_S = 3_600.0


async def test_what_ends_in_time_is_what_it_came_to():
    assert await Deadline(LONG_S).keep(asyncio.sleep(0, "done")) == "done"


async def test_what_takes_too_long_is_ended():
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    with pytest.raises(TimeoutError):
        await Deadline(0).keep(work())

    assert ended == ["work"]
    assert not asyncio.current_task().cancelling()


async def test_a_caller_who_gives_up_is_not_told_that_it_took_too_long():
    waiting = asyncio.create_task(Deadline(LONG_S).keep(asyncio.Event().wait()))
    await asyncio.sleep(0)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_each_has_its_own_time(monkeypatch):
    loop = asyncio.get_running_loop()
    timers = []
    monkeypatch.setattr(loop, "call_at", lambda at, *called: timers.append((at, called)))
    monkeypatch.setattr(loop, "time", lambda: now)
    deadline = Deadline(30)

    now = 100.0
    early = asyncio.create_task(deadline.keep(asyncio.Event().wait()))
    await asyncio.sleep(0)
    now = 110.0
    late = asyncio.create_task(deadline.keep(asyncio.Event().wait()))
    await asyncio.sleep(0)
    now, (_, (end_overdue, *given)) = 130.0, timers.pop()
    end_overdue(*given)
    with pytest.raises(TimeoutError):
        await early

    assert [at for at, _ in timers] == [140.0]
    assert not late.done()
    late.cancel()
