"""Stock locations, levels, the movement ledger, and supply on its way."""

from datetime import datetime, time
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Index, Time
from sqlmodel import Field, SQLModel

from persistence.tables.columns import BigId, Json, Key, UtcDateTime, table_of


class StockLocationRow(SQLModel, table=True):
    __tablename__ = "stock_locations"

    code: str = Field(primary_key=True, sa_type=Key)
    name: str
    kind: str
    address: dict[str, Any] = Field(sa_type=Json)
    country: str
    timezone: str
    capabilities: list[str] = Field(sa_type=Json)
    tags: list[str] = Field(sa_type=Json)
    opening_hours: list[list[str]] = Field(sa_type=Json)
    closures: list[str] = Field(sa_type=Json)
    holidays: str | None
    cutoff: time = Field(sa_type=Time)
    processing_minutes: int
    daily_capacity: int | None
    handling_cost_minor: int | None = Field(sa_type=BigInteger)
    handling_cost_currency: str | None
    stock_accuracy: float | None
    active: bool


class StockLevelRow(SQLModel, table=True):
    """No index is of anything that changes, and pages keep room: every change is a heap-only update on PostgreSQL."""

    __tablename__ = "stock_levels"
    __table_args__ = (
        Index(None, "location_code", "sku"),
        CheckConstraint("on_hand >= 0", name="on_hand"),
        CheckConstraint("allocated >= 0", name="allocated"),
        CheckConstraint("reserved >= 0", name="reserved"),
        CheckConstraint("damaged >= 0", name="damaged"),
        CheckConstraint("inspection >= 0", name="inspection"),
        CheckConstraint("safety_stock >= 0", name="safety_stock"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), primary_key=True))
    location_code: str = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), primary_key=True))
    on_hand: int
    allocated: int
    reserved: int
    damaged: int
    inspection: int
    safety_stock: int
    bin: str | None
    updated_at: datetime = Field(sa_type=UtcDateTime)


class StockMovementRow(SQLModel, table=True):
    """Append-only; the levels are its sums."""

    __tablename__ = "stock_movements"
    __table_args__ = (Index(None, "sku", "location_code", "number"),)

    number: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    sku: str = Field(sa_type=Key)
    location_code: str = Field(sa_type=Key)
    counter: str
    delta: int
    reason: str
    reference: str | None
    actor: str
    at: datetime = Field(sa_type=UtcDateTime)


class InboundSupplyRow(SQLModel, table=True):
    __tablename__ = "inbound_supply"
    __table_args__ = (
        Index(None, "sku", "destination_code"),
        Index(None, "reference", "sku", "destination_code", unique=True),
        CheckConstraint("ordered > 0 AND received >= 0 AND received <= ordered", name="received"),
        CheckConstraint("allocated >= 0", name="allocated"),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    reference: str
    kind: str
    sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), nullable=False))
    destination_code: str = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), nullable=False))
    origin_code: str | None = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), nullable=True))
    ordered: int
    received: int
    allocated: int
    expected_at: datetime = Field(sa_type=UtcDateTime)
    status: str


class StockReservationRow(SQLModel, table=True):
    """What a quote holds of a level; the level's `reserved` is their sum, lapsed ones included until they are swept."""

    __tablename__ = "stock_reservations"
    __table_args__ = (
        ForeignKeyConstraint(["sku", "location_code"], ["stock_levels.sku", "stock_levels.location_code"]),
        Index(None, "sku", "expires_at"),
        Index(None, "expires_at"),
        CheckConstraint("units > 0", name="units"),
    )

    quote_id: str = Field(sa_column=Column(Key, ForeignKey("quotes.id"), primary_key=True))
    sku: str = Field(primary_key=True, sa_type=Key)
    location_code: str = Field(primary_key=True, sa_type=Key)
    units: int
    expires_at: datetime = Field(sa_type=UtcDateTime)


class StockFeedRow(SQLModel, table=True):
    """The latest moment that a feed of a location told of; its row is locked by whoever feeds the location."""

    __tablename__ = "stock_feeds"

    location_code: str = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), primary_key=True))
    as_of: datetime = Field(sa_type=UtcDateTime)


LOCATIONS = table_of(StockLocationRow)
LEVELS = table_of(StockLevelRow)
MOVEMENTS = table_of(StockMovementRow)
SUPPLY = table_of(InboundSupplyRow)
FEEDS = table_of(StockFeedRow)
RESERVATIONS = table_of(StockReservationRow)
