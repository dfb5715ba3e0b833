"""What may be sold of a variant and where: the one function that list, detail, basket and allocation ask."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from math import inf
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.availability.model import (
    Availability,
    AvailabilityReason,
    AvailabilityStatus,
    Counts,
    Due,
    FutureAvailability,
    Goods,
    LocationAvailability,
)
from domain.availability.weighing import Weighing
from domain.catalog.model import Component, Variant
from domain.inventory.model import InboundSupplyKind, InboundSupplyStatus, StockLocation

# Units by location code.
Units = Mapping[str, int]
_UNITS = itemgetter(1)
# A hundred in an answer, so that no Python runs for each of them: it would in `LocationAvailability.__new__`.
_PLACE_OF: Callable[[Iterable[object]], LocationAvailability] = partial(tuple.__new__, LocationAvailability)


# ── What one stocked SKU has ──


def to_promise(sku: str, weighing: Weighing, goods: Goods) -> Units:
    """Units of a stocked SKU that each place may promise now, of the places that count and have any; by code.

    Not promised: what the place and the view keep back, what orders and live holds have, and what placed orders wait
    for, which is taken off the places with most first. An oversold place takes nothing from another.
    """
    if not weighing.rules.supply.on_hand:
        return {}
    found = {code: units for code, units in _free(sku, weighing, goods).items() if units > 0}
    return _without_waiting(found, waiting) if (waiting := goods.waiting.get(sku)) else found


def _free(sku: str, weighing: Weighing, goods: Goods) -> dict[str, int]:
    """Units of a stocked SKU at the places that count; less than none where more is promised or kept back than is."""
    return weighing.free(goods.variants[sku], goods.counts.get(sku, ()), goods.locations)


def _without_waiting(units: Units, waiting: int) -> Units:
    left = {}
    for code, free in sorted(units.items(), key=lambda each: (-each[1], each[0])):
        taken = min(waiting, free)
        waiting -= taken
        left[code] = free - taken
    return {code: left[code] for code in units if left[code]}


def to_order(sku: str, weighing: Weighing, goods: Goods) -> int:
    """Units of a stocked SKU that orders may ask for in all: those there, those due, and as many beyond as may be."""
    there = sum(to_promise(sku, weighing, goods).values())
    variant = goods.variants[sku]
    if not _looks_ahead(variant, weighing, goods):
        return there
    return max(there, _Expected(variant, weighing, goods, looks_at_margin=False).orderable())


# ── The answer ──


def availability(variant: Variant, weighing: Weighing, goods: Goods, *, shows_quantities: bool = True) -> Availability:
    """What may be sold of a variant through a view, from what it takes from stock: its own, or its components'.

    A kit is fulfilled whole from one place.
    """
    closed = weighing.not_sellable(variant)
    now = {} if closed else _now(variant, weighing, goods)
    units = sum(now.values())
    expected = _Expected(variant, weighing, goods) if not closed and _looks_ahead(variant, weighing, goods) else None
    orderable = units if expected is None else max(units, expected.orderable())
    future = [] if expected is None else expected.future(units)
    status = AvailabilityStatus.NOT_SELLABLE if closed else _status(variant, units, orderable, weighing)
    return Availability(
        sku=variant.sku,
        variant=variant,
        view=weighing.view.code,
        status=status,
        units=units,
        orderable=orderable,
        places=_places(now, weighing, goods, shows_quantities=shows_quantities) if now else (),
        future=future if shows_quantities else (),
        next_available_on=_next_on(variant, units, future, weighing),
        as_of=weighing.now,
        shows_quantities=shows_quantities,
        explain=partial(reasons, variant, weighing, goods),
    )


def _now(variant: Variant, weighing: Weighing, goods: Goods) -> Units:
    """Units of a variant that each place may promise now; by code."""
    if not variant.components:
        found = to_promise(variant.sku, weighing, goods)
    else:
        parts = [(to_promise(part.sku, weighing, goods), part.quantity) for part in variant.components]
        shared = set(parts[0][0]).intersection(*(units for units, _ in parts[1:]))
        whole = {code: min(units[code] // quantity for units, quantity in parts) for code in sorted(shared)}
        found = {code: units for code, units in whole.items() if units}
    if weighing.looks_at_margin:
        return {code: units for code, units in found.items() if not weighing.too_thin(variant, goods.locations[code])}
    return found


def _status(variant: Variant, units: int, orderable: int, weighing: Weighing) -> AvailabilityStatus:
    """As quantities have it, whoever may see them. What is sold before its launch is ordered ahead."""
    if orderable <= 0:
        return AvailabilityStatus.OUT_OF_STOCK
    if not weighing.is_launched(variant):
        return AvailabilityStatus.PREORDER
    return AvailabilityStatus.BACKORDER if units <= 0 else _in_stock(units, weighing)


def _in_stock(units: int, weighing: Weighing) -> AvailabilityStatus:
    is_low = units <= weighing.rules.low_stock_threshold
    return AvailabilityStatus.LOW_STOCK if is_low else AvailabilityStatus.IN_STOCK


def _places(now: Units, weighing: Weighing, goods: Goods, *, shows_quantities: bool) -> Sequence[LocationAvailability]:
    """Largest first, or nearest first where the destination's point is known; those alike by code."""
    is_there = weighing.destination is not None and weighing.destination.point is not None
    locations, most = goods.locations, weighing.rules.low_stock_threshold
    is_low, is_well = AvailabilityStatus.LOW_STOCK, AvailabilityStatus.IN_STOCK
    places = [
        _PLACE_OF(
            (
                locations[code],
                is_low if units <= most else is_well,
                units if shows_quantities else None,
                weighing.distance_km(locations[code]) if is_there else None,
            )
        )
        for code, units in sorted(now.items(), key=_UNITS, reverse=True)
    ]
    if is_there:
        return sorted(places, key=lambda place: (inf if (km := place.distance_km) is None else km, place.location.code))
    return places


