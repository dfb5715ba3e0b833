"""Payments and their transactions."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from persistence.tables.columns import Key, UtcDateTime, table_of


class PaymentRow(SQLModel, table=True):
    """Sums in minor units of `currency`; the third law, held by the database."""

    __tablename__ = "payments"
    __table_args__ = (
        Index(None, "order_id", "position"),
        CheckConstraint(
            "authorized_minor >= captured_minor AND captured_minor >= refunded_minor AND refunded_minor >= 0",
            name="sums",
        ),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    position: int
    method: str
    provider: str
    status: str
    currency: str
    amount_minor: int = Field(sa_type=BigInteger)
    authorized_minor: int = Field(sa_type=BigInteger)
    captured_minor: int = Field(sa_type=BigInteger)
    refunded_minor: int = Field(sa_type=BigInteger)
    action_url: str | None
    action_expires_at: datetime | None = Field(sa_type=UtcDateTime)


class PaymentTransactionRow(SQLModel, table=True):
    __tablename__ = "payment_transactions"
    __table_args__ = (
        Index(None, "payment_id"),
        Index(None, "order_id"),
        UniqueConstraint("payment_id", "kind", "provider_reference"),
    )

    id: str = Field(primary_key=True, sa_type=Key)
    payment_id: str = Field(sa_column=Column(Key, ForeignKey("payments.id"), nullable=False))
    order_id: str = Field(sa_column=Column(Key, ForeignKey("orders.id"), nullable=False))
    kind: str
    amount_minor: int = Field(sa_type=BigInteger)
    status: str
    provider_reference: str | None
    at: datetime = Field(sa_type=UtcDateTime)


PAYMENTS = table_of(PaymentRow)
TRANSACTIONS = table_of(PaymentTransactionRow)
