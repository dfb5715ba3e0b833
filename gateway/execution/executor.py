"""graphql-core's executor with plans: for documents seen before, most values are completed by compiled functions."""

from collections.abc import Awaitable, Iterator
from typing import Any, ClassVar

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLResolveInfoHelpers,
    GraphQLUnionType,
    OperationType,
)
from graphql.pyutils import Path, gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.cache import OperationPlans, PlanCache, Plans
from gateway.execution.host import Host
from gateway.execution.oddities import reason_of
from gateway.execution.plans import Details, Segment
from gateway.execution.roots import Root
from gateway.execution.run import Run

_COMPOSITE = frozenset({GraphQLList, GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType})


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes root fields as ever; their values are completed by plans, where there are any.

    A value that a plan finds odd is completed by graphql-core instead. Below it only plans without slots are used:
    graphql-core completes each item of a list by itself, and a plan for each would ask each batch once an item.
    """

    host: ClassVar[Host]
    cache: ClassVar[PlanCache]

    # Those of the operation, where whoever executes it keeps them.
    operation_plans: OperationPlans | None = None
    _plans: Plans | None = None
    _odd_paths: frozenset[Path] = frozenset()

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made for who asks: one that is kept closes a circle, and all of an execution would wait for the collector."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _kept: GraphQLResolveInfoHelpers) -> None:
        pass

    def execute_operation(self, serially: bool | None = None) -> Any:  # noqa: FBT001  (graphql-core's signature)
        known = self.operation_plans or self.cache.of(self)
        self._plans = known.plans(self) if self._is_ordinary() else None
        roots = self._plans.roots(self) if self._plans else ()
        one_by_one = self.operation.operation is OperationType.MUTATION if serially is None else serially
        if not roots or (one_by_one and len(roots) > 1):
            return super().execute_operation(serially)
        return self._executed(roots)

    # ── The operation's own fields, as graphql-core executes them ──

    def _executed(self, roots: tuple[Root, ...]) -> Any:
        data: dict[str, Any] = {}
        waiting = []
        try:
            for root in roots:
                data[root.key] = answered = self._root(root)
                if self.is_awaitable(answered):
                    waiting.append(root.key)
        except GraphQLError as error:
            # The others may fail as well, and are to be waited for.
            if waiting:
                self.settle_in_background([data[key] for key in waiting])
            self.collected_errors.add(error, None)
            return self._response(None)
        return self._awaited(data, waiting) if waiting else self._response(data)

    async def _awaited(self, data: dict[str, Any], waiting: list[str]) -> Any:
        try:
            if len(waiting) == 1:
                data[waiting[0]] = await data[waiting[0]]
            else:
                found = await gather_with_cancel(*[data[key] for key in waiting])
                data.update(zip(waiting, found, strict=True))
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            return self._response(None)
        return self._response(data)

    def _response(self, data: dict[str, Any] | None) -> ExecutionResult:
        """What build_response says where nothing is still to come and nobody waits to be told of the end."""
        return ExecutionResult(data, self.collected_errors.errors or None)

    def _root(self, root: Root) -> Any:
        info = self.build_resolve_info(root.field, root.nodes, root.parent, root.path)
        try:
            result = root.resolve(self.root_value, info, **root.arguments(self))
            if self.is_awaitable(result):
                return self.complete_awaitable_value(root.field.type, root.details, info, root.path, result, None)
            completed = self.complete_value(root.field.type, root.details, info, root.path, result, None)
        except Exception as error:  # noqa: BLE001  (whatever it is, the field tells it)
            self.handle_field_error(error, root.field.type, root.details, root.path)
            return None
        return self._completed(root, completed) if self.is_awaitable(completed) else completed

    async def _completed(self, root: Root, completed: Awaitable[Any]) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001  (see above)
            self.handle_field_error(error, root.field.type, root.details, root.path)
            return None

    # ── What is in them ──

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: Details,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if self._plans is None or result is None or type(return_type) not in _COMPOSITE or position_context is not None:
            return super().complete_value(return_type, field_details_list, info, path, result, position_context)
        plan = self._plans.plan(self, return_type, field_details_list)
        if plan is None or not self._may_run(plan, path):
            return super().complete_value(return_type, field_details_list, info, path, result, position_context)
        try:
            if plan.is_pure:
                return plan.complete(result, ())
            run = Run(self, plan, path)
            opened = run.begin(result)
        except Exception as error:  # noqa: BLE001  (whatever it is, graphql-core meets it again and says so)
            self.host.handed_back(f"{info.parent_type.name}.{info.field_name}", reason_of(error))
            return self.complete_by_reference(return_type, field_details_list, info, path, result)
        waiting = run.answer(opened) if opened else None
        return _result(run, waiting) if waiting else run.result()

    def complete_by_reference(
        self, return_type: GraphQLOutputType, details: Details, info: GraphQLResolveInfo[Any], path: Path, result: Any
    ) -> Any:
        """Complete a value as graphql-core does: what it returns and raises is right by definition."""
        self._odd_paths |= {path}
        return super().complete_value(return_type, details, info, path, result, None)

    def _is_ordinary(self) -> bool:
        """Whether nothing watches or changes how fields are executed."""
        return (
            not (self.middleware_manager and self.middleware_manager.middlewares)
            and self.abort_signal is None
            and self.hooks is None
            and self.error_propagation
        )

    def _may_run(self, plan: Segment, path: Path) -> bool:
        odd = self._odd_paths
        return not odd or (path not in odd and (plan.is_pure or odd.isdisjoint(_above(path))))


async def _result(run: Run, waiting: Awaitable[None]) -> Any:
    await waiting
    return run.result()


def _above(path: Path) -> Iterator[Path]:
    at = path.prev
    while at is not None:
        yield at
        at = at.prev


def compiled_executor(host: Host) -> type[CompiledExecutor]:
    """The `execution_context_class` of one schema, with plans of its own."""
    return type("CompiledExecutor", (CompiledExecutor,), {"host": host, "cache": PlanCache()})
