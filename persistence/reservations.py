"""Stock held for quotes, as it is kept: a row for each quote and level, written beside the level's movements."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, cast, delete, exists, func, insert, select

from domain.inventory.model import LevelKey, Reservation
from persistence.database import Statements
from persistence.rows import grouped
from persistence.sql import among, given
from persistence.tables.inventory import RESERVATIONS


class SqlReservations:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def lapsed(self, skus: Sequence[str], now: datetime) -> Mapping[LevelKey, int]:
        level = RESERVATIONS.c.sku, RESERVATIONS.c.location_code
        rows = await self._statements.fetch(
            select(*level, cast(func.sum(RESERVATIONS.c.units), BigInteger).label("units"))
            .where(among(RESERVATIONS.c.sku, skus), RESERVATIONS.c.expires_at <= now)
            .group_by(*level)
        )
        return {(row.sku, row.location_code): row.units for row in rows}

    async def next_lapse(self, skus: Sequence[str], now: datetime) -> datetime | None:
        ends = select(func.min(RESERVATIONS.c.expires_at).label("at"))
        held = ends.where(among(RESERVATIONS.c.sku, skus), RESERVATIONS.c.expires_at > now)
        ((at,),) = await self._statements.fetch(held)
        instant: datetime | None = at
        return instant

    async def by_quote(self, quote_ids: Sequence[str]) -> Mapping[str, list[Reservation]]:
        rows = await self._statements.fetch(
            select(RESERVATIONS)
            .where(among(RESERVATIONS.c.quote_id, quote_ids))
            .order_by(RESERVATIONS.c.quote_id, RESERVATIONS.c.sku, RESERVATIONS.c.location_code)
        )
        return grouped((row.quote_id, _reservation(row)) for row in rows)

    async def add(self, reservations: Sequence[Reservation]) -> None:
        if reservations:
            await self._statements.run(insert(RESERVATIONS), [_row(each) for each in reservations])

    async def take(self, quote_ids: Sequence[str]) -> list[Reservation]:
        if not quote_ids:
            return []
        taken = delete(RESERVATIONS).where(among(RESERVATIONS.c.quote_id, quote_ids)).returning(*RESERVATIONS.c)
        return [_reservation(row) for row in await self._statements.fetch(taken)]

    async def sweep(self, keys: Iterable[LevelKey], now: datetime) -> list[Reservation]:
        wanted = given(self._statements, sorted(set(keys)), sku=str, location_code=str)
        of_level = exists().where(
            wanted.c.sku == RESERVATIONS.c.sku, wanted.c.location_code == RESERVATIONS.c.location_code
        )
        swept = delete(RESERVATIONS).where(RESERVATIONS.c.expires_at <= now, of_level).returning(*RESERVATIONS.c)
        return [_reservation(row) for row in await self._statements.fetch(swept)]


def _reservation(row: Row[Any]) -> Reservation:
    return Reservation(
        quote_id=row.quote_id,
        sku=row.sku,
        location=row.location_code,
        units=row.units,
        expires_at=row.expires_at,
    )


def _row(reservation: Reservation) -> dict[str, Any]:
    return {
        "quote_id": reservation.quote_id,
        "sku": reservation.sku,
        "location_code": reservation.location,
        "units": reservation.units,
        "expires_at": reservation.expires_at,
    }
