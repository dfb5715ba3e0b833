"""The fields of an operation itself: their resolvers are called each time; what is the same each time is kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLObjectType,
    Undefined,
    VariableNode,
    is_non_null_type,
    is_required_argument,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path

from gateway.execution.plans import Details
from gateway.execution.resolvers import resolver_of

if TYPE_CHECKING:
    from gateway.execution.executor import CompiledExecutor


@dataclass(frozen=True, slots=True)
class Root:
    """variables: those that are its arguments as they are, by the argument's name; None where there is more to it."""

    key: str
    parent: GraphQLObjectType
    field: GraphQLField
    details: Details
    nodes: list[FieldNode]
    path: Path
    resolve: Callable[..., Any]
    variables: tuple[tuple[str, str, bool], ...] | None

    def arguments(self, executor: "CompiledExecutor") -> Mapping[str, Any]:
        """Raises GraphQLError, as graphql-core does."""
        if self.variables is not None:
            given = executor.variable_values.coerced
            found = {}
            for out_name, name, nullable in self.variables:
                if (value := given.get(name)) is None and not (nullable and name in given):
                    break
                found[out_name] = value
            else:
                return found
        return get_argument_values(self.field, self.nodes[0], executor.variable_values, None, executor.hide_suggestions)


def roots_of(executor: "CompiledExecutor") -> tuple[Root, ...]:
    """The root fields of an operation, for the values its @skip and @include have now."""
    parent = executor.schema.get_root_type(executor.operation.operation)
    assert parent, "A valid document has operations of kinds the schema has."
    collected = collect_fields(
        executor.schema,
        executor.fragments,
        executor.variable_values,
        parent,
        executor.operation,
        executor.hide_suggestions,
    )
    return tuple(_root(executor, parent, key, details) for key, details in collected.grouped_field_set.items())


def _root(executor: "CompiledExecutor", parent: GraphQLObjectType, key: str, details: Details) -> Root:
    nodes = [each.node for each in details]
    field = executor.schema.get_field(parent, nodes[0].name.value)
    assert field, "A valid document asks for fields there are."
    path = Path(None, key, parent.name)
    return Root(key, parent, field, details, nodes, path, resolver_of(executor, field), _of(field, nodes[0]))


def _has_default(argument: GraphQLArgument) -> bool:
    return argument.default is not None or argument.default_value is not Undefined


def _of(field: GraphQLField, node: FieldNode) -> tuple[tuple[str, str, bool], ...] | None:
    """Each argument's name for the resolver, its variable, and whether that may be null."""
    given = {each.name.value: each.value for each in node.arguments or ()}
    found = []
    for name, argument in field.args.items():
        value = given.get(name)
        if value is None and not is_required_argument(argument) and not _has_default(argument):
            continue
        if not isinstance(value, VariableNode):
            return None
        found.append((argument.out_name or name, value.name.value, not is_non_null_type(argument.type)))
    return tuple(found)
