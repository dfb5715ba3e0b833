"""The end of the log as it grows: read once for the whole process, handed to everyone who follows."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress

from domain.events import Event, FellBehind
from domain.world import LogReads
from persistence.event_bus import EventBus
from persistence.log import DATABASE_FAULTS, EventNumbering

logger = logging.getLogger(__name__)

# Without a ring we look this often: with Redis stopped, another process's event is pushed within 5 s, as promised.
POLL_S = 1.0
BATCH = 500  # Some 200 kB of events in hand.
FOLLOWER_EVENTS_MAX = (
    1_000  # Shared with all other followers, so it costs references; who is further behind reads the log.
)


class LiveTail:
    """Reads what is new after each announcement, and in any case every POLL_S; each event goes to those it concerns."""

    def __init__(self, log: LogReads, bus: EventBus, numbering: EventNumbering) -> None:
        self._log = log
        self._bus = bus
        self._numbering = numbering
        self._followers: dict[str | None, set[_Follower]] = {}
        self._position = 0
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._position = await self._log.end()
        self._reading = asyncio.create_task(self._read_on())

    async def stop(self) -> None:
        """Every follower's iterator ends."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        for followers in self._followers.values():
            for follower in followers:
                follower.end()

    @property
    def follower_count(self) -> int:
        return sum(map(len, self._followers.values()))

    @contextmanager
    def follow(
        self, *, order_id: str | None = None, for_s: float | None = None
    ) -> Iterator[AsyncIterator[Sequence[Event]]]:
        follower = _Follower(is_over=self._reading is None)
        self._followers.setdefault(order_id, set()).add(follower)
        end = None if for_s is None else asyncio.get_running_loop().call_later(max(for_s, 0), follower.end)
        try:
            yield follower
        finally:
            if end:
                end.cancel()
            self._followers[order_id].discard(follower)
            if not self._followers[order_id]:
                del self._followers[order_id]

    async def _read_on(self) -> None:
        with self._bus.listen() as bell:
            while True:
                has_rung = await bell.heard(within_s=POLL_S)
                try:
                    if not has_rung:
                        await self._numbering.number()  # What a process left that died after its commit.
                    await self._read()
                except DATABASE_FAULTS as fault:
                    logger.warning("The log cannot be read; live events wait: %s", type(fault).__name__)

    async def _read(self) -> None:
        while True:
            events = await self._log.after(self._position, BATCH)
            for event in events:
                for topic in {None, event.order_id}:
                    for follower in self._followers.get(topic, ()):
                        follower.push(event)
                self._position = event.position
            if len(events) < BATCH:
                return


class _Follower:
    """The events that wait for one listener."""

    def __init__(self, *, is_over: bool) -> None:
        self._waiting: deque[Event] = deque()
        self._changed = asyncio.Event()
        self._is_over = is_over
        self._is_behind = False

    def push(self, event: Event) -> None:
        if len(self._waiting) == FOLLOWER_EVENTS_MAX:
            self._is_behind = True
            self._waiting.clear()
        if not self._is_behind:
            self._waiting.append(event)
        self._changed.set()

    def end(self) -> None:
        self._is_over = True
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[Sequence[Event]]:
        return self

    async def __anext__(self) -> Sequence[Event]:
        while True:
            if self._is_behind:
                raise FellBehind
            if self._waiting:
                events = list(self._waiting)
                self._waiting.clear()
                return events
            if self._is_over:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
