"""Where in an answer an object stands, found out only when something went wrong there."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graphql.pyutils import Path

from gateway.execution.plans import AbstractShape, ListShape, ObjectShape, Shape


@dataclass(slots=True, eq=False)
class Position:
    """Where a value stands: under `key` of a container, which has a position itself.

    container: None for the plan's own root, which graphql-core holds. made: the value, kept so that no other object
    comes to have its identity.
    """

    made: Any
    path: Path
    parent: "Position | None"
    container: Any
    key: str | int
    nullable: bool
    shape: Shape


def positions(found: dict[int, Position], position: Position, marked: dict[int, ObjectShape]) -> None:
    """Add the position of each object with slots at `position` and below, by the object's identity.

    marked: what the objects of abstract types are.
    """
    value, shape = position.made, position.shape
    if isinstance(shape, AbstractShape):
        known = marked.get(id(value))
        if known is None:
            return  # An object without slots, or one that graphql-core made.
        shape = known
    if isinstance(shape, ListShape) and isinstance(value, list):
        for index, item in enumerate(value):
            if item is not None:
                path = position.path.add_key(index, None)
                positions(found, Position(item, path, position, value, index, shape.nullable, shape.item), marked)
    elif isinstance(shape, ObjectShape) and isinstance(value, dict):
        found[id(value)] = position
        for key, (nullable, below) in shape.fields.items():
            item = value.get(key)
            if item is not None:
                path = position.path.add_key(key, shape.type_name)
                positions(found, Position(item, path, position, value, key, nullable, below), marked)


def nearest_nullable(position: Position) -> Position | None:
    """The position that an error in a field that may not be null makes null; None where it is above the plan."""
    at: Position | None = position
    while at is not None and (at.container is None or not at.nullable):
        at = at.parent
    return at


def shapes_of(marks: Iterable[tuple[ObjectShape, list[Any]]]) -> dict[int, ObjectShape]:
    return {id(made): shape for shape, objects in marks for made in objects}
