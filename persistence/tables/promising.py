"""Shipping methods and their rates."""

from typing import Any

from sqlmodel import Field, SQLModel

from persistence.tables.columns import Json, Key, OrderedJson, table_of


class ShippingMethodRow(SQLModel, table=True):
    __tablename__ = "shipping_methods"

    code: str = Field(primary_key=True, sa_type=Key)
    names: dict[str, str] = Field(sa_type=OrderedJson)
    carrier: str
    service_level: str
    countries: list[str] = Field(sa_type=Json)
    rates: list[dict[str, Any]] = Field(sa_type=Json)
    active: bool


METHODS = table_of(ShippingMethodRow)
