"""One read for all who ask in the same moment: those that come while others are being read are read together next."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class _Read(Generic[K, V]):
    """One read: what is asked of it, and once it is done what it found or what it failed with."""

    __slots__ = ("done", "error", "found", "keys")

    def __init__(self) -> None:
        self.keys: set[K] = set()
        self.done = asyncio.Event()
        self.found: V | None = None
        self.error: Exception | None = None


class JoinedReads(Generic[K, V]):
    """`read` is given the keys of all who wait when it begins, so that nobody is answered from before they asked.

    With nobody else about, a question waits no longer than until the event loop comes round. at_once: how many reads
    are under way at the same time. keys_max: of one read; who would make it more begins the next.
    """

    def __init__(self, read: Callable[[list[K]], Awaitable[V]], *, at_once: int, keys_max: int) -> None:
        self._read = read
        self._keys_max = keys_max
        self._turns = asyncio.Semaphore(at_once)
        self._next: _Read[K, V] | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def of(self, keys: Iterable[K]) -> V:
        """What was found for these keys, and maybe for others. Raises what `read` raises."""
        asked = set(keys)
        joined = self._next
        if joined is None or len(joined.keys) + len(asked) > self._keys_max:
            joined = self._next = _Read()
            task = asyncio.create_task(self._run(joined))  # Not of any caller: one that leaves ends it for nobody else.
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        joined.keys |= asked
        await joined.done.wait()
        if joined.error is not None:
            raise joined.error
        return joined.found  # type: ignore[return-value]  # A read without an error has found something.

    async def _run(self, joined: _Read[K, V]) -> None:
        async with self._turns:
            if self._next is joined:
                self._next = None  # Who comes from here on may ask for what was committed after this read began.
            try:
                joined.found = await self._read(list(joined.keys))
            except Exception as error:  # noqa: BLE001  (raised where it was asked for)
                joined.error = error
            finally:
                joined.done.set()
