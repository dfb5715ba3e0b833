"""graphql-core's cases of what goes into a resolver and comes out: variables, arguments, scalars and enums."""

import enum
from types import coroutine
from typing import Any, NewType

import pytest
import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from tests.gateway.execution.both_ways import WAYS, answered, answering, both_ways, declared

# ── What a resolver is given ──


@strawberry.enum
class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


@strawberry.input
class Filter:
    size: Size = Size.SMALL
    least: int | None = strawberry.UNSET
    words: list[str] = strawberry.field(default_factory=lambda: ["a"])


@strawberry.input(one_of=True)
class Either:
    name: str | None = strawberry.UNSET
    number: int | None = strawberry.UNSET


def said(
    a: int | None = 3,
    b: str = "b",
    c: list[int | None] | None = None,
    d: Filter | None = None,
    e: Either | None = None,
    f: int | None = strawberry.UNSET,
    g_named: Size | None = None,
) -> str:
    return repr((a, b, c, d, e, f, g_named))


def needed(at: int, sizes: list[Size]) -> str:
    return repr((at, sizes))


@strawberry.type
class Echo:
    said: str | None = declared(said)
    needed: str | None = declared(needed)


ECHO = answering(list[Echo])
DEFAULTS = (3, "b", None, None, None, strawberry.UNSET, None)
# The field; the variables, as declared and as sent; what the resolver is given at each place, else which error is told.
GIVEN: dict[str, tuple[str, str, dict[str, Any], Any]] = {
    "nothing": ("said", "", {}, DEFAULTS),
    "constants": (
        'said(a: 1, b: "x", c: [1, null], gNamed: LARGE)',
        "",
        {},
        (1, "x", [1, None], None, None, strawberry.UNSET, Size.LARGE),
    ),
    "a null": ("said(a: null, f: null)", "", {}, (None, "b", None, None, None, None, None)),
    "a variable": ("said(a: $x)", "$x: Int", {"x": 5}, (5, *DEFAULTS[1:])),
    "a variable that is null": ("said(a: $x)", "$x: Int", {"x": None}, (None, *DEFAULTS[1:])),
    "a variable that is not sent": ("said(a: $x, f: $x)", "$x: Int", {}, DEFAULTS),
    "a variable that is not sent, with a default": ("said(a: $x)", "$x: Int = 7", {}, (7, *DEFAULTS[1:])),
    "a null in place of a variable's default": ("said(a: $x)", "$x: Int = 7", {"x": None}, (None, *DEFAULTS[1:])),
    "one value in place of a list": ("said(c: 1)", "", {}, (3, "b", [1], None, None, strawberry.UNSET, None)),
    "a variable in a list": (
        "said(c: [1, $x])",
        "$x: Int",
        {"x": 2},
        (3, "b", [1, 2], None, None, strawberry.UNSET, None),
    ),
    "a variable that is not sent in a list": (
        "said(c: [1, $x])",
        "$x: Int",
        {},
        (3, "b", [1, None], None, None, strawberry.UNSET, None),
    ),
    "an input of defaults": ("said(d: {})", "", {}, (3, "b", None, Filter(), None, strawberry.UNSET, None)),
    "an input with a variable": (
        "said(d: {size: LARGE, least: $x, words: []})",
        "$x: Int",
        {"x": 9},
        (3, "b", None, Filter(size=Size.LARGE, least=9, words=[]), None, strawberry.UNSET, None),
    ),
    "an input as a variable": (
        "said(d: $d)",
        "$d: Filter",
        {"d": {"size": "LARGE", "words": "one"}},
        (3, "b", None, Filter(size=Size.LARGE, words=["one"]), None, strawberry.UNSET, None),
    ),
    "one of two": ('said(e: {name: "n"})', "", {}, (3, "b", None, None, Either(name="n"), strawberry.UNSET, None)),
    "one of two as a variable": (
        "said(e: $e)",
        "$e: Either",
        {"e": {"number": 1}},
        (3, "b", None, None, Either(number=1), strawberry.UNSET, None),
    ),
    "what must be there": ("needed(at: $x, sizes: [SMALL])", "$x: Int! = 2", {}, (2, [Size.SMALL])),
}


@pytest.mark.parametrize("claim", GIVEN)
async def test_a_resolver_is_given_constants_variables_and_defaults(claim):
    field, variables, sent, expected = GIVEN[claim]
    operation = f"query ({variables})" if variables else "query"

    answer = await both_ways(ECHO, f"{operation} {{ root {{ it: {field} }} }}", lambda: [1, 2], variables=sent)

    assert answer.data == {"root": [{"it": repr(expected)}] * 2}
    assert answer.is_by_plans_alone


