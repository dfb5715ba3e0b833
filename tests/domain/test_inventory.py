"""The rules of places and of changes of stock, each problem at its path."""

from datetime import date, time

import pytest

from domain.calendar import OpeningHours, Weekday
from domain.inventory.model import AdjustableCounter, AdjustmentReason, StockChange, StockCounter
from domain.inventory.rules import adjusted, change_problems, location_problems
from domain.money import Money
from domain.places import Address, GeoPoint
from tests.domain.stock import a_level, a_location_at
from tests.factories import NOW, a_location


def a_change(sku="A", location="milan", *, counter=AdjustableCounter.ON_HAND, **change):
    return StockChange(sku=sku, location=location, counter=counter, reason=AdjustmentReason.COUNT, **change)


def paths(problems):
    return [(problem.code.value, ".".join(problem.path)) for problem in problems]


def adjust(*changes, **counters):
    return adjusted(changes, {("A", "milan"): a_level("A", "milan", **counters)}, "usr_1", NOW)


def moved(result):
    return [(movement.counter, movement.delta) for movement in result.movements]


def test_a_location_may_open_twice_a_day_and_close_for_lunch():
    hours = (
        OpeningHours(Weekday.MONDAY, time(15), time(19)),
        OpeningHours(Weekday.MONDAY, time(9), time(13)),
        OpeningHours(Weekday.MONDAY, time(13), time(15)),
    )

    assert paths(location_problems(a_location("milan", opening_hours=hours, closures=(date(2026, 8, 15),)))) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"code": "via/solferino"}, "code"),
        ({"name": " "}, "name"),
        ({"timezone": "Europe/Milan"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"address": Address(line1="1", city="M", country="ZZ")}, "address.country"),
        ({"tags": ("a", "a")}, "tags.1"),
        ({"processing_minutes": -1}, "processingMinutes"),
        ({"daily_capacity": -1}, "dailyCapacity"),
        ({"handling_cost": Money(-1, "EUR")}, "handlingCost.amount"),
        ({"stock_accuracy": 1.01}, "stockAccuracy"),
        ({"opening_hours": (OpeningHours(Weekday.MONDAY, time(9), time(9)),)}, "openingHours.0.closes"),
        (
            {
                "opening_hours": (
                    OpeningHours(Weekday.MONDAY, time(12), time(18)),
                    OpeningHours(Weekday.TUESDAY, time(9), time(18)),
                    OpeningHours(Weekday.MONDAY, time(9), time(12, 1)),
                )
            },
            "openingHours.0.opens",
        ),
    ],
)
def test_a_location_that_cannot_be_is_refused_at_the_path_of_what_is_wrong(facts, expected):
    location = a_location(facts.pop("code", "milan"), **facts)

    assert paths(location_problems(location)) == [("INVALID", expected)]


@pytest.mark.parametrize(
    ("point", "expected"), [(GeoPoint(90.1, 0), "latitude"), (GeoPoint(0, float("nan")), "longitude")]
)
def test_a_location_stands_on_the_globe(point, expected):
    assert paths(location_problems(a_location_at(point, "milan"))) == [("INVALID", f"address.point.{expected}")]


def test_all_that_is_wrong_with_changes_is_said_at_once():
    changes = [
        a_change("A", set_to=1),
        a_change("B", "rome", delta=1),
        a_change("SET", set_to=1),
        a_change("A"),
        a_change("A", set_to=1, delta=1),
        a_change("A", set_to=-1),
        a_change("A", delta=1_000_001),
        a_change("A", delta=1, reference="x" * 201),
    ]

    assert paths(change_problems(changes, {"A": False, "SET": True}, {"milan": a_location("milan")})) == [
        ("NOT_FOUND", "changes.1.sku"),
        ("NOT_FOUND", "changes.1.location"),
        ("INVALID", "changes.2.sku"),
        ("INVALID", "changes.3"),
        ("INVALID", "changes.4"),
        ("INVALID", "changes.5.setTo"),
        ("INVALID", "changes.6.delta"),
        ("INVALID", "changes.7.reference"),
    ]


def test_several_changes_of_one_level_apply_in_their_order():
    result = adjust(
        a_change(set_to=10),
        a_change(delta=-3, expected=10),
        a_change(set_to=2, counter=AdjustableCounter.DAMAGED),
        a_change(delta=1, expected=7),
        on_hand=4,
        damaged=1,
    )

    assert result.problems == ()
    assert moved(result) == [
        (StockCounter.ON_HAND, 6),
        (StockCounter.ON_HAND, -3),
        (StockCounter.DAMAGED, 1),
        (StockCounter.ON_HAND, 1),
    ]


def test_setting_a_counter_to_what_it_is_moves_nothing():
    assert moved(adjust(a_change(set_to=4), a_change(delta=0), on_hand=4)) == []


def test_a_counter_that_is_not_where_it_was_expected_is_a_conflict():
    assert paths(adjust(a_change(set_to=9, expected=5), on_hand=4).problems) == [("CONFLICT", "changes.0.expected")]


def test_no_counter_falls_below_zero_or_rises_beyond_what_one_place_can_hold():
    result = adjust(a_change(delta=-5), a_change(delta=1, counter=AdjustableCounter.DAMAGED), on_hand=4, damaged=10**6)

    assert paths(result.problems) == [("INVALID", "changes.0.delta"), ("INVALID", "changes.1.delta")]


def test_what_rose_beyond_it_in_another_way_can_still_be_taken_down():
    assert moved(adjust(a_change(delta=-5), on_hand=2 * 10**6)) == [(StockCounter.ON_HAND, -5)]
