"""graphql-core's executor with plans: for documents seen before, most values are completed by compiled functions."""

from collections.abc import Awaitable, Iterator
from typing import Any, ClassVar

from graphql import (
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLUnionType,
)
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution.cache import PlanCache, Plans
from gateway.execution.host import Host
from gateway.execution.oddities import reason_of
from gateway.execution.plans import Details, Segment
from gateway.execution.run import Run

_COMPOSITE = frozenset({GraphQLList, GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType})


class CompiledExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes root fields as ever; their values are completed by plans, where there are any.

    A value that a plan finds odd is completed by graphql-core instead. Below it only plans without slots are used:
    graphql-core completes each item of a list by itself, and a plan for each would ask each batch once an item.
    """

    host: ClassVar[Host]
    cache: ClassVar[PlanCache]

    _plans: Plans | None = None
    _odd_paths: set[Path]

    def execute_operation(self, serially: bool | None = None) -> Any:  # noqa: FBT001  (graphql-core's signature)
        self._odd_paths = set()
        self._plans = self.cache.plans(self) if self._is_ordinary() else None
        return super().execute_operation(serially)

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
        run = Run(self, plan, path)
        try:
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
        self._odd_paths.add(path)
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
