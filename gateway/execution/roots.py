"""The fields of an operation itself: their resolvers are called each time; what is the same each time is kept."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    OperationType,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel

from gateway.execution.arguments import Arguments, arguments_of
from gateway.execution.plans import Details, Segment
from gateway.execution.resolvers import resolver_of

if TYPE_CHECKING:
    from gateway.execution.cache import Plans
    from gateway.execution.executor import CompiledExecutor


@dataclass(frozen=True, slots=True)
class Root:
    """A field of the operation itself.

    plan: completes its value where that is not null; None where graphql-core is to look first.
    """

    key: str
    parent: GraphQLObjectType
    field: GraphQLField
    details: Details
    nodes: list[FieldNode]
    path: Path
    resolve: Callable[..., Any]
    arguments: Arguments
    plan: Segment | None


class Execution:
    """One execution of an operation by its plans: its own fields, as graphql-core executes them.

    graphql-core's executor takes longer to make than all else of a small answer, so it is made, like `pattern`, when
    something needs it: an error to be told, a value a plan gives back, a resolver that asks for more than the context.
    """

    __slots__ = ("_executor", "_pattern", "context_value", "plans", "root_value", "variable_values")

    def __init__(
        self,
        pattern: "CompiledExecutor",
        plans: "Plans",
        variable_values: VariableValues,
        context_value: Any,
        root_value: Any,
        executor: "CompiledExecutor | None" = None,
    ) -> None:
        self.plans = plans
        self.variable_values = variable_values
        self.context_value = context_value
        self.root_value = root_value
        self._pattern = pattern
        self._executor = executor

    @property
    def executor(self) -> "CompiledExecutor":
        if self._executor is None:
            self._executor = self._pattern.again(self.variable_values, self.context_value, self.root_value)
            self._executor.plans = self.plans
        return self._executor

    def run(self) -> Any:
        """The answer, or an awaitable of it."""
        is_awaitable = self._pattern.is_awaitable
        data: dict[str, Any] = {}
        waiting = []
        try:
            for root in self.plans.roots:
                data[root.key] = answered = self._answered(root)
                if is_awaitable(answered):
                    waiting.append(root.key)
        except GraphQLError as error:
            # The others may fail as well, and are to be waited for.
            if waiting:
                self.executor.settle_in_background([data[key] for key in waiting])
            return self._failed(error)
        return self._awaited(data, waiting) if waiting else self._response(data)

    async def _awaited(self, data: dict[str, Any], waiting: list[str]) -> ExecutionResult:
        try:
            if len(waiting) == 1:
                data[waiting[0]] = await data[waiting[0]]
            else:
                found = await gather_with_cancel(*[data[key] for key in waiting])
                data.update(zip(waiting, found, strict=True))
        except GraphQLError as error:
            return self._failed(error)
        return self._response(data)

    def _failed(self, error: GraphQLError) -> ExecutionResult:
        self.executor.collected_errors.add(error, None)
        return self._response(None)

    def _response(self, data: dict[str, Any] | None) -> ExecutionResult:
        """What build_response says where nothing is still to come and nobody waits to be told of the end."""
        return ExecutionResult(data, (self._executor and self._executor.collected_errors.errors) or None)

    def _answered(self, root: Root) -> Any:
        is_awaitable = self._pattern.is_awaitable
        info = _Info(self, root)
        try:
            result = root.resolve(self.root_value, info, **root.arguments.values(self.variable_values))
            if is_awaitable(result):
                return self._completed_later(root, info, result)
            completed = self._completed(root, info, result)
        except Exception as error:  # noqa: BLE001  (whatever it is, the field tells it)
            return self._null(root, error)
        return self._caught(root, completed) if is_awaitable(completed) else completed

    async def _completed_later(self, root: Root, info: "_Info", result: Awaitable[Any]) -> Any:
        try:
            completed = self._completed(root, info, await result)
            return await completed if self._pattern.is_awaitable(completed) else completed
        except Exception as error:  # noqa: BLE001  (see above)
            return self._null(root, error)

    async def _caught(self, root: Root, completed: Awaitable[Any]) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001  (see above)
            return self._null(root, error)

    def _null(self, root: Root, error: Exception) -> None:
        """Raises where the field may not be null."""
        self.executor.handle_field_error(error, root.field.type, root.details, root.path)

    def _completed(self, root: Root, info: Any, result: Any) -> Any:
        plan = root.plan
        if plan is None or result is None:
            return self.executor.complete_value(root.field.type, root.details, info, root.path, result, None)
        if plan.is_pure:
            try:
                return plan.complete(result, ())
            except Exception as error:  # noqa: BLE001  (whatever it is, graphql-core meets it again and says so)
                return self.executor.give_back(error, root.field.type, root.details, info, root.path, result)
        return self.executor.by_plan(plan, root.field.type, root.details, info, root.path, result)


class _Info:
    """What graphql-core tells a resolver; nearly all ask for the context alone, so the rest is made for who asks."""

    __slots__ = ("_execution", "_root", "_told", "context")

    def __init__(self, execution: Execution, root: Root) -> None:
        self._execution = execution
        self._root = root
        self.context = execution.context_value

    def __getattr__(self, name: str) -> Any:
        if name == "_told":  # Its slot is still empty.
            root = self._root
            executor = self._execution.executor
            self._told = executor.build_resolve_info(root.field, root.nodes, root.parent, root.path)
            return self._told
        return getattr(self._told, name)


def roots_of(executor: "CompiledExecutor", plans: "Plans") -> tuple[Root, ...]:
    """The root fields of an operation, for the values its @skip and @include have now.

    None of them where graphql-core is to execute them, one after another: several of a mutation.
    """
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
    if executor.operation.operation is OperationType.MUTATION and len(collected.grouped_field_set) > 1:
        return ()
    return tuple(_root(executor, plans, parent, key, details) for key, details in collected.grouped_field_set.items())


def _root(executor: "CompiledExecutor", plans: "Plans", parent: GraphQLObjectType, key: str, details: Details) -> Root:
    nodes = [each.node for each in details]
    field = executor.schema.get_field(parent, nodes[0].name.value)
    assert field, "A valid document asks for fields there are."
    path = Path(None, key, parent.name)
    type_: Any = get_nullable_type(field.type)
    plan = None if is_leaf_type(type_) else plans.plan(executor, type_, details)
    arguments = arguments_of(field, nodes[0], hides_suggestions=executor.hide_suggestions)
    return Root(key, parent, field, details, nodes, path, resolver_of(executor, field), arguments, plan)
