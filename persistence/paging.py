"""Keyset pages: a page begins where the last one ended, so the thousandth costs what the first did."""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import orjson
from sqlalchemy import BigInteger, Column, ColumnElement, Row, Select, bindparam, func, select, tuple_
from sqlalchemy.types import TypeEngine

from domain.errors import Refused, invalid
from domain.paging import Edge, Page, Slice
from persistence.database import Statements

T = TypeVar("T")
Key = str | int | datetime

CURSOR_LENGTH_MAX = 1000  # A few codes of 80 characters in base 64; what is longer was never a cursor of ours.
_INTEGER_MAX = 2**63 - 1  # What both databases keep as a whole number.


async def slice_of(
    statements: Statements,
    statement: Select[*tuple[Any, ...]],
    keys: Sequence[ColumnElement[Any] | Any],
    page: Page,
    *,
    value: Callable[[Row[Any]], T],
    descending: bool = False,
) -> Slice[T]:
    """One page of what a statement answers, in one more statement only where the count is asked.

    statement: without order or limit; `value` reads its rows by column name.
    keys: not null and together unique, e.g. (placed_at, id); all ascending, or all `descending`.
    Raises Refused at "after" or "before" where a cursor is not of this list.
    """
    list_keys = _Keys(tuple(keys), descending)
    part = list_keys.between(statement, page)
    fetched = await statements.fetch(list_keys.added_to(part, page))
    rows = fetched[: page.size]
    is_more = len(fetched) > page.size
    edges = [Edge(list_keys.cursor(row), value(row)) for row in (reversed(rows) if page.backward else rows)]

    async def count() -> int:
        counted = statement.with_only_columns(*keys, maintain_column_froms=True).subquery()
        ((number,),) = await statements.fetch(select(func.count()).select_from(counted))
        return int(number)

    # A cursor is of a row, so there is something on its far side.
    return Slice(
        edges,
        has_next=page.before is not None or (is_more and not page.backward),
        has_previous=page.after is not None or (is_more and page.backward),
        count=count,
    )


class ListOfEach:
    """A list for each of many parents, whose pages and lengths come in one statement however many parents there are.

    owner: the columns that name the parent. keys: what each list is ordered by, as in `slice_of`.
    """

    def __init__(
        self,
        statements: Statements,
        statement: Select[*tuple[Any, ...]],
        owner: tuple[Column[Any], ...],
        keys: tuple[Column[Any], ...],
        *,
        descending: bool = False,
    ) -> None:
        self._statements = statements
        self._statement = statement
        self._owner = owner
        self._keys = _Keys(keys, descending)
        self._lengths: asyncio.Task[dict[tuple[Any, ...], int]] | None = None

    async def pages(
        self, parents: Sequence[tuple[str, ...]], page: Page, *, value: Callable[[Row[Any]], T]
    ) -> dict[Any, Slice[T]]:
        """The same page of each parent's list, forward. Raises Refused at "after" for a cursor of another list."""
        rows: dict[tuple[str, ...], list[Row[Any]]] = {parent: [] for parent in parents}
        for row in await self._statements.fetch(self._first_of_each(page)):
            rows[tuple(getattr(row, column.name) for column in self._owner)].append(row)
        return {
            parent: Slice(
                [Edge(self._keys.cursor(row), value(row)) for row in found[: page.size]],
                has_next=len(found) > page.size,
                has_previous=page.after is not None,
                count=partial(self._length, parent),
            )
            for parent, found in rows.items()
        }

    def _first_of_each(self, page: Page) -> Select[*tuple[Any, ...]]:
        """One row more than the page, of each list."""
        part = self._keys.between(self._statement, page)
        order = self._keys.order(is_downward=self._keys.descending)
        place = func.row_number().over(partition_by=self._owner, order_by=order).label("place")
        placed = part.add_columns(place).subquery()
        keys = [placed.c[column.name].label(f"key_{i}") for i, column in enumerate(self._keys.columns)]
        return select(placed, *keys).where(placed.c.place <= page.size + 1).order_by(placed.c.place)

    async def _length(self, parent: tuple[str, ...]) -> int:
        if self._lengths is None:
            self._lengths = asyncio.ensure_future(self._count())
        return (await self._lengths).get(parent, 0)

    async def _count(self) -> dict[tuple[Any, ...], int]:
        counted = self._statement.with_only_columns(*self._owner, func.count()).group_by(*self._owner)
        return {tuple(row[:-1]): row[-1] for row in await self._statements.fetch(counted)}


