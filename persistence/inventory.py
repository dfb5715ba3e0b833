"""Locations, levels, the ledger and supply, as they are kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, time
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.calendar import OpeningHours, Weekday
from domain.catalog.rules import can_be_kept
from domain.inventory.model import (
    InboundSupply,
    InboundSupplyKind,
    InboundSupplyStatus,
    LevelKey,
    Levels,
    LocationCapability,
    LocationFilter,
    Movement,
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
from persistence.paging import ListOfEach, slice_of
from persistence.sql import among, given
from persistence.tables.columns import UtcDateTime
from persistence.tables.inventory import LEVELS, LOCATIONS, MOVEMENTS, SUPPLY

T = TypeVar("T")


_COUNTERS = {counter: counter.value.lower() for counter in StockCounter}
_LEVEL_COLUMNS = {"sku": str, "location_code": str}
_ON_ITS_WAY = [InboundSupplyStatus.ON_ORDER.value, InboundSupplyStatus.IN_TRANSIT.value]


class SqlInventory:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    # ── Locations ──

    async def locations(self) -> list[StockLocation]:
        rows = await self._statements.fetch(select(LOCATIONS).order_by(LOCATIONS.c.code))
        return [_location(row) for row in rows]

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

    async def lock_levels(self, keys: Iterable[LevelKey]) -> Levels:
        locked = self._levels_of(keys).order_by(LEVELS.c.sku, LEVELS.c.location_code).with_for_update(of=LEVELS)
        return _by_key(await self._statements.fetch(locked))

    async def open_levels(self, keys: Iterable[LevelKey], at: datetime) -> Levels:
        made = self._zeros(keys, at)
        # Writing a level's own instant over itself changes nothing and locks it, in the order of the zeros.
        locked = made.on_conflict_do_update(
            index_elements=list(_LEVEL_COLUMNS), set_={"updated_at": LEVELS.c.updated_at}
        )
        return _by_key(await self._statements.fetch(locked.returning(LEVELS)))

    async def move(self, movements: Sequence[Movement]) -> None:
        if not movements:
            return
        at = max(movement.at for movement in movements)
        # First zeros, then the changes: a negative change is no row that the table's checks would let in.
        await self._statements.run(self._zeros({m.key for m in movements}, at).on_conflict_do_nothing())
        changes = self._changes(movements)
        await self._statements.run(
            update(LEVELS)
            .where(changes.c.sku == LEVELS.c.sku, changes.c.location_code == LEVELS.c.location_code)
            .values({name: LEVELS.c[name] + changes.c[name] for name in _COUNTERS.values()} | {"updated_at": at})
        )
        await self._statements.run(insert(MOVEMENTS), [_movement_row(movement) for movement in movements])

    async def set_bins(self, bins: Mapping[LevelKey, str | None]) -> None:
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
        changes: dict[LevelKey, dict[StockCounter, int]] = {}
        for movement in movements:
            counters = changes.setdefault(movement.key, dict.fromkeys(StockCounter, 0))
            counters[movement.counter] += movement.delta
        rows: list[tuple[str | int, ...]] = [(*key, *changes[key].values()) for key in sorted(changes)]
        return given(self._statements, rows, **_LEVEL_COLUMNS, **dict.fromkeys(_COUNTERS.values(), int))

    # ── The ledger ──

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

    # ── Supply ──

    async def supply_by_id(self, ids: Sequence[str]) -> Mapping[str, InboundSupply]:
        rows = await self._statements.fetch(select(SUPPLY).where(among(SUPPLY.c.id, ids)))
        return {row.id: _supply(row) for row in rows}

    async def supply_by_key(self, keys: Sequence[LevelKey]) -> Mapping[LevelKey, list[InboundSupply]]:
        wanted = given(self._statements, list(keys), **_LEVEL_COLUMNS)
        rows = await self._statements.fetch(
            select(SUPPLY)
            .join(wanted, and_(wanted.c.sku == SUPPLY.c.sku, wanted.c.location_code == SUPPLY.c.destination_code))
            .where(among(SUPPLY.c.status, _ON_ITS_WAY), SUPPLY.c.received < SUPPLY.c.ordered)
            .order_by(SUPPLY.c.expected_at, SUPPLY.c.id)
        )
        supply: dict[LevelKey, list[InboundSupply]] = {}
        for row in rows:
            supply.setdefault((row.sku, row.destination_code), []).append(_supply(row))
        return supply

    async def save_supply(self, supply: Sequence[InboundSupply]) -> None:
        if not supply:
            return
        statement = self._upsert(SUPPLY)
        changed = {name: statement.excluded[name] for name in _supply_row(supply[0]) if name != "id"}
        await self._statements.run(
            statement.on_conflict_do_update(index_elements=["id"], set_=changed), [_supply_row(each) for each in supply]
        )


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
        "cutoff": location.cutoff,
        "processing_minutes": location.processing_minutes,
        "daily_capacity": location.daily_capacity,
        "handling_cost_minor": cost.amount_minor if cost else None,
        "handling_cost_currency": cost.currency if cost else None,
        "stock_accuracy": location.stock_accuracy,
        "active": location.active,
    }


def _level(row: Row[Any]) -> StockLevel:
    return StockLevel(
        sku=row.sku,
        location=row.location_code,
        on_hand=row.on_hand,
        allocated=row.allocated,
        reserved=row.reserved,
        damaged=row.damaged,
        inspection=row.inspection,
        safety_stock=row.safety_stock,
        bin=row.bin,
        updated_at=row.updated_at,
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


def _movement_row(movement: Movement) -> dict[str, Any]:
    return {
        "sku": movement.sku,
        "location_code": movement.location,
        "counter": movement.counter.value,
        "delta": movement.delta,
        "reason": movement.reason.value,
        "reference": movement.reference,
        "actor": movement.actor,
        "at": movement.at,
    }


def _supply(row: Row[Any]) -> InboundSupply:
    return InboundSupply(
        id=row.id,
        reference=row.reference,
        kind=InboundSupplyKind(row.kind),
        sku=row.sku,
        destination=row.destination_code,
        origin=row.origin_code,
        ordered=row.ordered,
        received=row.received,
        allocated=row.allocated,
        expected_at=row.expected_at,
        status=InboundSupplyStatus(row.status),
    )


def _supply_row(supply: InboundSupply) -> dict[str, Any]:
    return {
        "id": supply.id,
        "reference": supply.reference,
        "kind": supply.kind.value,
        "sku": supply.sku,
        "destination_code": supply.destination,
        "origin_code": supply.origin,
        "ordered": supply.ordered,
        "received": supply.received,
        "allocated": supply.allocated,
        "expected_at": supply.expected_at,
        "status": supply.status.value,
    }
