"""Where an order is fulfilled from: the nearest place that has all of it, else the nearest for each line, else a split.

Choosing by cost comes with strategies; until then this one rule serves placing and sourcing again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.catalog.model import Component
from domain.inventory.model import LevelKey, LocationCapability, StockLocation
from domain.places import Address, distance_km


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Units to be found a place.

    of_one: what one unit takes from stock. pickup_location: where it must be, if anywhere. not_from: where it may not
    be. waitable: how many of the units may be waited for where there are too few.
    """

    units: int
    of_one: tuple[Component, ...]
    pickup_location: str | None = None
    not_from: frozenset[str] = frozenset()
    waitable: int = 0


@dataclass(frozen=True, slots=True)
class Sourced:
    """So many units of a need, from one location."""

    location: str
    units: int


@dataclass(frozen=True, slots=True)
class Short:
    """How many units of a need could be had, too few."""

    available: int


@dataclass(slots=True)
class Free:
    """What is free to promise, drawn down as needs are met, so that demand is summed per level.

    in_all: units of each SKU that may be asked for, those that are waited for among them.
    """

    units: dict[LevelKey, int]
    in_all: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.units, self.in_all = dict(self.units), dict(self.in_all)

    def copy(self) -> "Free":
        return Free(self.units, self.in_all)

    def become(self, other: "Free") -> None:
        self.units, self.in_all = other.units, other.in_all

    def of(self, need: Need, location: str) -> int:
        """Whole units of a need that a location can give; a kit's are its scarcest component's."""
        if location in need.not_from:
            return 0
        return min(max(0, self.units.get((part.sku, location), 0)) // part.quantity for part in need.of_one)

    def wait(self, need: Need, units: int) -> bool:
        """Whether so many units of a need may be waited for; they then are."""
        parts = [(part.sku, part.quantity * units) for part in need.of_one]
        if units > need.waitable or any(self.in_all.get(sku, 0) < waited for sku, waited in parts):
            return False
        for sku, waited in parts:
            self.in_all[sku] -= waited
        return True

    def take(self, need: Need, sourced: Sourced) -> Sourced:
        for part in need.of_one:
            self.units[part.sku, sourced.location] -= part.quantity * sourced.units
            self.in_all[part.sku] = self.in_all.get(part.sku, 0) - part.quantity * sourced.units
        return sourced


def source(needs: Sequence[Need], free: Free, nearest: Sequence[str]) -> list[list[Sourced] | Short]:
    """A place for every unit of each need, or how far it falls short; `free` is drawn down by what was found.

    nearest: codes of the locations that ship, nearest first. Pickups come first: they have no choice of place.
    What a need may wait for is not found a place where there are too few.
    """
    answers: dict[int, list[Sourced] | Short] = {}
    for i, need in enumerate(needs):
        if need.pickup_location is not None:
            answers[i] = _take(need, free, [need.pickup_location])
    delivered = {i: need for i, need in enumerate(needs) if need.pickup_location is None}
    whole = _one_for_all(list(delivered.values()), free, nearest)
    for i, need in delivered.items():
        answers[i] = _take(need, free, [whole] if whole else _best_order(need, free, nearest))
    return [answers[i] for i in range(len(needs))]


def _one_for_all(needs: Sequence[Need], free: Free, nearest: Sequence[str]) -> str | None:
    """The nearest location that has every need in full."""
    for location in nearest:
        left = free.copy()
        if all(
            left.of(need, location) >= need.units and left.take(need, Sourced(location, need.units)) for need in needs
        ):
            return location
    return None


def _best_order(need: Need, free: Free, nearest: Sequence[str]) -> Sequence[str]:
    """The nearest that has the whole need, then the rest nearest first."""
    full = next((location for location in nearest if free.of(need, location) >= need.units), None)
    return nearest if full is None else [full]


def _take(need: Need, free: Free, locations: Sequence[str]) -> list[Sourced] | Short:
    found = []
    left = need.units
    for location in locations:
        units = min(left, free.of(need, location))
        if units:
            found.append(free.take(need, Sourced(location, units)))
            left -= units
    return found if left == 0 or free.wait(need, left) else Short(need.units - left)


def shipping_locations(locations: Sequence[StockLocation], destination: Address | None) -> list[str]:
    """Codes of the active locations that ship, nearest to the destination first.

    Where the destination has no point, places in its city are nearest, then its country, then the rest, each by code.
    """
    able = [place for place in locations if place.active and LocationCapability.SHIP in place.capabilities]
    return [place.code for place in sorted(able, key=lambda place: _nearness(place, destination))]


def _nearness(place: StockLocation, destination: Address | None) -> tuple[float, str]:
    if destination is None:
        return 0.0, place.code
    if destination.point is not None and place.address.point is not None:
        return distance_km(destination.point, place.address.point), place.code
    if place.address.country != destination.country:
        return 2.0, place.code
    same_city = place.address.city.casefold() == destination.city.casefold()
    return (0.0 if same_city else 1.0), place.code
