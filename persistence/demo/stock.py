"""What lies where in the demo, and what is on its way: a long tail, broken sizes, empty cells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from domain.catalog.model import FulfillmentTrait, ImportProduct, ImportVariant
from domain.inventory.model import InboundSupply, InboundSupplyKind, InboundSupplyStatus, StockLocationKind
from persistence.demo.files import Chance, table

_ARRIVAL_HOUR = time(8, tzinfo=UTC)
_PURCHASE_DESTINATIONS = ("wh-piacenza", "wh-piacenza", "wh-venlo", "wh-lyon")  # Half of it goes to Piacenza.


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCount:
    """What a count at a location found of one SKU, the units kept back from sale, and the shelf."""

    sku: str
    location: str
    on_hand: int
    safety_stock: int
    bin: str


def stock(products: Sequence[ImportProduct], seed: int) -> tuple[StockCount, ...]:
    """Every level that was ever counted; a place that does not list a SKU has none. Kits have their components'."""
    profile = table("stock.toml")
    places = table("locations.toml")["places"]
    stores = [place for place in places if place["kind"] == StockLocationKind.STORE.value]
    counts: list[StockCount] = []
    for product in products:
        if _is_kit(product):
            continue
        if FulfillmentTrait.MADE_TO_ORDER in _traits(product):
            counts += _made_to_order(product, profile, seed)
            continue
        if FulfillmentTrait.STORE_ONLY not in _traits(product):
            depth = list(_depth(product, profile, seed))
            counts += _in_depots(product, depth, profile, seed)
            if not any(units for _, units in depth):
                continue
        for store in stores:
            counts += _in_store(product, store, profile, seed)
    return tuple(counts)


def supply(
    products: Sequence[ImportProduct], counts: Sequence[StockCount], today: date, seed: int
) -> tuple[InboundSupply, ...]:
    """Purchases at sea, transfers to the stores that ran out, and what the workshop is building."""
    plan = table("stock.toml")["supply"]
    on_hand: dict[str, int] = {}
    for count in counts:
        on_hand[count.sku] = on_hand.get(count.sku, 0) + count.on_hand
    return (
        *_purchases(products, on_hand, plan, today, seed),
        *_transfers(counts, plan, today, seed),
        *_production(plan, today),
    )


# ── Stock ──


def _in_depots(
    product: ImportProduct, depth: Sequence[tuple[ImportVariant, int]], profile: dict[str, Any], seed: int
) -> Iterator[StockCount]:
    depots = [
        (depot, rule)
        for depot, rule in profile["depots"].items()
        if rule.get("category") in (None, *product.category_codes)
        and rule.get("origin") in (None, product.variants[0].country_of_origin)
        and Chance(seed, "listed", depot, product.code).happens(rule["listed"])
    ]
    for number, (variant, units) in enumerate(depth):
        for depot, rule in depots:
            here = Chance(seed, "depot", depot, variant.sku).part(units, rule["share"])
            yield StockCount(
                sku=variant.sku, location=depot, on_hand=here, safety_stock=0, bin=_rack(product, variant, number)
            )


