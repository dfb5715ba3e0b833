"""Connections that stay open: how many there may be, and what becomes of one whose other end takes nothing."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from domain.access import network_of
from gateway.settings import Settings
from gateway.telemetry import Telemetry

# Whoever takes nothing for so long is let go, and resumes from its last cursor when it is back. Until then nothing is
# lost and little is kept: what it does not take is not worked out, and what it misses is read from the log.
SEND_WAIT_S = 30.0


class TooManyConnections(Exception):  # noqa: N818  (it says what there is)
    """One more connection than there may be, of this address or of all."""


class Connections:
    """Those of one process."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._open: Counter[str] = Counter()

    @contextmanager
    def counted(self, address: str) -> Iterator[None]:
        """Raises TooManyConnections."""
        network = network_of(address)
        if self._open[network] >= self._settings.sockets_per_address_max or self._is_full:
            raise TooManyConnections
        self._open[network] += 1
        self._telemetry.sockets.inc()
        try:
            yield
        finally:
            self._telemetry.sockets.dec()
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]

    @property
    def _is_full(self) -> bool:
        return self._open.total() >= self._settings.sockets_max


async def taken(sending: Awaitable[None]) -> bool:
    """Whether the other end took it within SEND_WAIT_S."""
    try:
        async with asyncio.timeout(SEND_WAIT_S):
            await sending
    except TimeoutError:
        return False
    return True
