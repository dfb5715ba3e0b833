"""Two expressions SQLAlchemy lacks, each with one text for any number of values, so that plans and caches stay warm."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Dialect,
    Subquery,
    Text,
    TypeDecorator,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeEngine

from domain.catalog.rules import can_be_kept
from persistence.database import Statements
from persistence.tables.columns import UtcDateTime


class _List(TypeDecorator[list[Any]]):
    """A list in one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, of: type) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(_TYPES[self.of]))

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> Any:
        if dialect.name == "sqlite":
            return orjson.dumps(value, default=_as_text, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
        return value


# Made once: a type is costly to make, and one that is made anew has to be compared anew in every statement's cache key.
_TYPES: dict[type, TypeEngine[Any]] = {str: Text(), int: BigInteger(), datetime: UtcDateTime()}
_LISTS: dict[type, _List] = {of: _List(of) for of in _TYPES}


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True
    name = "among"

    def self_group(self, against: OperatorType | None = None) -> Any:
        """As it is. Of other booleans SQLite is asked `… = 1`, and then looks in no index, but at every row."""
        return self


@compiles(_Among)
def _any(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    needle, values = element.clauses
    return f"{compiler.process(needle, **options)} = ANY ({compiler.process(values, **options)})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    needle, values = element.clauses
    among_these = f"SELECT value FROM json_each({compiler.process(values, **options)})"  # noqa: S608  (our own words)
    return f"{compiler.process(needle, **options)} IN ({among_these})"


def among(needle: ColumnElement[Any] | Any, values: Iterable[str | int]) -> ColumnElement[bool]:
    """`needle` is one of `values`: texts, or whole numbers. What no database keeps is among nothing."""
    listed = [value for value in values if isinstance(value, int) or can_be_kept(value)]
    of = int if listed and isinstance(listed[0], int) else str
    return _Among(needle, bindparam(None, listed, type_=_LISTS[of], unique=True))


def among_texts(needle: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """`needle` is one of the texts that a parameter of this name has: for a statement that is made once."""
    return _Among(needle, bindparam(name, type_=_LISTS[str]))


def given(statements: Statements, rows: Sequence[Sequence[str | int | datetime | None]], **columns: type) -> Subquery:
    """Rows of ours as a table to join with: `given(tx, [("A", 3)], sku=str, quantity=int)`."""
    names = list(columns)
    types = {name: _TYPES[of] for name, of in columns.items()}
    if statements.is_sqlite:
        each = func.json_each(bindparam(None, rows, type_=_LISTS[str], unique=True)).table_valued("value", name="each")
        return select(
            *(func.json_extract(each.c.value, f"$[{i}]", type_=types[name]).label(name) for i, name in enumerate(names))
        ).subquery("given")
    arrays = [
        bindparam(None, [row[i] for row in rows], type_=_LISTS[columns[name]], unique=True)
        for i, name in enumerate(names)
    ]
    unnested = func.unnest(*arrays).table_valued(*(column(name, types[name]) for name in names), name="rows")
    return select(*unnested.render_derived().c).subquery("given")


def _as_text(value: object) -> str:
    """An instant as SQLite's columns of instants have it."""
    assert isinstance(value, datetime), "Rows of ours are tuples and lists of texts, whole numbers and instants."
    return value.astimezone(UTC).isoformat(" ", "microseconds")[: len("2026-05-05 10:00:00.000000")]
