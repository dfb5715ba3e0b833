"""Where postal codes are."""

from sqlmodel import Field, SQLModel

from persistence.tables.columns import Key, table_of


class PostalCodeRow(SQLModel, table=True):
    """One for each code, written as codes are compared: in the middle of its `places`, as an edition of them has it."""

    __tablename__ = "postal_codes"

    country: str = Field(primary_key=True, sa_type=Key)
    code: str = Field(primary_key=True, sa_type=Key)
    latitude: float
    longitude: float
    places: int
    edition: str = Field(sa_type=Key)


POSTAL_CODES = table_of(PostalCodeRow)
