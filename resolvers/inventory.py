"""Locations, levels, the ledger and supply: who may see which, looked up together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import strawberry
from strawberry import Parent

from domain.access import locations_stocked
from domain.calendar import NO_CUTOFF, Holidays, OpeningHours
from domain.catalog.model import Variant
from domain.errors import Refused, invalid
from domain.ids import split
from domain.inventory import service
from domain.inventory.model import (
    AdjustStock,
    InboundSupply,
    LevelKey,
    LocationFilter,
    SaveStockLocation,
    StockChange,
    StockLevel,
    StockLocation,
    StockMovement,
)
from domain.inventory.supply import is_seen
from domain.paging import PAGE_SIZE, PAGE_SIZE_MAX, Page, Slice, page
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import reports
from resolvers.pages import Connection

if TYPE_CHECKING:
    from schema.inventory import AdjustStockInput, StockLocationFilter, StockLocationInput

Info = strawberry.Info[Context, None]

# Eighteen digits fit in 64 bits, and no ledger holds as many lines.
NUMBER_LENGTH_MAX = 18


# ── Look-ups ──


async def locations_by_code(context: Context, codes: Sequence[str]) -> Mapping[str, StockLocation]:
    return await context.world.reads.inventory.locations_by_code(codes)


async def open_units_by_location(context: Context, codes: Sequence[str]) -> Mapping[str, int]:
    """At the locations whose stock the caller may see."""
    seen = locations_stocked(context.viewer)
    open_units = await context.world.reads.inventory.open_units()
    return {code: open_units.get(code, 0) for code in codes if seen.includes(code)}


async def levels_by_sku(context: Context, skus: Sequence[str]) -> Mapping[str, list[StockLevel]]:
    """Each SKU's levels at the locations whose stock the caller may see."""
    seen = locations_stocked(context.viewer)
    levels = await context.world.reads.inventory.levels_by_sku(skus)
    return {sku: [level for level in levels.get(sku, ()) if seen.includes(level.location)] for sku in skus}


async def levels_by_key(context: Context, keys: Sequence[LevelKey]) -> Mapping[LevelKey, StockLevel]:
    seen = locations_stocked(context.viewer)
    return await context.world.reads.inventory.levels_by_key([key for key in keys if seen.includes(key[1])])


async def supply_by_level(context: Context, keys: Sequence[LevelKey]) -> Mapping[LevelKey, list[InboundSupply]]:
    supply = await context.world.reads.supply.by_level(keys)
    return {key: supply.get(key, []) for key in keys}


async def levels_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, StockLevel]:
    """Ids as `StockLevel.id` writes them: a location's code, which has no slash, stands before the SKU."""
    named = [key.partition("/") for key in _keys(ids)]
    levels = await levels_by_key(context, [(sku, location) for location, _, sku in named])
    return {level.id: level for level in levels.values()}


async def movements_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, StockMovement]:
    seen = locations_stocked(context.viewer)
    numbers = [int(key) for key in _keys(ids) if key.isdecimal() and len(key) <= NUMBER_LENGTH_MAX]
    movements = await context.world.reads.inventory.movements_by_number(numbers) if numbers else {}
    return {movement.id: movement for movement in movements.values() if seen.includes(movement.location)}


async def supply_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, InboundSupply]:
    seen = locations_stocked(context.viewer)
    supply = await context.world.reads.supply.by_id(ids)
    return {each.id: each for each in supply.values() if is_seen(each, seen)}


def _keys(ids: Sequence[str]) -> list[str]:
    """What stands after the prefixes of ids."""
    return [split(one)[1] for one in ids]


# ── Fields ──


class LevelsAsked(NamedTuple):
    """A page of one location's levels; skus: None is all."""

    location: str
    skus: tuple[str, ...] | None
    page: Page


async def location_stock_levels(
    location: Parent[StockLocation],
    info: Info,
    skus: list[str] | None = None,
    first: int | None = PAGE_SIZE,
    after: str | None = None,
) -> Connection | None:
    """None for a location whose stock the caller may not see."""
    if not locations_stocked(info.context.viewer).includes(location.code):
        return None
    if skus is not None and len(skus) > PAGE_SIZE_MAX:
        raise Refused(invalid(f"At most {PAGE_SIZE_MAX} SKUs are asked for at a time.", "skus"))
    asked = LevelsAsked(location.code, None if skus is None else tuple(sorted(set(skus))), page(first, after))
    return Connection(await info.context.load(pages_of_levels, asked))


async def level_reserved(level: Parent[StockLevel], info: Info) -> int:
    return level.reserved - await _lapsed(level, info.context)


async def level_available(level: Parent[StockLevel], info: Info) -> int:
    return max(0, level.free + await _lapsed(level, info.context))


async def _lapsed(level: StockLevel, context: Context) -> int:
    """What the level counts as reserved still, though it is not any more."""
    return int(await context.load(lapsed_by_level, level.key)) if level.reserved else 0


