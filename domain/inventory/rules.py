"""What a location must look like, and what changes of stock come to: pure, each problem at its path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from zoneinfo import available_timezones

from domain.calendar import OpeningHours, Weekday
from domain.catalog.rules import (
    amount_problems,
    code_problems,
    country_problems,
    range_problems,
    repeated_problems,
    text_problems,
)
from domain.errors import Problem, conflict, invalid, not_found
from domain.inventory.model import (
    QUANTITY_MAX,
    AdjustableCounter,
    LevelKey,
    Levels,
    Movement,
    StockChange,
    StockCounter,
    StockLocation,
    StockMovementReason,
)
from domain.places import GeoPoint

TAGS_MAX = 50  # More is a feed gone wrong.
OPENINGS_MAX = 50  # Seven a day.
CLOSURES_MAX = 1_000  # Every Sunday and holiday of a decade.
PROCESSING_MINUTES_MAX = 100_000  # Two working months, day and night.
REFERENCE_LENGTH_MAX = 200  # A document's number, or a sentence.


# ── Locations ──


def location_problems(location: StockLocation) -> Iterator[Problem]:
    yield from code_problems(location.code, "code")
    yield from text_problems(location.name, "name")
    yield from country_problems(location.address.country, "address", "country")
    if location.address.point is not None:
        yield from point_problems(location.address.point, "address", "point")
    if location.timezone not in _timezones():
        yield invalid(
            f"{location.timezone!r:.80} is no time zone: write it as IANA does, e.g. Europe/Rome.", "timezone"
        )
    yield from range_problems(len(location.tags), 0, TAGS_MAX, "tags")
    for place, tag in enumerate(location.tags):
        yield from text_problems(tag, "tags", place)
    yield from repeated_problems(location.tags, "The tag", "tags")
    yield from opening_problems(location.opening_hours)
    yield from range_problems(len(location.closures), 0, CLOSURES_MAX, "closures")
    yield from range_problems(location.processing_minutes, 0, PROCESSING_MINUTES_MAX, "processingMinutes")
    yield from range_problems(location.daily_capacity, 0, QUANTITY_MAX, "dailyCapacity")
    yield from amount_problems(location.handling_cost, "handlingCost")
    yield from range_problems(location.stock_accuracy, 0, 1, "stockAccuracy")


def point_problems(point: GeoPoint, *path: str | int) -> Iterator[Problem]:
    if not -90 <= point.latitude <= 90:
        yield invalid(f"{point.latitude} is no latitude: -90 to 90 degrees north are right.", *path, "latitude")
    if not -180 <= point.longitude <= 180:
        yield invalid(f"{point.longitude} is no longitude: -180 to 180 degrees east are right.", *path, "longitude")


def opening_problems(openings: Sequence[OpeningHours]) -> Iterator[Problem]:
    """Of opening hours: each closes after it opens, and no two of a day overlap."""
    yield from range_problems(len(openings), 0, OPENINGS_MAX, "openingHours")
    for place, hours in enumerate(openings):
        if hours.closes <= hours.opens:
            yield invalid(
                "A place closes after it opens; past midnight is the next day's.", "openingHours", place, "closes"
            )
    for weekday in Weekday:
        places = [place for place, hours in enumerate(openings) if hours.weekday is weekday]
        for earlier, later in pairwise(sorted(places, key=lambda place: openings[place].opens)):
            if openings[later].opens < openings[earlier].closes:
                yield invalid(f"Two openings of {weekday.value} overlap.", "openingHours", later, "opens")


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


# ── Changes of stock ──


def change_problems(
    changes: Sequence[StockChange], kits: Mapping[str, bool], locations: Mapping[str, StockLocation]
) -> Iterator[Problem]:
    """What is wrong with changes whatever the levels are.

    kits: of each SKU there is, whether it is one. locations: those that the caller may change.
    """
    for place, change in enumerate(changes):
        path = ("changes", place)
        yield from sku_problems(change.sku, kits, *path, "sku")
        if change.location not in locations:
            yield not_found(f"There is no location {change.location!r:.80}.", *path, "location")
        if (change.set_to is None) == (change.delta is None):
            yield invalid("Say either the counted quantity (`setTo`) or the change (`delta`).", *path)
        yield from range_problems(change.set_to, 0, QUANTITY_MAX, *path, "setTo")
        yield from range_problems(change.delta, -QUANTITY_MAX, QUANTITY_MAX, *path, "delta")
        yield from text_problems(change.reference, *path, "reference", length_max=REFERENCE_LENGTH_MAX)


def sku_problems(sku: str, kits: Mapping[str, bool], *path: str | int) -> Iterator[Problem]:
    """Of a SKU whose stock is to change. kits: of each SKU there is, whether it is one."""
    if sku not in kits:
        yield not_found(f"There is no SKU {sku!r:.80}.", *path)
    elif kits[sku]:
        yield invalid(f"{sku} is a kit: its stock is that of its components.", *path)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What changes come to: the movements that make them, or what is wrong with them."""

    movements: tuple[Movement, ...]
    problems: tuple[Problem, ...]


def adjusted(changes: Sequence[StockChange], levels: Levels, actor: str, at: datetime) -> Adjusted:
    """Apply changes in their order. One that sets a counter to what it is moves nothing.

    levels: every level that is changed, as it is now.
    """
    counters: dict[tuple[LevelKey, AdjustableCounter], int] = {}
    movements: list[Movement] = []
    problems: list[Problem] = []
    for place, change in enumerate(changes):
        key = (change.sku, change.location)
        now = counters.get((key, change.counter), _counted(levels, key, change.counter))
        then = now + change.delta if change.delta is not None else change.set_to
        assert then is not None
        problems += _result_problems(change, now, then, "changes", place)
        counters[key, change.counter] = then
        if then != now:
            movements.append(_movement(change, then - now, actor, at))
    return Adjusted(tuple(movements), tuple(problems))


def _result_problems(change: StockChange, now: int, then: int, *path: str | int) -> Iterator[Problem]:
    what = f"{change.sku} at {change.location} ({change.counter.value})"
    if change.expected is not None and change.expected != now:
        yield conflict(f"{what} is at {now}, not at {change.expected}.", *path, "expected")
    if then < 0:
        yield invalid(f"{what} is at {now}: at most {now} can be taken off.", *path, "delta")
    if then > max(now, QUANTITY_MAX):
        yield invalid(f"{what} is at {now}: at most {QUANTITY_MAX} are kept at one place.", *path, "delta")


def _counted(levels: Levels, key: LevelKey, counter: AdjustableCounter) -> int:
    level = levels[key]
    return {
        AdjustableCounter.ON_HAND: level.on_hand,
        AdjustableCounter.DAMAGED: level.damaged,
        AdjustableCounter.INSPECTION: level.inspection,
        AdjustableCounter.SAFETY_STOCK: level.safety_stock,
    }[counter]


def _movement(change: StockChange, delta: int, actor: str, at: datetime) -> Movement:
    return Movement(
        sku=change.sku,
        location=change.location,
        counter=StockCounter[change.counter.name],
        delta=delta,
        reason=StockMovementReason[change.reason.name],
        actor=actor,
        at=at,
        reference=change.reference,
    )
