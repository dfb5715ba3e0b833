"""graphql-core's cases of calling resolvers: what they are told, when they are called, and who may watch."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import AbortedGraphQLExecutionError, ExecutionResult, GraphQLResolveInfo, build_schema, execute, parse
from graphql.pyutils import AbortController
from strawberry.execution import optimized_is_awaitable

from gateway.execution import compiled_executor
from tests.gateway.execution.both_ways import TURNS_MAX, a_host, answering, both_ways, declared

PARENT = strawberry.Parent[Any]


# ── What a resolver is told ──

TELLING = """
    type Leaf { name(a: Int): String below: Leaf leaves: [Leaf!]! }
    type Query { leaf: Leaf leaves: [Leaf!]! }
"""
TEXT = """
    query Asked($a: Int = 4, $hidden: Boolean = false) {
      leaves { own: name(a: $a) below { ...F leaves { name } } ...F }
    }
    fragment F on Leaf { name @skip(if: $hidden) }
"""


def a_tree() -> dict[str, Any]:
    leaf = {"leaves": [{}, {}]}
    return {"leaves": [{"below": leaf}, {"below": leaf}]}


def told_of(info: Any) -> dict[str, Any]:
    """All that graphql-core's own information has, so that it can be compared."""
    told = {name: getattr(info, name) for name in GraphQLResolveInfo._fields}
    told["path"] = (info.path.as_list(), info.path.key, info.path.typename)
    told["field_nodes"] = [(each.loc.start, each.name.value) for each in info.field_nodes]
    for each in ("fragments", "async_helpers"):
        told[each] = type(told[each])
    told["is_awaitable"] = told["is_awaitable"](asyncio.sleep)
    return told


async def test_a_resolver_is_told_of_its_field_as_graphql_core_tells_it():
    heard: list[tuple[Any, dict[str, Any]]] = []

    def name_of(_source: Any, info: Any, a: Any = None) -> str:
        heard.append((a, told_of(info)))
        return f"leaf {a}"

    schema = build_schema(TELLING)
    schema.get_type("Leaf").fields["name"].resolve = name_of

    answer = await both_ways(schema, TEXT, lambda: "who asks", root_value=a_tree())

    below = {"name": "leaf None", "leaves": [{"name": "leaf None"}] * 2}
    assert answer.data == {"leaves": [{"own": "leaf 4", "below": below, "name": "leaf None"}] * 2}
    assert answer.is_by_plans_alone
    # Executed four times; plans call in another order.
    calls = [sorted(heard[start : start + 10], key=repr) for start in range(0, 40, 10)]
    assert [repr(each) for each in calls] == [repr(calls[0])] * 4
    own = next(told for given, told in calls[3] if given == 4)
    assert own["path"] == (["leaves", 0, "own"], "own", "Leaf")
    assert (own["field_name"], str(own["return_type"]), own["parent_type"].name) == ("name", "String", "Leaf")
    assert (own["context"], own["root_value"], own["variable_values"]) == (
        "who asks",
        a_tree(),
        {"a": 4, "hidden": False},
    )
    assert own["operation"].name.value == "Asked"


