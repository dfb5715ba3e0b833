"""The plans of the documents seen before."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLOutputType,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution.values import VariableValues

from gateway.execution.compiler import Planner
from gateway.execution.oddities import Refused
from gateway.execution.plans import Details, Segment
from gateway.execution.roots import roots_of

if TYPE_CHECKING:
    from gateway.execution.executor import CompiledExecutor

# Operations kept, most of them sent by a handful of clients; at its largest the plans of one take about a megabyte.
OPERATIONS_MAX = 500
# For one operation: few sets of rights times few of the values its @skip and @include are sent with.
VARIANTS_MAX = 16

# What became of looking for plans: told to the host, once for each execution.
OUTCOMES = FIRST_SIGHT, MADE, KNOWN, UNPLANNED = "first_sight", "made", "known", "none"


class Plans:
    """The plans of one operation for certain rights and values of @skip and @include; made as they are needed.

    roots: the operation's own fields; none where they are left to graphql-core.
    """

    def __init__(self, executor: "CompiledExecutor", rights: Any) -> None:
        self.rights = rights
        self._made: dict[tuple[int, ...], Segment | None] = {}
        self.roots = roots_of(executor, self)

    def plan(self, executor: "CompiledExecutor", type_: GraphQLOutputType, details: Details) -> Segment | None:
        """What completes values of this type for these nodes; None where graphql-core is to do it."""
        # Nodes and types live as long as the operation and the schema, so their identities are theirs alone.
        key = (id(type_), *[id(each.node) for each in details])
        if key not in self._made:
            self._made[key] = _made(executor, self.rights, type_, details)
        return self._made[key]


class OperationPlans:
    """The plans of one operation, for each set of rights and each way its @skip and @include fall."""

    def __init__(self, node: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self.node = node
        self.fragments = fragments
        self._is_new = True
        self._conditions = _conditions(node, fragments)
        self._variants: OrderedDict[Any, Plans] = OrderedDict()

    def plans(self, executor: "CompiledExecutor", variables: VariableValues, context_value: Any) -> Plans | None:
        """Those for these variables and this context, whatever those of the executor are.

        None at first sight, for most documents are seen once; and for one with directives that are not ours.
        """
        host = executor.host
        if self._is_new or self._conditions is None:
            host.planned(FIRST_SIGHT if self._is_new else UNPLANNED)
            self._is_new = False
            return None
        rights = host.rights(context_value)
        variant = (executor.schema, rights, *[variables.coerced.get(name) for name in self._conditions])
        plans = self._variants.get(variant)
        host.planned(MADE if plans is None else KNOWN)
        if plans is None:
            plans = self._variants[variant] = Plans(executor.again(variables, context_value, None), rights)
            if len(self._variants) > VARIANTS_MAX:
                self._variants.popitem(last=False)
        return plans


class PlanCache:
    """Operations by identity, for documents that are parsed once and kept by somebody else."""

    def __init__(self) -> None:
        self._operations: OrderedDict[int, OperationPlans] = OrderedDict()

    def of(self, executor: "CompiledExecutor") -> OperationPlans:
        node, fragments = executor.operation, executor.fragment_definitions
        known = self._operations.get(id(node))
        if known is None or known.fragments != fragments:
            known = self._operations[id(node)] = OperationPlans(node, fragments)
            if len(self._operations) > OPERATIONS_MAX:
                self._operations.popitem(last=False)
        else:
            self._operations.move_to_end(id(node))
        return known


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
