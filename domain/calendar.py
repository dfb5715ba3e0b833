"""When a place is open, and when work that takes so many of its open minutes is done."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
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


@dataclass(frozen=True, slots=True)
class Calendar:
    """A place's working time. timezone: IANA. hours: empty is open at all hours. closures, cutoff: local."""

    timezone: str
    hours: tuple[OpeningHours, ...] = ()
    closures: frozenset[date] = frozenset()
    cutoff: time = NO_CUTOFF


def is_open(calendar: Calendar, instant: datetime) -> bool:
    today = instant.astimezone(ZoneInfo(calendar.timezone)).date()
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
    zone = ZoneInfo(calendar.timezone)
    released = released_at.astimezone(zone)
    if released.time() <= calendar.cutoff:
        return add_working_minutes(calendar, released_at, processing_minutes)
    tomorrow = datetime.combine(released.date() + timedelta(days=1), time(), zone)
    return add_working_minutes(calendar, tomorrow.astimezone(UTC), processing_minutes)


def _openings_from(calendar: Calendar, instant: datetime) -> Iterator[tuple[datetime, datetime]]:
    """What is left of the openings from an instant on, in UTC and in order."""
    today = instant.astimezone(ZoneInfo(calendar.timezone)).date()
    for days in range(DAYS_SEARCHED_MAX):
        for opens, closes in _openings_on(calendar, today + timedelta(days=days)):
            if closes > instant:
                yield opens, closes


def _openings_on(calendar: Calendar, day: date) -> Iterator[tuple[datetime, datetime]]:
    """A local day's openings in UTC and in order, without those that a clock change swallows."""
    if day in calendar.closures:
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
