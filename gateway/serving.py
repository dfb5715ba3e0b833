"""The schema as it is served: what may run is decided before anything does, and no fault shows its inside."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import strawberry
import structlog
from graphql import (
    ASTValidationRule,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    NoSchemaIntrospectionCustomRule,
    get_operation_ast,
)
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.field import StrawberryField
from strawberry.types.graphql import OperationType

from domain.access import Scope
from domain.errors import Forbidden, Refused
from domain.events import cursor_of
from gateway.execution import Host, Read, Related, compiled_executor
from gateway.limits import Measuring, root_fields, too_big
from gateway.settings import Settings
from gateway.telemetry import Stopwatch, Telemetry
from resolvers.context import Context
from schema.scalars import SCALARS
from schema.shapes import NullWithout

T = TypeVar("T")
log = structlog.get_logger(__name__)

DOCUMENTS_CACHED = 200  # Parsed and validated texts kept; at its largest one takes about a megabyte.
BAD_REQUEST = "BAD_REQUEST"
FORBIDDEN = "FORBIDDEN"
INTERNAL = "INTERNAL"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"


@dataclass(frozen=True, slots=True)
class Roots:
    """What a schema is built of. types: those that no field names, such as the kinds of user errors."""

    query: type
    mutation: type | None = None
    subscription: type | None = None
    types: Iterable[type] = ()


def build_schema(roots: Roots, settings: Settings, telemetry: Telemetry | None = None) -> "ServedSchema":
    telemetry = telemetry or Telemetry()
    rules: list[type[ASTValidationRule]] = [] if settings.introspection else [NoSchemaIntrospectionCustomRule]
    return ServedSchema(
        roots.query,
        roots.mutation,
        roots.subscription,
        types=roots.types,
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not settings.introspection),
        execution_context_class=compiled_executor(house(telemetry)) if settings.compiled else None,
        extensions=[
            lambda: Observation(telemetry),
            lambda: MaxTokensLimiter(settings.tokens_max),
            lambda: AddValidationRules(rules),
            lambda: ParserCache(DOCUMENTS_CACHED),
            lambda: ValidationCache(DOCUMENTS_CACHED),
            lambda: Admission(settings),
        ],
    )


def house(telemetry: Telemetry) -> Host:
    """What plans are told of our fields: schema/shapes.py left it in their metadata."""

    def answer(field: GraphQLField) -> Read | Related | None:
        metadata: Mapping[Any, Any] = _declared(field).metadata or {}
        if "batch" in metadata:
            return Related(metadata["batch"], metadata["key"])
        return Read(metadata["read"]) if "read" in metadata else None

    def opens(field: GraphQLField, scopes: frozenset[Scope]) -> bool:
        return all(each.scope in scopes for each in _declared(field).extensions if isinstance(each, NullWithout))

    def rights(context: Context) -> frozenset[Scope]:
        return context.viewer.scopes

    return Host(answer, Context.look_up, rights, opens, _domain_classes, telemetry.hand_back)


def _declared(field: GraphQLField) -> StrawberryField:
    declared: StrawberryField = field.extensions["strawberry-definition"]
    return declared


def _domain_classes(type_: GraphQLObjectType) -> tuple[type, ...] | None:
    return getattr(type_.extensions["strawberry-definition"].origin, "domain_classes", None)


class ServedSchema(strawberry.Schema):
    """A schema whose results are fit to be shown to anyone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.needs: dict[tuple[OperationType, str], Scope] = {
            (kind, self.config.name_converter.get_graphql_name(field)): scope
            for kind in OperationType
            if (root := getattr(self, kind.value))
            for field in root.__strawberry_definition__.fields
            if (scope := field.metadata.get("needs"))
        }

    async def execute(self, *args: Any, **options: Any) -> ExecutionResult:
        try:
            return _shown(await super().execute(*args, **options))
        except (CannotGetOperationTypeError, InvalidOperationTypeError) as error:
            return _shown(PreExecutionError(None, [GraphQLError(str(error), original_error=error)]))

    async def stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        return _all_shown(await super().stream(*args, **options))

    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Left to `told`, which logs a fault under the id that the caller is given."""


async def _all_shown(results: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    async with aclosing(results):
        try:
            async for result in results:
                yield _shown(result)
        except Exception as error:  # noqa: BLE001  (nothing that goes wrong is shown as it is)
            yield _shown(PreExecutionError(None, [GraphQLError(str(error), original_error=error)]))


class Observation(SchemaExtension):
    """Counts and times each operation."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def on_operation(self) -> Iterator[None]:
        watch = Stopwatch()
        try:
            yield
        finally:
            self._count(watch)

    def _count(self, watch: Stopwatch) -> None:
        context = self.execution_context
        try:
            kind = context.operation_type
        except RuntimeError:  # It could not be parsed, or has no such operation.
            self._telemetry.operation("none", None, "refused")
            return
        errors = (context.result.errors if context.result else None) or context.pre_execution_errors or []
        outcome = "ok" if not errors else "fault" if any(map(_is_fault, errors)) else "refused"
        seconds = None if kind is OperationType.SUBSCRIPTION else watch.seconds
        self._telemetry.operation(kind.value, context.operation_name, outcome, seconds)


