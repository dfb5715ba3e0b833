"""Runs one operation by graphql-core alone and by plans, and says where the two differ."""

import asyncio
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    execute,
    parse,
    specified_rules,
    subscribe,
    validate,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution import compiled_executor
from tests.gateway.execution.random_schemas import Context, Data, Document, RandomSchema, Selection, a_host

RULES = [each for each in specified_rules if each not in {NoUnusedFragmentsRule, NoUnusedVariablesRule}]


class Difference(AssertionError):  # noqa: N818  (no error of anybody's: two answers that are not alike)
    """What plans answered is not what graphql-core answers."""


class Pair:
    """One schema, executed both ways."""

    def __init__(self, schema: RandomSchema) -> None:
        self.schema = schema
        self.graphql = schema.schema()._schema
        self.handed_back: dict[str, int] = {}
        self.executor = compiled_executor(a_host(self._count))

    def _count(self, _field: str, reason: str) -> None:
        self.handed_back[reason] = self.handed_back.get(reason, 0) + 1

    def valid(self, document: Document) -> DocumentNode | None:
        parsed = parse(str(document))
        return None if validate(self.graphql, parsed, RULES) else parsed

    async def answers(self, parsed: DocumentNode, context: Context, variables: dict[str, Any], executor: type) -> list:
        options = {"context_value": context, "variable_values": variables, "executor_class": executor}
        if parsed.definitions[0].operation.value == "subscription":
            stream = subscribe(self.graphql, parsed, **options)
            if optimized_is_awaitable(stream):
                stream = await stream
            return [each async for each in stream] if hasattr(stream, "__aiter__") else [stream]
        result = execute(self.graphql, parsed, is_awaitable=optimized_is_awaitable, **options)
        return [await result if optimized_is_awaitable(result) else result]

    async def compare(
        self, parsed: DocumentNode, data: Data, variables: dict[str, Any], scopes: frozenset[str]
    ) -> bool:
        """Whether there were errors. Raises Difference."""
        reference, compiled = Context(data, scopes), Context(data, scopes)
        try:
            expected = await self.answers(parsed, reference, variables, StrawberryGraphQLCoreExecutionContext)
        except asyncio.CancelledError:
            # Giving up the siblings of a failed field, graphql-core cancels the loader's future that others wait for
            # as well: the operation breaks off without an answer, so there is nothing to compare with.
            return True
        found = await self.answers(parsed, compiled, variables, self.executor)
        if len(expected) != len(found):
            raise Difference(f"{len(found)} answers instead of {len(expected)}")
        for one, other in zip(expected, found, strict=True):
            differ(one, other)
        if len(set(compiled.called)) != len(compiled.called) and len(expected) == 1:
            raise Difference("a resolver was called twice for one place")
        has_errors = any(each.errors for each in expected)
        if not has_errors and sorted(map(repr, reference.called)) != sorted(map(repr, compiled.called)):
            raise Difference(f"called {compiled.called}\ninstead of {reference.called}")
        return has_errors


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


async def smaller(pair: Pair, document: Document, fails: Any) -> str:
    """The smallest document that still fails: selections are left out as long as it does."""
    shrunk = True
    while shrunk:
        shrunk = False
        for siblings in _siblings(document):
            for each in list(siblings):
                index = siblings.index(each)
                siblings.remove(each)
                if await fails():
                    shrunk = True
                else:
                    siblings.insert(index, each)
    return str(document)


def _siblings(document: Document) -> list[list[Selection]]:
    waiting = [document.selections, *(below for _, below in document.fragments.values())]
    found = []
    while waiting:
        siblings = waiting.pop()
        found.append(siblings)
        waiting.extend(each.below for each in siblings if each.below)
    return found
