"""Variants, levels and points for tests of what there is to sell: say only what matters to the claim."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from domain.availability.model import Availability, Counts, Due, Goods
from domain.availability.rules import availability
from domain.availability.views import AvailabilityRules, AvailabilityView, AvailabilityViewStatus
from domain.availability.weighing import Weighing
from domain.catalog.model import Component, ProductStatus, Variant
from domain.inventory.model import InboundSupplyKind, InboundSupplyStatus, StockLevel, StockLocation
from domain.places import Address, Destination, GeoPoint
from tests.factories import NOW, a_channel, a_location

MILAN, ROME, PARIS = GeoPoint(45.464, 9.190), GeoPoint(41.893, 12.483), GeoPoint(48.857, 2.352)


def a_location_at(point: GeoPoint, code: str, **facts: Any) -> StockLocation:
    return a_location(code, address=Address(line1="Via Roma 1", city="Milano", country="IT", point=point), **facts)


def a_level(sku: str, location: str, **counters: int) -> StockLevel:
    return StockLevel(sku=sku, location=location, updated_at=NOW, **counters)


def a_variant(sku: str = "SHIRT", *, parts: Mapping[str, int] | None = None, **facts: Any) -> Variant:
    """parts: for a kit, how many of each SKU."""
    known: dict[str, Any] = {
        "product_code": "shirt",
        "product_names": {"en": "Shirt"},
        "product_status": ProductStatus.ACTIVE,
        "names": {},
        "gtin": None,
        "options": (),
        "prices": {"web": 2500},
        "cost": None,
        "weight_grams": None,
        "length_mm": None,
        "width_mm": None,
        "height_mm": None,
        "tax_class": "standard",
        "hs_code": None,
        "country_of_origin": None,
        "traits": frozenset(),
        "lead_time_days": 0,
        "components": tuple(Component(part, quantity) for part, quantity in (parts or {}).items()),
        "launch_at": None,
    }
    return Variant(sku=sku, **known | facts)


def due(
    units: int,
    *,
    days: float,
    sku: str = "SHIRT",
    location: str = "milan",
    kind: InboundSupplyKind = InboundSupplyKind.PURCHASE_ORDER,
    status: InboundSupplyStatus = InboundSupplyStatus.ON_ORDER,
) -> Due:
    """Units expected so many days from NOW."""
    return Due(sku, location, units, kind, status, NOW + timedelta(days=days))


def a_view(rules: AvailabilityRules | None = None) -> AvailabilityView:
    return AvailabilityView(
        code="view",
        name="View",
        status=AvailabilityViewStatus.ACTIVE,
        version=1,
        rules=rules or AvailabilityRules(),
    )


def answered(
    *levels: StockLevel,
    variant: Variant | None = None,
    parts: Sequence[Variant] = (),
    locations: Sequence[StockLocation] = (),
    supply: Sequence[Due] = (),
    waiting: Mapping[str, int] | None = None,
    families: Mapping[str, frozenset[str]] | None = None,
    open_units: Mapping[str, int] | None = None,
    channel: str | None = None,
    destination: Destination | None = None,
    now: datetime = NOW,
    rules: AvailabilityRules | None = None,
) -> Availability:
    """What is answered of a variant through a view of these rules; places not given are warehouses in Milan."""
    variant = variant or a_variant()
    stocked = {part.sku: part for part in (a_variant(each.sku) for each in variant.demand(1))}
    counts: dict[str, list[Counts]] = {}
    for level in sorted(levels, key=attrgetter("location")):
        counts.setdefault(level.sku, []).append(Counts(*(getattr(level, name) for name in Counts._fields)))
    known = {place.code: place for place in locations}
    named = {level.location for level in levels} | {each.location for each in supply}
    arriving: dict[str, list[Due]] = {}
    for each in supply:
        arriving.setdefault(each.sku, []).append(each)
    goods = Goods(
        variants={**stocked, **{part.sku: part for part in parts}, variant.sku: variant},
        counts=counts,
        locations={**{code: a_location(code) for code in named}, **known},
        due=arriving,
        waiting=waiting or {},
    )
    weighing = Weighing(
        a_view(rules),
        now,
        channel=a_channel(channel) if channel else None,
        destination=destination,
        families=families,
        open_units=open_units,
    )
    return availability(variant, weighing, goods)
