"""Working time: open minutes are counted in real time, over closures, breaks and both changes of the clocks."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar import (
    Calendar,
    OpeningHours,
    Weekday,
    add_working_minutes,
    is_open,
    opens_next,
    ready_by,
    release_by,
)

WORKDAYS = tuple(Weekday)[:5]
# 2026-05-04 is a Monday; Rome is two hours ahead of UTC until 25 October.
OFFICE = Calendar("Europe/Rome", tuple(OpeningHours(day, time(9), time(17)) for day in WORKDAYS), cutoff=time(14))
SHOP = Calendar(
    "Europe/Rome",
    tuple(
        OpeningHours(day, time(*opens), time(*closes))
        for day in WORKDAYS
        for opens, closes in [((15,), (19, 30)), ((9,), (13,))]
    ),
)
ALWAYS = Calendar("Europe/Rome")


def at(text: str) -> datetime:
    """A UTC instant: "2026-05-04 10:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-05-04 06:59", False),
        ("2026-05-04 07:00", True),
        ("2026-05-04 14:59", True),
        ("2026-05-04 15:00", False),
        ("2026-05-03 10:00", False),
    ],
)
def test_a_place_is_open_from_its_opening_until_just_before_its_closing(instant, expected):
    assert is_open(OFFICE, at(instant)) is expected


def test_a_place_without_hours_is_open_at_all_hours_but_on_its_closures():
    calendar = Calendar("Europe/Rome", closures=frozenset({date(2026, 5, 4)}))

    assert is_open(calendar, at("2026-05-03 21:59"))
    assert not is_open(calendar, at("2026-05-04 12:00"))
    assert opens_next(calendar, at("2026-05-03 22:00")) == at("2026-05-04 22:00")


def test_the_next_opening_is_now_where_it_is_open_and_else_after_breaks_nights_and_closures():
    closed_tuesday = Calendar("Europe/Rome", SHOP.hours, frozenset({date(2026, 5, 5)}))

    assert opens_next(SHOP, at("2026-05-04 08:00")) == at("2026-05-04 08:00")
    assert opens_next(SHOP, at("2026-05-04 11:00")) == at("2026-05-04 13:00")
    assert opens_next(closed_tuesday, at("2026-05-04 17:30")) == at("2026-05-06 07:00")


def test_work_goes_on_after_the_lunch_break_and_over_the_weekend():
    # Friday at 18:30 in Rome: one hour until the evening, four on Monday morning, half an hour after the break.
    assert add_working_minutes(SHOP, at("2026-05-08 16:30"), 330) == at("2026-05-11 13:30")


def test_work_that_ends_at_closing_time_is_done_then():
    assert add_working_minutes(OFFICE, at("2026-05-04 14:00"), 60) == at("2026-05-04 15:00")


@pytest.mark.parametrize(
    ("starts", "minutes", "expected"),
    [
        # On 29 March 2026 Rome's clocks skip from 2:00 to 3:00, so midnight to 4:00 is three hours.
        ("2026-03-28 23:00", 180, "2026-03-29 02:00"),
        ("2026-03-28 23:00", 181, "2026-03-29 22:01"),
        # On 25 October they show 2:00 to 3:00 twice, so it is five.
        ("2026-10-24 22:00", 300, "2026-10-25 03:00"),
        ("2026-10-24 22:00", 301, "2026-10-25 23:01"),
    ],
)
def test_a_night_shift_is_an_hour_shorter_or_longer_when_the_clocks_change(starts, minutes, expected):
    night = Calendar("Europe/Rome", tuple(OpeningHours(day, time(0), time(4)) for day in Weekday))

    assert add_working_minutes(night, at(starts), minutes) == at(expected)


def test_an_opening_that_the_clocks_skip_whole_does_not_happen():
    skipped = Calendar("Europe/Rome", (OpeningHours(Weekday.SUNDAY, time(2), time(3)),))

    assert opens_next(skipped, at("2026-03-28 12:00")) == at("2026-04-05 00:00")


def test_an_opening_in_the_hour_shown_twice_lasts_both_times():
    twice = Calendar("Europe/Rome", (OpeningHours(Weekday.SUNDAY, time(2, 15), time(2, 45)),))

    assert is_open(twice, at("2026-10-25 00:15"))
    assert is_open(twice, at("2026-10-25 01:44"))
    assert add_working_minutes(twice, at("2026-10-24 12:00"), 90) == at("2026-10-25 01:45")


def test_a_place_open_at_all_hours_works_through_the_change_of_the_clocks():
    assert add_working_minutes(ALWAYS, at("2026-03-28 12:00"), 48 * 60) == at("2026-03-30 12:00")


def test_a_place_that_never_opens_again_is_never_ready():
    closed = Calendar("Europe/Rome", (), frozenset(date.fromordinal(n) for n in range(739_000, 740_500)))

    assert opens_next(closed, at("2026-05-04 10:00")) is None
    assert add_working_minutes(OFFICE, at("2026-05-04 10:00"), 10**7) is None


@pytest.mark.parametrize(
    ("released_at", "expected"),
    [
        ("2026-05-04 12:00", "2026-05-04 14:00"),  # At the cut-off itself.
        ("2026-05-04 12:00:01", "2026-05-05 09:00"),
        ("2026-05-04 05:00", "2026-05-04 09:00"),
        ("2026-05-08 13:00", "2026-05-11 09:00"),  # Friday after the cut-off.
        ("2026-05-09 08:00", "2026-05-11 09:00"),  # Saturday before it.
        ("2026-05-04 21:59", "2026-05-05 09:00"),
        ("2026-05-04 22:01", "2026-05-05 09:00"),  # Already Tuesday in Rome.
    ],
)
def test_work_released_after_the_cutoff_starts_when_the_place_opens_on_the_next_working_day(released_at, expected):
    assert ready_by(OFFICE, at(released_at), 120) == at(expected)


