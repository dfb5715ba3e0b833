"""Telling everyone, in every process, that something was committed. What is lost here costs latency, never an event."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "orderloom:committed"
CONNECT_TIMEOUT_S = 2  # Who waits longer for Redis is served sooner by the poll.
RECONNECT_FIRST_S = 0.1
RECONNECT_MAX_S = 5  # Redis is back for at most so long before we know; meanwhile the poll serves.


class Bell:
    """Rings when something was committed; rings that nobody waited for are one ring."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def heard(self, within_s: float | None = None) -> bool:
        """Wait for a ring, for so long at most; True where it rang."""
        try:
            async with asyncio.timeout(within_s):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class EventBus(Protocol):
    async def start(self) -> None: ...

    async def announce(self) -> None:
        """Ring every bell, in this process and in all others. Neither waits for anyone nor fails."""

    def listen(self) -> AbstractContextManager[Bell]:
        """A bell, as long as the context lasts."""

    async def close(self) -> None: ...


class MemoryBus:
    """For a process that is alone."""

    def __init__(self) -> None:
        self._bells: set[Bell] = set()

    async def start(self) -> None: ...

    async def announce(self) -> None:
        for bell in self._bells:
            bell.ring()

    @contextmanager
    def listen(self) -> Iterator[Bell]:
        bell = Bell()
        self._bells.add(bell)
        try:
            yield bell
        finally:
            self._bells.discard(bell)

    async def close(self) -> None: ...


class RedisBus:
    """For several processes: one connection to publish, one to subscribe; bells of our own ring without Redis."""

    def __init__(self, url: str) -> None:
        self._here = MemoryBus()
        self._to_publish = Bell()
        self._name = secrets.token_hex(8).encode()  # What we publish, so as not to hear ourselves.
        self._redis = Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # We try again ourselves, and say so.
        )
        self._sides: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._sides = [asyncio.create_task(_kept_up(side)) for side in (self._publish, self._subscribe)]

    async def announce(self) -> None:
        await self._here.announce()
        self._to_publish.ring()

    def listen(self) -> AbstractContextManager[Bell]:
        return self._here.listen()

    async def close(self) -> None:
        for side in self._sides:
            side.cancel()
        await asyncio.gather(*self._sides, return_exceptions=True)
        await self._redis.aclose()

    async def _publish(self) -> AsyncGenerator[None]:
        while await self._to_publish.heard():
            await self._redis.publish(CHANNEL, self._name)
            yield

    async def _subscribe(self) -> AsyncGenerator[None]:
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(CHANNEL)
            while True:
                # The first message says that we are subscribed: something may have been said before.
                message = await subscription.get_message(timeout=None)
                if message and message["data"] != self._name:
                    await self._here.announce()
                yield


async def _kept_up(side: Callable[[], AsyncGenerator[None]]) -> None:
    """One side of the conversation, begun again after each fault; every step that goes well resets the pause."""
    pause_s = RECONNECT_FIRST_S
    while True:
        try:
            async for _ in side():
                pause_s = RECONNECT_FIRST_S
        except (RedisError, OSError, TimeoutError) as fault:
            logger.warning("Redis is away, processes learn of each other's commits by polling: %s", fault)
        await asyncio.sleep(pause_s)
        pause_s = min(RECONNECT_MAX_S, pause_s * 2)