async def test_a_resolver_is_told_its_path_however_late_it_asks():
    paths: list[list[str | int]] = []

    async def name_of(_source: Any, info: Any, a: Any = None) -> str | None:
        for _ in range(a or 0):
            await asyncio.sleep(0)
        paths.append(info.path.as_list())
        return None

    schema = build_schema(TELLING)
    schema.get_type("Leaf").fields["name"].resolve = name_of
    text = "{ leaves { slow: name(a: 3) below { name(a: 2) leaves { quick: name } } } }"

    answer = await both_ways(schema, text, root_value=a_tree())

    once = sorted(paths[: len(paths) // 4], key=str)
    assert ["leaves", 1, "below", "leaves", 0, "quick"] in once
    assert sorted(paths, key=str) == sorted(once * 4, key=str)
    assert answer.is_by_plans_alone


def friend_of(info: strawberry.Info) -> Any:
    told = (info.field_name, info.path.as_list(), str(info.return_type), info.variable_values, info.selected_fields)
    info.context.append(told)
    return None


@strawberry.type
class Person:
    name: str
    friend: "Person | None" = declared(friend_of)


async def test_strawberry_tells_a_resolver_what_is_selected_below_it():
    heard: list[list[Any]] = []

    def given() -> list[Any]:
        heard.append([])
        return heard[-1]

    def people(info: strawberry.Info) -> Any:
        return [SimpleNamespace(name="Ann")]

    query = type("Query", (), {"__annotations__": {"people": list[Person]}, "people": declared(people)})
    text = "query ($x: Boolean = true) { people { name friend { a: name @include(if: $x) } } }"

    answer = await both_ways(strawberry.Schema(strawberry.type(query)), text, given)

    assert answer.is_by_plans_alone
    assert [repr(each) for each in heard] == [repr(heard[0])] * 4
    name, path, *_, fields = heard[0][0]
    assert (name, path) == ("friend", ["people", 0, "friend"])
    assert [each.alias for each in fields[0].selections] == ["a"]


# ── In which order, and how long ──


class Count:
    """What mutations change, and what became of them."""

    def __init__(self) -> None:
        self.number = 0
        self.seen: list[int] = []


def number_of(info: strawberry.Info) -> int:
    return info.context.number


async def number_later(info: strawberry.Info) -> int:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return info.context.number


def changed(info: strawberry.Info, to: int) -> Any:
    info.context.seen.append(to)
    info.context.number = to
    if to < 0:
        raise ValueError("below nought")
    return info.context


async def changed_later(info: strawberry.Info, to: int) -> Any:
    await asyncio.sleep(0)
    return changed(info, to)


@strawberry.type
class Counter:
    at_once: int = declared(number_of)
    later: int = declared(number_later)


@strawberry.type
class Query:
    nothing: int = 0


@strawberry.type
class Mutation:
    change: Counter | None = declared(changed_later)
    change_now: Counter | None = declared(changed)


async def test_mutations_are_run_one_after_another_and_each_is_answered_before_the_next():
    counts: list[Count] = []

    def given() -> Count:
        counts.append(Count())
        return counts[-1]

    text = """mutation {
        a: change(to: 1) { atOnce later }
        b: changeNow(to: 2) { later atOnce }
        c: change(to: -3) { later }
        ...More
        e: changeNow(to: 5) { atOnce }
    }
    fragment More on Mutation { d: change(to: 4) { later l: later } }"""

    answer = await both_ways(strawberry.Schema(Query, Mutation), text, given)

    assert repr(answer.data) == repr(
        {
            "a": {"atOnce": 1, "later": 1},
            "b": {"later": 2, "atOnce": 2},
            "c": None,
            "d": {"later": 4, "l": 4},
            "e": {"atOnce": 5},
        }
    )
    assert answer.told == [("below nought", ["c"])]
    assert [each.seen for each in counts] == [[1, 2, -3, 4, 5]] * 4
    assert answer.is_by_plans_alone


async def test_the_resolvers_of_all_objects_wait_together():
    calls, waiting = 6, []

    async def wait(info: strawberry.Info) -> bool:
        waiting.append(info.path)
        for _ in range(TURNS_MAX):
            await asyncio.sleep(0)
        return len(waiting) % calls == 0

    @strawberry.type
    class Waiting:
        a: bool = declared(wait)
        b: bool = declared(wait)

    answer = await both_ways(answering(list[Waiting]), "{ root { a b } }", lambda: [1, 2, 3])

    assert answer.data == {"root": [{"a": True, "b": True}] * 3}


def now_of(_root: PARENT) -> int:
    return 1


async def then_of(_root: PARENT) -> int:
    return 2


@strawberry.type
class Moment:
    plain: int | None
    now: int = declared(now_of)
    then: int = declared(then_of)


def moments_of() -> Any:
    return [SimpleNamespace(plain=0), SimpleNamespace(plain=None)]


def moment_of() -> Any:
    return SimpleNamespace(plain=0)


@strawberry.type
class Asking:
    moments: list[Moment] = declared(moments_of)


@strawberry.type
class Changing:
    change: Moment = declared(moment_of)


MOMENTS = strawberry.Schema(Asking, Changing)._schema
AT_ONCE = {
    "{ moments { plain now } }": True,
    "{ moments { plain now then } }": False,
    "{ moments { plain then @skip(if: true) } }": True,
    "mutation { change { now } again: change { plain } }": True,
    "mutation { change { now } again: change { then } }": False,
}


@pytest.mark.parametrize("text", AT_ONCE)
async def test_nothing_is_to_be_awaited_where_nothing_was(text):
    executor, document = compiled_executor(a_host([])), parse(text)

    for _ in range(3):
        results = [execute(MOMENTS, document, executor_class=each) for each in (executor, None)]

        assert [isinstance(each, ExecutionResult) for each in results] == [AT_ONCE[text]] * 2
        assert len({repr(each if AT_ONCE[text] else await each) for each in results}) == 1


# ── Whoever watches or changes execution is not left out: no plan steps in between ──


async def test_what_watches_each_field_sees_each_field():
    seen: list[Any] = []

    def watch(next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        seen.append(info.path.as_list())
        return next_(source, info, **arguments)

    answer = await both_ways(MOMENTS, "{ moments { now } }", middleware=[watch])

    assert answer.data == {"moments": [{"now": 1}, {"now": 1}]}
    assert seen == [["moments"], ["moments", 0, "now"], ["moments", 1, "now"]] * 4
    assert answer.plans == 0


async def test_an_operation_may_ask_for_errors_to_stay_where_they_are():
    schema = build_schema("type Leaf { name: String! } type Query { leaf: Leaf! }")
    text = "query @experimental_disableErrorPropagation { leaf { name } }"

    answer = await both_ways(schema, text, root_value={"leaf": {"name": ValueError("torn")}}, is_valid=False)

    assert (answer.data, answer.told) == ({"leaf": {"name": None}}, [("torn", ["leaf", "name"])])
    assert answer.plans == 0


async def test_a_signal_to_abort_is_heeded():
    abort = AbortController()

    def now_and_no_more(_source: Any, _info: Any) -> int:
        abort.abort(TimeoutError("too slow"))
        return 1

    schema = build_schema("type Leaf { name: Int below: Leaf } type Query { leaf: Leaf }")
    schema.get_type("Leaf").fields["name"].resolve = now_and_no_more
    document, executor = parse("{ leaf { name below { name } } }"), compiled_executor(a_host([]))
    options = {"root_value": {"leaf": {"below": {}}}, "is_awaitable": optimized_is_awaitable}
    for _ in range(2):
        execute(schema, document, executor_class=executor, **options)
    abort = AbortController()

    with pytest.raises(AbortedGraphQLExecutionError, match="too slow"):
        execute(schema, document, executor_class=executor, abort_signal=abort.signal, **options)


async def test_a_resolver_for_all_fields_is_asked_for_those_without_one():
    schema = build_schema("type Leaf { name: String below: Leaf } type Query { leaf: Leaf }")

    answer = await both_ways(
        schema, "{ leaf { name below { name } } }", field_resolver=lambda _source, info: info.field_name
    )

    assert answer.data == {"leaf": {"name": "name", "below": {"name": "name"}}}
    assert answer.is_by_plans_alone


async def test_what_the_schema_says_of_itself_is_answered_beside_the_rest():
    text = '{ moments { __typename now } __schema { queryType { name } } __type(name: "Moment") { fields { name } } }'

    answer = await both_ways(MOMENTS, text)

    assert answer.data == {
        "moments": [{"__typename": "Moment", "now": 1}] * 2,
        "__schema": {"queryType": {"name": "Asking"}},
        "__type": {"fields": [{"name": "plain"}, {"name": "now"}, {"name": "then"}]},
    }
    assert answer.plans == 1
