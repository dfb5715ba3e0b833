"""The schema as it is served: one way for every operation, whatever it came by.

A document is read, checked and made ready once, and kept; what is decided for each request (whether this caller may ask
this much, and this at all) is decided before anything runs. No fault shows its inside.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import orjson
import strawberry
import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
)
from graphql.execution import Executor
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from domain.access import Scope, Viewer
from domain.errors import Forbidden, Refused
from domain.events import cursor_of
from gateway import admission
from gateway.admission import Sizing, too_big
from gateway.execution import Host, Prepared, Read, Related, Worked, compiled_executor
from gateway.settings import Settings
from gateway.telemetry import Telemetry
from resolvers.context import Context, Facts, NotedContext
from resolvers.sharing import Same, Shared
from schema.scalars import SCALARS
from schema.shapes import NullWithout

log = structlog.get_logger(__name__)

# Documents kept ready. At its largest one takes about a megabyte with its plans, so their length counts as well:
# together they stay below some 100 MB.
OPERATIONS_MAX = 500
OPERATIONS_CHARACTERS_MAX = 500_000

# No database keeps a NUL in a text; in a document it may hide behind an escape.
_NUL = re.compile(r"\x00|\\u0000|\\u\{0+\}")

BAD_REQUEST = "BAD_REQUEST"
FORBIDDEN = "FORBIDDEN"
INTERNAL = "INTERNAL"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"

# Tuples, for a member of an enumeration is found in one sooner than its hash is worked out.
READING = (OperationType.QUERY,)
ANSWERED_ONCE = (OperationType.QUERY, OperationType.MUTATION)
FOLLOWED_BY_GET = (OperationType.QUERY, OperationType.SUBSCRIPTION)
ALL = tuple(OperationType)
Kinds = tuple[OperationType, ...]


@dataclass(frozen=True, slots=True)
class Roots:
    """What a schema is built of. types: those that no field names, such as the kinds of user errors."""

    query: type
    mutation: type | None = None
    subscription: type | None = None
    types: Iterable[type] = ()


class Asked(NamedTuple):
    """A well-formed request, whatever its document says.

    is_trusted: the document is one of ours, so it may be as big as for a caller we know.
    """

    text: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    is_trusted: bool = False


class Answer(NamedTuple):
    """What became of an operation; errors as callers may see them.

    was_executed: else nothing ran, there is no data to speak of, and the errors say why.
    """

    data: Any
    errors: list[GraphQLError] | None = None
    was_executed: bool = True

    @property
    def codes(self) -> set[Any]:
        return {(error.extensions or {}).get("code") for error in self.errors or ()}

    def encoded(self) -> bytes:
        body: dict[str, Any] = {"data": self.data} if self.was_executed else {}
        if self.errors:
            body["errors"] = [error.formatted for error in self.errors]
        return orjson.dumps(body)


@dataclass(frozen=True, slots=True)
class Operation:
    """A valid operation, and what of it is the same for every caller.

    counted_as: its kind and name in the figures. needs: root fields, with the scopes they need.
    """

    prepared: Prepared
    kind: OperationType
    name: str | None
    counted_as: tuple[str, str | None]
    sizing: Sizing
    needs: tuple[tuple[str, Scope], ...]
    asks_event_cursor: bool


class ServedSchema:
    """A schema whose answers are fit to be shown to anyone."""

    def __init__(
        self, schema: strawberry.Schema, executor: type[Executor[Any]], settings: Settings, telemetry: Telemetry
    ) -> None:
        self.strawberry = schema
        self.graphql = schema._schema  # noqa: SLF001  (strawberry shows it nowhere else)
        self.executor = executor
        self._settings = settings
        self._telemetry = telemetry
        self._needs = _needs(schema)
        self._kept: OrderedDict[tuple[str, str | None], Operation | Faults] = OrderedDict()
        self._characters = 0
        self.shared = Shared()

    def as_str(self) -> str:
        return self.strawberry.as_str()

    # ── Answering ──

    async def execute(self, asked: Asked, context: Context, kinds: Kinds = ANSWERED_ONCE) -> Answer:
        """Answer a query or a mutation."""
        began = perf_counter()
        operation = self._admitted(asked, context.viewer, kinds)
        if isinstance(operation, Refusal):
            return operation.counted(self._telemetry)
        answer = await self._executed(operation, asked.variables, context)
        self._count(operation, answer, perf_counter() - began)
        return answer

    def is_subscription(self, asked: Asked) -> bool:
        """Whether it is a subscription, and may be one for all we know of it."""
        try:
            return self._known(asked).kind is OperationType.SUBSCRIPTION
        except InvalidDocument:
            return False

    async def follow(self, asked: Asked, context: Context, kinds: Kinds = ALL) -> Answer | AsyncGenerator[bytes, None]:
        """The answers of an operation, encoded, as they come: many of a subscription, one of any other.

        A single Answer where nothing ran.
        """
        operation = self._admitted(asked, context.viewer, kinds)
        if isinstance(operation, Refusal):
            return operation.counted(self._telemetry)
        if operation.kind is not OperationType.SUBSCRIPTION:
            began = perf_counter()
            answer = await self._executed(operation, asked.variables, context)
            self._count(operation, answer, perf_counter() - began)
            return alone(answer) if answer.was_executed else answer
        try:
            source = await operation.prepared.subscribe(asked.variables, context)
        except Exception as error:  # noqa: BLE001  (nothing that goes wrong is shown as it is)
            source = ExecutionResult(None, [_caused_by(error)])
        errors = [told(each) for each in source.errors or ()] if isinstance(source, ExecutionResult) else None
        self._count(operation, Answer(None, errors, was_executed=errors is None))
        if isinstance(source, ExecutionResult):
            return Answer(None, errors, was_executed=False)
        return self._followed(operation, asked.variables, context, source)

    async def _executed(self, operation: Operation, variables: Mapping[str, Any] | None, context: Context) -> Answer:
        try:
            if operation.asks_event_cursor:
                context.event_cursor = cursor_of(await context.world.reads.log.end())
            result = operation.prepared.execute(variables, context)
            return _answer(await result if isinstance(result, Awaitable) else result)
        except Exception as error:  # noqa: BLE001  (nothing that goes wrong is shown as it is)
            return Answer(None, [told(_caused_by(error))])
        finally:
            context.forget()  # It knows the context: together they would wait for the collector.

    # ── Following ──

    async def _followed(
        self, operation: Operation, variables: Mapping[str, Any] | None, context: Context, source: AsyncIterable[Any]
    ) -> AsyncGenerator[bytes, None]:
        """Each event executed and encoded once for all who ask the same of it and of whom it makes no difference."""
        asked = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
        with self._telemetry.subscriptions.track_inprogress():
            try:
                async with aclosing(source) as events:  # type: ignore[type-var]  # What resolvers give are generators.
                    async for event in events:
                        yield await self._shown(operation, variables, asked, context, event)
            except Exception as error:  # noqa: BLE001  (see above)
                yield Answer(None, [told(_caused_by(error))], was_executed=False).encoded()

    async def _shown(
        self, operation: Operation, variables: Mapping[str, Any] | None, asked: bytes, context: Context, event: Any
    ) -> bytes:
        async def work() -> "Shown":
            noted = NotedContext.of(context)
            try:
                result = operation.prepared.execute(variables, noted, event)
                answer = _answer(await result if isinstance(result, Awaitable) else result)
            except Exception as error:  # noqa: BLE001  (see above)
                answer = Answer(None, [told(_caused_by(error))])
            noted.forget()
            return Shown(answer.encoded(), noted.facts_read())

        key = (Same(operation), asked, Same(event), context.scopes)
        shown = await self.shared.get(key, work)
        if not shown.is_for(context):
            shown = await self.shared.get((key, context.facts(shown.facts)), work)
        return shown.body if shown.is_for(context) else (await work()).body

    # ── Admitting ──

    def _admitted(self, asked: Asked, viewer: Viewer, kinds: Kinds) -> "Operation | Refusal":
        """The operation, where it may run for this caller; else why not."""
        try:
            operation = self._known(asked)
        except InvalidDocument as invalid:
            return Refusal(None, None, invalid.errors)
        errors = self._refusals(operation, asked, viewer, kinds)
        return Refusal(operation.kind, operation.name, errors) if errors else operation

    def _refusals(self, operation: Operation, asked: Asked, viewer: Viewer, kinds: Kinds) -> list[GraphQLError]:
        if operation.kind not in kinds:
            return [_misplaced(operation.kind)]
        is_known = viewer.subject is not None or asked.is_trusted
        bounds = self._settings.bounds if is_known else self._settings.anonymous_bounds
        return too_big(bounds, operation.sizing.measures(asked.variables or {})) or [
            _forbidden(Forbidden(name, scope.value)) for name, scope in operation.needs if not viewer.has(scope)
        ]

    def _known(self, asked: Asked) -> Operation:
        """The operation asked for, read where it is not known. Raises InvalidDocument."""
        key = (asked.text, asked.operation_name)
        if key in self._kept:
            self._kept.move_to_end(key)
        else:
            self._telemetry.documents.inc()
            # What is wrong is kept as well: finding it out once more would cost as much again.
            self._keep(key, self._read(asked))
        known = self._kept[key]
        if isinstance(known, Faults):
            raise InvalidDocument(known.errors)
        return known

    def _read(self, asked: Asked) -> "Operation | Faults":
        if _NUL.search(asked.text):
            return Faults([told(GraphQLError("A text in the document has a NUL character in it."))])
        try:
            document = admission.read(asked.text, self._settings.bounds)
            errors = admission.ill_formed(document) or admission.faults(
                self.graphql, document, shows_schema=self._settings.introspection
            )
        except GraphQLError as error:
            errors = [error]
        if errors:
            return Faults([told(each) for each in errors])
        node = get_operation_ast(document, asked.operation_name)
        if node is None:
            return Faults([_no_operation(asked.operation_name)])
        return self._operation(document, node)

    def _operation(self, document: DocumentNode, node: OperationDefinitionNode) -> Operation:
        hides = not self._settings.introspection
        prepared = Prepared(self.graphql, document, node, self.executor, hide_suggestions=hides)
        sizing = Sizing(self.graphql, document, node)
        needed = {name: self._needs.get((node.operation, name)) for name in sizing.root_fields}
        return Operation(
            prepared,
            node.operation,
            prepared.name,
            (node.operation.value, prepared.name),
            sizing,
            tuple((name, scope) for name, scope in needed.items() if scope),
            "eventCursor" in sizing.root_fields,
        )

    def _keep(self, key: tuple[str, str | None], found: "Operation | Faults") -> None:
        self._kept[key] = found
        self._characters += len(key[0])
        while len(self._kept) > OPERATIONS_MAX or self._characters > OPERATIONS_CHARACTERS_MAX:
            (text, _), _ = self._kept.popitem(last=False)
            self._characters -= len(text)

    def _count(self, operation: Operation, answer: Answer, seconds: float | None = None) -> None:
        outcome = "ok" if not answer.errors else "fault" if INTERNAL in answer.codes else "refused"
        self._telemetry.operation(*operation.counted_as, outcome, seconds)


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a document, as callers may see it."""

    errors: list[GraphQLError]


