"""Variants, levels and points for tests of what there is to sell: say only what matters to the claim."""

from collections.abc import Mapping
from typing import Any

from domain.catalog.model import Component, ProductStatus, Variant
from domain.inventory.model import StockLevel, StockLocation
from domain.places import Address, GeoPoint
from tests.factories import NOW, a_location

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
