"""graphql-core's executor with plans: for documents seen before, most values are completed by compiled functions."""

from collections.abc import Awaitable, Iterator
from typing import Any, ClassVar, Self

from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLResolveInfoHelpers,
    GraphQLUnionType,
)
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, RefMap
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.cache import PlanCache, Plans
from gateway.execution.host import Host
from gateway.execution.oddities import reason_of
from gateway.execution.plans import Details, Segment
from gateway.execution.roots import Execution
from gateway.execution.run import Run

_COMPOSITE = frozenset({GraphQLList, GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType})


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Values are completed by plans, where there are any.

    A value that a plan finds odd is completed by graphql-core instead. Below it only plans without slots are used:
    graphql-core completes each item of a list by itself, and a plan for each would ask each batch once an item.
    """

    host: ClassVar[Host]
    cache: ClassVar[PlanCache]

    plans: Plans | None = None
    _odd_paths: frozenset[Path] = frozenset()

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        """Made for who asks: one that is kept closes a circle, and all of an execution would wait for the collector."""
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    @async_helpers.setter
    def async_helpers(self, _kept: GraphQLResolveInfoHelpers) -> None:
        pass

    def again(self, variable_values: VariableValues, context_value: Any, root_value: Any) -> Self:
        """Another executor of the same operation, which shares nothing that an execution changes.

        The constructors of four classes would take longer than all that a small answer needs of an executor.
        """
        executor = object.__new__(type(self))
        executor.__dict__ = {
            **self.__dict__,
            "variable_values": variable_values,
            "context_value": context_value,
            "root_value": root_value,
            "collected_errors": CollectedErrors(),
            "pending_incremental_futures": set(),
            "background_futures": set(),
            "groups": [],
            "tasks": [],
            "streams": [],
            "_relevant_sub_fields": {},
            "_stream_usages": RefMap(),
            "_initial_execution_plans": RefMap(),
            "_deferred_execution_plans": RefMap(),
        }
        return executor

    def execute_operation(self, serially: bool | None = None) -> Any:  # noqa: FBT001  (graphql-core's signature)
        known = self.cache.of(self)
        self.plans = known.plans(self, self.variable_values, self.context_value) if self._is_ordinary() else None
        if not self.plans or not self.plans.roots or (serially and len(self.plans.roots) > 1):
            return super().execute_operation(serially)
        return Execution(self, self.plans, self.variable_values, self.context_value, self.root_value, self).run()

    def execute_by_reference(self, plans: Plans | None) -> Any:
        """Execute the operation's own fields as graphql-core does; `plans` complete what is in them."""
        self.plans = plans
        return super().execute_operation()

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: Details,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        if self.plans is None or result is None or type(return_type) not in _COMPOSITE or position_context is not None:
            return super().complete_value(return_type, field_details_list, info, path, result, position_context)
        plan = self.plans.plan(self, return_type, field_details_list)
        if plan is None or not self._may_run(plan, path):
            return super().complete_value(return_type, field_details_list, info, path, result, position_context)
        return self.by_plan(plan, return_type, field_details_list, info, path, result)

    def by_plan(
        self,
        plan: Segment,
        return_type: GraphQLOutputType,
        details: Details,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
    ) -> Any:
        try:
            if plan.is_pure:
                return plan.complete(result, ())
            run = Run(self, plan, path)
            opened = run.begin(result)
        except Exception as error:  # noqa: BLE001  (whatever it is, graphql-core meets it again and says so)
            return self.give_back(error, return_type, details, info, path, result)
        waiting = run.answer(opened) if opened else None
        return _result(run, waiting) if waiting else run.result()

    def give_back(
        self,
        error: Exception,
        return_type: GraphQLOutputType,
        details: Details,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
    ) -> Any:
        """Have graphql-core complete what a plan found odd, and tell the host."""
        self.host.handed_back(f"{info.parent_type.name}.{info.field_name}", reason_of(error))
        return self.complete_by_reference(return_type, details, info, path, result)

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
