"""What may be sold of a variant and where: the one function that list, detail, basket and allocation ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from domain.availability.model import (
    LOW_STOCK_THRESHOLD,
    Availability,
    AvailabilityReason,
    AvailabilityStatus,
    LocationAvailability,
    Question,
)
from domain.catalog.model import Component, ProductStatus
from domain.inventory.model import StockLevel, StockLocation
from domain.places import Destination, distance_km


@dataclass(frozen=True, slots=True)
class _Stock:
    """What one location has of a variant: `units` of it whole, as many as `level` of its scarcest part allows."""

    location: StockLocation
    units: int
    part: Component
    level: StockLevel | None


def availability(
    question: Question,
    levels: Mapping[str, Sequence[StockLevel]],
    locations: Mapping[str, StockLocation],
    now: datetime,
) -> Availability:
    """Answer a question from the levels of what the variant takes from stock: its own, or its components'.

    levels: by SKU. locations: by code, of all the levels. A kit is fulfilled whole from one place.
    """
    stocks = _stocks(question, levels, locations)
    closed = _not_sellable(question, now)
    places = [] if closed else _places(stocks, question.destination)
    quantity = sum(place.quantity for place in places)
    return Availability(
        sku=question.sku,
        view=question.view,
        status=AvailabilityStatus.NOT_SELLABLE if closed else status(quantity),
        quantity=quantity,
        places=tuple(places),
        reasons=tuple(_reason(stock, question, closed) for stock in stocks),
        as_of=now,
    )


def status(quantity: int) -> AvailabilityStatus:
    if quantity <= 0:
        return AvailabilityStatus.OUT_OF_STOCK
    return AvailabilityStatus.LOW_STOCK if quantity <= LOW_STOCK_THRESHOLD else AvailabilityStatus.IN_STOCK


def _not_sellable(question: Question, now: datetime) -> str | None:
    """Why it may not be sold at all, in words; None where it may."""
    variant = question.variant
    if variant.product_status is not ProductStatus.ACTIVE:
        return f"The product is {variant.product_status.value.lower()}."
    if not variant.is_sellable(now):
        return f"It is not sold before {variant.launch_at:%Y-%m-%d %H:%M} UTC."
    if question.channel is not None and question.channel not in variant.prices:
        return f"It has no price in {question.channel}."
    return None


def _stocks(
    question: Question, levels: Mapping[str, Sequence[StockLevel]], locations: Mapping[str, StockLocation]
) -> list[_Stock]:
    """What each location has of the variant, of those that have a level of it or of a part of it; by code."""
    parts = question.variant.demand(1)
    by_place = {(level.sku, level.location): level for part in parts for level in levels.get(part.sku, ())}
    stocks = []
    for code in sorted({location for _, location in by_place}):
        in_part = [_in_part(part, locations[code], by_place.get((part.sku, code))) for part in parts]
        stocks.append(min(in_part, key=lambda stock: stock.units))
    return stocks


def _in_part(part: Component, location: StockLocation, level: StockLevel | None) -> _Stock:
    return _Stock(location, level.available // part.quantity if level else 0, part, level)


def _places(stocks: Sequence[_Stock], destination: Destination | None) -> list[LocationAvailability]:
    """Those that have something: largest first, or nearest first where the destination's point is known."""
    places = [
        LocationAvailability(stock.location.code, status(stock.units), stock.units, _distance(stock, destination))
        for stock in stocks
        if stock.location.active and stock.units
    ]
    if destination is not None and destination.point is not None:
        return sorted(places, key=lambda p: (inf if p.distance_km is None else p.distance_km, p.location_code))
    return sorted(places, key=lambda place: (-place.quantity, place.location_code))


def _distance(stock: _Stock, destination: Destination | None) -> float | None:
    here = stock.location.address.point
    if here is None or destination is None or destination.point is None:
        return None
    return distance_km(here, destination.point)


# ── In words ──


def _reason(stock: _Stock, question: Question, closed: str | None) -> AvailabilityReason:
    level, counted = stock.level, stock.location.active and not closed
    return AvailabilityReason(
        location_code=stock.location.code,
        counted=counted,
        on_hand=level.on_hand if level else 0,
        allocated=level.allocated if level else 0,
        reserved=level.reserved if level else 0,
        kept_back=_kept_back(level) if level else 0,
        quantity=stock.units if counted else 0,
        because=_because(stock, question, closed),
    )


def _because(stock: _Stock, question: Question, closed: str | None) -> str:
    if closed:
        return closed
    if not stock.location.active:
        return "The location is not active."
    if stock.part.sku == question.sku:
        return _of_level(stock.level)
    return f"Of its parts {stock.part.sku} allows fewest, {stock.part.quantity} in each. {_of_level(stock.level)}"


def _of_level(level: StockLevel | None) -> str:
    if level is None:
        return "Nothing is on hand."
    kept_back = [
        f"{units} {why}"
        for units, why in (
            (level.damaged, "damaged"),
            (level.inspection, "in inspection"),
            (level.safety_stock, "as safety stock"),
        )
        if units
    ]
    sentences = [f"Kept back: {', '.join(kept_back)}."] if kept_back else []
    if level.free < 0:
        sentences.append(f"{-level.free} more are promised or kept back than there are.")
    elif level.on_hand == 0:
        sentences.append("Nothing is on hand.")
    elif level.free == 0:
        sentences.append("All of it is promised or kept back.")
    else:
        sentences.append("The rest that is not promised counts." if kept_back else "All that is not promised counts.")
    return " ".join(sentences)


def _kept_back(level: StockLevel) -> int:
    return level.damaged + level.inspection + level.safety_stock
