"""Pages of a list that can grow without bound: what was asked for, and what came."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.errors import Refused, invalid

T = TypeVar("T")

PAGE_SIZE = 50  # What a page has where none is asked for: a screen and a bit.
PAGE_SIZE_MAX = 250  # What one answer may hold without holding up others; the contract says so.


@dataclass(frozen=True, slots=True)
class Page:
    """A page asked for: `size` rows after or before a cursor; `backward` counts from the end."""

    size: int = PAGE_SIZE
    after: str | None = None
    before: str | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Edge(Generic[T]):
    cursor: str
    node: T


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """A page that came: edges in the list's own order.

    count: answers how many rows the whole list has; run only when asked.
    """

    edges: Sequence[Edge[T]]
    has_next: bool
    has_previous: bool
    count: Callable[[], Awaitable[int]] | None = None


def size_of(size: int, name: str = "first") -> int:
    """How many are asked for by the argument of this name. Raises Refused where it leaves 0 to PAGE_SIZE_MAX."""
    if not 0 <= size <= PAGE_SIZE_MAX:
        raise Refused(invalid(f"`{name}` is 0 to {PAGE_SIZE_MAX}; {size} was asked for.", name))
    return size


def page(
    first: int | None = None, after: str | None = None, last: int | None = None, before: str | None = None
) -> Page:
    """What the arguments of a connection ask for.

    Raises Refused where they contradict each other or leave 0 to PAGE_SIZE_MAX.
    """
    if first is not None and last is not None:
        raise Refused(invalid("Ask for `first` or for `last`, not for both.", "last"))
    name, size = ("last", last) if last is not None else ("first", PAGE_SIZE if first is None else first)
    return Page(size_of(size, name), after or None, before or None, backward=last is not None)
