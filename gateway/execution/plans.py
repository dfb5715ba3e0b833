"""What a plan is made of: segments that are completed in one go, and the slots they leave open in between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails

from gateway.execution.arguments import Arguments
from gateway.execution.host import Related

Details = list[FieldDetails]  # The nodes that ask for one field, merged.
# An object of the answer whose field is still open, and the value the object was made of.
Place = tuple[dict[str, Any], Any]


@dataclass(slots=True)
class ListShape:
    """Where open objects are inside a list."""

    nullable: bool
    item: "Shape"


@dataclass(slots=True)
class ObjectShape:
    """Where open objects are inside an object: under these keys, each with whether it may be null."""

    type_name: str
    fields: dict[str, tuple[bool, "Shape"]] = field(default_factory=dict)


@dataclass(slots=True)
class AbstractShape:
    """Which shape it is, the object's mark says."""


Shape = ListShape | ObjectShape | AbstractShape


@dataclass(slots=True, eq=False)
class Slot:
    """A field that is answered after the segment it stands in, for all the parents at once.

    segment: completes its value; None leaves the whole field to graphql-core. related: looked up in a batch. work:
    called with the parent and the arguments. Where there is neither, `resolve` is called.
    """

    key: str
    parent: GraphQLObjectType
    field: GraphQLField
    details: Details
    arguments: Arguments
    resolve: Callable[..., Any]
    segment: "Segment | None" = None
    related: Related | None = None
    work: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        return f"{self.parent.name}.{self.details[0].node.name.value}"


@dataclass(slots=True, eq=False)
class Mark:
    """Objects of an abstract type leave themselves here, so that they can be told apart."""

    shape: ObjectShape


@dataclass(slots=True, eq=False)
class Segment:
    """Completes a value down to its slots, reading attributes and nothing else; so it may be run again.

    complete: takes the value and, for each outlet, what takes the places found for it.
    shape: the way to the objects with slots; None where there are none.
    """

    complete: Callable[[Any, Sequence[Callable[[Any], None]]], Any]
    outlets: tuple[Slot | Mark, ...]
    shape: Shape | None

    @property
    def is_pure(self) -> bool:
        return not self.outlets
