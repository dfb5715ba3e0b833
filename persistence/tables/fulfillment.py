"""Fulfillment orders, pickups, shipments and what carriers say of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from persistence.tables.columns import Json, Key, UtcDateTime, table_of


class FulfillmentOrderRow(SQLModel, table=True):
    __tablename__ = "fulfillment_orders"
    __table_args__ = (Index(None, "order_id"), Index(None, "location_code", "status", "due_at"))

    id: str = Field(primary_key=True, sa_type=Key)
    number: str = Field(unique=True)
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    location_code: str = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), nullable=False))
    method: str
    status: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class FulfillmentOrderLineRow(SQLModel, table=True):
    __tablename__ = "fulfillment_order_lines"
    __table_args__ = (
        Index(None, "line_id"),
        CheckConstraint(
            "quantity > 0 AND picked >= 0 AND short >= 0 AND handed_over >= 0 AND canceled >= 0"
            " AND picked + short + canceled <= quantity AND handed_over <= picked",
            name="units",
        ),
    )

    fulfillment_order_id: str = Field(sa_column=Column(Key, ForeignKey("fulfillment_orders.id"), primary_key=True))
    line_id: str = Field(sa_column=Column(Key, ForeignKey("order_lines.id"), primary_key=True))
    quantity: int
    picked: int
    short: int
    handed_over: int
    canceled: int


class PickupRow(SQLModel, table=True):
    """code_hash: of the code the customer shows, to find it by; the code itself is derived, never stored."""

    __tablename__ = "pickups"
    __table_args__ = (Index(None, "order_id"), Index(None, "status", "expires_at"))

    id: str = Field(primary_key=True, sa_type=Key)
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    fulfillment_order_id: str = Field(
        sa_column=Column(Key, ForeignKey("fulfillment_orders.id"), nullable=False, unique=True)
    )
    location_code: str = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), nullable=False))
    status: str
    code_hash: str = Field(unique=True)
    ready_at: datetime | None = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(sa_type=UtcDateTime)
    collected_at: datetime | None = Field(sa_type=UtcDateTime)
    collected_by_sealed: bytes | None


class ShipmentRow(SQLModel, table=True):
    __tablename__ = "shipments"
    __table_args__ = (
        Index(None, "order_id"),
        Index(None, "fulfillment_order_id"),
        UniqueConstraint("carrier", "tracking_number"),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    number: str = Field(unique=True)
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    fulfillment_order_id: str = Field(sa_column=Column(Key, ForeignKey("fulfillment_orders.id"), nullable=False))
    status: str
    carrier: str
    service: str
    tracking_number: str | None
    packages: list[dict[str, Any]] = Field(sa_type=Json)
    shipped_at: datetime | None = Field(sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(sa_type=UtcDateTime)


class ShipmentLineRow(SQLModel, table=True):
    __tablename__ = "shipment_lines"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)

    shipment_id: str = Field(sa_column=Column(Key, ForeignKey("shipments.id"), primary_key=True))
    line_id: str = Field(sa_column=Column(Key, ForeignKey("order_lines.id"), primary_key=True))
    quantity: int


class TrackingEventRow(SQLModel, table=True):
    __tablename__ = "tracking_events"
    __table_args__ = (
        UniqueConstraint("carrier", "carrier_event_id"),
        Index(None, "shipment_id", "at"),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    shipment_id: str = Field(sa_column=Column(Key, ForeignKey("shipments.id"), nullable=False))
    carrier: str
    carrier_event_id: str
    status: str | None
    description: str | None
    place: str | None
    latitude: float | None
    longitude: float | None
    readings: dict[str, Any] | None = Field(sa_type=Json)
    at: datetime = Field(sa_type=UtcDateTime)


WORK = table_of(FulfillmentOrderRow)
WORK_LINES = table_of(FulfillmentOrderLineRow)
PICKUPS = table_of(PickupRow)
SHIPMENTS = table_of(ShipmentRow)
SHIPMENT_LINES = table_of(ShipmentLineRow)
TRACKING = table_of(TrackingEventRow)
