"""Runs one operation by graphql-core alone and by plans, and says where the two differ."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    subscribe,
    validate,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution import Prepared, compiled_executor
from tests.gateway.execution.random_schemas import Context, Data, Document, RandomSchema, a_host

RULES = [each for each in specified_rules if each not in {NoUnusedFragmentsRule, NoUnusedVariablesRule}]


class Difference(AssertionError):  # noqa: N818  (no error of anybody's: two answers that are not alike)
    """What plans answered is not what graphql-core answers."""


@dataclass
class Ready:
    """A valid document, and the same prepared."""

    parsed: DocumentNode
    prepared: Prepared


class Pair:
    """One schema, executed by graphql-core alone, and by plans in both ways that there are to come by them."""

    def __init__(self, schema: RandomSchema) -> None:
        self.schema = schema
        self.graphql = schema.schema()._schema
        self.handed_back: Counter[str] = Counter()
        self.executor = compiled_executor(a_host(lambda _field, reason: self.handed_back.update([reason])))

    def ready(self, document: Document) -> Ready | None:
        parsed = parse(str(document))
        if validate(self.graphql, parsed, RULES):
            return None
        operation = get_operation_ast(parsed)
        assert operation
        return Ready(parsed, Prepared(self.graphql, parsed, operation, self.executor))

    async def compare(self, ready: Ready, data: Data, variables: dict[str, Any], scopes: frozenset[str]) -> bool:
        """Whether there were errors. Raises Difference."""
        reference = Context(data, scopes)
        try:
            core = StrawberryGraphQLCoreExecutionContext
            expected = await self._executed(ready.parsed, reference, variables, core)
        except asyncio.CancelledError:
            # Giving up the siblings of a failed field, graphql-core cancels the loader's future that others wait for
            # as well: the operation breaks off without an answer, so there is nothing to compare with.
            return True
        compiled, prepared = Context(data, scopes), Context(data, scopes)
        _same(expected, reference, await self._executed(ready.parsed, compiled, variables, self.executor), compiled)
        _same(expected, reference, await _by_prepared(ready.prepared, prepared, variables), prepared)
        return any(each.errors for each in expected)

    async def _executed(
        self, parsed: DocumentNode, context: Context, variables: dict[str, Any], executor: type
    ) -> list[Any]:
        options = {"context_value": context, "variable_values": variables, "executor_class": executor}
        if _follows(parsed):
            return await _all(subscribe(self.graphql, parsed, **options))
        result = execute(self.graphql, parsed, is_awaitable=optimized_is_awaitable, **options)
        return [await result if optimized_is_awaitable(result) else result]


async def _by_prepared(prepared: Prepared, context: Context, variables: dict[str, Any]) -> list[Any]:
    async def executed(root: Any = None) -> Any:
        result = prepared.execute(variables, context, root)
        return await result if optimized_is_awaitable(result) else result

    if _follows(prepared.document):
        events = await _all(prepared.subscribe(variables, context))
        return [each if isinstance(each, ExecutionResult) else await executed(each) for each in events]
    return [await executed()]


def _follows(parsed: DocumentNode) -> bool:
    return parsed.definitions[0].operation.value == "subscription"


async def _all(stream: Any) -> list[Any]:
    if optimized_is_awaitable(stream):
        stream = await stream
    return [each async for each in stream] if hasattr(stream, "__aiter__") else [stream]


def _same(expected: list[Any], reference: Context, found: list[Any], context: Context) -> None:
    if len(expected) != len(found):
        raise Difference(f"{len(found)} answers instead of {len(expected)}")
    for one, other in zip(expected, found, strict=True):
        differ(one, other)
    if len(set(context.called)) != len(context.called) and len(expected) == 1:
        raise Difference("a resolver was called twice for one place")
    if any(each.errors for each in expected):
        return
    if sorted(map(repr, reference.called)) != sorted(map(repr, context.called)):
        raise Difference(f"called {context.called}\ninstead of {reference.called}")


def differ(expected: Any, found: Any) -> None:
    """Raises Difference where two results are not the same."""
    if written(expected.data) != written(found.data):
        raise Difference(f"data\n{found.data}\ninstead of\n{expected.data}\nwith {found.errors}\nand {expected.errors}")
    one, other = _by_null(expected), _by_null(found)
    if one.keys() != other.keys():
        raise Difference(f"errors\n{found.errors}\ninstead of\n{expected.errors}")
    for null, errors in one.items():
        # Where an error went up to a parent, it is any of those below it.
        own = {each for each in errors if each[1] == null}
        if own != {each for each in other[null] if each[1] == null}:
            raise Difference(f"errors at {null}\n{other[null]}\ninstead of\n{errors}")


def written(data: Any) -> str:
    return repr(data)  # The order of keys counts, and 1 is not true.


def _by_null(result: Any) -> dict[tuple, set[tuple]]:
    """Errors by the null they left in the data."""
    found: dict[tuple, set[tuple]] = {}
    for error in result.errors or ():
        found.setdefault(_null_of(result.data, error), set()).add(_told(error))
    return found


def _null_of(data: Any, error: GraphQLError) -> tuple:
    path = tuple(error.path or ())
    at = data
    for depth, key in enumerate(path):
        if at is None:
            return path[:depth]
        at = at[key]
    return path


def _told(error: GraphQLError) -> tuple:
    return error.message, tuple(error.path or ()), tuple((each.line, each.column) for each in error.locations or ())
