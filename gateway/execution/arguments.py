"""The arguments of one field of a document: coerced once where they are the same each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphql import (
    ArgumentNode,
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    VariableNode,
    is_non_null_type,
)
from graphql.execution.values import VariableValues, coerce_argument, get_argument_values

# Values of these kinds may be shared between calls.
_UNCHANGING = (str, int, float, bool, type(None), Enum)


@dataclass(frozen=True, slots=True)
class Arguments:
    """known: those whose values are in the document or the schema, by the names resolvers have for them.

    variables: those that are variables as they are: the resolver's name, the variable's, and whether it may be null.
    None where graphql-core is to coerce all of them each time.
    """

    field: GraphQLField
    node: FieldNode
    hides_suggestions: bool
    known: Mapping[str, Any]
    variables: tuple[tuple[str, str, bool], ...] | None

    def values(self, variables: VariableValues) -> dict[str, Any]:
        """A mapping of one's own, of values that others may have too. Raises GraphQLError, as graphql-core does."""
        if self.variables is not None:
            given, found = variables.coerced, dict(self.known)
            for out_name, name, nullable in self.variables:
                if (value := given.get(name)) is None and not (nullable and name in given):
                    break
                found[out_name] = value
            else:
                return found
        return get_argument_values(self.field, self.node, variables, None, self.hides_suggestions)

    def shared(self, variables: VariableValues) -> dict[str, Any] | None:
        """What every call is given; None where a call could change it for the next, or nothing can be given."""
        try:
            given = self.values(variables)
        except GraphQLError:
            return None
        return given if all(isinstance(value, _UNCHANGING) for value in given.values()) else None


def arguments_of(field: GraphQLField, node: FieldNode, *, hides_suggestions: bool) -> Arguments:
    given = {each.name.value: each for each in node.arguments or ()}
    known: dict[str, Any] = {}
    variables: list[tuple[str, str, bool]] = []
    for name, argument in field.args.items():
        asked = given.get(name)
        if asked is not None and isinstance(asked.value, VariableNode):
            variables.append((argument.out_name or name, asked.value.name.value, not is_non_null_type(argument.type)))
        elif not _coerced(known, node, name, argument, asked):
            return Arguments(field, node, hides_suggestions, {}, None)
    return Arguments(field, node, hides_suggestions, known, tuple(variables))


def _coerced(
    known: dict[str, Any], node: FieldNode, name: str, argument: GraphQLArgument, asked: ArgumentNode | None
) -> bool:
    """Whether an argument is the same each time and for all; its value, if it has one, is added to `known`."""
    try:
        coerce_argument(known, node, name, argument, asked, None, None)
    except GraphQLError:
        return False
    return isinstance(known.get(argument.out_name or name), _UNCHANGING)