class Admission(SchemaExtension):
    """Refuses, before anything runs, what is too big and what the caller may not ask."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._roots: list[str] = []

    def on_validate(self) -> Iterator[None]:
        # Validation has left its findings here; a document it found wrong is not measured.
        if not self.execution_context.pre_execution_errors:
            self.execution_context.pre_execution_errors = self._refusals()
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        context: Context = self.execution_context.context
        if "eventCursor" in self._roots:
            context.event_cursor = cursor_of(await context.world.reads.log.end())
        yield

    def _refusals(self) -> list[GraphQLError]:
        asked = self.execution_context
        document, schema = asked.graphql_document, asked.schema
        assert document
        assert isinstance(schema, ServedSchema)
        # Strawberry's own `operation_name` falls back on the first operation; the specification does not.
        operation = get_operation_ast(document, asked._provided_operation_name)  # noqa: SLF001
        if operation is None:
            return [GraphQLError("The document has several operations: say which one in operationName.")]
        self._roots = root_fields(document, operation)
        measures = Measuring(schema._schema, document, asked.variables or {}).operation(operation)  # noqa: SLF001
        return too_big(self._settings, measures, len(self._roots)) or self._forbidden(schema)

    def _forbidden(self, schema: ServedSchema) -> list[GraphQLError]:
        viewer = self.execution_context.context.viewer
        kind = self.execution_context.operation_type
        needed = {name: schema.needs.get((kind, name)) for name in self._roots}
        return [
            _forbidden(Forbidden(name, scope.value))
            for name, scope in needed.items()
            if scope and not viewer.has(scope)
        ]


def _shown(result: T) -> T:
    """A result with its errors as callers may see them."""
    errors: list[GraphQLError] | None = getattr(result, "errors", None)
    if errors:
        errors[:] = map(told, errors)
    return result


def told(error: GraphQLError) -> GraphQLError:
    """An error as a caller may see it: with a code, and a fault only by the id it is logged under."""
    cause = error.original_error
    if isinstance(cause, Refused):
        first = cause.problems[0]
        return _coded(error, str(cause), first.code.value, path=list(first.path))
    if isinstance(cause, Forbidden):
        return _forbidden(cause, error)
    if isinstance(cause, CannotGetOperationTypeError):
        name = cause.operation_name
        return _coded(error, f"The document has no operation {name}." if name else "The document has no operation.")
    if isinstance(cause, InvalidOperationTypeError):
        return _misplaced(error, cause.operation_type)
    if isinstance(cause, RecursionError) and error.path is None:
        return _coded(error, "The document is nested too deep.", "TOO_BIG_DEPTH")
    if _is_fault(error):
        return _masked(error)
    return error if error.extensions and "code" in error.extensions else _coded(error, error.message)


def _is_fault(error: GraphQLError) -> bool:
    """Whether it is our mistake: GraphQL's own errors, refusals and what a resolver says on purpose are not."""
    cause = error.original_error
    asked_wrong = (GraphQLError, Refused, Forbidden, CannotGetOperationTypeError, InvalidOperationTypeError)
    return cause is not None and not isinstance(cause, asked_wrong)


def _masked(error: GraphQLError) -> GraphQLError:
    fault = secrets.token_hex(6)
    cause = error.original_error
    log.error("fault", fault=fault, path=".".join(map(str, error.path or [])), exc_info=cause)
    return _coded(error, f"Something went wrong on our side. It is logged as {fault}.", INTERNAL, id=fault)


def _misplaced(error: GraphQLError, kind: OperationType) -> GraphQLError:
    if kind is OperationType.SUBSCRIPTION:
        return _coded(error, "Subscriptions are answered over WebSocket, with the protocol graphql-transport-ws.")
    return _coded(error, "Only queries are answered to GET; send mutations by POST.", METHOD_NOT_ALLOWED)


def _forbidden(cause: Forbidden, error: GraphQLError | None = None) -> GraphQLError:
    extensions = {"field": cause.field, "scope": cause.scope}
    return _coded(error or GraphQLError(str(cause)), str(cause), FORBIDDEN, **extensions)


def _coded(error: GraphQLError, message: str, code: str = BAD_REQUEST, **extensions: Any) -> GraphQLError:
    """The same error in our words, without what caused it."""
    return GraphQLError(
        message, error.nodes, error.source, error.positions, error.path, extensions={"code": code, **extensions}
    )