def test_a_place_is_closed_on_holidays_as_on_its_closures():
    holidays = frozenset({date(2026, 5, 1), date(2026, 6, 2)})
    closed = Calendar("Europe/Rome", OFFICE.hours, frozenset({date(2026, 5, 4)}), time(14), holidays)

    assert not is_open(closed, at("2026-05-01 10:00"))
    # From the evening before Labor Day over the weekend and a Monday off.
    assert opens_next(closed, at("2026-04-30 15:00")) == at("2026-05-05 07:00")
    assert ready_by(closed, at("2026-04-30 12:30"), 60) == at("2026-05-05 08:00")


@pytest.mark.parametrize(
    ("released_at", "expected"),
    [
        # On 25 October the clocks show 2:00 to 3:00 twice: the cut-off at 2:30 is the second time.
        ("2026-10-25 00:31", "2026-10-25 00:31"),
        ("2026-10-25 01:30", "2026-10-25 01:30"),
        ("2026-10-25 01:31", "2026-10-25 23:00"),
        # On 29 March they skip it: the cut-off is as far after the skip, at 3:30.
        ("2026-03-29 01:30", "2026-03-29 01:30"),
        ("2026-03-29 01:31", "2026-03-29 22:00"),
    ],
)
def test_a_cutoff_in_an_hour_that_the_clocks_skip_or_show_twice_comes_once(released_at, expected):
    calendar = replace(ALWAYS, cutoff=time(2, 30))

    assert ready_by(calendar, at(released_at), 0) == at(expected)


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-28", "08:00"), ("2026-03-29", "07:00"), ("2026-10-24", "07:00"), ("2026-10-25", "08:00")],
)
def test_a_place_opens_at_the_same_local_time_before_and_after_both_changes_of_the_clocks(day, expected):
    every_day = Calendar("Europe/Rome", tuple(OpeningHours(weekday, time(9), time(17)) for weekday in Weekday))

    assert opens_next(every_day, at(f"{day} 00:30")) == at(f"{day} {expected}")


# ── By when it must be released ──


@pytest.mark.parametrize(
    ("calendar", "released_at", "expected"),
    [
        # Worked on at once: every minute later is a minute more.
        (OFFICE, "2026-05-04 09:00", "2026-05-04 09:00"),
        (OFFICE, "2026-05-04 12:00", "2026-05-04 12:00"),  # At the cut-off.
        # Before it opens: until it does.
        (OFFICE, "2026-05-04 04:00", "2026-05-04 07:00"),
        # After the cut-off: until the next working day begins, also over a weekend.
        (OFFICE, "2026-05-04 12:01", "2026-05-05 07:00"),
        (OFFICE, "2026-05-08 12:01", "2026-05-11 07:00"),
        (OFFICE, "2026-05-09 20:00", "2026-05-11 07:00"),
        # In the midday break: until the afternoon.
        (SHOP, "2026-05-04 11:30", "2026-05-04 13:00"),
        # It opens at 15:00, and what comes after 14:00 is for the next day.
        (replace(SHOP, cutoff=time(14)), "2026-05-04 11:30", "2026-05-04 12:00"),
        (ALWAYS, "2026-05-04 11:30", "2026-05-04 11:30"),
        (replace(ALWAYS, cutoff=time(14)), "2026-05-04 12:01", "2026-05-04 22:00"),
    ],
)
def test_work_may_be_released_until_it_would_begin_later_than_it_does(calendar, released_at, expected):
    assert release_by(calendar, at(released_at)) == at(expected)


def test_where_a_place_never_opens_there_is_no_instant_to_release_by():
    sundays_off = frozenset(date.fromordinal(n) for n in range(739_000, 740_500))
    never = Calendar("Europe/Rome", OFFICE.hours, sundays_off)

    assert release_by(never, at("2026-05-04 10:00")) is None


@st.composite
def calendars(draw):
    """Openings on some days, up to three a day, with closures about both changes of the clocks and any cut-off."""
    hours = []
    for day in draw(st.sets(st.sampled_from(Weekday), min_size=1)):
        minutes = draw(st.lists(st.integers(0, 24 * 60 - 1), unique=True, max_size=6).map(sorted))
        times = [time(*divmod(minute, 60)) for minute in minutes]
        hours += [OpeningHours(day, opens, closes) for opens, closes in list(pairwise(times))[::2]]
    closed = draw(st.frozensets(st.dates(date(2026, 3, 25), date(2026, 4, 5)), max_size=5))
    cutoff = time(*divmod(draw(st.integers(0, 24 * 60 - 1)), 60))
    zone = draw(st.sampled_from(["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "UTC"]))
    return Calendar(zone, tuple(hours), closed, cutoff)


@given(
    calendar=calendars(),
    month=st.sampled_from(["2026-03-28", "2026-10-24", "2026-03-07", "2026-04-04"]),
    minutes_on=st.integers(0, 4 * 24 * 60),
    processing=st.integers(0, 3_000),
)
def test_released_by_then_it_is_ready_as_early_and_a_minute_later_it_is_not(calendar, month, minutes_on, processing):
    now = at(f"{month} 00:00") + timedelta(minutes=minutes_on)
    ready, latest = ready_by(calendar, now, processing), release_by(calendar, now)

    if ready is None:
        return
    assert latest is not None
    assert latest >= now
    assert ready_by(calendar, latest, processing) == ready
    later = ready_by(calendar, latest + timedelta(minutes=1), processing)
    assert later is None or later > ready
