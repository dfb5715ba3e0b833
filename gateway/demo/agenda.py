"""What happens when: stories that go on at instants of their own, and the clock that is set to each."""

import heapq
from collections.abc import AsyncGenerator
from datetime import datetime

from domain.clock import SetClock
from domain.world import UnitOfWork

# A story yields the instant at which it goes on, and is sent the unit of work of that instant.
Story = AsyncGenerator[datetime, UnitOfWork]


class Agenda:
    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self._due: list[tuple[datetime, int, Story, datetime | None]] = []
        self._told = 0

    async def begin(self, story: Story, *, ends_at: datetime | None = None) -> None:
        """Take up a story, up to the first instant it waits for; one that waits for none is over.

        ends_at: it is left where it is by then.
        """
        if (at := await anext(story, None)) is not None:
            self._put(at, story, ends_at)

    def has_anything_before(self, instant: datetime) -> bool:
        return bool(self._due) and self._due[0][0] < instant

    async def go_on(self, work: UnitOfWork, until: datetime) -> None:
        """Tell all that happens before an instant, each step with the clock set to its own."""
        while self.has_anything_before(until):
            at, _, story, ends_at = heapq.heappop(self._due)
            if ends_at is not None and at >= ends_at:
                await story.aclose()
                continue
            self._clock.set(max(at, self._clock.now()))
            try:
                self._put(await story.asend(work), story, ends_at)
            except StopAsyncIteration:
                continue

    async def close(self) -> None:
        """Leave the stories where they are."""
        for _, _, story, _ in self._due:
            await story.aclose()

    def _put(self, at: datetime, story: Story, ends_at: datetime | None) -> None:
        # Of two steps at one instant the one that was put first comes first: so the past is made the same twice.
        heapq.heappush(self._due, (at, self._told, story, ends_at))
        self._told += 1