def cursor_of(values: Sequence[Key]) -> str:
    """The key of a row as clients say it: opaque, and the same text for the same key."""
    written = orjson.dumps([v.astimezone(UTC).isoformat() if isinstance(v, datetime) else v for v in values])
    return base64.urlsafe_b64encode(written).rstrip(b"=").decode()


def key_of(cursor: str, types: Sequence[type]) -> tuple[Key, ...] | None:
    """The key a cursor says, or None where it is no cursor for keys of these types."""
    if len(cursor) > CURSOR_LENGTH_MAX:
        return None
    try:
        read = orjson.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        if not isinstance(read, list) or len(read) != len(types):
            return None
        values = tuple(_read(value, of) for value, of in zip(read, types, strict=True))
        return values if cursor_of(values) == cursor else None
    except (ValueError, OverflowError, binascii.Error):
        return None


def _read(value: object, of: type) -> Key:
    """Raises ValueError where it is not of the type, or nothing that the databases keep."""
    if of is int and type(value) is int and abs(value) <= _INTEGER_MAX:
        return value
    if isinstance(value, str) and "\0" not in value:
        if of is str:
            return value
        if of is datetime and (instant := datetime.fromisoformat(value)).tzinfo is not None:
            return instant
    raise ValueError(f"{value!r} is not {of}.")


@dataclass(frozen=True, slots=True)
class _Keys:
    """The columns a list is ordered by."""

    columns: tuple[ColumnElement[Any], ...]
    descending: bool

    def between(self, statement: Select[*tuple[Any, ...]], page: Page) -> Select[*tuple[Any, ...]]:
        """The part of the list after one cursor and before another."""
        if page.after is not None:
            statement = statement.where(self._beyond(page.after, "after", upward=not self.descending))
        if page.before is not None:
            statement = statement.where(self._beyond(page.before, "before", upward=self.descending))
        return statement

    def added_to(self, statement: Select[*tuple[Any, ...]], page: Page) -> Select[*tuple[Any, ...]]:
        """One row more than the page, from its end of the list, with the keys beside what is read."""
        order = self.order(is_downward=self.descending != page.backward)
        labeled = [column.label(f"key_{i}") for i, column in enumerate(self.columns)]
        return statement.add_columns(*labeled).order_by(*order).limit(page.size + 1)

    def order(self, *, is_downward: bool) -> list[ColumnElement[Any]]:
        return [column.desc() if is_downward else column.asc() for column in self.columns]

    def cursor(self, row: Row[Any]) -> str:
        return cursor_of(row[-len(self.columns) :])

    def _beyond(self, cursor: str, argument: str, *, upward: bool) -> ColumnElement[bool]:
        types = [column.type.python_type for column in self.columns]
        key = key_of(cursor, types)
        if key is None:
            raise Refused(invalid("This cursor is not of this list. Pass one that the list gave.", argument))
        bound = [
            bindparam(None, value, type_=_bound_type(column), unique=True)
            for value, column in zip(key, self.columns, strict=True)
        ]
        # Rows are compared whole, which both databases answer from an index on the columns.
        return tuple_(*self.columns) > tuple_(*bound) if upward else tuple_(*self.columns) < tuple_(*bound)


def _bound_type(column: ColumnElement[Any]) -> TypeEngine[Any]:
    """64 bits for a whole number, however narrow its column: a cursor may say any."""
    return BigInteger() if column.type.python_type is int else column.type
