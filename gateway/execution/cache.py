"""The plans of the documents seen before."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLOutputType,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)

from gateway.execution.compiler import Planner
from gateway.execution.oddities import Refused
from gateway.execution.plans import Details, Segment

if TYPE_CHECKING:
    from gateway.execution.executor import CompiledExecutor

# Operations kept, most of them sent by a handful of clients; at its largest the plans of one take about a megabyte.
OPERATIONS_MAX = 500
# For one operation: few sets of rights times few of the values its @skip and @include are sent with.
VARIANTS_MAX = 16


@dataclass(slots=True)
class Plans:
    """The plans of one operation for certain rights and values of @skip and @include; made as they are needed."""

    rights: Any
    _made: dict[tuple[int, ...], Segment | None] = field(default_factory=dict)

    def plan(self, executor: "CompiledExecutor", type_: GraphQLOutputType, details: Details) -> Segment | None:
        """What completes values of this type for these nodes; None where graphql-core is to do it."""
        # Nodes and types live as long as the operation and the schema, so their identities are theirs alone.
        key = (id(type_), *[id(each.node) for each in details])
        if key not in self._made:
            self._made[key] = _made(executor, self.rights, type_, details)
        return self._made[key]


@dataclass(slots=True)
class _Operation:
    """An operation met before. conditions: the variables its @skip and @include depend on; None for a stranger's."""

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    conditions: tuple[str, ...] | None
    variants: OrderedDict[Any, Plans] = field(default_factory=OrderedDict)


class PlanCache:
    """Operations by identity: it serves documents that are parsed once and kept, and compiles at second sight."""

    def __init__(self) -> None:
        self._operations: OrderedDict[int, _Operation] = OrderedDict()

    def plans(self, executor: "CompiledExecutor") -> Plans | None:
        node, fragments = executor.operation, executor.fragment_definitions
        known = self._operations.get(id(node))
        if known is None or known.fragments != fragments:
            self._keep(_Operation(node, fragments, _conditions(node, fragments)))
            return None
        self._operations.move_to_end(id(node))
        if known.conditions is None:
            return None
        given = executor.variable_values.coerced
        rights = executor.host.rights(executor.context_value)
        variant = (executor.schema, rights, *[given.get(name) for name in known.conditions])
        plans = known.variants.get(variant)
        if plans is None:
            plans = known.variants[variant] = Plans(rights)
            if len(known.variants) > VARIANTS_MAX:
                known.variants.popitem(last=False)
        return plans

    def _keep(self, operation: _Operation) -> None:
        self._operations[id(operation.node)] = operation
        if len(self._operations) > OPERATIONS_MAX:
            self._operations.popitem(last=False)


def _made(executor: "CompiledExecutor", rights: Any, type_: GraphQLOutputType, details: Details) -> Segment | None:
    if any(each.fragment_variable_values or each.defer_usage for each in details):
        return None
    try:
        return Planner(executor, executor.host, rights).segment(type_, details)
    except Refused:
        return None
    except Exception:  # noqa: BLE001  (e.g. arguments of a directive are wrong, which graphql-core tells)
        return None


def _conditions(node: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> tuple[str, ...] | None:
    """The variables that @skip and @include depend on, sorted; None where there are directives beside these."""
    names: set[str] = set()
    if node.directives:
        return None
    for directive in _directives([node.selection_set, *(each.selection_set for each in fragments.values())]):
        if directive.name.value not in {"skip", "include"}:
            return None
        names.update(each.value.name.value for each in directive.arguments if isinstance(each.value, VariableNode))
    return tuple(sorted(names))


def _directives(waiting: list[SelectionSetNode]) -> Iterator[Any]:
    while waiting:
        for selection in waiting.pop().selections:
            yield from selection.directives or ()
            below = getattr(selection, "selection_set", None)
            if below:
                waiting.append(below)
