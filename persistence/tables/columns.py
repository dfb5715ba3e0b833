"""Kinds of column that both databases keep alike."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String, Table, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

# Constraints get names by rule, so that a migration can say which one it drops.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# Keys are text of this length at most: a SKU, a code, or a prefix and 26 characters.
Key = String(80)
# JSONB where there is one, so that lists can be searched; plain JSON on SQLite.
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
# An object whose keys keep their order, which JSONB forgets: of texts, the first is the thing's own language.
OrderedJson = JSON(none_as_null=True)
# A rowid on SQLite must be INTEGER; on PostgreSQL 32 bits would run out.
BigId = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. SQLite gives naive values back; here they go in and come out in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "An instant has a time zone."
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        instant: datetime = value
        if instant.tzinfo is UTC:  # As PostgreSQL's driver gives them.
            return instant
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def table_of(row: type[SQLModel]) -> Table:
    """The Core table of a row class: what statements are written with, as its attributes are typed as plain values."""
    table: Table = SQLModel.metadata.tables[str(row.__tablename__)]
    return table
