"""Supply on its way, as it is kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, literal_column, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.inventory.model import InboundSupply, InboundSupplyKind, InboundSupplyStatus, LevelKey, SupplyKey
from persistence.database import Statements
from persistence.rows import grouped
from persistence.sql import among, given
from persistence.tables.inventory import SUPPLY

_COLUMNS: dict[str, type] = {
    "id": str,
    "reference": str,
    "kind": str,
    "sku": str,
    "destination_code": str,
    "origin_code": str,
    "ordered": int,
    "received": int,
    "allocated": int,
    "expected_at": datetime,
    "status": str,
}
_KEY = ("reference", "sku", "destination_code")
# Written out, so that a statement made once has nothing to be filled in.
IS_OPEN = SUPPLY.c.status.in_(
    [literal_column(f"'{each.value}'") for each in (InboundSupplyStatus.ON_ORDER, InboundSupplyStatus.IN_TRANSIT)]
)
_SOONEST = (SUPPLY.c.expected_at, SUPPLY.c.id)


class SqlSupply:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._insert = sqlite.insert if statements.is_sqlite else postgresql.insert

    async def by_id(self, ids: Sequence[str]) -> Mapping[str, InboundSupply]:
        return _by_id(await self._statements.fetch(select(SUPPLY).where(among(SUPPLY.c.id, ids))))

    async def by_level(self, keys: Sequence[LevelKey]) -> Mapping[LevelKey, list[InboundSupply]]:
        wanted = given(self._statements, list(keys), sku=str, destination_code=str)
        rows = await self._statements.fetch(
            select(SUPPLY)
            .join(wanted, and_(wanted.c.sku == SUPPLY.c.sku, wanted.c.destination_code == SUPPLY.c.destination_code))
            .where(IS_OPEN)
            .order_by(*_SOONEST)
        )
        return grouped(((row.sku, row.destination_code), _supply(row)) for row in rows)

    async def due(self, skus: Sequence[str], destinations: Sequence[str] | None = None) -> list[InboundSupply]:
        statement = select(SUPPLY).where(among(SUPPLY.c.sku, skus), IS_OPEN).order_by(*_SOONEST)
        if destinations is not None:
            statement = statement.where(among(SUPPLY.c.destination_code, destinations))
        return [_supply(row) for row in await self._statements.fetch(statement)]

    async def open(self, supply: Sequence[InboundSupply]) -> Mapping[SupplyKey, InboundSupply]:
        if not supply:
            return {}
        new = given(self._statements, _rows(sorted(supply, key=lambda each: each.key)), **_COLUMNS)
        # `true` is what SQLite needs to tell this ON from a join's.
        kept = self._insert(SUPPLY).from_select(list(_COLUMNS), select(new).where(true())).on_conflict_do_nothing()
        made = {row.id for row in await self._statements.fetch(kept.returning(SUPPLY.c.id))}
        there = [each.key for each in supply if each.id not in made]
        return {each.key: each for each in (await self._locked(there)).values()} if there else {}

    async def lock(self, ids: Sequence[str]) -> Mapping[str, InboundSupply]:
        statement = select(SUPPLY).where(among(SUPPLY.c.id, ids)).order_by(SUPPLY.c.id).with_for_update()
        return _by_id(await self._statements.fetch(statement))

    async def update(self, supply: Sequence[InboundSupply]) -> None:
        if not supply:
            return
        stated = given(self._statements, _rows(supply), **_COLUMNS)
        changed = {name: stated.c[name] for name in _COLUMNS if name not in {"id", *_KEY}}
        await self._statements.run(update(SUPPLY).where(stated.c.id == SUPPLY.c.id).values(changed))

    async def _locked(self, keys: Iterable[SupplyKey]) -> Mapping[str, InboundSupply]:
        wanted = given(self._statements, list(keys), **dict.fromkeys(_KEY, str))
        same = and_(*(wanted.c[name] == SUPPLY.c[name] for name in _KEY))
        statement = select(SUPPLY).join(wanted, same).order_by(SUPPLY.c.id).with_for_update(of=SUPPLY)
        return _by_id(await self._statements.fetch(statement))


def _by_id(rows: Sequence[Row[Any]]) -> dict[str, InboundSupply]:
    return {row.id: _supply(row) for row in rows}


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


def _rows(supply: Iterable[InboundSupply]) -> list[tuple[str | int | datetime | None, ...]]:
    """In the order of _COLUMNS."""
    return [
        (
            each.id,
            each.reference,
            each.kind.value,
            each.sku,
            each.destination,
            each.origin,
            each.ordered,
            each.received,
            each.allocated,
            each.expected_at,
            each.status.value,
        )
        for each in supply
    ]
