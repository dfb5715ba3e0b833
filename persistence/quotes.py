"""Quotes, kept: figures and codes as they are, and all that is personal sealed under a key of the quote's own.

A guest has no key as customers have; and what a quote says is of no use once it is gone, so its key goes with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Row, bindparam, cast, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.money import Money
from domain.orders.decisions import Shipping
from domain.orders.model import FulfillmentChoice, LineRequest
from domain.orders.quotes import Held, Quote, QuoteLine
from domain.places import Destination, GeoPoint
from domain.sourcing.rules import Sourced
from persistence.customers import address_of
from persistence.database import Statements
from persistence.sealing import Vault
from persistence.sql import among
from persistence.tables.inventory import RESERVATIONS
from persistence.tables.quotes import QUOTES


class SqlQuotes:
    def __init__(self, statements: Statements, vault: Vault) -> None:
        self._statements = statements
        self._vault = vault
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    async def by_id(self, ids: Sequence[str]) -> Mapping[str, Quote]:
        rows = await self._statements.fetch(select(QUOTES).where(among(QUOTES.c.id, ids)))
        return {row.id: self._quote(row) for row in rows}

    async def lock(self, ids: Sequence[str]) -> Mapping[str, Quote]:
        locked = select(QUOTES).where(among(QUOTES.c.id, ids)).order_by(QUOTES.c.id).with_for_update()
        return {row.id: self._quote(row) for row in await self._statements.fetch(locked)}

    async def held_by(self, holder: str, now: datetime, *, but: str) -> Held:
        if not self._statements.is_sqlite:  # There writers are alone.
            await self._statements.fetch(select(func.pg_advisory_xact_lock(_lock_of(holder))))
        rows = await self._statements.fetch(
            select(QUOTES.c.id, RESERVATIONS.c.sku, cast(func.sum(RESERVATIONS.c.units), BigInteger).label("units"))
            .join(RESERVATIONS, RESERVATIONS.c.quote_id == QUOTES.c.id)
            .where(QUOTES.c.holder == holder, QUOTES.c.held_until > now, QUOTES.c.id != but)
            .group_by(QUOTES.c.id, RESERVATIONS.c.sku)
        )
        held: dict[str, dict[str, int]] = {}
        for row in rows:
            held.setdefault(row.id, {})[row.sku] = row.units
        return held

    async def save(self, quote: Quote) -> None:
        row = self._row(quote)
        kept = self._upsert(QUOTES).values(row)
        await self._statements.run(kept.on_conflict_do_update(index_elements=["id"], set_=row))

    async def take_up(self, order_ids: Mapping[str, str]) -> None:
        if order_ids:
            await self._statements.run(
                update(QUOTES)
                .where(QUOTES.c.id == bindparam("quote"))
                .values(order_id=bindparam("by"), held_until=None),
                [{"quote": quote_id, "by": order_id} for quote_id, order_id in order_ids.items()],
            )

    def _row(self, quote: Quote) -> dict[str, Any]:
        key = self._vault.new_key(quote.id)
        personal = {
            "choices": [line.request.fulfillment and asdict(line.request.fulfillment) for line in quote.lines],
            "choice": quote.choice and asdict(quote.choice),
            "destination": quote.destination and asdict(quote.destination),
            "email": quote.email,
            "tax_id": quote.tax_id,
        }
        return {
            "id": quote.id,
            "channel_code": quote.channel_code,
            "customer_id": quote.customer_id,
            "made_by": quote.made_by,
            "holder": quote.holder,
            "language": quote.language,
            "currency": quote.currency,
            "lines": [_line_kept(line) for line in quote.lines],
            "subtotal_minor": quote.totals.subtotal.amount_minor,
            "shipping_minor": quote.totals.shipping.amount_minor,
            "total_minor": quote.totals.total.amount_minor,
            "shipping_method_code": quote.shipping.method_code,
            "wrapped_key": key,
            "sealed": self._vault.seal(personal, key, quote.id, quote.id),
            "created_at": quote.created_at,
            "expires_at": quote.expires_at,
            "held_until": quote.held_until,
            "first_held_at": quote.first_held_at,
            "order_id": quote.order_id,
        }

    def _quote(self, row: Row[Any]) -> Quote:
        opened = self._vault.open(row.sealed, row.wrapped_key, row.id, row.id)
        choice = _choice(opened["choice"])
        return Quote(
            id=row.id,
            channel_code=row.channel_code,
            customer_id=row.customer_id,
            made_by=row.made_by,
            holder=row.holder,
            language=row.language,
            currency=row.currency,
            lines=tuple(
                _line(row, kept, _choice(own), choice) for kept, own in zip(row.lines, opened["choices"], strict=True)
            ),
            choice=choice,
            destination=_destination(opened["destination"]),
            email=opened["email"],
            tax_id=opened["tax_id"],
            shipping=Shipping(row.shipping_method_code, Money(row.shipping_minor, row.currency)),
            created_at=row.created_at,
            expires_at=row.expires_at,
            held_until=row.held_until,
            first_held_at=row.first_held_at,
            order_id=row.order_id,
        )


async def forget_quotes(database: Statements, before: datetime) -> None:
    """Drop the quotes that ended before an instant, with their keys; what still holds stock is let go of first."""
    holds = exists().where(RESERVATIONS.c.quote_id == QUOTES.c.id)
    await database.run(delete(QUOTES).where(QUOTES.c.expires_at < before, ~holds))


def _lock_of(holder: str) -> int:
    """60 bits of a holder's hash: the number by which PostgreSQL lets one of its transactions on at a time."""
    return int(holder[:15], 16)


def _line_kept(line: QuoteLine) -> list[Any]:
    agreed = line.request.unit_price
    plan = [[part.location, part.units] for part in line.sourced]
    return [line.sku, line.quantity, agreed.amount_minor if agreed else None, line.unit_price.amount_minor, plan]


def _line(
    row: Row[Any], kept: Sequence[Any], own: FulfillmentChoice | None, choice: FulfillmentChoice | None
) -> QuoteLine:
    sku, quantity, agreed, price, plan = kept
    unit_price = None if agreed is None else Money(agreed, row.currency)
    return QuoteLine(
        channel_code=row.channel_code,
        request=LineRequest(sku=sku, quantity=quantity, fulfillment=own, unit_price=unit_price),
        choice=own or choice,
        unit_price=Money(price, row.currency),
        sourced=tuple(Sourced(location, units) for location, units in plan),
    )


def _choice(kept: Mapping[str, Any] | None) -> FulfillmentChoice | None:
    if kept is None:
        return None
    return FulfillmentChoice(**{**kept, "address": address_of(kept["address"]) if kept["address"] else None})


def _destination(kept: Mapping[str, Any] | None) -> Destination | None:
    if kept is None:
        return None
    return Destination(**{**kept, "point": GeoPoint(**kept["point"]) if kept["point"] else None})