# ── What is due ──


def _looks_ahead(variant: Variant, weighing: Weighing, goods: Goods) -> bool:
    """Whether more of a variant may be ordered than is there: only of what is due, or beyond it, or of a kit."""
    if weighing.rules.supply.backorder_limit:
        return True
    return weighing.counts_due and bool(variant.components or goods.due.get(variant.sku))


def counts_supply(weighing: Weighing, due: Due) -> bool:
    """Whether the view counts supply of this kind and date at all."""
    rule = weighing.rules.supply
    if due.status is InboundSupplyStatus.IN_TRANSIT:
        counts = rule.in_transit
    else:
        counts = rule.production if due.kind is InboundSupplyKind.PRODUCTION else rule.on_order
    return counts and due.expected_at <= weighing.now + timedelta(days=rule.horizon_days)


class _Expected:
    """What the places that count will have of a variant, day by day, as supply arrives.

    What placed orders wait for is taken off the whole: each of them is served before any that comes after it.
    """

    def __init__(self, variant: Variant, weighing: Weighing, goods: Goods, *, looks_at_margin: bool = True) -> None:
        self._variant = variant
        self._looks_at_margin = looks_at_margin
        self._weighing = weighing
        self._parts = variant.demand(1)
        self._waiting = [goods.waiting.get(part.sku, 0) for part in self._parts]
        self._limit = weighing.rules.supply.backorder_limit
        self._balances: list[dict[str, int]] = [self._at_first(part, goods) for part in self._parts]
        self._arrivals = sorted(
            (_day_of(due, goods.locations[due.location], weighing.now), number, due.location, due.units)
            for number, part in enumerate(self._parts)
            for due in goods.due.get(part.sku, ())
            if counts_supply(weighing, due) and self._counts(goods.locations[due.location])
        )

    def _at_first(self, part: Component, goods: Goods) -> dict[str, int]:
        """Units by place before anything arrives; where on-hand stock does not count, only what it owes does."""
        free = _free(part.sku, self._weighing, goods)
        if self._looks_at_margin and self._weighing.looks_at_margin:
            free = {code: units for code, units in free.items() if self._counts(goods.locations[code])}
        if self._weighing.rules.supply.on_hand:
            return free
        return {code: min(0, units) for code, units in free.items()}

    def _counts(self, location: StockLocation) -> bool:
        is_too_thin = self._looks_at_margin and self._weighing.too_thin(self._variant, location)
        return not (self._weighing.shut(location) or is_too_thin)

    def future(self, now: int) -> list[FutureAvailability]:
        """The days on which more can be promised than before, with how many by then; now: units to sell at once."""
        balances = [dict(each) for each in self._balances]
        found: list[FutureAvailability] = []
        most = now
        for day, arrivals in groupby(self._arrivals, key=itemgetter(0)):
            for _, number, code, units in arrivals:
                balances[number][code] = balances[number].get(code, 0) + units
            if (quantity := self._whole(balances)) > most:
                found.append(FutureAvailability(day, quantity))
                most = quantity
        return found

    def orderable(self) -> int:
        """All that can be asked for within the horizon: of what is there, of what is due, and beyond it."""
        balances = [dict(each) for each in self._balances]
        for _, number, code, units in self._arrivals:
            balances[number][code] = balances[number].get(code, 0) + units
        return self._spare(balances, self._limit) if self._limit else self._whole(balances)

    def _whole(self, balances: Sequence[Units]) -> int:
        """Units of the variant that single places can make whole, and nobody waits for."""
        if len(self._parts) == 1:
            return self._spare(balances)
        codes = set(balances[0]).intersection(*balances[1:])
        whole = sum(
            min(max(0, units[code]) // part.quantity for part, units in zip(self._parts, balances, strict=True))
            for code in codes
        )
        return max(0, min(whole, self._spare(balances)))

    def _spare(self, balances: Sequence[Units], beyond: int = 0) -> int:
        """Units of the variant that all places allow together, and so many of each part more; less those waited for."""
        spare = [
            (sum(max(0, each) for each in units.values()) + beyond - waiting) // part.quantity
            for part, units, waiting in zip(self._parts, balances, self._waiting, strict=True)
        ]
        return max(0, min(spare))


def _day_of(due: Due, location: StockLocation, now: datetime) -> date:
    """The day it is counted from at its place. What is late may still come, but no sooner than tomorrow."""
    zone = ZoneInfo(location.timezone)
    expected_on = due.expected_at.astimezone(zone).date()
    return expected_on if due.expected_at >= now else now.astimezone(zone).date() + timedelta(days=1)


def _next_on(variant: Variant, units: int, future: Sequence[FutureAvailability], weighing: Weighing) -> date | None:
    """The first day on which there is some where there is none now: of a product to be launched, that of its launch."""
    if weighing.rules.products.respect_launch_date and not weighing.is_launched(variant):
        assert variant.launch_at is not None, "What has no launch is launched."
        return variant.launch_at.date()
    return future[0].on if future and not units else None


# ── In words ──


class Held(NamedTuple):
    """What a place has of a stocked SKU. free: less than none where more is promised or kept back than there is.

    shut: why the place does not count; None where it does.
    """

    location: StockLocation
    free: int
    counts: Counts | None
    shut: str | None


def _held(sku: str, weighing: Weighing, goods: Goods) -> dict[str, Held]:
    """By location code, of the places that do not count, too."""
    variant, found = goods.variants[sku], {}
    for each in goods.counts.get(sku, ()):
        location = goods.locations[each.location]
        free = each.free - weighing.kept_back(variant, location, each)
        found[each.location] = Held(location, free, each, weighing.shut(location))
    return found


def reasons(variant: Variant, weighing: Weighing, goods: Goods) -> list[AvailabilityReason]:
    """Why an answer is what it is, at every place that has a level of it or of a part of it, or gets some; by code."""
    closed = weighing.not_sellable(variant)
    now = {} if closed else _now(variant, weighing, goods)
    parts = [(part, _held(part.sku, weighing, goods)) for part in variant.demand(1)]
    due = {each.location for part, _ in parts for each in goods.due.get(part.sku, ())}
    return [
        _reason(goods.locations[code], variant, parts, closed, now.get(code, 0), weighing, goods)
        for code in sorted(due.union(*(helds for _, helds in parts)))
    ]


def _reason(
    location: StockLocation,
    variant: Variant,
    parts: Sequence[tuple[Component, Mapping[str, Held]]],
    closed: str | None,
    units: int,
    weighing: Weighing,
    goods: Goods,
) -> AvailabilityReason:
    """Of a kit by the part that allows fewest there."""
    nothing = Held(location, 0, None, weighing.shut(location))
    here = [(part, helds.get(location.code, nothing)) for part, helds in parts]
    part, held = min(here, key=lambda each: max(0, each[1].free) // each[0].quantity)
    counts = held.counts
    not_here = closed or held.shut or weighing.too_thin(variant, location)
    if not_here:
        because = not_here
    else:
        of_part = f"Of its parts {part.sku} allows fewest, {part.quantity} in each." if variant.components else ""
        said = [of_part, _of_counts(held, goods.variants[part.sku], weighing), _of_waiting(held, units, part, weighing)]
        said.append(_of_due(goods.due.get(part.sku, ()), location, weighing))
        because = " ".join(filter(None, said))
    return AvailabilityReason(
        location=location,
        counted=not not_here,
        on_hand=counts.on_hand if counts else 0,
        allocated=counts.allocated if counts else 0,
        reserved=counts.reserved if counts else 0,
        kept_back=(counts.free - held.free + counts.kept_back) if counts else 0,
        quantity=units,
        because=because,
    )


def _of_counts(held: Held, variant: Variant, weighing: Weighing) -> str:
    counts = held.counts
    if counts is None:
        return "Nothing is on hand."
    by_view = counts.free - held.free
    why = "; ".join(dict.fromkeys(weighing.kept_for(variant, held.location))) if by_view else ""
    kept_back = [
        f"{units} {why}"
        for units, why in (
            (counts.damaged, "damaged"),
            (counts.inspection, "in inspection"),
            (counts.safety_stock, "as safety stock"),
            (by_view, f"by the view ({why})"),
        )
        if units
    ]
    sentences = [f"Kept back: {', '.join(kept_back)}."] if kept_back else []
    if held.free < 0:
        sentences.append(f"{-held.free} more are promised or kept back than there are.")
    elif counts.on_hand == 0:
        sentences.append("Nothing is on hand.")
    elif held.free == 0:
        sentences.append("All of it is promised or kept back.")
    elif not weighing.rules.supply.on_hand:
        sentences.append("The view sells nothing that is on hand.")
    else:
        sentences.append("The rest that is not promised counts." if kept_back else "All that is not promised counts.")
    return " ".join(sentences)


def _of_waiting(held: Held, units: int, part: Component, weighing: Weighing) -> str:
    if not weighing.rules.supply.on_hand:
        return ""
    waited_for = max(0, held.free) // part.quantity - units
    return f"{waited_for} of it placed orders wait for." if waited_for > 0 else ""


def _of_due(due: Iterable[Due], location: StockLocation, weighing: Weighing) -> str:
    units = sum(each.units for each in due if each.location == location.code and counts_supply(weighing, each))
    return f"{units} are due within the view's horizon." if units else ""
