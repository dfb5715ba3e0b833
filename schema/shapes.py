"""How a GraphQL type meets the domain value it shows, and what answers a field."""

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location

from domain.access import Scope

Kind = TypeVar("Kind", bound=type[Any])

# What strawberry hands the parent to; whose value it is, the type it stands in says.
Parent: Any = strawberry.Parent[Any]  # type: ignore[misc]


class ShapeError(TypeError):
    """A GraphQL type names a field that its domain class does not have."""


@strawberry.schema_directive(locations=[Location.FIELD_DEFINITION], name="needs")
class Needs:
    """The scope a caller needs: without it a nested field is null, and a root field is refused."""

    scope: str


class NullWithout(FieldExtension):
    """A field that needs a scope is null for those who lack it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def apply(self, field: Any) -> None:
        # Every schema that is built applies it again, to the same field.
        if not any(isinstance(directive, Needs) for directive in field.directives):
            field.directives = [*field.directives, Needs(scope=self.scope.value)]

    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        if not info.context.has(self.scope):
            return None
        return next_(source, info, **arguments)

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        if not info.context.has(self.scope):
            return None
        return await next_(source, info, **arguments)


def shape_of(*domain_classes: type, **type_options: Any) -> Callable[[Kind], Kind]:
    """Declare a GraphQL type over domain values: plain fields are read from them by name.

    Checked when the module is imported, so that a renamed domain field cannot reach a client.
    """

    def declare(cls: Kind) -> Kind:
        cls.is_type_of = classmethod(lambda _cls, value, _info: isinstance(value, domain_classes))
        cls.domain_classes = domain_classes
        declared: Kind = strawberry.type(**type_options)(cls)
        for domain_class in domain_classes:
            known = {*getattr(domain_class, "__dataclass_fields__", ()), *dir(domain_class)}
            for field in declared.__strawberry_definition__.fields:
                if field.base_resolver is None and field.python_name not in known:
                    raise ShapeError(f"{cls.__name__}.{field.python_name} is not on {domain_class.__name__}")
        return declared

    return declare


def answered_by(resolver: Callable[..., Any], *, needs: Scope | None = None, **options: Any) -> Any:
    """A field whose shape is declared here and whose value `resolver` returns."""
    return strawberry.field(resolver=resolver, extensions=[NullWithout(needs)] if needs else None, **options)


def answered(*, needs: Scope | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A field with arguments that only the schema can name, answered by the two-line method under it."""
    field: Callable[[Callable[..., Any]], Any] = strawberry.field(
        extensions=[NullWithout(needs)] if needs else [], **options
    )
    return field


def related(batch: Callable[..., Any], key: str, *, needs: Scope | None = None, **options: Any) -> Any:
    """A field answered by a batched look-up: `batch(context, keys)` maps each key to its value.

    key: the attribute of the parent that holds the key; where it is None, so is the field.
    """

    def resolve(root: Any, info: Any) -> Any:
        value = getattr(root, key)
        return None if value is None else info.context.load(batch, value)

    resolve.__annotations__ = {"root": Parent, "info": strawberry.Info}
    return answered_by(resolve, needs=needs, metadata={"batch": batch, "key": key}, **options)


def plain(read: Callable[[Any], Any], *, needs: Scope | None = None, **options: Any) -> Any:
    """A field read from the parent by a function without I/O."""

    def resolve(root: Any) -> Any:
        return read(root)

    resolve.__annotations__ = {"root": Parent}
    return answered_by(resolve, needs=needs, metadata={"read": read}, **options)


def worked_out(work: Callable[..., Any], *, needs: Scope | None = None, **options: Any) -> Any:
    """A field that `work` answers from the parent and scalar arguments, without I/O."""
    _, *arguments = signature(work).parameters
    if wrong := [name for name in arguments if "_" in name]:
        raise ShapeError(f"{work.__name__} is called with the schema's own names, and {wrong} are not.")
    return answered_by(work, needs=needs, metadata={"work": work}, **options)


def asked(*, needs: Scope | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A root field; where it needs a scope, a caller without it is refused before anything runs."""
    directives = [Needs(scope=needs.value)] if needs else []
    field: Callable[[Callable[..., Any]], Any] = strawberry.field(
        directives=directives, metadata={"needs": needs}, **options
    )
    return field


def followed(*, needs: Scope | None = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A root field that answers again and again, as things happen; it may need a scope as `asked` does."""
    directives = [Needs(scope=needs.value)] if needs else []
    field: Callable[[Callable[..., Any]], Any] = strawberry.subscription(
        directives=directives, metadata={"needs": needs}, **options
    )
    return field


def shown(value: object) -> Any:
    """A domain value, returned where its shape is declared."""
    return value
