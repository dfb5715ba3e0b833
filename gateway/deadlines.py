"""A time limit for what hardly ever takes long."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Deadline:
    """How long each of many awaitables may take; one timer looks after all of them.

    A timer for each, as asyncio.timeout sets it, costs a small request a tenth of all it takes.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[asyncio.Task[Any], float] = {}  # Those that run longest come first.
        self._overdue: set[asyncio.Task[Any]] = set()
        self._watching: asyncio.AbstractEventLoop | None = None

    async def keep(self, work: Awaitable[T]) -> T:
        """What it comes to; once in a task at a time. Raises TimeoutError where it takes longer."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task, "What is awaited runs in a task."
        self._since[task] = now = loop.time()
        if self._watching is not loop:
            self._watching = loop
            loop.call_at(now + self._seconds, self._end_overdue, loop)
        try:
            return await work
        except asyncio.CancelledError as cancelled:
            if task in self._overdue and not task.uncancel():
                raise TimeoutError from cancelled
            raise
        finally:
            del self._since[task]
            self._overdue.discard(task)

    def _end_overdue(self, loop: asyncio.AbstractEventLoop) -> None:
        began_before = loop.time() - self._seconds
        for task, since in self._since.items():
            if since > began_before:
                loop.call_at(since + self._seconds, self._end_overdue, loop)
                return
            if task not in self._overdue:
                self._overdue.add(task)
                task.cancel()
        self._watching = None
