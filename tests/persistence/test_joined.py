"""Who asks in the same moment is read for together, and never from before they asked."""

import asyncio

import pytest

from persistence.joined import JoinedReads


class Readings:
    """Reads that end when they are told to."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.ends: list[asyncio.Future[str]] = []

    async def read(self, keys: list[str]) -> str:
        self.begun.append(sorted(keys))
        self.ends.append(asyncio.get_running_loop().create_future())
        return await self.ends[-1]


async def _looks(times: int = 5) -> None:
    """Let all go on that can."""
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.fixture
def readings():
    return Readings()


@pytest.fixture
def joined(readings):
    return JoinedReads(readings.read, at_once=1, keys_max=3)


async def test_those_who_ask_at_once_are_read_for_together_and_those_who_come_later_by_the_next(joined, readings):
    first = [asyncio.create_task(joined.of(keys)) for keys in (["A"], ["A", "B"])]
    await _looks()
    later = [asyncio.create_task(joined.of([key])) for key in ("A", "C")]
    await _looks()
    assert readings.begun == [["A", "B"]]

    readings.ends[0].set_result("early")
    await _looks()
    readings.ends[1].set_result("late")

    assert readings.begun == [["A", "B"], ["A", "C"]]
    assert await asyncio.gather(*first, *later) == ["early", "early", "late", "late"]


async def test_a_read_has_no_more_keys_than_its_bound_unless_one_asks_for_so_many(joined, readings):
    asking = [asyncio.create_task(joined.of(keys)) for keys in (["A", "B"], ["C", "D"], ["E", "F", "G", "H"])]
    for end in range(3):
        await _looks()
        readings.ends[end].set_result("found")

    await asyncio.gather(*asking)
    assert readings.begun == [["A", "B"], ["C", "D"], ["E", "F", "G", "H"]]


async def test_an_error_is_told_to_all_who_asked_and_the_next_read_goes_well(joined, readings):
    asking = [asyncio.create_task(joined.of(["A"])) for _ in range(2)]
    await _looks()
    readings.ends[0].set_exception(OSError("gone"))
    assert [str(error) for error in await asyncio.gather(*asking, return_exceptions=True)] == ["gone", "gone"]

    again = asyncio.create_task(joined.of(["A"]))
    await _looks()
    readings.ends[1].set_result("found")
    assert await again == "found"


async def test_one_who_leaves_takes_the_answer_from_nobody_else(joined, readings):
    leaving, staying = (asyncio.create_task(joined.of(["A"])) for _ in range(2))
    await _looks()

    leaving.cancel()
    await _looks()
    readings.ends[0].set_result("found")

    assert await staying == "found"
