"""An operation that was valid once is executed again as graphql-core would from its text."""

import gc
import random
import weakref
from inspect import isawaitable
from types import FunctionType

import pytest
from graphql import GraphQLSchema, Node, build_schema, execute, get_operation_ast, parse, subscribe
from graphql.execution.values import VariableValues, get_variable_values

from gateway.execution import Prepared, compiled_executor
from gateway.execution.host import Host
from tests.gateway.execution.books import SCHEMA, Book, Press, Shelf

TYPES = ["String", "ID!", "Int", "Int!", "Boolean", "[ID!]!", "[Int]", "[[String!]]", "Float", "Kind", "Filter"]
VALUES = [None, "a", "", 1, 2**31, -(2**31), True, 1.0, 1.5, [], ["a"], [1, None], [[]], [["a"], None], {}, {"size": 1}]
INPUTS = build_schema(
    "enum Kind { A B } input Filter { size: Int = 3 kind: Kind } type Query { "
    + " ".join(f"f{i}(a: {type_}): Int" for i, type_ in enumerate(TYPES))
    + " }"
)


def prepared(text: str, schema=INPUTS, executor: type | None = None) -> Prepared:
    document = parse(text)
    return Prepared(schema, document, get_operation_ast(document), executor or compiled_executor(Host()))


def sources(values):
    return {name: (repr(each.value), str(each.signature.type)) for name, each in values.sources.items()}


@pytest.mark.parametrize("type_", TYPES)
def test_variables_are_what_graphql_core_makes_of_them(type_):
    for default in ("", " = null" if not type_.endswith("!") else ""):
        operation = prepared(f"query ($a: {type_}{default}, $b: Int) {{ f{TYPES.index(type_)}(a: $a) }}")
        definitions = operation.operation.variable_definitions
        for given in [{}, *({"a": value} for value in VALUES), *({"a": value, "b": 1} for value in VALUES)]:
            expected = get_variable_values(INPUTS, definitions, given, max_errors=50)

            found = operation.values(given)

            if isinstance(expected, list):
                assert [str(each) for each in found] == [str(each) for each in expected]
            else:
                assert repr(found.coerced) == repr(expected.coerced)
                assert sources(found) == sources(expected)


async def test_an_operation_is_executed_again_with_other_variables():
    text = "query Stars($n: Int) { books { id opinion(stars: $n) } }"
    operation = prepared(text, SCHEMA, Press().executor)

    results = [await operation.execute({"n": n}, Shelf([Book("b1", "One")])) for n in (1, 2, 3)]

    assert [each.data["books"][0]["opinion"] for each in results] == ["1 stars", "2 stars", "3 stars"]
    assert operation.name == "Stars"


def test_variables_that_are_wrong_are_told_as_ever():
    operation = prepared("query ($a: Int!) { f3(a: $a) }")

    result = operation.execute({"a": "x"}, None)

    expected = execute(INPUTS, operation.document, variable_values={"a": "x"})
    assert [each.formatted for each in result.errors] == [each.formatted for each in expected.errors]


async def test_each_event_of_a_subscription_is_executed_as_graphql_core_would():
    schema = build_schema("type Query { a: Int } type Subscription { counts(to: Int!): Int }")

    async def counts(_root, _info, to):
        for number in range(to):
            yield {"counts": number if number != 1 else RuntimeError("no")}

    schema.subscription_type.fields["counts"].subscribe = counts
    operation = prepared("subscription ($to: Int!) { counts(to: $to) }", schema)
    expected = [each async for each in subscribe(schema, operation.document, variable_values={"to": 3})]

    events = await operation.subscribe({"to": 3}, None)
    found = [operation.execute({"to": 3}, None, event) async for event in events]

    assert [each.formatted for each in found] == [each.formatted for each in expected]
    assert (await operation.subscribe({}, None)).errors[0].message.startswith("Variable '$to'")


async def test_plans_end_with_the_operation_they_were_made_for():
    executor = Press().executor
    operation = prepared("{ books { id } }", SCHEMA, executor)
    for _ in range(3):
        await operation.execute({}, Shelf([Book("b1", "One")]))
    gone = weakref.ref(operation._plans)

    del operation
    gc.collect()

    assert gone() is None


async def test_an_execution_leaves_nothing_to_the_collector():
    operation = prepared("{ books { id } }", SCHEMA, Press().executor)
    for _ in range(3):
        await operation.execute({}, Shelf([Book("b1", "One")]))
    gc.collect()
    gc.disable()

    try:
        await operation.execute({}, Shelf([Book("b1", "One")]))
        left = gc.collect()
    finally:
        gc.enable()

    assert left == 0


def test_an_executor_made_like_another_shares_nothing_that_an_execution_changes():
    made = prepared("{ books { id } }", SCHEMA, Press().executor)._pattern
    values = VariableValues({}, {})
    unchanging = (type(None), bool, FunctionType, GraphQLSchema, Node)

    again = made.again(values, "context", "root")

    assert vars(again).keys() == vars(made).keys()
    shared = {name for name, value in vars(made).items() if vars(again)[name] is value}
    assert {name for name in shared if not isinstance(vars(made)[name], unchanging)} == {
        "fragments",
        "fragment_definitions",
    }, "These are the document's, which nothing changes; all else is to be made anew."
    assert (again.variable_values, again.context_value, again.root_value) == (values, "context", "root")


async def test_a_field_left_out_by_one_variable_is_answered_with_the_next():
    operation = prepared("query ($no: Boolean!) { books @skip(if: $no) { id } }", SCHEMA, Press().executor)

    answers = []
    for no in (True, True, False, False, True):
        result = operation.execute({"no": no}, Shelf([Book("b1", "One")]))
        answers.append((await result if isawaitable(result) else result).data)

    books = {"books": [{"id": "b1"}]}
    assert answers == [{}, {}, books, books, {}]


def test_random_variables_are_what_graphql_core_makes_of_them():
    r = random.Random(1)

    def any_value(depth: int = 0):
        if depth < 3 and r.random() < 0.4:
            return [any_value(depth + 1) for _ in range(r.randrange(3))]
        return r.choice(VALUES)

    types = [f"{'[' * d}{name}{mark}{']' * d}" for d in range(3) for name in ("Int", "ID") for mark in ("", "!")]
    schema = build_schema(f"type Query {{ {' '.join(f'f{i}(a: {type_}): Int' for i, type_ in enumerate(types))} }}")
    for number, type_ in enumerate(types):
        operation = prepared(f"query ($a: {type_}) {{ f{number}(a: $a) }}", schema)
        for _ in range(200):
            given = {"a": any_value()}
            expected = get_variable_values(schema, operation.operation.variable_definitions, given, max_errors=50)

            found = operation.values(given)

            assert repr(getattr(found, "coerced", found)) == repr(getattr(expected, "coerced", expected))
