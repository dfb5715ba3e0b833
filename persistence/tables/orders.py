"""Orders, their lines, what is allocated to them, and the holds on them."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from persistence.tables.columns import Json, Key, UtcDateTime, table_of


class OrderRow(SQLModel, table=True):
    """sealed: the contact, under the customer's key. Sums are in minor units of `currency`."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("channel_code", "external_reference"),
        Index(None, "placed_at", "id"),
        Index(None, "customer_id", "placed_at"),
        Index(None, "status", "placed_at"),
        CheckConstraint(
            "authorized_minor >= captured_minor AND captured_minor >= refunded_minor AND refunded_minor >= 0",
            name="payments",
        ),
        CheckConstraint("total_minor = subtotal_minor + shipping_minor", name="total"),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    number: str = Field(unique=True)
    external_reference: str | None
    purchase_order_number: str | None
    channel_code: str = Field(sa_column=Column(Key, ForeignKey("channels.code"), nullable=False))
    customer_id: str = Field(sa_column=Column(Key, ForeignKey("customers.id"), nullable=False))
    is_guest: bool
    email_hash: str | None = Field(index=True)
    sealed: bytes
    language: str
    currency: str
    status: str
    fulfillment_status: str
    payment_status: str
    subtotal_minor: int = Field(sa_type=BigInteger)
    shipping_minor: int = Field(sa_type=BigInteger)
    total_minor: int = Field(sa_type=BigInteger)
    shipping_agreed_minor: int = Field(sa_type=BigInteger)
    authorized_minor: int = Field(sa_type=BigInteger)
    captured_minor: int = Field(sa_type=BigInteger)
    refunded_minor: int = Field(sa_type=BigInteger)
    shipping_method_code: str | None = Field(sa_column=Column(Key, ForeignKey("shipping_methods.code"), nullable=True))
    country: str | None
    metadata_: dict[str, Any] = Field(sa_column=Column("metadata", Json, nullable=False))
    placed_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    version: int


class OrderLineRow(SQLModel, table=True):
    """The first law, held by the database: the places add up to the quantity, and none is negative."""

    __tablename__ = "order_lines"
    __table_args__ = (
        Index(None, "order_id", "position"),
        Index(None, "sku"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint(
            "pending + backordered + allocated + picked + ready_for_pickup + shipped + delivered + returned + canceled"
            " = quantity",
            name="units",
        ),
        CheckConstraint(
            "pending >= 0 AND backordered >= 0 AND allocated >= 0 AND picked >= 0 AND ready_for_pickup >= 0"
            " AND shipped >= 0 AND delivered >= 0 AND returned >= 0 AND canceled >= 0",
            name="places",
        ),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    position: int
    sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), nullable=False))
    name: str
    quantity: int
    unit_price_minor: int = Field(sa_type=BigInteger)
    method: str
    pickup_location_code: str | None = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), nullable=True))
    pending: int
    backordered: int
    allocated: int
    picked: int
    ready_for_pickup: int
    shipped: int
    delivered: int
    returned: int
    canceled: int


class AllocationRow(SQLModel, table=True):
    """What a line has allocated at a location; rows that fall to 0 are deleted."""

    __tablename__ = "allocations"
    __table_args__ = (
        Index(None, "order_id"),
        Index(None, "location_code", "sku"),
        CheckConstraint("quantity > 0 AND per_unit > 0", name="quantity"),
    )

    line_id: str = Field(sa_column=Column(Key, ForeignKey("order_lines.id"), primary_key=True))
    location_code: str = Field(sa_column=Column(Key, ForeignKey("stock_locations.code"), primary_key=True))
    sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), primary_key=True))
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    per_unit: int
    quantity: int


class BackorderRow(SQLModel, table=True):
    """What a line's backordered units take from stock once it is there; rows that fall to 0 are deleted."""

    __tablename__ = "backorders"
    __table_args__ = (
        Index(None, "order_id"),
        Index(None, "sku"),
        CheckConstraint("quantity > 0 AND per_unit > 0", name="quantity"),
    )

    line_id: str = Field(sa_column=Column(Key, ForeignKey("order_lines.id"), primary_key=True))
    sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), primary_key=True))
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    per_unit: int
    quantity: int


class OrderHoldRow(SQLModel, table=True):
    __tablename__ = "order_holds"
    __table_args__ = (Index(None, "order_id"),)

    id: str = Field(primary_key=True, sa_type=Key)
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    kind: str
    reason: str
    placed_by: str
    placed_at: datetime = Field(sa_type=UtcDateTime)


ORDERS = table_of(OrderRow)
LINES = table_of(OrderLineRow)
ALLOCATIONS = table_of(AllocationRow)
BACKORDERS = table_of(BackorderRow)
HOLDS = table_of(OrderHoldRow)
