"""Locations, levels and the ledger, as they are kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, time
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.calendar import OpeningHours, Weekday
from domain.catalog.rules import can_be_kept
from domain.inventory.model import (
    LevelKey,
    Levels,
    LocationCapability,
    LocationFilter,
    Movement,
    Since,
    StockCounter,
    StockLevel,
    StockLocation,
    StockLocationKind,
    StockMovement,
    StockMovementReason,
)
from domain.money import Money
from domain.paging import Page, Slice
from persistence.customers import address_of
from persistence.database import Statements
from persistence.holidays import PublicHolidays
from persistence.paging import ListOfEach, slice_of
from persistence.sql import among, given
from persistence.tables.columns import UtcDateTime
from persistence.tables.inventory import FEEDS, LEVELS, LOCATIONS, MOVEMENTS
from persistence.tables.orders import ALLOCATIONS

T = TypeVar("T")


_COUNTERS = {counter: counter.value.lower() for counter in StockCounter}
_PLACES = {counter: place for place, counter in enumerate(_COUNTERS)}
_LEVEL_COLUMNS = {"sku": str, "location_code": str}
_MOVEMENT_COLUMNS: dict[str, type] = {
    "sku": str,
    "location_code": str,
    "counter": str,
    "delta": int,
    "reason": str,
    "reference": str,
    "actor": str,
    "at": datetime,
}


class SqlInventory:
    """moved: what was written to the ledger through it, by number."""

    def __init__(self, statements: Statements) -> None:
        self.moved: dict[int, Movement] = {}
        # Levels that were locked, and so are there: no level is ever taken away.
        self._locked: set[LevelKey] = set()
        self._statements = statements
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    # ── Locations ──

    async def locations(self) -> list[StockLocation]:
        rows = await self._statements.fetch(select(LOCATIONS).order_by(LOCATIONS.c.code))
        return [_location(row) for row in rows]

    async def locations_passing(self, filter: LocationFilter) -> list[StockLocation]:
        passing = select(LOCATIONS).where(*self._passing(filter)).order_by(LOCATIONS.c.code)
        return [_location(row) for row in await self._statements.fetch(passing)]

    async def locations_by_code(self, codes: Sequence[str]) -> Mapping[str, StockLocation]:
        rows = await self._statements.fetch(select(LOCATIONS).where(among(LOCATIONS.c.code, codes)))
        return {row.code: _location(row) for row in rows}

    async def locations_page(self, filter: LocationFilter, page: Page) -> Slice[StockLocation]:
        statement = select(LOCATIONS).where(*self._passing(filter))
        return await slice_of(self._statements, statement, [LOCATIONS.c.code], page, value=_location)

    def _passing(self, filter: LocationFilter) -> list[ColumnElement[bool]]:
        """What a filter asks, as conditions on `stock_locations`."""
        conditions = [self._lists(LOCATIONS.c.capabilities, [capability.value]) for capability in filter.capabilities]
        if filter.kinds:
            conditions.append(among(LOCATIONS.c.kind, [kind.value for kind in filter.kinds]))
        if filter.countries:
            conditions.append(among(LOCATIONS.c.country, filter.countries))
        if filter.tags:
            conditions.append(self._lists(LOCATIONS.c.tags, filter.tags))
        if filter.active_only:
            conditions.append(LOCATIONS.c.active)
        return conditions

    def _lists(self, column: Column[Any], values: Iterable[str]) -> ColumnElement[bool]:
        """A column that keeps a list has any of the values in it."""
        elements = func.json_each if self._statements.is_sqlite else func.jsonb_array_elements_text
        listed = elements(column).table_valued("value")
        return exists(select(listed.c.value).where(among(listed.c.value, values)))

    async def save_location(self, location: StockLocation) -> None:
        row = _location_row(location)
        statement = self._upsert(LOCATIONS).values(row)
        await self._statements.run(statement.on_conflict_do_update(index_elements=["code"], set_=row))

    # ── Levels ──

    async def levels_by_sku(self, skus: Sequence[str]) -> Mapping[str, list[StockLevel]]:
        rows = await self._statements.fetch(
            select(LEVELS).where(among(LEVELS.c.sku, skus)).order_by(LEVELS.c.sku, LEVELS.c.location_code)
        )
        levels: dict[str, list[StockLevel]] = {}
        for row in rows:
            levels.setdefault(row.sku, []).append(_level(row))
        return levels

    async def levels_by_key(self, keys: Sequence[LevelKey]) -> Levels:
        kept = [key for key in keys if all(map(can_be_kept, key))]
        return _by_key(await self._statements.fetch(self._levels_of(kept)))

    async def levels_by_location(
        self, codes: Sequence[str], page: Page, skus: Sequence[str] | None = None
    ) -> Mapping[str, Slice[StockLevel]]:
        statement = select(LEVELS).where(among(LEVELS.c.location_code, codes))
        if skus is not None:
            statement = statement.where(among(LEVELS.c.sku, skus))
        lists = ListOfEach(self._statements, statement, (LEVELS.c.location_code,), (LEVELS.c.sku,))
        slices = await lists.pages([(code,) for code in codes], page, value=_level)
        return {code: slices[(code,)] for code in codes}

    async def skus_on_hand(self, code: str, after: str, limit: int) -> list[str]:
        held = select(LEVELS.c.sku).where(LEVELS.c.location_code == code, LEVELS.c.sku > after, LEVELS.c.on_hand > 0)
        return [row.sku for row in await self._statements.fetch(held.order_by(LEVELS.c.sku).limit(limit))]

    async def open_units(self) -> Mapping[str, int]:
        units = cast(func.sum(ALLOCATIONS.c.quantity), BigInteger).label("units")
        rows = await self._statements.fetch(
            select(ALLOCATIONS.c.location_code, units).group_by(ALLOCATIONS.c.location_code)
        )
        return {row.location_code: row.units for row in rows}

    async def lock_levels(self, keys: Iterable[LevelKey]) -> Levels:
        locked = self._levels_of(keys).order_by(LEVELS.c.sku, LEVELS.c.location_code).with_for_update(of=LEVELS)
        levels = _by_key(await self._statements.fetch(locked))
        self._locked.update(levels)
        return levels

    async def open_levels(self, keys: Iterable[LevelKey], at: datetime) -> Levels:
        # Made before any is locked: who waits here for another's new level holds none that the other may want.
        wanted = sorted(set(keys))
        if wanted:
            await self._statements.run(self._zeros(wanted, at).on_conflict_do_nothing())
        return await self.lock_levels(wanted)

    async def open_location(self, code: str, skus: Sequence[str], at: datetime) -> Levels:
        if skus:
            await self._statements.run(self._zeros([(sku, code) for sku in skus], at).on_conflict_do_nothing())
        wanted = select(LEVELS).where(
            LEVELS.c.location_code == code, or_(LEVELS.c.on_hand > 0, among(LEVELS.c.sku, skus))
        )
        levels = _by_key(await self._statements.fetch(wanted.order_by(LEVELS.c.sku).with_for_update()))
        self._locked.update(levels)
        return levels

    async def move(self, movements: Sequence[Movement]) -> None:
        if not movements:
            return
        at = max(movement.at for movement in movements)
        # First zeros, then the changes: a negative change is no row that the table's checks would let in.
        if new := {movement.key for movement in movements} - self._locked:
            await self._statements.run(self._zeros(new, at).on_conflict_do_nothing())
        changes = self._changes(movements)
        await self._statements.run(
            update(LEVELS)
            .where(changes.c.sku == LEVELS.c.sku, changes.c.location_code == LEVELS.c.location_code)
            .values({name: LEVELS.c[name] + changes.c[name] for name in _COUNTERS.values()} | {"updated_at": at})
        )
        written = given(self._statements, [_movement_row(movement) for movement in movements], **_MOVEMENT_COLUMNS)
        added = insert(MOVEMENTS).from_select(list(_MOVEMENT_COLUMNS), select(written)).returning(MOVEMENTS.c.number)
        numbers = sorted(row.number for row in await self._statements.fetch(added))
        self.moved |= dict(zip(numbers, movements, strict=True))

    async def set_bins(self, bins: Mapping[LevelKey, str | None]) -> None:
        if not bins:
            return
        rows = [(sku, location, shelf) for (sku, location), shelf in bins.items()]
        shelves = given(self._statements, rows, sku=str, location_code=str, bin=str)
        await self._statements.run(
            update(LEVELS)
            .where(shelves.c.sku == LEVELS.c.sku, shelves.c.location_code == LEVELS.c.location_code)
            .values(bin=shelves.c.bin)
        )

    def _levels_of(self, keys: Iterable[LevelKey]) -> Select[Any]:
        wanted = given(self._statements, sorted(set(keys)), **_LEVEL_COLUMNS)
        return select(LEVELS).join(
            wanted, and_(wanted.c.sku == LEVELS.c.sku, wanted.c.location_code == LEVELS.c.location_code)
        )

    def _zeros(self, keys: Iterable[LevelKey], at: datetime) -> Any:
        """An insert of empty levels, in the order in which levels are locked."""
        wanted = given(self._statements, sorted(set(keys)), **_LEVEL_COLUMNS)
        zeros = (
            select(
                wanted.c.sku,
                wanted.c.location_code,
                *(literal(0).label(name) for name in _COUNTERS.values()),
                literal(at, UtcDateTime),
            )
            .where(true())  # SQLite needs it to tell this ON from a join's.
            .order_by(wanted.c.sku, wanted.c.location_code)
        )
        return self._upsert(LEVELS).from_select([*_LEVEL_COLUMNS, *_COUNTERS.values(), "updated_at"], zeros)

    def _changes(self, movements: Sequence[Movement]) -> Subquery:
        """One row for each level: how much each of its counters changes."""
        changes: dict[LevelKey, list[int]] = {}
        for movement in movements:
            counters = changes.setdefault(movement.key, [0] * len(_PLACES))
            counters[_PLACES[movement.counter]] += movement.delta
        rows: list[tuple[str | int, ...]] = [(*key, *changes[key]) for key in sorted(changes)]
        return given(self._statements, rows, **_LEVEL_COLUMNS, **dict.fromkeys(_COUNTERS.values(), int))

    # ── The ledger, and feeds ──

    async def take_feeds(self, codes: Sequence[str], as_of: datetime) -> Mapping[str, datetime]:
        told = given(self._statements, [(code, as_of) for code in sorted(set(codes))], code=str, as_of=datetime)
        in_order = select(told).where(true()).order_by(told.c.code)  # As levels are locked: no two wait in a circle.
        taken = self._upsert(FEEDS).from_select(["location_code", "as_of"], in_order)
        later = case((FEEDS.c.as_of < taken.excluded.as_of, taken.excluded.as_of), else_=FEEDS.c.as_of)
        kept = taken.on_conflict_do_update(index_elements=["location_code"], set_={"as_of": later})
        rows = await self._statements.fetch(kept.returning(FEEDS.c.location_code, FEEDS.c.as_of))
        return {row.location_code: row.as_of for row in rows}

    async def since(self, keys: Sequence[LevelKey], at: datetime) -> Since:
        if not keys:
            return Since({})
        wanted = given(self._statements, list(keys), **_LEVEL_COLUMNS)
        which = (MOVEMENTS.c.sku, MOVEMENTS.c.location_code, MOVEMENTS.c.counter)
        is_count = case((MOVEMENTS.c.reason == StockMovementReason.COUNT.value, 1), else_=0)
        moved = cast(func.sum(MOVEMENTS.c.delta), BigInteger).label("moved")
        rows = await self._statements.fetch(
            select(*which, moved, func.max(is_count).label("counted"))
            .join(wanted, and_(wanted.c.sku == MOVEMENTS.c.sku, wanted.c.location_code == MOVEMENTS.c.location_code))
            .where(
                MOVEMENTS.c.at > at,
                MOVEMENTS.c.reason != StockMovementReason.FEED.value,
                among(MOVEMENTS.c.counter, [StockCounter.ON_HAND.value, StockCounter.ALLOCATED.value]),
            )
            .group_by(*which)
        )
        return Since(
            {((row.sku, row.location_code), StockCounter(row.counter)): row.moved for row in rows},
            frozenset((row.sku, row.location_code) for row in rows if row.counted),
        )

    async def movements_by_key(self, keys: Sequence[LevelKey], page: Page) -> Mapping[LevelKey, Slice[StockMovement]]:
        wanted = given(self._statements, list(keys), **_LEVEL_COLUMNS)
        statement = select(MOVEMENTS).join(
            wanted, and_(wanted.c.sku == MOVEMENTS.c.sku, wanted.c.location_code == MOVEMENTS.c.location_code)
        )
        owner = (MOVEMENTS.c.sku, MOVEMENTS.c.location_code)
        lists = ListOfEach(self._statements, statement, owner, (MOVEMENTS.c.number,), descending=True)
        return await lists.pages(keys, page, value=_movement)

    async def movements_by_number(self, numbers: Sequence[int]) -> Mapping[int, StockMovement]:
        rows = await self._statements.fetch(select(MOVEMENTS).where(among(MOVEMENTS.c.number, numbers)))
        return {row.number: _movement(row) for row in rows}


# ── Rows to values and back ──


def _location(row: Row[Any]) -> StockLocation:
    return StockLocation(
        code=row.code,
        name=row.name,
        kind=StockLocationKind(row.kind),
        address=address_of(row.address),
        timezone=row.timezone,
        capabilities=frozenset(map(LocationCapability, row.capabilities)),
        tags=tuple(row.tags),
        opening_hours=tuple(
            OpeningHours(Weekday(weekday), time.fromisoformat(opens), time.fromisoformat(closes))
            for weekday, opens, closes in row.opening_hours
        ),
        closures=tuple(map(date.fromisoformat, row.closures)),
        holidays=None if row.holidays is None else PublicHolidays(row.holidays),
        cutoff=row.cutoff,
        processing_minutes=row.processing_minutes,
        daily_capacity=row.daily_capacity,
        handling_cost=(
            None if row.handling_cost_minor is None else Money(row.handling_cost_minor, row.handling_cost_currency)
        ),
        stock_accuracy=row.stock_accuracy,
        active=row.active,
    )


def _location_row(location: StockLocation) -> dict[str, Any]:
    cost = location.handling_cost
    return {
        "code": location.code,
        "name": location.name,
        "kind": location.kind.value,
        "address": asdict(location.address),
        "country": location.address.country,
        "timezone": location.timezone,
        "capabilities": sorted(capability.value for capability in location.capabilities),
        "tags": list(location.tags),
        "opening_hours": [
            [hours.weekday.value, hours.opens.isoformat(), hours.closes.isoformat()] for hours in location.opening_hours
        ],
        "closures": [day.isoformat() for day in location.closures],
        "holidays": None if location.holidays is None else location.holidays.code,
        "cutoff": location.cutoff,
        "processing_minutes": location.processing_minutes,
        "daily_capacity": location.daily_capacity,
        "handling_cost_minor": cost.amount_minor if cost else None,
        "handling_cost_currency": cost.currency if cost else None,
        "stock_accuracy": location.stock_accuracy,
        "active": location.active,
    }


def _level(row: Sequence[Any]) -> StockLevel:
    """row: the columns of `stock_levels`, and maybe more behind them."""
    # All at once: to ask a row for its columns one by one takes three times as long, and levels are read by thousands.
    sku, location, on_hand, allocated, reserved, damaged, inspection, safety_stock, shelf, updated_at, *_ = row
    return StockLevel(
        sku=sku,
        location=location,
        on_hand=on_hand,
        allocated=allocated,
        reserved=reserved,
        damaged=damaged,
        inspection=inspection,
        safety_stock=safety_stock,
        bin=shelf,
        updated_at=updated_at,
    )


def _by_key(rows: Sequence[Row[Any]]) -> Levels:
    return {(row.sku, row.location_code): _level(row) for row in rows}


def _movement(row: Row[Any]) -> StockMovement:
    return StockMovement(
        number=row.number,
        sku=row.sku,
        location=row.location_code,
        counter=StockCounter(row.counter),
        delta=row.delta,
        reason=StockMovementReason(row.reason),
        reference=row.reference,
        actor=row.actor,
        at=row.at,
    )


def _movement_row(movement: Movement) -> tuple[str | int | datetime | None, ...]:
    """In the order of _MOVEMENT_COLUMNS."""
    return (
        movement.sku,
        movement.location,
        movement.counter.value,
        movement.delta,
        movement.reason.value,
        movement.reference,
        movement.actor,
        movement.at,
    )
