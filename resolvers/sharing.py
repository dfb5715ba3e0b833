"""What many callers would work out alike at one moment, worked out once for all of them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from resolvers.watching import Watches

V = TypeVar("V")

# An answer that is shared is this old at most; those who follow live are all there within a fraction of it.
SHARED_S = 1.0
SHARED_MAX = 1_000  # Values at hand; of answers of some 10 kB each, 10 MB.


@dataclass(slots=True)
class _Work:
    """One value, being worked out or known. Waiting for `done` costs a fraction of waiting for the task."""

    began: float
    done: asyncio.Event
    task: asyncio.Future[Any] | None = None


class Shared:
    """Values by what they were worked out from, each by whoever comes first, while the others wait for it.

    watches: of availability, each for all who ask alike.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.watches = Watches()
        self._now = now
        self._works: OrderedDict[Hashable, _Work] = OrderedDict()

    async def get(self, key: Hashable, work: Callable[[], Awaitable[V]]) -> V:
        """The value of `key`, which says all that `work` depends on beside the moment; what it raises, all are told."""
        known = self._works.get(key)
        if known is None or self._now() - known.began > SHARED_S:
            known = self._begin(key, work)
        assert known.task
        if not known.task.done():
            # Whoever goes away meanwhile leaves the work to those who stay.
            await known.done.wait()
        return known.task.result()  # type: ignore[no-any-return]  # As `work` says.

    def _begin(self, key: Hashable, work: Callable[[], Awaitable[V]]) -> _Work:
        begun = self._works[key] = _Work(self._now(), asyncio.Event())
        self._works.move_to_end(key)
        if len(self._works) > SHARED_MAX:
            self._works.popitem(last=False)
        begun.task = asyncio.ensure_future(work())
        begun.task.add_done_callback(lambda task: self._end(key, begun, task))
        return begun

    def _end(self, key: Hashable, begun: _Work, task: asyncio.Future[Any]) -> None:
        """What failed is tried again by the next; the exception is taken note of, should nobody be left to be told."""
        begun.done.set()
        has_failed = task.cancelled() or task.exception() is not None
        if has_failed and self._works.get(key) is begun:
            del self._works[key]


class Same:
    """A key for one value and no other that is equal to it."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value
