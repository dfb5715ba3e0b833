"""Shipping methods and their rates, as they are kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.money import Money
from domain.promising.model import ServiceLevel, ShippingMethod, ShippingRate
from persistence.database import Statements
from persistence.sql import among
from persistence.tables.promising import METHODS


class SqlPromising:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    async def shipping_methods(self) -> list[ShippingMethod]:
        return [_method(row) for row in await self._statements.fetch(select(METHODS).order_by(METHODS.c.code))]

    async def shipping_methods_by_code(self, codes: Sequence[str]) -> Mapping[str, ShippingMethod]:
        rows = await self._statements.fetch(select(METHODS).where(among(METHODS.c.code, codes)))
        return {row.code: _method(row) for row in rows}

    async def save_shipping_methods(self, methods: Sequence[ShippingMethod]) -> None:
        statement = self._upsert(METHODS)
        stated = {column.name: statement.excluded[column.name] for column in METHODS.c if not column.primary_key}
        await self._statements.run(
            statement.on_conflict_do_update(index_elements=["code"], set_=stated),
            [_method_row(method) for method in methods],
        )


def _method(row: Row[Any]) -> ShippingMethod:
    return ShippingMethod(
        code=row.code,
        names=row.names,
        carrier=row.carrier,
        service_level=ServiceLevel(row.service_level),
        countries=tuple(row.countries),
        rates=tuple(_rate(rate) for rate in row.rates),
        active=row.active,
    )


def _method_row(method: ShippingMethod) -> dict[str, Any]:
    return {
        "code": method.code,
        "names": dict(method.names),
        "carrier": method.carrier,
        "service_level": method.service_level.value,
        "countries": list(method.countries),
        "rates": [_rate_record(rate) for rate in method.rates],
        "active": method.active,
    }


def _rate(record: Mapping[str, Any]) -> ShippingRate:
    currency, free_from_minor = record["currency"], record["free_from_minor"]
    return ShippingRate(
        countries=tuple(record["countries"]),
        price=Money(record["price_minor"], currency),
        min_transit_days=record["min_transit_days"],
        max_transit_days=record["max_transit_days"],
        regions=tuple(record["regions"]),
        max_weight_grams=record["max_weight_grams"],
        free_from=Money(free_from_minor, currency) if free_from_minor is not None else None,
    )


def _rate_record(rate: ShippingRate) -> dict[str, Any]:
    return {
        "countries": list(rate.countries),
        "currency": rate.price.currency,
        "price_minor": rate.price.amount_minor,
        "min_transit_days": rate.min_transit_days,
        "max_transit_days": rate.max_transit_days,
        "regions": list(rate.regions),
        "max_weight_grams": rate.max_weight_grams,
        "free_from_minor": rate.free_from.amount_minor if rate.free_from else None,
    }
