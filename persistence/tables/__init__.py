"""Every table, as SQLModel classes: what migrations and statements are written with, never loaded as objects."""

from sqlmodel import SQLModel

from persistence.tables import (
    availability,
    catalog,
    customers,
    fulfillment,
    inventory,
    log,
    orders,
    payments,
    places,
    promising,
    quotes,
)

metadata = SQLModel.metadata

__all__ = [
    "availability",
    "catalog",
    "customers",
    "fulfillment",
    "inventory",
    "log",
    "metadata",
    "orders",
    "payments",
    "places",
    "promising",
    "quotes",
]
