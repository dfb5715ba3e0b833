"""Where every instant comes from: the process's clock, never the database's."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """This instant, in UTC."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class SetClock:
    """A clock that stands where it is set, for tests and for making a past."""

    def __init__(self, instant: datetime) -> None:
        self.set(instant)

    def now(self) -> datetime:
        return self._instant

    def set(self, instant: datetime) -> None:
        assert instant.tzinfo is not None, "An instant has a time zone."
        self._instant = instant.astimezone(UTC)

    def forward(self, by: timedelta) -> None:
        self._instant += by
