"""Availability watched: what is answered of the SKUs that somebody follows is worked out once for all who ask alike.

A watch is of one question. It keeps what it last told of each SKU, looks again at those that an event of the log or the
passing of time may have changed, and tells its followers of those that are answered otherwise now.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from domain.availability.causes import CAUSES, next_turn, skus_named
from domain.availability.model import Availability, Question
from domain.availability.rules import availability
from domain.availability.service import SKUS_AT_ONCE, all_skus, shows_quantities, weighed
from domain.events import Event, EventKind, FellBehind, cursor_of
from domain.inventory.ledger import numbers_of
from domain.world import World

# What happens within it is looked at together: a basket of ten lines is one look, and nobody sees the difference.
BURST_S = 0.1
# How often the clock is looked at: an answer that time changes is told at most so late.
TICK_S = 1.0
EVENTS_AT_ONCE = 1_000  # Read from the log by one statement, of those that whoever resumes has missed.
MOVEMENTS_AT_ONCE = 2_000  # Looked up in the ledger by one statement.
# Watches of whole views, each of which keeps a line for every SKU of the catalog: some 200 bytes.
WHOLE_WATCHES_MAX = 20


class TooManyWatches(Exception):  # noqa: N818  (it says what there is)
    """So many whole views are watched already that another would be too much for this process."""


@dataclass(frozen=True, slots=True)
class AvailabilityChange:
    """cursor: what resumes after all that the answer takes into account."""

    cursor: str
    availability: Availability


Told = tuple[object, ...]

# What is to be looked at: SKUs; None among them is all.
Due = set[str | None]
_ALL: Due = {None}


class Watches:
    """All watches of a process, by what they ask."""

    def __init__(self) -> None:
        self._watches: dict[Question, _Watch] = {}

    def __len__(self) -> int:
        return len(self._watches)

    async def follow(
        self,
        world: World,
        question: Question,
        skus: Sequence[str] | None,
        *,
        since: int | None = None,
        for_s: float | None = None,
    ) -> AsyncGenerator[AvailabilityChange, None]:
        """The present of each SKU, then each answer that differs from the last; skus: None is all there are.

        Of all, only what changes is told. since: a position of the log; only what may have changed after it is told
        first. for_s: ends after so many seconds. A follower that is slow is told the latest of each SKU, and not what
        was between.
        Raises TooManyWatches, and Refused where the question can no longer be answered.
        """
        whole = sum(each.is_whole for of, each in self._watches.items() if of != question)
        if skus is None and whole >= WHOLE_WATCHES_MAX:
            raise TooManyWatches
        watch = self._watches.get(question)
        if watch is None or watch.is_over:
            watch = self._watches[question] = _Watch(world, question)
        follower = watch.join(skus, since, for_s)
        try:
            async for change in follower:
                yield change
        finally:
            if watch.leave(follower):
                if self._watches.get(question) is watch:
                    del self._watches[question]
                await watch.stop()


class _Watch:
    """One question, watched for as long as anybody follows it."""

    def __init__(self, world: World, question: Question) -> None:
        self._world = world
        self._question = question
        self._followers: set[_Follower] = set()
        self._told: dict[str, Told] = {}
        self._due: Due = set()
        self._joined: list[tuple[_Follower, int | None]] = []
        self._wake = asyncio.Event()
        self._position = self._passed = 0
        self._is_noted = False
        self._turn: datetime | None = None
        self._running = asyncio.create_task(self._run())

    @property
    def is_over(self) -> bool:
        return self._running.done()

    @property
    def is_whole(self) -> bool:
        return any(follower.skus is None for follower in self._followers)

    def join(self, skus: Sequence[str] | None, since: int | None, for_s: float | None) -> "_Follower":
        follower = _Follower(None if skus is None else frozenset(skus))
        self._followers.add(follower)
        if for_s is not None:
            follower.end_in(for_s)
        self._joined.append((follower, since))
        self._wake.set()
        return follower

    def leave(self, follower: "_Follower") -> bool:
        """Whether it was the last."""
        follower.end(None)
        self._followers.discard(follower)
        return not self._followers

    async def stop(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running

    async def _run(self) -> None:
        error: Exception | None = None
        try:
            with self._world.live.follow() as tail:
                self._position = self._passed = await self._world.reads.log.end()
                reading = asyncio.create_task(self._read(tail))
                try:
                    await self._look_on(reading)
                finally:
                    reading.cancel()
                    with suppress(asyncio.CancelledError):
                        await reading
        except Exception as failed:  # noqa: BLE001  (raised where it is followed)
            error = failed
        finally:
            for follower in self._followers:
                follower.end(error)

    async def _read(self, tail: AsyncIterator[Sequence[Event]]) -> None:
        """Note what events may have changed, until the process stops."""
        while True:
            try:
                async for events in tail:
                    new = [event for event in events if event.position > self._position]
                    self._due |= await self._affected([event for event in new if event.kind in CAUSES])
                    if new:
                        self._position = new[-1].position
                        self._wake.set()
            except FellBehind:
                self._due.add(None)
                self._wake.set()
                continue
            return

    async def _look_on(self, reading: "asyncio.Task[None]") -> None:
        while not reading.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            if self._wake.is_set():
                self._wake.clear()
                await asyncio.sleep(0 if self._joined else BURST_S)
            if self._turn is not None and self._world.clock.now() >= self._turn:
                self._turn = None
                self._due.add(None)
            await self._admit()
            due, self._due = self._due, set()
            position = self._position
            if due:
                await self._look(await self._wanted(due))
            self._passed = position  # What was due is told, so that who resumes from here has missed nothing.
        await reading

    async def _admit(self) -> None:
        """Have what new followers are to be told first looked at; of a whole view, what it is answered now is noted."""
        joined, self._joined = self._joined, []
        for follower, since in joined:
            first = _ALL if since is None else await self._affected(await self._since(since))
            if follower.skus is None and not self._is_noted:
                await self._look(await self._all_skus())
                self._is_noted = True
            if follower.skus is not None or since is not None:
                follower.unseen |= set(await self._wanted(first, follower))
                self._due |= follower.unseen

    async def _since(self, position: int) -> list[Event]:
        events: list[Event] = []
        while kept := await self._world.reads.log.after(position, EVENTS_AT_ONCE, kinds=sorted(CAUSES)):
            events += kept
            position = kept[-1].position
        return events

    async def _affected(self, events: Sequence[Event]) -> Due:
        """The SKUs that events may have changed the answers of; None among them is all."""
        affected: Due = set()
        numbers = [n for event in events if event.kind == EventKind.STOCK_MOVED.value for n in numbers_of(event)]
        for start in range(0, len(numbers), MOVEMENTS_AT_ONCE):
            moved = await self._world.reads.inventory.movements_by_number(numbers[start : start + MOVEMENTS_AT_ONCE])
            affected |= {movement.sku for movement in moved.values()}
        for event in events:
            named = skus_named(event)
            affected |= {None} if named is None else named
        return affected

    async def _wanted(self, due: Due, follower: "_Follower | None" = None) -> list[str]:
        """Of SKUs to be looked at, and the kits that they are in, those that are followed."""
        followed = self._followers if follower is None else {follower}
        whole = any(each.skus is None for each in followed)
        named = set[str]().union(*(each.skus or () for each in followed))
        if None in due:
            return sorted(named.union(await self._all_skus())) if whole else sorted(named)
        skus = {sku for sku in due if sku is not None}
        skus |= await self._world.reads.catalog.kits_with(sorted(skus))
        return sorted(skus if whole else skus & named)

    async def _all_skus(self) -> list[str]:
        return [sku async for skus in all_skus(self._world.reads.catalog) for sku in skus]

    async def _look(self, skus: Iterable[str]) -> None:
        """Answer SKUs anew, and tell those who follow them what is answered otherwise than it was."""
        rest = iter(skus)
        while part := list(islice(rest, SKUS_AT_ONCE)):
            goods = await self._world.reads.availability.goods(part)
            now = self._world.clock.now()
            weighing = weighed(self._question, goods, now)
            shows = shows_quantities(self._question, weighing.view.code, goods)
            turns = (
                next_turn(weighing, goods),
                await self._world.reads.reservations.next_lapse(list(goods.counts), now),
            )
            self._turn = min((turn for turn in (*turns, self._turn) if turn is not None), default=None)
            for sku in part:
                if (variant := goods.variants.get(sku)) is not None:
                    answer = availability(variant, weighing, goods, shows_quantities=shows)
                    self._tell(AvailabilityChange(cursor_of(self._passed), answer))

    def _tell(self, change: AvailabilityChange) -> None:
        sku, told = change.availability.sku, _told(change.availability)
        differs = self._told.get(sku) != told
        is_first = sku not in self._told
        self._told[sku] = told
        for follower in self._followers:
            is_noted_only = is_first and follower.skus is None and not self._is_noted
            if sku in follower.unseen or (differs and follower.wants(sku) and not is_noted_only):
                follower.unseen.discard(sku)
                follower.push(change)


def _told(answer: Availability) -> Told:
    """What of an answer is compared: all that a caller is shown of it but the moment."""
    places = tuple((place.location.code, place.status, place.quantity) for place in answer.places)
    return answer.status, answer.quantity, places, tuple(answer.future), answer.next_available_on, answer.view


class _Follower:
    """The latest of each SKU that waits for one listener. skus: None is all. unseen: to be told in any case."""

    def __init__(self, skus: frozenset[str] | None) -> None:
        self.skus = skus
        self.unseen = set[str]()
        self._waiting: dict[str, AvailabilityChange] = {}
        self._changed = asyncio.Event()
        self._is_over = False
        self._error: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wants(self, sku: str) -> bool:
        return self.skus is None or sku in self.skus

    def push(self, change: AvailabilityChange) -> None:
        self._waiting[change.availability.sku] = change
        self._changed.set()

    def end(self, error: Exception | None) -> None:
        self._is_over, self._error = True, error
        self._changed.set()
        if self._timer is not None:
            self._timer.cancel()

    def end_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(seconds, 0), self.end, None)

    def __aiter__(self) -> AsyncIterator[AvailabilityChange]:
        return self

    async def __anext__(self) -> AvailabilityChange:
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._is_over:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.pop(next(iter(self._waiting)))
