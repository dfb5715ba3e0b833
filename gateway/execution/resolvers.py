"""Strawberry's resolvers, called as it calls them, without what it would find out anew for each call."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLField, GraphQLSchema
from graphql.execution import Executor
from strawberry.relay import GlobalID
from strawberry.scalars import is_scalar
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_argument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional
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


def _calling(declared: StrawberryField, converter: GraphQLCoreConverter) -> Resolver | None:
    resolver = declared.base_resolver
    assert resolver
    function = resolver.wrapped_func
    if not callable(function):
        return None
    registry, config = converter.scalar_registry, converter.config
    takes_self, info_class = bool(resolver.self_parameter), config.info_class
    of_parent = [each.name for each in (resolver.parent_parameter, resolver.root_parameter) if each]
    of_info = resolver.info_parameter.name if resolver.info_parameter else None
    named = [(config.name_converter.from_argument(each), each) for each in declared.arguments]
    python_names = {name: each.python_name for name, each in named}
    are_renamed = any(name != python_name for name, python_name in python_names.items())
    copied = [name for name, each in named if _are_ready(each.type, registry)]
    converted = [
        (name, each.type, _of_optional(each.type) is not each.type)
        for name, each in named
        if name not in copied and not _is_ready(each.type, registry)
    ]

    def called(source: Any, raw_info: Any, /, **given: Any) -> Any:
        info = info_class(_raw_info=raw_info, _field=declared) if of_info or converted else None
        for name in copied:
            if given.get(name):
                given[name] = [*given[name]]
        for name, type_, null_is_null in converted:
            if name in given and not (null_is_null and given[name] is None):
                given[name] = convert_argument(given[name], type_, registry, config, info, path=(name,))
        if are_renamed:
            given = {python_names[name]: value for name, value in given.items()}
        for parameter in of_parent:
            given[parameter] = source
        if of_info:
            given[of_info] = info
        return function(source, **given) if takes_self else function(**given)

    return called


def _are_ready(type_: Any, registry: Any) -> bool:
    """Whether arguments of a type are lists of what is as graphql-core leaves it; a resolver gets one of its own."""
    type_ = _of_optional(type_)
    return isinstance(type_, StrawberryList) and _is_ready(type_.of_type, registry)


def _is_ready(type_: Any, registry: Any) -> bool:
    """Whether arguments of a type are as graphql-core leaves them: those that are scalars."""
    type_ = _of_optional(type_)
    return type_ is not GlobalID and is_scalar(type_, registry)


def _of_optional(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, StrawberryOptional) and not isinstance(type_, StrawberryMaybe) else type_
