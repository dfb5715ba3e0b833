"""What many callers would work out alike at one moment, worked out once for all of them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

V = TypeVar("V")

# An answer that is shared is this old at most; those who follow live are all there within a fraction of it.
SHARED_S = 1.0
SHARED_MAX = 1_000  # Values at hand; of answers of some 10 kB each, 10 MB.


class Shared:
    """Values by what they were worked out from, each by whoever comes first, while the others wait for it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._tasks: OrderedDict[Hashable, tuple[float, asyncio.Future[Any]]] = OrderedDict()

    async def get(self, key: Hashable, work: Callable[[], Awaitable[V]]) -> V:
        """The value of `key`, which says all that `work` depends on beside the moment; what it raises, all are told."""
        began, task = self._tasks.get(key, (0.0, None))
        if task is None or self._now() - began > SHARED_S:
            task = self._begin(key, work)
        if task.done():
            return task.result()  # type: ignore[no-any-return]  # As `work` says.
        # Whoever goes away while it is being worked out leaves it to those who stay.
        return await asyncio.shield(task)

    def _begin(self, key: Hashable, work: Callable[[], Awaitable[V]]) -> asyncio.Future[V]:
        task = asyncio.ensure_future(work())
        self._tasks[key] = (self._now(), task)
        self._tasks.move_to_end(key)
        task.add_done_callback(lambda done: self._drop_failed(key, done))
        if len(self._tasks) > SHARED_MAX:
            self._tasks.popitem(last=False)
        return task

    def _drop_failed(self, key: Hashable, task: asyncio.Future[Any]) -> None:
        """What failed is tried again by the next; the exception is taken note of, should nobody be left to be told."""
        has_failed = task.cancelled() or task.exception() is not None
        if has_failed and self._tasks.get(key, (0.0, None))[1] is task:
            del self._tasks[key]


class Same:
    """A key for one value and no other that is equal to it."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value
