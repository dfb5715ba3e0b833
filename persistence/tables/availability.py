"""Availability views and their revisions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field, SQLModel

from persistence.tables.columns import Json, Key, UtcDateTime, table_of


class AvailabilityViewRow(SQLModel, table=True):
    """version: of the last revision saved. Locked by whoever saves the next, or lets a channel sell through it."""

    __tablename__ = "availability_views"

    code: str = Field(primary_key=True, sa_type=Key)
    version: int


class AvailabilityViewRevisionRow(SQLModel, table=True):
    """Append-only: a view's history."""

    __tablename__ = "availability_view_revisions"
    __table_args__ = (Index(None, "view_code", "effective_from", "version"),)

    view_code: str = Field(sa_column=Column(Key, ForeignKey("availability_views.code"), primary_key=True))
    version: int = Field(primary_key=True)
    name: str
    status: str
    rules: dict[str, Any] = Field(sa_type=Json)
    changed_by: str
    changed_at: datetime = Field(sa_type=UtcDateTime)
    effective_from: datetime = Field(sa_type=UtcDateTime)


VIEWS = table_of(AvailabilityViewRow)
REVISIONS = table_of(AvailabilityViewRevisionRow)
