"""Asks a question of graphql-core and of plans, and expects one answer: what it was, and how the plans came to it.

`comparing.py` does the same for random schemas; here each question is written by hand, so the answer can be too.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import strawberry
from graphql import ExecutionResult, GraphQLError, GraphQLField, GraphQLObjectType, execute, parse, validate
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution import CompiledExecutor, Host, Related, compiled_executor
from gateway.execution.cache import Plans
from gateway.execution.plans import Segment, Slot
from tests.gateway.execution.comparing import differ

# A field may be answered in each of these ways; the first is a root field, the others stand in an object.
WAYS = ("root", "plain", "called", "awaited", "looked_up")
# What a failing field leaves to be settled behind its back is settled within so many turns of the loop.
TURNS_MAX = 20


class _Gone:
    def __repr__(self) -> str:
        return "GONE"


GONE = _Gone()


@dataclass
class Answer:
    """What was answered both ways.

    plans: how many parts of the document had one. left: the fields inside them that no plan was made for.
    handed_back: the values, by field and reason, that the plans gave back.
    """

    data: Any
    errors: list[GraphQLError]
    plans: int = 0
    left: set[str] = field(default_factory=set)
    handed_back: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_by_plans_alone(self) -> bool:
        return bool(self.plans) and not self.left and not self.handed_back

    @property
    def told(self) -> list[tuple[str, list[str | int] | None]]:
        """Errors as message and path, in the order of their paths."""
        return sorted(((each.message, each.path) for each in self.errors), key=lambda each: str(each[1]))


def declared(resolver: Any, **metadata: Any) -> Any:
    return strawberry.field(resolver=resolver, metadata=metadata)


def said(known: GraphQLField) -> dict[str, Any]:
    definition = (known.extensions or {}).get("strawberry-definition")
    return (definition.metadata if definition else None) or {}


def _answer(known: GraphQLField) -> Related | None:
    return Related(said(known)["batch"], said(known)["key"]) if "batch" in said(known) else None


def _classes(type_: GraphQLObjectType) -> tuple[type, ...] | None:
    definition = (type_.extensions or {}).get("strawberry-definition")
    return getattr(definition.origin, "domain_classes", None) if definition else None


def a_host(handed_back: list[tuple[str, str]]) -> Host:
    """Fields declared with a `batch` and a `key` are related; batches are functions of the context and the keys."""
    return Host(
        answer=_answer,
        ask=lambda context, batch, keys: batch(context, keys),
        classes=_classes,
        handed_back=lambda name, reason: handed_back.append((name, reason)),
    )


async def both_ways(
    schema: Any,
    text: str,
    given: Callable[[], Any] = lambda: None,
    *,
    variables: dict[str, Any] | None = None,
    is_valid: bool = True,
    **options: Any,
) -> Answer:
    """The answer of graphql-core, having made sure that it is the answer of plans as well. Raises Difference.

    given: makes the context, anew for each execution, for what is in it may be used up.
    """
    graphql, document = getattr(schema, "_schema", schema), parse(text)
    assert bool(validate(graphql, document)) is not is_valid
    handed_back: list[tuple[str, str]] = []
    plans: list[Plans | None] = []
    executor = _watched(compiled_executor(a_host(handed_back)), plans)
    options["variable_values"] = variables

    expected = await executed(graphql, document, StrawberryGraphQLCoreExecutionContext, given(), options)
    for _ in ("noted", "compiled", "found"):
        handed_back.clear()
        same(expected, await executed(graphql, document, executor, given(), options))

    made = [each for each in plans[-1]._made.values() if each] if plans and plans[-1] else []
    left = {name for each in made for name in _left(each)}
    return Answer(expected.data, expected.errors or [], len(made), left, handed_back)


async def executed(
    schema: Any, document: Any, executor: type, context: Any, options: dict[str, Any]
) -> ExecutionResult:
    """One execution, after which nothing of it is running."""
    before = asyncio.all_tasks()
    options = {"is_awaitable": optimized_is_awaitable, **options}
    result = execute(schema, document, context_value=context, executor_class=executor, **options)
    result = await result if optimized_is_awaitable(result) else result
    for _ in range(TURNS_MAX):
        if asyncio.all_tasks() <= before:
            break
        await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before, "something is still running"
    return result


def same(expected: ExecutionResult, found: ExecutionResult) -> None:
    """Raises Difference; errors of one position must also say the same in their extensions."""
    differ(expected, found)
    of_position = {str(each.path): each.extensions for each in expected.errors or ()}
    for each in found.errors or ():
        assert each.extensions == of_position.get(str(each.path), each.extensions)


def _watched(executor: type[CompiledExecutor], plans: list[Plans | None]) -> type[CompiledExecutor]:
    """Leaves the plans of each execution in `plans`."""

    def execute_operation(self: CompiledExecutor, serially: bool | None = None) -> Any:
        result = executor.execute_operation(self, serially)
        plans.append(self.plans)
        return result

    return type("Watched", (executor,), {"execute_operation": execute_operation})


def _left(segment: Segment) -> Iterator[str]:
    for outlet in segment.outlets:
        if isinstance(outlet, Slot):
            if outlet.segment is None:
                yield outlet.name
            else:
                yield from _left(outlet.segment)


# ── One value, answered in every way ──


async def _found(value: Any, keys: list[int]) -> dict[int, Any]:
    return dict.fromkeys(keys, value)


def answering(type_: Any, types: Iterable[type] = (), **options: Any) -> strawberry.Schema:
    """A schema whose every field is of this type, and is answered with the context."""

    def called(info: strawberry.Info) -> Any:
        return info.context

    async def awaited(info: strawberry.Info) -> Any:
        return info.context

    def holder(info: strawberry.Info) -> Any:
        return SimpleNamespace(key=1, plain=info.context)

    ways = {
        "called": declared(called),
        "awaited": declared(awaited),
        "looked_up": declared(awaited, batch=_found, key="key"),
    }
    annotations = dict.fromkeys(["plain", *ways], type_)
    holding = strawberry.type(type("Holder", (), {"__annotations__": annotations, **ways}))
    roots = {"root": declared(called), "holder": declared(holder)}
    asking = type("Query", (), {"__annotations__": {"root": type_, "holder": holding | None}, **roots})
    return strawberry.Schema(strawberry.type(asking), types=types, **options)


async def answered(
    schema: strawberry.Schema, way: str, below: str, given: Callable[[], Any], fragments: str = ""
) -> Answer:
    """What a field answered in this way says of `below`; its errors' paths begin below it.

    The data is the field's value, or GONE where an error in it took its parent along.
    """
    text = f"{{ root {below} }}" if way == "root" else f"{{ holder {{ {_in_camel_case(way)} {below} }} }}"
    answer = await both_ways(schema, f"{text} {fragments}", given)
    at = answer.data if way == "root" else answer.data["holder"]
    for each in answer.errors:
        del each.path[: 1 if way == "root" else 2]
    answer.data = next(iter(at.values())) if at else GONE
    return answer


def _in_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
