"""One operation of a document that was found valid, executed again and again without being read again.

What is to be decided for each request (who may ask, how much, how it is counted and how errors are shown) stays with
the host: it keeps what `prepare` made, decides, and executes.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    create_source_event_stream,
    is_list_type,
    is_non_null_type,
)
from graphql.execution import Executor
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.executor import default_field_resolver, default_type_resolver
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values
from strawberry.execution import optimized_is_awaitable

from gateway.execution.cache import OperationPlans
from gateway.execution.executor import CompiledExecutor
from gateway.execution.leaves import INT_MAX, INT_MIN
from gateway.execution.roots import Execution

# As many faults in variables as graphql-core tells at once.
VARIABLE_ERRORS_MAX = 50

IsCoerced = Callable[[Any], bool]


@dataclass(slots=True)
class Prepared:
    """One operation of a valid document, ready to be executed with any variables; its plans live as long as it does.

    executor_class: a compiled one, or graphql-core's own.
    """

    schema: GraphQLSchema
    document: DocumentNode
    operation: OperationDefinitionNode
    executor_class: type[Executor[Any]]
    hide_suggestions: bool = False
    _fragments: dict[str, FragmentDefinitionNode] = field(init=False)
    _details: dict[str, FragmentDetails] = field(init=False)
    _variables: list[tuple[GraphQLVariableSignature, IsCoerced | None]] | None = field(init=False)
    _plans: OperationPlans = field(init=False)
    _pattern: CompiledExecutor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        definitions = [each for each in self.document.definitions if isinstance(each, FragmentDefinitionNode)]
        self._fragments = {each.name.value: each for each in definitions}
        self._details = {each.name.value: FragmentDetails(each) for each in definitions}
        self._variables = _signatures(self.schema, self.operation)
        self._plans = OperationPlans(self.operation, self._fragments)
        if issubclass(self.executor_class, CompiledExecutor):
            self._pattern = self._executor(VariableValues({}, {}), None, None)

    @property
    def name(self) -> str | None:
        return self.operation.name.value if self.operation.name else None

    def execute(
        self, variables: Mapping[str, Any] | None, context: Any, root: Any = None
    ) -> ExecutionResult | Awaitable[ExecutionResult]:
        """Execute a query or a mutation, or one event of a subscription, as graphql-core's `execute` would."""
        values = self.values(variables or {})
        if isinstance(values, list):
            return ExecutionResult(None, values)
        result: Any = self._executed(values, context, root)
        return result  # type: ignore[no-any-return]  # Nothing of it is incremental: it has no @defer.

    def _executed(self, values: VariableValues, context: Any, root: Any) -> Any:
        pattern = self._pattern
        if pattern is None:
            return self._executor(values, context, root).execute_operation()
        plans = self._plans.plans(pattern, values, context)
        if plans and plans.roots:
            return Execution(pattern, plans, values, context, root).run()
        return pattern.again(values, context, root).execute_by_reference(plans)

    async def subscribe(
        self, variables: Mapping[str, Any] | None, context: Any, root: Any = None
    ) -> AsyncIterable[Any] | ExecutionResult:
        """The events of a subscription, each to be executed as `root`; else the errors why there are none."""
        values = self.values(variables or {})
        if isinstance(values, list):
            return ExecutionResult(None, values)
        source = create_source_event_stream(self._executor(values, context, root))
        return await source if isinstance(source, Awaitable) else source

    def _executor(self, values: VariableValues, context: Any, root: Any) -> Any:
        return self.executor_class(
            self.schema,
            self._fragments,
            self._details,
            root,
            context,
            self.operation,
            values,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # A TypeGuard but in name.
            hide_suggestions=self.hide_suggestions,
        )

    def values(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The variables; those that need no coercing are taken as they are."""
        if self._variables is None:
            return self._coerced(given)
        sources, coerced = {}, {}
        for signature, is_coerced in self._variables:
            name = signature.name
            if is_coerced is None or name not in given or not is_coerced(given[name]):
                return self._coerced(given)
            coerced[name] = value = given[name]
            sources[name] = VariableValueSource(signature, value)
        return VariableValues(sources, coerced)

    def _coerced(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        definitions = self.operation.variable_definitions or ()
        return get_variable_values(self.schema, definitions, dict(given), max_errors=VARIABLE_ERRORS_MAX)


def _signatures(
    schema: GraphQLSchema, operation: OperationDefinitionNode
) -> list[tuple[GraphQLVariableSignature, IsCoerced | None]] | None:
    """Each variable, and what says that a value of it is coerced already; None where graphql-core is to look."""
    found: list[tuple[GraphQLVariableSignature, IsCoerced | None]] = []
    for definition in operation.variable_definitions or ():
        signature = get_variable_signature(schema, definition)
        if isinstance(signature, GraphQLError):
            return None
        found.append((signature, _is_coerced(signature.type)))
    return found


def _is_coerced(type_: Any) -> IsCoerced | None:
    """Says of a JSON value that coercing would leave it as it is; None where that takes more than a look."""
    if is_non_null_type(type_):
        return _of_value(type_.of_type)
    of_value = _of_value(type_)
    return of_value and (lambda value: value is None or of_value(value))


def _of_value(type_: Any) -> IsCoerced | None:
    if type_ is GraphQLString or type_ is GraphQLID:
        return lambda value: type(value) is str
    if type_ is GraphQLBoolean:
        return lambda value: type(value) is bool
    if type_ is GraphQLInt:
        return lambda value: type(value) is int and INT_MIN <= value <= INT_MAX
    if is_list_type(type_) and (of_item := _is_coerced(type_.of_type)):
        return lambda value: type(value) is list and all(map(of_item, value))
    return None
