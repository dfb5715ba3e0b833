"""What other rules of a view would change, before anyone makes them: the whole catalog answered both ways."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from domain.availability.model import Goods
from domain.availability.ports import AvailabilityReads
from domain.availability.rules import availability
from domain.availability.service import all_skus
from domain.availability.views import AvailabilityRules
from domain.availability.weighing import Weighing
from domain.catalog.ports import CatalogReads
from domain.inventory.model import StockLocation
from domain.inventory.ports import InventoryReads

# Told by name, of those that become available or no more; the counts are of all.
SKUS_TOLD_MAX = 250  # As many as a page has.


class PreviewReads(Protocol):
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def catalog(self) -> CatalogReads: ...
    @property
    def inventory(self) -> InventoryReads: ...


@dataclass(slots=True)
class AvailabilityPreview:
    """Of all variants of active products. become_available, become_unavailable: SKUs, SKUS_TOLD_MAX at most, by SKU.

    units: to sell now. A SKU is available where an order may ask for at least one.
    """

    skus_compared: int = 0
    units_before: int = 0
    units_after: int = 0
    become_available: list[str] = field(default_factory=list)
    become_available_count: int = 0
    become_unavailable: list[str] = field(default_factory=list)
    become_unavailable_count: int = 0
    locations_added: list[StockLocation] = field(default_factory=list)
    locations_removed: list[StockLocation] = field(default_factory=list)


async def previewed(reads: PreviewReads, view: str, rules: AvailabilityRules, now: datetime) -> AvailabilityPreview:
    """What a view would sell by other rules against what it sells now, in no channel and from no destination.

    Takes some seconds for a hundred thousand SKUs at fifty places; memory stays flat.
    """
    preview = AvailabilityPreview()
    open_units = await reads.inventory.open_units()
    async for skus in all_skus(reads.catalog):
        goods = replace(await reads.availability.goods(skus), open_units=open_units)
        before, after = _both_ways(view, rules, goods, now)
        _compare(preview, skus, before, after, goods)
    places = await reads.inventory.locations()
    goods = replace(await reads.availability.goods([]), open_units=open_units)
    before, after = _both_ways(view, rules, goods, now)
    counted_before, counted_after = (
        {place.code for place in places if not weighing.shut(place)} for weighing in (before, after)
    )
    preview.locations_added = [place for place in places if place.code in counted_after - counted_before]
    preview.locations_removed = [place for place in places if place.code in counted_before - counted_after]
    return preview


def _both_ways(view: str, rules: AvailabilityRules, goods: Goods, now: datetime) -> tuple[Weighing, Weighing]:
    today = goods.views[view].at(now)
    before = Weighing(today, now, families=goods.families, open_units=goods.open_units)
    changed = replace(today, rules=rules)
    return before, Weighing(changed, now, families=goods.families, open_units=goods.open_units)


def _compare(
    preview: AvailabilityPreview, skus: Iterable[str], before: Weighing, after: Weighing, goods: Goods
) -> None:
    for sku in skus:
        variant = goods.variants.get(sku)
        if variant is None:
            continue
        was, becomes = availability(variant, before, goods), availability(variant, after, goods)
        preview.skus_compared += 1
        preview.units_before += was.units
        preview.units_after += becomes.units
        if becomes.orderable > 0 and was.orderable <= 0:
            preview.become_available_count += 1
            _tell(preview.become_available, sku)
        elif was.orderable > 0 and becomes.orderable <= 0:
            preview.become_unavailable_count += 1
            _tell(preview.become_unavailable, sku)


def _tell(skus: list[str], sku: str) -> None:
    if len(skus) < SKUS_TOLD_MAX:
        skus.append(sku)