# Faults that only coercing finds; the answer is a null and an error for each object of the list.
UNFIT: dict[str, tuple[str, str, dict[str, Any], str, bool]] = {
    "a variable nobody sent for what must be there": (
        "needed(at: $x, sizes: [])",
        "$x: Int",
        {},
        "runtime value",
        False,
    ),
    "a null sent for what must be there": (
        "needed(at: $x, sizes: [])",
        "$x: Int = 1",
        {"x": None},
        "not to be None",
        True,
    ),
    "an argument left out that must be there": ("needed(sizes: [])", "", {}, "required", False),
    "a constant of another kind": ('needed(at: "one", sizes: [])', "", {}, "Int", False),
    "a null in one of two": ("said(e: {name: $x})", "$x: String", {"x": None}, "must be non-null", True),
    "both of two": ('said(e: {name: "n", number: 1})', "", {}, "exactly one key", True),
}


@pytest.mark.parametrize("claim", UNFIT)
async def test_arguments_that_do_not_fit_are_an_error_of_each_field(claim):
    field, variables, sent, word, is_valid = UNFIT[claim]
    operation = f"query ({variables})" if variables else "query"
    text = f"{operation} {{ root {{ it: {field} __typename }} }}"

    answer = await both_ways(ECHO, text, lambda: [1, 2], variables=sent, is_valid=is_valid)

    assert answer.data == {"root": [{"it": None, "__typename": "Echo"}] * 2}
    assert [path for _, path in answer.told] == [["root", 0, "it"], ["root", 1, "it"]]
    assert all(word in message for message, _ in answer.told)


async def test_variables_of_another_kind_leave_nothing_to_execute():
    answer = await both_ways(ECHO, "query ($x: Int!) { root { said(a: $x) } }", variables={"x": "one"})

    assert answer.data is None
    assert "got invalid value" in answer.told[0][0] or "$x" in answer.told[0][0]
    assert answer.plans == 0


def taken(words: list[str]) -> str:
    words.append("taken")
    return ",".join(words)


@strawberry.type
class Bag:
    take: str = declared(taken)


async def test_what_one_call_does_to_its_arguments_the_next_does_not_see():
    answer = await both_ways(answering(list[Bag]), '{ root { take(words: ["a"]) } }', lambda: [1, 2])

    assert answer.data == {"root": [{"take": "a,taken"}] * 2}
    assert answer.is_by_plans_alone


# ── Leaves ──


def refuse(value: Any) -> Any:
    if value == "bad":
        raise GraphQLError("It is bad.", extensions={"code": "BAD"})
    return {"none": None}.get(value, f"<{value}>")


Odd = NewType("Odd", str)
LEAVES: dict[str, tuple[Any, Any, Any, str | None]] = {
    "an enum's member": (Size | None, Size.LARGE, "LARGE", None),
    "an enum's value": (Size | None, "l", "LARGE", None),
    "an enum's name": (Size | None, "LARGE", None, "'LARGE'"),
    "a member of another enum": (Size | None, enum.Enum("Other", "A").A, None, "Enum 'Size' cannot represent value"),
    "a scalar of one's own": (Odd | None, "x", "<x>", None),
    "a scalar that refuses": (Odd | None, "bad", None, "It is bad."),
    "a scalar that makes nothing of something": (
        Odd | None,
        "none",
        None,
        "to return non-nullable value, returned: None",
    ),
    "a number too large": (int | None, 2**31, None, "Int cannot represent non 32-bit signed integer value"),
    "a number that is none": (float | None, float("nan"), None, "Float cannot represent"),
    "an object in place of a text": (str | None, object, None, "String cannot represent value"),
    "a list in place of a text": (str | None, ["a"], None, "String cannot represent value: ['a']"),
    "a truth in place of a text": (str | None, True, "true", None),
    "a number in place of an identifier": (strawberry.ID | None, 7, "7", None),
    "a whole fraction in place of a number": (int | None, 3.0, 3, None),
    "an empty text": (str | None, "", "", None),
    "nought": (int | None, 0, 0, None),
}


@pytest.mark.parametrize("way", WAYS[1:])
@pytest.mark.parametrize("claim", LEAVES)
async def test_a_leaf_is_written_or_refused(claim, way):
    type_, value, expected, message = LEAVES[claim]
    config = StrawberryConfig(scalar_map={Odd: strawberry.scalar(name="Odd", serialize=refuse)})

    answer = await answered(answering(type_, config=config), way, "", lambda: value)

    assert repr(answer.data) == repr(expected)
    assert [message and message in each for each, _ in answer.told] == ([True] if message else [])
    assert bool(answer.handed_back) is bool(message)
    if "refuses" in claim:
        assert answer.errors[0].extensions == {"code": "BAD"}


# ── Values that are coroutines of the old kind, which have no __await__ ──


@coroutine
def before_async(value: Any) -> Any:
    yield
    return value


@strawberry.type
class Stone:
    weight: int = 1


@pytest.mark.parametrize("way", ["root", "plain", "called"])
async def test_a_coroutine_made_of_a_generator_is_awaited(way):
    text = await answered(answering(strawberry.scalars.JSON | None), way, "", lambda: before_async("x"))
    stone = await answered(answering(Stone | None), way, "{ __typename }", lambda: before_async(Stone()))
    stones = await answered(answering(list[Stone]), way, "{ __typename }", lambda: [before_async(Stone())])

    assert [each.data for each in (text, stone, stones)] == ["x", {"__typename": "Stone"}, [{"__typename": "Stone"}]]
    assert stones.handed_back
