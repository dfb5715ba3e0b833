"""How scalars and enums are written: the common case as an expression, everything else by the type's own function."""

from collections.abc import Callable
from enum import Enum
from types import GeneratorType
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)

from gateway.execution.oddities import NULL, VALUE, Odd, odd

INT_MIN, INT_MAX = -(2**31), 2**31 - 1

# What serializing leaves as it is. `{v}` is the value, `{slow}` a function that takes it where the test fails.
_AS_IT_IS: dict[GraphQLLeafType, str] = {
    GraphQLString: "type({v}) is str",
    GraphQLID: "type({v}) is str",
    GraphQLBoolean: "{v} is True or {v} is False",
    GraphQLInt: f"type({{v}}) is int and {INT_MIN} <= {{v}} <= {INT_MAX}",
    GraphQLFloat: "type({v}) is float and {v} - {v} == 0",  # Neither infinite nor NaN.
}
# Results that are surely no awaitables.
_SETTLED = frozenset({str, int, float, bool, dict, list})


def as_it_is(type_: GraphQLLeafType) -> str | None:
    """The test of a `{v}` that is written as it stands."""
    return _AS_IT_IS.get(type_)


def members(type_: GraphQLLeafType) -> tuple[type[Enum], dict[str, str]] | None:
    """The class of an enum's members, and what each is written as; None for other leaves."""
    wrapped = getattr(type_, "wrapped_cls", None)
    if not isinstance(type_, GraphQLEnumType) or not isinstance(wrapped, type) or not issubclass(wrapped, Enum):
        return None
    try:
        return wrapped, {name: type_.coerce_output_value(member) for name, member in wrapped.__members__.items()}
    except Exception:  # noqa: BLE001  (members the schema does not show: each is asked as it comes)
        return None


def written_by(type_: GraphQLLeafType, *, nullable: bool) -> Callable[[Any], Any]:
    """Completes a leaf as graphql-core does, or raises."""
    write = type_.coerce_output_value

    def written(value: Any) -> Any:
        if value is None or value is Undefined:
            if nullable:
                return None
            raise Odd(NULL)
        if isinstance(value, Exception) or _may_be_awaited(value):
            raise odd(value, VALUE)
        result = write(value)
        if result is None or result is Undefined or (type(result) not in _SETTLED and _may_be_awaited(result)):
            raise Odd(VALUE)
        return result

    return written


def _may_be_awaited(value: Any) -> bool:
    return hasattr(value, "__await__") or type(value) is GeneratorType  # A generator may be an old kind of coroutine.
