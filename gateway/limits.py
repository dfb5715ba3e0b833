"""How much one caller may do."""

import asyncio
import math
import time
from collections.abc import Callable

import structlog
from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from domain.access import Viewer, network_of
from gateway.settings import Settings

log = structlog.get_logger(__name__)

REDIS_WAIT_S = 0.25  # A limit is not worth waiting for longer than the request itself takes.
REDIS_REST_S = 5.0  # How long this process counts by itself after Redis failed it.


class LimitedGuesses:
    """How often a caller may be wrong about what only its owner knows: for each of them, and for their address.

    Counted in Redis where there is one, so that all processes count together; while it does not answer, each
    process counts by itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._per_caller = parse_many(settings.guesses_per_caller)
        self._per_address = parse_many(settings.guesses_per_address)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._redis = _redis(settings.redis_url) if settings.redis_url else None
        self._redis_again_at = 0.0

    async def allow(self, what: str, viewer: Viewer, address: str) -> bool:
        hits = [(rate, "address", network_of(address)) for rate in self._per_address]
        if viewer.subject is not None:
            hits += [(rate, "caller", viewer.subject) for rate in self._per_caller]
        if self._redis and time.monotonic() >= self._redis_again_at:
            try:
                async with asyncio.timeout(REDIS_WAIT_S):
                    return await self._within(FixedWindowRateLimiter(self._redis), what, hits)
            except (RedisError, OSError) as error:  # A timeout is an OSError.
                self._redis_again_at = time.monotonic() + REDIS_REST_S
                log.warning("limits.redis_unavailable", error=type(error).__name__)
        return await self._within(self._own, what, hits)

    async def _within(
        self, limiter: FixedWindowRateLimiter, what: str, hits: list[tuple[RateLimitItem, str, str]]
    ) -> bool:
        # Every try counts towards every rate, so that none is spared by another that is already over.
        return all([await limiter.hit(rate, what, kind, who) for rate, kind, who in hits])

    async def close(self) -> None:
        if self._redis:
            await self._redis.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # redis-py's own client.


class RequestRate:
    """How many requests a caller may send.

    Each process counts by itself, in a dictionary it drops as a window ends: asking Redis would cost a request
    more than this spares, and a look through all callers for those long gone more still.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._windows = [_Window(rate.amount, rate.get_expiry()) for rate in parse_many(settings.request_rate)]
        self._now = now

    def wait(self, viewer: Viewer, address: str) -> int:
        """Count a request: 0 where it may come now; else the seconds until one may."""
        caller = viewer.subject or network_of(address)
        now, seconds = self._now(), 0
        for window in self._windows:
            seconds = max(seconds, window.wait(caller, now))
        return seconds


class _Window:
    def __init__(self, amount: int, seconds: int) -> None:
        self._amount = amount
        self._seconds = seconds
        self._began = 0
        self._counted: dict[str, int] = {}

    def wait(self, caller: str, now: float) -> int:
        began = int(now // self._seconds)
        if began != self._began:
            self._began, self._counted = began, {}
        count = self._counted[caller] = self._counted.get(caller, 0) + 1
        return 0 if count <= self._amount else math.ceil((began + 1) * self._seconds - now)


def _redis(url: str) -> RedisStorage:
    limits_url = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url
    return RedisStorage(f"async+{limits_url}", implementation="redispy", key_prefix="orderloom:limits")
