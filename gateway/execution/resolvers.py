"""Strawberry's resolvers, called as it calls them, without what it would find out anew for each call."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLField, GraphQLSchema
from graphql.execution import Executor
from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryMaybe, StrawberryOptional
from strawberry.types.field import StrawberryField

Resolver = Callable[..., Any]

# What strawberry calls the functions it gives to fields with a resolver of their own.
_STRAWBERRYS = frozenset({"_resolver", "_async_resolver"})


def resolver_of(executor: Executor[Any], field: GraphQLField) -> Resolver:
    """What is called for a field: with its parent, graphql-core's info, and the arguments by their names there."""
    return _direct(executor.schema, field) or field.resolve or executor.field_resolver


def _direct(schema: GraphQLSchema, field: GraphQLField) -> Resolver | None:
    """The resolver inside strawberry's; None where it is not strawberry's, or where more is done around it."""
    declared = (field.extensions or {}).get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(declared, StrawberryField) or getattr(field.resolve, "__name__", "") not in _STRAWBERRYS:
        return None
    converter = schema._strawberry_schema.schema_converter  # type: ignore[attr-defined]  # noqa: SLF001
    is_changed = type(declared).get_result is not StrawberryField.get_result
    if declared.base_resolver is None or declared.extensions or converter.exception_handlers or is_changed:
        return None
    return _calling(declared, converter)


def _calling(declared: StrawberryField, converter: GraphQLCoreConverter) -> Resolver:
    resolver = declared.base_resolver
    assert resolver
    registry, config = converter.scalar_registry, converter.config
    takes_self, info_class = bool(resolver.self_parameter), config.info_class
    of_parent = [each.name for each in (resolver.parent_parameter, resolver.root_parameter) if each]
    of_info = resolver.info_parameter.name if resolver.info_parameter else None
    arguments = [
        (config.name_converter.from_argument(each), each.python_name, each.type, _is_ready(each.type, registry))
        for each in declared.arguments
    ]

    def called(source: Any, raw_info: Any, /, **given: Any) -> Any:
        info = info_class(_raw_info=raw_info, _field=declared)
        passed = {}
        for name, python_name, type_, is_ready in arguments:
            if name in given:
                value = given[name]
                if not is_ready:
                    value = convert_argument(value, type_, registry, config, info, path=(name,))
                passed[python_name] = value
        for parameter in of_parent:
            passed[parameter] = source
        if of_info:
            passed[of_info] = info
        return resolver(source, **passed) if takes_self else resolver(**passed)

    return called


def _is_ready(type_: Any, registry: Any) -> bool:
    """Whether arguments of a type are as graphql-core leaves them: those that are scalars."""
    if isinstance(type_, StrawberryOptional) and not isinstance(type_, StrawberryMaybe):
        type_ = type_.of_type
    return type_ is not GlobalID and is_scalar(type_, registry)
