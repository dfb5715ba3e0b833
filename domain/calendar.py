"""When a place is open, and when work that takes so many of its open minutes is done."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Protocol
from zoneinfo import ZoneInfo

# A place that does not open within a year is closed for good, and no work takes longer.
DAYS_SEARCHED_MAX = 366
OPEN_ON_END = timedelta(days=7)  # Nobody who asks when a place closes plans further ahead.
NO_CUTOFF = time(23, 59)  # Who has no cut-off works on what comes in until midnight.


class Weekday(Enum):
    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


_WEEKDAYS = tuple(Weekday)  # As `date.weekday()` counts them.


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Local times; `closes` after `opens`. A place may open twice a day."""

    weekday: Weekday
    opens: time
    closes: time


class Holidays(Protocol):
    """The public holidays of a country or region, of every year: those days are in it.

    code: ISO 3166-1 or -2, e.g. IT or DE-BY. Two of one code are equal.
    """

    @property
    def code(self) -> str: ...

    def __contains__(self, day: object, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Calendar:
    """A place's working time. timezone: IANA. hours: empty is open at all hours.

    closures, holidays: local days on which it is closed all day. cutoff: local.
    """

    timezone: str
    hours: tuple[OpeningHours, ...] = ()
    closures: frozenset[date] = frozenset()
    cutoff: time = NO_CUTOFF
    holidays: Container[date] = frozenset()


def is_open(calendar: Calendar, instant: datetime) -> bool:
    today = _local_day(calendar, instant)
    return any(opens <= instant < closes for opens, closes in _openings_on(calendar, today))


def closes_at(calendar: Calendar, instant: datetime) -> datetime | None:
    """When a place that is open at an instant closes next; None where it is closed then.

    One that is open day and night is taken to close once it was open for OPEN_ON_END.
    """
    closing: datetime | None = None
    for opens, closes in _openings_from(calendar, instant):
        if opens > (closing or instant) or (closing or instant) - instant >= OPEN_ON_END:
            break
        closing = closes
    return closing


def opens_next(calendar: Calendar, instant: datetime) -> datetime | None:
    """The instant itself where it is open then, else the next opening; None where it stays closed."""
    return add_working_minutes(calendar, instant, 0)


def add_working_minutes(calendar: Calendar, instant: datetime, minutes: int) -> datetime | None:
    """When so many open minutes have passed; None where that takes more than DAYS_SEARCHED_MAX days.

    minutes: >= 0, and of real time: an hour that a clock change takes away is not worked.
    """
    assert minutes >= 0
    left = timedelta(minutes=minutes)
    for opens, closes in _openings_from(calendar, instant):
        starts = max(opens, instant)
        if left <= closes - starts:
            return starts + left
        left -= closes - starts
    return None


def ready_by(calendar: Calendar, released_at: datetime, processing_minutes: int) -> datetime | None:
    """When work released at an instant is done: after the cut-off it starts the next working day."""
    return add_working_minutes(calendar, _begins(calendar, released_at), processing_minutes)


def release_by(calendar: Calendar, released_at: datetime) -> datetime | None:
    """The latest instant at which work would still be done when work released at `released_at` is.

    Where that is worked on at once, it is the instant itself: every minute later is a minute more. Else it is when the
    place opens to begin it, or that day's cut-off where that comes before. None where the place stays closed.
    """
    starts = opens_next(calendar, _begins(calendar, released_at))
    return None if starts is None else min(starts, _cutoff_on(calendar, _local_day(calendar, starts)))


def _begins(calendar: Calendar, released_at: datetime) -> datetime:
    """From when on work is done at the next opening: at once, or the next day where it comes after the cut-off."""
    today = _local_day(calendar, released_at)
    if released_at <= _cutoff_on(calendar, today):
        return released_at
    return _utc(today + timedelta(days=1), time(), ZoneInfo(calendar.timezone))


def _cutoff_on(calendar: Calendar, day: date) -> datetime:
    """The instant of a local day's cut-off; of one that the clocks show twice, the second."""
    zone = ZoneInfo(calendar.timezone)
    return max(_utc(day, calendar.cutoff.replace(fold=fold), zone) for fold in (0, 1))


def _local_day(calendar: Calendar, instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(calendar.timezone)).date()


def _openings_from(calendar: Calendar, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
    """What is left of the openings from an instant on, in UTC and in order."""
    today = _local_day(calendar, instant)
    for days in range(DAYS_SEARCHED_MAX):
        for opens, closes in _openings_on(calendar, today + timedelta(days=days)):
            if closes > instant:
                yield opens, closes


def _openings_on(calendar: Calendar, day: date) -> Iterator[tuple[datetime, datetime]]:
    """A local day's openings in UTC and in order, without those that a clock change swallows."""
    if day in calendar.closures or day in calendar.holidays:
        return
    zone = ZoneInfo(calendar.timezone)
    if not calendar.hours:
        yield _utc(day, time(), zone), _utc(day + timedelta(days=1), time(), zone)
        return
    today = [hours for hours in calendar.hours if hours.weekday is _WEEKDAYS[day.weekday()]]
    for hours in sorted(today, key=lambda hours: hours.opens):
        # Of an hour that the clocks show twice, both are open: from the first time to the second.
        opens, closes = _utc(day, hours.opens, zone), _utc(day, hours.closes.replace(fold=1), zone)
        if opens < closes:
            yield opens, closes


def _utc(day: date, local: time, zone: ZoneInfo) -> datetime:
    """Of a time that the clocks skip, the instant that far after the skip."""
    return datetime.combine(day, local, zone).astimezone(UTC)
