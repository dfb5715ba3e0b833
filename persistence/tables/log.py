"""The event log, the jobs it gives rise to, idempotency keys, and what the database knows of itself."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from persistence.tables.columns import BigId, Json, Key, UtcDateTime, table_of


class EventRow(SQLModel, table=True):
    """`written` is taken as a row is written, `position` once its transaction is seen: only then is it read.

    sequence: the order's version that this event is part of, None where it belongs to no order.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "order_id", "position"),
        Index(
            "ix_events_unnumbered",
            "written",
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
        UniqueConstraint("position"),
    )

    written: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    id: str = Field(unique=True, sa_type=Key)
    position: int | None = Field(sa_type=BigInteger)
    kind: str
    subject: str = Field(sa_type=Key)
    order_id: str | None = Field(sa_type=Key)
    sequence: int | None
    actor: str
    at: datetime = Field(sa_type=UtcDateTime)
    data: dict[str, Any] = Field(sa_type=Json)


class JobRow(SQLModel, table=True):
    """Work to do after a commit, kept in the transaction that asked for it.

    key: what makes it one of a kind while it waits. run_at: when it may be claimed; claiming puts it off by the lease.
    attempts: also the fencing token of whoever claimed it.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "run_at"),)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    kind: str
    key: str | None = Field(unique=True)
    payload: dict[str, Any] = Field(sa_type=Json)
    run_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int
    state: str
    error: str | None


class IdempotencyKeyRow(SQLModel, table=True):
    """digest: keyed hash of the coerced input. answer: ids and figures only."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    digest: str
    answer: dict[str, Any] | None = Field(sa_type=Json)
    created_at: datetime = Field(sa_type=UtcDateTime)


class FactRow(SQLModel, table=True):
    """What the database knows of itself, e.g. that the demo made it."""

    __tablename__ = "facts"

    name: str = Field(primary_key=True, sa_type=Key)
    value: str


EVENTS = table_of(EventRow)
JOBS = table_of(JobRow)
KEYS = table_of(IdempotencyKeyRow)
FACTS = table_of(FactRow)
