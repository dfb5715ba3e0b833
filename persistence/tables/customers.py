"""Persons, sealed."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from persistence.tables.columns import Key, UtcDateTime, table_of


class CustomerRow(SQLModel, table=True):
    """wrapped_key: the person's own key, sealed under the process's secret; without it `sealed` is noise.

    email_hash: keyed hash of the normalized address. reference_hash: of another system's number for them.
    """

    __tablename__ = "customers"

    id: str = Field(primary_key=True, sa_type=Key)
    email_hash: str | None = Field(index=True)
    reference_hash: str | None = Field(unique=True)
    wrapped_key: bytes
    sealed: bytes
    language: str | None
    created_at: datetime = Field(sa_type=UtcDateTime)


CUSTOMERS = table_of(CustomerRow)