def _depth(product: ImportProduct, profile: dict[str, Any], seed: int) -> Iterator[tuple[ImportVariant, int]]:
    """How many of each variant lie in the depots together, give or take one each; nothing where all is sold out."""
    chance = Chance(seed, "depth", product.code)
    is_bestseller = "bestseller" in product.tags
    is_sold_out = not is_bestseller and chance.happens(profile["sold_out_share"])
    middle = chance.between(*chance.band(profile["bestsellers" if is_bestseller else "tail"]))
    if not is_bestseller:
        middle *= profile["by_the_piece"].get(product.category_codes[0], 1)
    if FulfillmentTrait.BULKY in _traits(product):
        middle = max(1, middle // profile["bulky_divisor"])
    for run in _size_runs(product):
        this_color = middle * chance.between(60, 140) // 100
        for place, variant in enumerate(run):
            factor = _size_factor(place, len(run), profile["size_depth"])
            yield variant, 0 if is_sold_out else chance.part(this_color, factor)


def _size_factor(place: int, sizes: int, depth: Mapping[str, float]) -> float:
    if sizes < 3:
        return 1.0
    return depth["first"] if place == 0 else depth["last"] if place == sizes - 1 else depth["inner"]


def _in_store(
    product: ImportProduct, store: Mapping[str, Any], profile: dict[str, Any], seed: int
) -> Iterator[StockCount]:
    rule = profile["stores"][store["size"]]
    chance = Chance(seed, "store", store["code"], product.code)
    is_listed = chance.happens(rule["bestsellers" if "bestseller" in product.tags else "listed"])
    traits = _traits(product)
    if FulfillmentTrait.STORE_ONLY in traits:
        is_listed = store["size"] != "boutique"
    elif FulfillmentTrait.BULKY in traits or product.variants[0].launch_at:
        is_listed = False
    if not is_listed:
        return
    gone = profile["store_gone"]
    for number, variant in enumerate(product.variants):
        is_gone = chance.happens(gone["sizes"].get(_size(variant), gone["otherwise"]))
        units = chance.between(*rule["units"])
        yield StockCount(
            sku=variant.sku,
            location=store["code"],
            on_hand=0 if is_gone else units,
            safety_stock=store.get("safety_stock", 0),
            bin=_shelf(product, number),
        )


def _made_to_order(product: ImportProduct, profile: dict[str, Any], seed: int) -> Iterator[StockCount]:
    """Where it is made, and for how many there is room: what is on hand are the units one may still order."""
    rules = profile["made_to_order"]
    rule = next(rules[category] for category in product.category_codes if category in rules)
    for number, variant in enumerate(product.variants):
        yield StockCount(
            sku=variant.sku,
            location=rule["place"],
            on_hand=Chance(seed, "made", variant.sku).between(*rule["units"]),
            safety_stock=0,
            bin=_rack(product, variant, number),
        )


def _size_runs(product: ImportProduct) -> Iterator[list[ImportVariant]]:
    """The variants of each color, in the order of their sizes."""
    runs: dict[str, list[ImportVariant]] = {}
    for variant in product.variants:
        color = next((option.value for option in variant.options if option.name == "color"), "")
        runs.setdefault(color, []).append(variant)
    yield from runs.values()


def _size(variant: ImportVariant) -> str:
    """The code of the size, the last part of the SKU; empty for what has no sizes."""
    return variant.sku.rsplit("-", 1)[-1] if any(option.name == "size" for option in variant.options) else ""


def _rack(product: ImportProduct, variant: ImportVariant, number: int) -> str:
    """Aisle, rack, level: "C-14-3". What is bulky stands on the floor."""
    style = int(product.code[1:])
    if FulfillmentTrait.BULKY in variant.traits:
        return f"FLOOR-{style % 40 + 1:02d}"
    return f"{'ABCDEFGH'[style // 500 % 8]}-{style % 48 + 1:02d}-{number % 5 + 1}"


def _shelf(product: ImportProduct, number: int) -> str:
    """Department and shelf: "WOMEN-07-2"."""
    return f"{product.category_codes[-1].upper()}-{int(product.code[1:]) % 24 + 1:02d}-{number % 4 + 1}"


def _traits(product: ImportProduct) -> frozenset[FulfillmentTrait]:
    return product.variants[0].traits


def _is_kit(product: ImportProduct) -> bool:
    return bool(product.variants[0].components)


# ── Supply ──


def _purchases(
    products: Sequence[ImportProduct], on_hand: Mapping[str, int], plan: dict[str, Any], today: date, seed: int
) -> Iterator[InboundSupply]:
    """One purchase order for each brand and country that makes for it."""
    ordered: dict[tuple[str, str], list[ImportProduct]] = {}
    for product in products:
        if _is_kit(product) or FulfillmentTrait.MADE_TO_ORDER in _traits(product):
            continue
        is_sold_out = not any(on_hand.get(variant.sku) for variant in product.variants)
        share = plan["purchased_share_sold_out" if is_sold_out else "purchased_share"]
        if Chance(seed, "purchase", product.code).happens(share):
            maker = (product.brand or "", product.variants[0].country_of_origin or "")
            ordered.setdefault(maker, []).append(product)
    for number, (maker, bought) in enumerate(ordered.items(), start=1):
        chance = Chance(seed, "purchase order", *maker)
        days = chance.between(*plan["purchase_days"])
        destination = _PURCHASE_DESTINATIONS[chance.between(0, len(_PURCHASE_DESTINATIONS) - 1)]
        reference = f"PO-{today.year}-{number:04d}"
        variants = [variant for product in bought for variant in product.variants]
        for line, variant in enumerate(variants, start=1):
            quantity = max(chance.between(4, 24), on_hand.get(variant.sku, 0) // plan["purchase_divisor"])
            yield InboundSupply(
                id=_supply_id(reference, line),
                reference=reference,
                kind=InboundSupplyKind.PURCHASE_ORDER,
                sku=variant.sku,
                destination=destination,
                origin=None,
                ordered=quantity,
                received=0,
                allocated=0,
                expected_at=_arrival(today, days),
                status=InboundSupplyStatus.IN_TRANSIT if days <= plan["sailing_days"] else InboundSupplyStatus.ON_ORDER,
            )


def _transfers(counts: Sequence[StockCount], plan: dict[str, Any], today: date, seed: int) -> Iterator[InboundSupply]:
    """From Piacenza to a store, of what the store has run out of."""
    in_piacenza = {count.sku for count in counts if count.location == "wh-piacenza" and count.on_hand}
    missing: dict[str, list[str]] = {}
    for count in counts:
        if count.on_hand == 0 and count.sku in in_piacenza:
            missing.setdefault(count.location, []).append(count.sku)
    stores = [place["code"] for place in table("locations.toml")["places"] if place["kind"] == "STORE"]
    for number, store in enumerate(stores[: plan["transfers"]], start=1):
        chance = Chance(seed, "transfer", store)
        days = chance.between(*plan["transfer_days"])
        wanted = missing.get(store, [])
        step = max(1, len(wanted) // chance.between(*plan["transfer_skus"]))
        reference = f"TR-{today.year}-{number:04d}"
        for line, sku in enumerate(wanted[::step], start=1):
            yield InboundSupply(
                id=_supply_id(reference, line),
                reference=reference,
                kind=InboundSupplyKind.TRANSFER,
                sku=sku,
                destination=store,
                origin="wh-piacenza",
                ordered=chance.between(*plan["transfer_units"]),
                received=0,
                allocated=0,
                expected_at=_arrival(today, days),
                status=InboundSupplyStatus.IN_TRANSIT,
            )


def _production(plan: dict[str, Any], today: date) -> Iterator[InboundSupply]:
    """Furniture that the workshop builds for the warehouse."""
    reference = f"WO-{today.year}-0001"
    for line, sku in enumerate(plan["production"], start=1):
        yield InboundSupply(
            id=_supply_id(reference, line),
            reference=reference,
            kind=InboundSupplyKind.PRODUCTION,
            sku=sku,
            destination="wh-piacenza",
            origin="sup-cantu",
            ordered=plan["production_units"],
            received=0,
            allocated=0,
            expected_at=_arrival(today, plan["production_days"]),
            status=InboundSupplyStatus.ON_ORDER,
        )


def _supply_id(reference: str, line: int) -> str:
    return f"sup_demo_{reference.lower().replace('-', '_')}_{line:03d}"


def _arrival(today: date, days: int) -> datetime:
    """So many days from now, or on the Monday after where that is a weekend."""
    day = today + timedelta(days=days)
    return datetime.combine(day + timedelta(days=7 - day.weekday() if day.weekday() > 4 else 0), _ARRIVAL_HOUR)
