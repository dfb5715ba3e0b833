"""Quotes: baskets priced and planned. What they reserve stands with the stock."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from persistence.tables.columns import Json, Key, UtcDateTime, table_of


class QuoteRow(SQLModel, table=True):
    """sealed: how the lines reach the customer and all else that is personal, under a key of the quote's own.

    customer_id: whose it is, who may not have bought yet. lines: [SKU, quantity, price agreed or null, price,
    [[location, units], …]] of each. holder: a keyed hash of who is limited in what they hold. Sums in minor units.
    """

    __tablename__ = "quotes"
    __table_args__ = (
        Index(None, "customer_id"),
        Index(None, "holder", "held_until"),
        Index(None, "expires_at"),
        CheckConstraint("total_minor = subtotal_minor + shipping_minor", name="total"),
        CheckConstraint("held_until IS NULL OR (held_until = expires_at AND first_held_at IS NOT NULL)", name="hold"),
        CheckConstraint("order_id IS NULL OR held_until IS NULL", name="taken_up"),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    channel_code: str = Field(sa_column=Column(Key, ForeignKey("channels.code"), nullable=False))
    customer_id: str | None = Field(sa_type=Key)
    made_by: str
    holder: str | None
    language: str | None
    currency: str
    lines: list[list[Any]] = Field(sa_type=Json)
    subtotal_minor: int = Field(sa_type=BigInteger)
    shipping_minor: int = Field(sa_type=BigInteger)
    total_minor: int = Field(sa_type=BigInteger)
    shipping_method_code: str | None = Field(sa_column=Column(Key, ForeignKey("shipping_methods.code"), nullable=True))
    wrapped_key: bytes
    sealed: bytes
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    held_until: datetime | None = Field(sa_type=UtcDateTime)
    first_held_at: datetime | None = Field(sa_type=UtcDateTime)
    order_id: str | None = Field(sa_column=Column(Key, ForeignKey("orders.id"), unique=True, nullable=True))


QUOTES = table_of(QuoteRow)
