"""What happens when: stories that go on at instants of their own, and the clock that is set to each."""

import heapq
from collections.abc import AsyncGenerator, Callable
from datetime import datetime, timedelta

from domain.clock import SetClock
from domain.world import UnitOfWork

# A story yields the instant at which it goes on, and is sent the unit of work of that instant.
Story = AsyncGenerator[datetime, UnitOfWork]

# What happens within so long is one transaction: a commit for each step would take most of the time.
WAVE = timedelta(minutes=15)


class Agenda:
    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self._due: list[tuple[datetime, int, Story]] = []
        self._told = 0

    async def begin(self, story: Story) -> None:
        """Take up a story, up to the first instant it waits for."""
        self._put(await anext(story), story)

    @property
    def next_at(self) -> datetime | None:
        return self._due[0][0] if self._due else None

    async def go_on(self, work: UnitOfWork, until: datetime) -> None:
        """Tell all that happens before an instant, each step with the clock set to its own."""
        while self._due and self._due[0][0] < until:
            at, _, story = heapq.heappop(self._due)
            self._clock.set(max(at, self._clock.now()))
            try:
                self._put(await story.asend(work), story)
            except StopAsyncIteration:
                continue

    async def close(self) -> None:
        """Leave the stories where they are."""
        for _, _, story in self._due:
            await story.aclose()

    def _put(self, at: datetime, story: Story) -> None:
        # Of two steps at one instant the one that was put first comes first: so the past is made the same twice.
        heapq.heappush(self._due, (at, self._told, story))
        self._told += 1
