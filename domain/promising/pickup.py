"""Where a basket can be collected: the places near a destination, what each has of it, and when it is ready there."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Protocol

from domain.availability.model import Availability, Goods, Question
from domain.availability.ports import AvailabilityReads
from domain.availability.rules import Units, availability, to_promise
from domain.availability.service import weighed
from domain.availability.weighing import Weighing
from domain.calendar import is_open, ready_by, release_by
from domain.catalog.model import Channel, Variant
from domain.catalog.rules import range_problems
from domain.errors import Problem, Refused, invalid, not_found, refuse_all
from domain.inventory.model import QUANTITY_MAX, LocationCapability, LocationFilter, StockLocation
from domain.inventory.ports import InventoryReads
from domain.places import Destination, distance_km

WITHIN_KM = 300.0  # Where nobody says how far: further than that nobody drives to collect.
WITHIN_KM_MAX = 20_016  # Half around the earth: everything.
OPTIONS = 10  # What is shown before "more".
OPTIONS_MAX = 100  # More pins than a map can show.


@dataclass(frozen=True, slots=True)
class BasketLine:
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupQuestion:
    """near: without a point it is all of its country. within_km: None is WITHIN_KM, where there is a point."""

    channel: str
    lines: Sequence[BasketLine]
    near: Destination
    within_km: float | None = None
    first: int = OPTIONS


@dataclass(frozen=True, slots=True)
class PickupLine:
    """One SKU of the basket. requested: in all its lines. available: to sell at the place, alone."""

    sku: str
    requested: int
    available: int


@dataclass(frozen=True, slots=True)
class Nearby:
    """distance_km: None where the destination has no point."""

    location: StockLocation
    distance_km: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupOption:
    """What a place can hand over, from its own stock.

    complete: every line in full, and together. ready_at: None where it is not complete, or the place never opens.
    order_by: the latest instant at which an order would still be ready at `ready_at`.
    """

    location: StockLocation
    distance_km: float | None
    lines: Sequence[PickupLine]
    complete: bool
    open_now: bool
    ready_at: datetime | None
    order_by: datetime | None

    @property
    def shipped_to_store(self) -> bool:
        """Never: what is collected somewhere is taken from what is there."""
        return False


class PickupReads(Protocol):
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def inventory(self) -> InventoryReads: ...


async def pickup_options(
    reads: PickupReads, question: PickupQuestion, now: datetime, *, seen: Callable[[Variant], bool]
) -> list[PickupOption]:
    """The places near a destination where goods are collected, nearest first, each with what it has of a basket.

    seen: variants that the caller may ask for by name. Without lines, every place is complete.
    Raises Refused with all that is wrong with the question.
    """
    requested = _requested(question.lines)
    refuse_all(list(_form_problems(question)))
    goods = await reads.availability.goods(list(requested))
    channel = goods.channels.get(question.channel)
    if channel is None or not channel.active:
        raise Refused(not_found(f"There is no channel {question.channel!r:.80}.", "channel"))
    variants = {sku: goods.variants[sku] for sku in requested if sku in goods.variants and seen(goods.variants[sku])}
    refuse_all(list(_unknown_problems(question.lines, variants)))
    places = near(
        await reads.inventory.locations_passing(LocationFilter(capabilities=(LocationCapability.PICKUP,))),
        question.near,
        WITHIN_KM if question.within_km is None else question.within_km,
    )[: question.first]

    weighing = weighed(Question(channel=channel.code, destination=question.near), goods, now)
    answers = [availability(variant, weighing, goods) for variant in variants.values()]
    stock = stock_of(answers, weighing, goods)
    return [_option(place, requested, stock, now, channel) for place in places]


def _form_problems(question: PickupQuestion) -> Iterator[Problem]:
    for place, line in enumerate(question.lines):
        yield from range_problems(line.quantity, 1, QUANTITY_MAX, "lines", place, "quantity")
    yield from range_problems(question.first, 1, OPTIONS_MAX, "first")
    yield from range_problems(question.within_km, 0, WITHIN_KM_MAX, "withinKm")
    if question.within_km is not None and question.near.point is None:
        yield invalid("A country alone is no place to measure from: name a city, a postal code or a point.", "withinKm")


def _unknown_problems(lines: Sequence[BasketLine], known: Collection[str]) -> Iterator[Problem]:
    for place, line in enumerate(lines):
        if line.sku not in known:
            yield not_found(f"There is no SKU {line.sku!r:.80}.", "lines", place, "sku")


def _requested(lines: Sequence[BasketLine]) -> dict[str, int]:
    """Units of each SKU, in the order in which they are first named."""
    requested: dict[str, int] = {}
    for line in lines:
        requested[line.sku] = requested.get(line.sku, 0) + line.quantity
    return requested


# ── Which places ──


def near(locations: Sequence[StockLocation], destination: Destination, within_km: float) -> list[Nearby]:
    """Those within a distance of a destination's point, nearest first; without a point its country's, as they come."""
    there = destination.point
    if there is None:
        return [Nearby(location, None) for location in locations if location.address.country == destination.country]
    places = [
        Nearby(location, distance_km(location.address.point, there))
        for location in locations
        if location.address.point is not None
    ]
    return sorted((place for place in places if _distance(place) <= within_km), key=_distance)


def _distance(place: Nearby) -> float:
    return inf if place.distance_km is None else place.distance_km


# ── What they have ──


@dataclass(frozen=True, slots=True)
class Stock:
    """What places have to sell of a basket. units: by SKU and location code; parts: likewise of what is stocked."""

    variants: Sequence[Variant]
    units: Mapping[str, Units]
    parts: Mapping[str, Units]

    def of(self, sku: str, location: str) -> int:
        return self.units[sku].get(location, 0)

    def suffices(self, requested: Mapping[str, int], location: str) -> bool:
        """Whether the place has every SKU in full, and what they are made up of for all of them together."""
        demand = Counter[str]()
        for variant in self.variants:
            for component in variant.demand(requested[variant.sku]):
                demand[component.sku] += component.quantity
        return all(self.of(sku, location) >= units for sku, units in requested.items()) and all(
            self.parts[part].get(location, 0) >= units for part, units in demand.items()
        )


def stock_of(answers: Sequence[Availability], weighing: Weighing, goods: Goods) -> Stock:
    variants = [answer.variant for answer in answers]
    parts = {component.sku for variant in variants for component in variant.demand(1)}
    return Stock(
        variants,
        {answer.sku: {place.location.code: place.quantity or 0 for place in answer.places} for answer in answers},
        {part: to_promise(part, weighing, goods) for part in parts},
    )


def _option(place: Nearby, requested: Mapping[str, int], stock: Stock, now: datetime, channel: Channel) -> PickupOption:
    """An order waits for its buyer's second thoughts before it is released.

    Where the channel does not show how many there are, no more are shown than were asked for.
    """
    location, calendar = place.location, place.location.calendar
    delay = timedelta(minutes=channel.remorse_minutes)
    lines = [(sku, units, stock.of(sku, location.code)) for sku, units in requested.items()]
    complete = stock.suffices(requested, location.code)
    released_at = now + delay
    ready_at = ready_by(calendar, released_at, location.processing_minutes) if complete else None
    latest = release_by(calendar, released_at) if ready_at else None
    return PickupOption(
        location=location,
        distance_km=place.distance_km,
        lines=[
            PickupLine(sku, units, there if channel.shows_quantities else min(units, there))
            for sku, units, there in lines
        ],
        complete=complete,
        open_now=is_open(calendar, now),
        ready_at=ready_at,
        order_by=None if latest is None else latest - delay,
    )