async def lapsed_by_level(context: Context, keys: Sequence[LevelKey]) -> Mapping[LevelKey, int]:
    skus = sorted({sku for sku, _ in keys})
    lapsed = await context.world.reads.reservations.lapsed(skus, context.world.clock.now())
    return {key: lapsed.get(key, 0) for key in keys}


async def pages_of_levels(context: Context, asked: Sequence[LevelsAsked]) -> Mapping[LevelsAsked, Slice[StockLevel]]:
    """One statement for each different page: siblings ask for the same one."""
    inventory = context.world.reads.inventory
    alike: dict[tuple[Page, tuple[str, ...] | None], list[str]] = defaultdict(list)
    for each in asked:
        alike[each.page, each.skus].append(each.location)
    return {
        LevelsAsked(code, skus, of): found
        for (of, skus), codes in alike.items()
        for code, found in (await inventory.levels_by_location(codes, of, skus)).items()
    }


class MovementsAsked(NamedTuple):
    """A page of one level's movements."""

    level: LevelKey
    page: Page


async def level_movements(
    level: Parent[StockLevel], info: Info, first: int | None = PAGE_SIZE, after: str | None = None
) -> Connection:
    return Connection(await info.context.load(pages_of_movements, MovementsAsked(level.key, page(first, after))))


async def pages_of_movements(
    context: Context, asked: Sequence[MovementsAsked]
) -> Mapping[MovementsAsked, Slice[StockMovement]]:
    """One statement for each different page: siblings ask for the same one."""
    inventory = context.world.reads.inventory
    alike: dict[Page, list[LevelKey]] = defaultdict(list)
    for each in asked:
        alike[each.page].append(each.level)
    return {
        MovementsAsked(key, of): found
        for of, keys in alike.items()
        for key, found in (await inventory.movements_by_key(keys, of)).items()
    }


async def variant_stock_levels(
    context: Context, variant: Variant, locations: Sequence[str] | None = None
) -> list[StockLevel]:
    """A variant's levels that the caller may see, at all locations or those named; a kit has none of its own."""
    levels: list[StockLevel] = await context.load(levels_by_sku, variant.sku)
    return levels if locations is None else [level for level in levels if level.location in locations]


# ── Queries and mutations ──


async def stock_location(context: Context, code: str) -> StockLocation | None:
    location: StockLocation | None = await context.load(locations_by_code, code)
    return location


async def stock_locations(context: Context, filter: "StockLocationFilter | None", page: Page) -> Connection:
    return Connection(await context.world.reads.inventory.locations_page(_filter(filter), page))


@reports
async def save_stock_location(context: Context, input: "StockLocationInput") -> StockLocation:
    async with context.work() as work:
        saved = await service.save_stock_location(work, _location(context, input), context.viewer)
    context.forget()
    return saved


@reports
async def adjust_stock(context: Context, input: "AdjustStockInput") -> list[StockLevel]:
    async with context.work() as work:
        levels = await service.adjust_stock(work, _adjustment(input), context.viewer)
    context.forget()
    return levels


# ── Inputs in the domain's words ──


def _filter(input: "StockLocationFilter | None") -> LocationFilter:
    if input is None:
        return LocationFilter()
    return LocationFilter(
        kinds=tuple(input.kinds or ()),
        countries=tuple(input.countries or ()),
        tags=tuple(input.tags or ()),
        capabilities=tuple(input.capabilities or ()),
        active_only=input.active_only is not False,
    )


def _location(context: Context, input: "StockLocationInput") -> SaveStockLocation:
    return SaveStockLocation(
        code=input.code,
        name=input.name.strip(),
        kind=input.kind,
        address=inputs.address(input.address, "address"),
        timezone=input.timezone,
        capabilities=frozenset(input.capabilities),
        tags=tuple(input.tags or ()),
        opening_hours=tuple(OpeningHours(one.weekday, one.opens, one.closes) for one in input.opening_hours or ()),
        closures=tuple(sorted(set(input.closures or ()))),
        holidays=None if input.holidays is None else _holidays(context, input.holidays),
        cutoff=NO_CUTOFF if input.cutoff is None else input.cutoff,
        processing_minutes=input.processing_minutes or 0,
        daily_capacity=input.daily_capacity,
        handling_cost=None if input.handling_cost is None else inputs.money(input.handling_cost, "handlingCost"),
        stock_accuracy=input.stock_accuracy,
        active=input.active is not False,
    )


def _holidays(context: Context, code: str) -> Holidays:
    known = context.world.public_holidays(code)
    if known is None:
        sentence = (
            f"No holidays are known of {code!r:.40}: name a country or a region as ISO 3166 does, e.g. IT or DE-BY."
        )
        raise Refused(invalid(sentence, "holidays"))
    return known


def _adjustment(input: "AdjustStockInput") -> AdjustStock:
    return AdjustStock(
        idempotency_key=input.idempotency_key,
        changes=tuple(
            StockChange(
                sku=change.sku,
                location=change.location,
                counter=change.counter,
                reason=change.reason,
                set_to=change.set_to,
                delta=change.delta,
                expected=change.expected,
                reference=change.reference,
            )
            for change in input.changes
        ),
    )
