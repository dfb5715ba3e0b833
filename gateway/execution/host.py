"""What the house around it tells the compiler: which fields are looked up in batches, and what a caller may see."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLField, GraphQLObjectType


@dataclass(frozen=True, slots=True)
class Read:
    """A field read from its parent by a function without I/O or effects; it may run more than once."""

    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Related:
    """A field looked up for all its parents at once; those of the same batch are asked for together.

    key: the parent's attribute that holds the key; where it is None, so is the field.
    """

    batch: Hashable
    key: str


@dataclass(frozen=True, slots=True)
class Worked:
    """A field worked out of its parent and its arguments by a function without I/O, as its resolver would.

    The arguments are scalars, under the names they have in the schema.
    """

    work: Callable[..., Any]


Answer = Read | Related | Worked | None


def _by_its_resolver(_field: GraphQLField) -> Answer:
    return None


def _asks_nothing(_context: Any, batch: Any, _keys: Sequence[Any]) -> Awaitable[Mapping[Any, Any]]:
    raise NotImplementedError(f"The host names the batch {batch} and does not say how to ask it.")


def _all_alike(_context: Any) -> Hashable:
    return None


def _open_to_all(_field: GraphQLField, _rights: Any) -> bool:
    return True


def _by_their_own_check(_type: GraphQLObjectType) -> tuple[type, ...] | None:
    return None


def _noted_nowhere(_outcome: str) -> None:
    pass


def _counted_nowhere(_field: str, _reason: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Host:
    """The answers a compiler cannot find in the schema; with none of them, every resolver is simply called.

    answer: how a field is answered without its resolver; None leaves it to the resolver.
    ask: looks up `keys` of a batch in a context: a mapping, or an awaitable of one; a key may map to an exception.
    rights: what decides which fields a context opens; few different values, for each has its own plans.
    opens: whether these rights open a field; a closed one is null, whatever its resolver would say.
    classes: the classes whose instances a type's `is_type_of` accepts, where that is all it looks at.
    planned: told of each execution, whether its operation had plans: one of cache.OUTCOMES.
    handed_back: told of each value given back to graphql-core: `Type.field`, and one of oddities.REASONS.
    """

    answer: Callable[[GraphQLField], Answer] = _by_its_resolver
    ask: Callable[[Any, Any, Sequence[Any]], Awaitable[Mapping[Any, Any]] | Mapping[Any, Any]] = _asks_nothing
    rights: Callable[[Any], Hashable] = _all_alike
    opens: Callable[[GraphQLField, Any], bool] = _open_to_all
    classes: Callable[[GraphQLObjectType], tuple[type, ...] | None] = _by_their_own_check
    planned: Callable[[str], None] = _noted_nowhere
    handed_back: Callable[[str, str], None] = _counted_nowhere
