"""What may be sold of a variant and where: the one function that list, detail, basket and allocation ask."""

from collections.abc import Sequence
from datetime import datetime
from math import inf
from operator import attrgetter

from domain.availability.model import (
    LOW_STOCK_THRESHOLD,
    Availability,
    AvailabilityReason,
    AvailabilityStatus,
    Counts,
    Goods,
    LocationAvailability,
    Question,
)
from domain.catalog.model import Component, ProductStatus, Variant
from domain.inventory.model import StockLocation
from domain.places import Destination, GeoPoint, distance_km

# What one location has of a variant: units, less than none where more are promised than there are; and the counts they
# come from, of a kit those of its scarcest part there, which is named.
Stock = tuple[StockLocation, int, Component | None, Counts | None]


def availability(variant: Variant, question: Question, goods: Goods, now: datetime) -> Availability:
    """Answer a question from the counts of what the variant takes from stock: its own, or its components'.

    A kit is fulfilled whole from one place.
    """
    closed = _not_sellable(variant, question, now)
    places = [] if closed else _places(_stocks(variant, goods), question.destination)
    quantity = sum([place.quantity for place in places])
    return Availability(
        sku=variant.sku,
        variant=variant,
        question=question,
        status=AvailabilityStatus.NOT_SELLABLE if closed else status(quantity),
        quantity=quantity,
        places=places,
        as_of=now,
        goods=goods,
    )


def status(quantity: int) -> AvailabilityStatus:
    if quantity <= 0:
        return AvailabilityStatus.OUT_OF_STOCK
    return AvailabilityStatus.LOW_STOCK if quantity <= LOW_STOCK_THRESHOLD else AvailabilityStatus.IN_STOCK


def _not_sellable(variant: Variant, question: Question, now: datetime) -> str | None:
    """Why it may not be sold at all, in words; None where it may."""
    if variant.product_status is not ProductStatus.ACTIVE:
        return f"The product is {variant.product_status.value.lower()}."
    if not variant.is_sellable(now):
        return f"It is not sold before {variant.launch_at:%Y-%m-%d %H:%M} UTC."
    if question.channel is not None and question.channel not in variant.prices:
        return f"It has no price in {question.channel}."
    return None


def _stocks(variant: Variant, goods: Goods) -> list[Stock]:
    """What each location has of the variant, of those that have a level of it or of a part of it; by code."""
    locations, counts = goods.locations, goods.counts
    if not variant.components:
        return [(locations[each.location], each.free, None, each) for each in counts.get(variant.sku, ())]
    by_place = {(each.sku, each.location): each for part in variant.components for each in counts.get(part.sku, ())}
    return [
        min(
            [_in_part(part, locations[code], by_place.get((part.sku, code))) for part in variant.components], key=_units
        )
        for code in sorted({location for _, location in by_place})
    ]


def _in_part(part: Component, location: StockLocation, counts: Counts | None) -> Stock:
    return location, max(0, counts.free) // part.quantity if counts else 0, part, counts


def _units(stock: Stock) -> int:
    return stock[1]


def _places(stocks: Sequence[Stock], destination: Destination | None) -> list[LocationAvailability]:
    """Those that have something: largest first, or nearest first where the destination's point is known."""
    there = None if destination is None else destination.point
    places = [
        LocationAvailability(location, status(units), units, None if there is None else _distance(location, there))
        for location, units, _, _ in stocks
        if units > 0 and location.active
    ]
    if there is not None:
        return sorted(places, key=lambda place: inf if place.distance_km is None else place.distance_km)
    return sorted(places, key=attrgetter("quantity"), reverse=True)  # Those alike stay by code, as stocks are.


def _distance(location: StockLocation, there: GeoPoint) -> float | None:
    here = location.address.point
    return None if here is None else distance_km(here, there)


# ── In words ──


def reasons(answer: Availability) -> list[AvailabilityReason]:
    """Why an answer is what it is, at every location that has a level of it or of a part of it; by code."""
    closed = _not_sellable(answer.variant, answer.question, answer.as_of)
    return [_reason(stock, closed) for stock in _stocks(answer.variant, answer.goods)]


def _reason(stock: Stock, closed: str | None) -> AvailabilityReason:
    location, units, _, counts = stock
    counted = location.active and not closed
    return AvailabilityReason(
        location=location,
        counted=counted,
        on_hand=counts.on_hand if counts else 0,
        allocated=counts.allocated if counts else 0,
        reserved=counts.reserved if counts else 0,
        kept_back=_kept_back(counts) if counts else 0,
        quantity=max(0, units) if counted else 0,
        because=_because(stock, closed),
    )


def _because(stock: Stock, closed: str | None) -> str:
    location, _, part, counts = stock
    if closed:
        return closed
    if not location.active:
        return "The location is not active."
    if part is None:
        return _of_counts(counts)
    return f"Of its parts {part.sku} allows fewest, {part.quantity} in each. {_of_counts(counts)}"


def _of_counts(counts: Counts | None) -> str:
    if counts is None:
        return "Nothing is on hand."
    kept_back = [
        f"{units} {why}"
        for units, why in (
            (counts.damaged, "damaged"),
            (counts.inspection, "in inspection"),
            (counts.safety_stock, "as safety stock"),
        )
        if units
    ]
    sentences = [f"Kept back: {', '.join(kept_back)}."] if kept_back else []
    if counts.free < 0:
        sentences.append(f"{-counts.free} more are promised or kept back than there are.")
    elif counts.on_hand == 0:
        sentences.append("Nothing is on hand.")
    elif counts.free == 0:
        sentences.append("All of it is promised or kept back.")
    else:
        sentences.append("The rest that is not promised counts." if kept_back else "All that is not promised counts.")
    return " ".join(sentences)


def _kept_back(counts: Counts) -> int:
    return counts.damaged + counts.inspection + counts.safety_stock