class InvalidDocument(Exception):  # noqa: N818  (it says what was sent)
    """A document that cannot be executed, with the errors that say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(*errors)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing ran; kind and name where the operation is known."""

    kind: OperationType | None
    name: str | None
    errors: list[GraphQLError]

    def counted(self, telemetry: Telemetry) -> Answer:
        telemetry.operation(self.kind.value if self.kind else "none", self.name, "refused")
        return Answer(None, self.errors, was_executed=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One event's answer, and the facts of the caller that it depends on."""

    body: bytes
    facts: Facts

    def is_for(self, context: Context) -> bool:
        return not self.facts or context.facts(self.facts) == self.facts


def build_schema(roots: Roots, settings: Settings, telemetry: Telemetry | None = None) -> ServedSchema:
    telemetry = telemetry or Telemetry()
    schema = strawberry.Schema(
        roots.query,
        roots.mutation,
        roots.subscription,
        types=roots.types,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    executor = compiled_executor(house(telemetry)) if settings.compiled else StrawberryGraphQLCoreExecutionContext
    return ServedSchema(schema, executor, settings, telemetry)


def _needs(schema: strawberry.Schema) -> dict[tuple[OperationType, str], Scope]:
    """The scopes that root fields need."""
    return {
        (kind, schema.config.name_converter.get_graphql_name(field)): scope
        for kind in OperationType
        if (root := getattr(schema, kind.value))
        for field in root.__strawberry_definition__.fields
        if (scope := field.metadata.get("needs"))
    }


def house(telemetry: Telemetry) -> Host:
    """What plans are told of our fields: schema/shapes.py left it in their metadata."""

    def answer(field: GraphQLField) -> Read | Related | Worked | None:
        metadata: Mapping[Any, Any] = _declared(field).metadata or {}
        if "batch" in metadata:
            return Related(metadata["batch"], metadata["key"])
        if "work" in metadata:
            return Worked(metadata["work"])
        return Read(metadata["read"]) if "read" in metadata else None

    def opens(field: GraphQLField, scopes: frozenset[Scope]) -> bool:
        return all(each.scope in scopes for each in _declared(field).extensions if isinstance(each, NullWithout))

    def rights(context: Context) -> frozenset[Scope]:
        return context.scopes

    return Host(
        answer=answer,
        ask=Context.look_up,
        rights=rights,
        opens=opens,
        classes=_domain_classes,
        planned=telemetry.planned,
        handed_back=telemetry.hand_back,
    )


def _declared(field: GraphQLField) -> StrawberryField:
    declared: StrawberryField = field.extensions["strawberry-definition"]
    return declared


def _domain_classes(type_: GraphQLObjectType) -> tuple[type, ...] | None:
    return getattr(type_.extensions["strawberry-definition"].origin, "domain_classes", None)


async def alone(answer: Answer) -> AsyncGenerator[bytes, None]:
    """One answer, as a stream of it."""
    yield answer.encoded()


def _answer(result: ExecutionResult) -> Answer:
    if not result.errors:
        return Answer(result.data)
    # An error of a field has a path; where none has one, variables were wrong and nothing was executed.
    was_executed = result.data is not None or not all(error.path is None for error in result.errors)
    return Answer(result.data, [told(error) for error in result.errors], was_executed)


def _caused_by(error: Exception) -> GraphQLError:
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)


def _no_operation(name: str | None) -> GraphQLError:
    sentence = f"The document has no operation {name}." if name else "Say in operationName which operation is meant."
    return told(GraphQLError(sentence))


def told(error: GraphQLError) -> GraphQLError:
    """An error as a caller may see it: with a code, and a fault only by the id it is logged under."""
    cause = error.original_error
    if isinstance(cause, Refused):
        first = cause.problems[0]
        return _coded(error, str(cause), first.code.value, path=list(first.path))
    if isinstance(cause, Forbidden):
        return _forbidden(cause, error)
    if isinstance(cause, RecursionError) and error.path is None:
        return _coded(error, "The document is nested too deep.", "TOO_BIG_DEPTH")
    if _is_fault(error):
        return _masked(error)
    return error if error.extensions and "code" in error.extensions else _coded(error, error.message)


def _is_fault(error: GraphQLError) -> bool:
    """Whether it is our mistake: GraphQL's own errors, refusals and what a resolver says on purpose are not."""
    cause = error.original_error
    return cause is not None and not isinstance(cause, GraphQLError | Refused | Forbidden)


def _masked(error: GraphQLError) -> GraphQLError:
    fault = secrets.token_hex(6)
    cause = error.original_error
    log.error("fault", fault=fault, path=".".join(map(str, error.path or [])), exc_info=cause)
    return _coded(error, f"Something went wrong on our side. It is logged as {fault}.", INTERNAL, id=fault)


def _misplaced(kind: OperationType) -> GraphQLError:
    if kind is OperationType.SUBSCRIPTION:
        return _coded(GraphQLError(""), "Subscriptions are followed over WebSocket, or as server-sent events.")
    return _coded(GraphQLError(""), "Only queries are answered to GET; send mutations by POST.", METHOD_NOT_ALLOWED)


def _forbidden(cause: Forbidden, error: GraphQLError | None = None) -> GraphQLError:
    extensions = {"field": cause.field, "scope": cause.scope}
    return _coded(error or GraphQLError(str(cause)), str(cause), FORBIDDEN, **extensions)


def _coded(error: GraphQLError, message: str, code: str = BAD_REQUEST, **extensions: Any) -> GraphQLError:
    """The same error in our words, without what caused it."""
    return GraphQLError(
        message, error.nodes, error.source, error.positions, error.path, extensions={"code": code, **extensions}
    )
