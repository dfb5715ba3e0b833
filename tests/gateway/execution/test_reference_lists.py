"""graphql-core's cases of lists: what counts as one, and what becomes of nulls, faults and awaitables inside."""

import asyncio
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry

from tests.gateway.execution.both_ways import GONE, WAYS, answered, answering, declared

PARENT = strawberry.Parent[Any]


def doubled_of(root: PARENT) -> int:
    if root.number == 13:
        raise ValueError("unlucky")
    return root.number * 2


async def half_of(root: PARENT) -> float:
    await asyncio.sleep(0)
    if root.number == 13:
        raise ValueError("late and unlucky")
    return root.number / 2


@strawberry.type
class Page:
    number: int
    doubled: int = declared(doubled_of)
    halved: float = declared(half_of)


TYPES: dict[str, Any] = {
    "[Int]": list[int | None] | None,
    "[Int]!": list[int | None],
    "[Int!]": list[int] | None,
    "[Int!]!": list[int],
    "[[Int!]]": list[list[int] | None] | None,
    "[String]": list[str | None] | None,
    "[Page]": list[Page | None] | None,
    "[Page!]": list[Page] | None,
}


@cache
def schema_of(type_name: str) -> strawberry.Schema:
    return answering(TYPES[type_name])


def page(number: int) -> Any:
    return SimpleNamespace(number=number)


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


class Pile:
    """Iterable, and nothing else; a LookupError in it is where it breaks."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __iter__(self):
        for each in self.items:
            if isinstance(each, LookupError):
                raise each
            yield each


class Stream:
    """Iterable by waiting, and nothing else."""

    def __init__(self, *items: Any) -> None:
        self.items = list(items)
        self.is_closed = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        if not self.items:
            raise StopAsyncIteration
        return self.items.pop(0)

    async def aclose(self):
        self.is_closed = True


async def flow(*items: Any):
    for each in items:
        if isinstance(each, LookupError):
            raise each
        yield each


# ── What counts as a list ──

LISTS = {
    "a list": (lambda: [1, 2], True),
    "a tuple": (lambda: (1, 2), True),
    "an empty list": (list, True),
    "a set": (lambda: {1, 2}, False),
    "a frozen set": (lambda: frozenset({1, 2}), False),
    "a range": (lambda: range(1, 3), False),
    "a list of one's own": (lambda: type("Mine", (list,), {})([1, 2]), False),
    "the values of a mapping": ({"a": 1, "b": 2}.values, False),
    "a generator": (lambda: (each for each in (1, 2)), False),
    "an iterable of one's own": (lambda: Pile(1, 2), False),
    "an async generator": (lambda: flow(1, 2), False),
    "an async iterable of one's own": (lambda: Stream(1, 2), False),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", LISTS)
async def test_whatever_can_be_iterated_is_a_list(claim, way):
    given, is_common = LISTS[claim]

    answer = await answered(schema_of("[Int!]"), way, "", given)

    assert (answer.data, answer.told) == ([] if claim == "an empty list" else [1, 2], [])
    assert answer.is_by_plans_alone is is_common


@pytest.mark.parametrize("way", ["root", "plain", "called"])
async def test_a_list_may_be_awaited(way):
    answer = await answered(schema_of("[Int!]"), way, "", lambda: later([1, 2]))

    assert (answer.data, answer.told) == ([1, 2], [])
    # What a resolver returns is awaited before a plan sees it; an attribute is not expected to be anything but a value.
    assert answer.handed_back == ([("Query.holder", "value")] if way == "plain" else [])


NO_LISTS = {
    "a text": (lambda: "12", "[String]"),
    "a number": (lambda: 12, "[Int]"),
    "a mapping": (lambda: {"1": 2}, "[String]"),
    "an object": (lambda: page(1), "[Page]"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", NO_LISTS)
async def test_what_is_no_list_is_an_error(claim, way):
    given, type_name = NO_LISTS[claim]

    answer = await answered(schema_of(type_name), way, "{ number }" if "Page" in type_name else "", given)

    assert answer.data is None
    assert [(message.partition(" for field")[0], path) for message, path in answer.told] == [
        ("Expected Iterable, but did not find one", [])
    ]
    assert answer.plans
    assert answer.handed_back


# ── What a list of numbers may hold; as a [Int], [Int]!, [Int!] and [Int!]! ──

KINDS = ("[Int]", "[Int]!", "[Int!]", "[Int!]!")
NULL = "Cannot return null for non-nullable field"
TORN = ValueError("torn")

NUMBERS = {
    "numbers": (lambda: [1, 2], True),
    "something to be awaited": (lambda: [1, later(2)], False),
    "nothing but what is to be awaited": (lambda: [later(1), later(2)], False),
}
NULLS = {
    "nothing in place of a list": (lambda: None, [None, GONE, None, GONE], [[], [[]], [], [[]]]),
    "a null": (lambda: [1, None, 2], [[1, None, 2], [1, None, 2], None, GONE], [[], [], [[1]], [[1]]]),
    "a null to be awaited": (
        lambda: [later(1), later(None), later(2)],
        [[1, None, 2], [1, None, 2], None, GONE],
        [[], [], [[1]], [[1]]],
    ),
}
FAULTS = {
    "an error in place of the list": (lambda: TORN, [None, GONE, None, GONE], "torn", []),
    "an error in place of an item": (lambda: [1, TORN], [[1, None], [1, None], None, GONE], "torn", [1]),
    "an error to be awaited": (lambda: [later(1), later(TORN)], [[1, None], [1, None], None, GONE], "torn", [1]),
    "an error among what is to be awaited": (
        lambda: [later(TORN), 2, later(3)],
        [[None, 2, 3], [None, 2, 3], None, GONE],
        "torn",
        [0],
    ),
    "an item of another kind": (
        lambda: [1, "two"],
        [[1, None], [1, None], None, GONE],
        "Int cannot represent non-integer value: 'two'",
        [1],
    ),
    "another kind before what is to be awaited": (
        lambda: ["two", later(1), later(2)],
        [[None, 1, 2], [None, 1, 2], None, GONE],
        "Int cannot represent non-integer value: 'two'",
        [0],
    ),
    "a list in place of an item": (
        lambda: [1, [2]],
        [[1, None], [1, None], None, GONE],
        "Int cannot represent non-integer value: [2]",
        [1],
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", NUMBERS)
async def test_items_are_what_they_are_or_come_to(claim, way):
    given, is_common = NUMBERS[claim]

    answers = [await answered(schema_of(each), way, "", given) for each in KINDS]

    assert [(each.data, each.told) for each in answers] == [([1, 2], [])] * 4
    assert [each.is_by_plans_alone for each in answers] == [is_common] * 4


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", NULLS)
async def test_a_null_goes_up_to_what_may_be_null(claim, way):
    given, expected, paths = NULLS[claim]

    answers = [await answered(schema_of(each), way, "", given) for each in KINDS]

    assert [each.data for each in answers] == expected
    assert [[path for _, path in each.told] for each in answers] == paths
    assert all(message.startswith(NULL) for each in answers for message, _ in each.told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", FAULTS)
async def test_an_error_in_a_list_goes_up_to_what_may_be_null(claim, way):
    given, expected, message, path = FAULTS[claim]

    answers = [await answered(schema_of(each), way, "", given) for each in KINDS]

    assert [each.data for each in answers] == expected
    assert [each.told for each in answers] == [[(message, path)]] * 4
    # An error that stands for a root field's value never comes to a plan.
    assert all(each.handed_back for each in answers) or (way == "root" and path == [])


async def test_lists_of_lists_may_hold_a_null_where_a_list_may_be():
    for way in WAYS:
        answer = await answered(
            schema_of("[[Int!]]"), way, "", lambda: [[1, 2], None, (3,), [4, None], range(2), [later(5)]]
        )

        assert answer.data == [[1, 2], None, [3], None, [0, 1], [5]]
        assert [(message.startswith(NULL), path) for message, path in answer.told] == [(True, [3, 1])]


# ── Objects in whatever is a list ──

OBJECTS = {
    "a list": lambda: [page(1), page(2)],
    "a tuple": lambda: (page(1), page(2)),
    "a generator": lambda: (page(each) for each in (1, 2)),
    "an async generator": lambda: flow(page(1), page(2)),
    "a list of what is to be awaited": lambda: [later(page(1)), later(page(2))],
    "a list of some to be awaited": lambda: [page(1), later(page(2))],
    "an async generator of what is to be awaited": lambda: flow(later(page(1)), page(2)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", OBJECTS)
async def test_the_fields_of_a_lists_objects_are_answered(claim, way):
    answer = await answered(schema_of("[Page!]"), way, "{ doubled number halved }", OBJECTS[claim])

    assert repr(answer.data) == repr(
        [{"doubled": 2, "number": 1, "halved": 0.5}, {"doubled": 4, "number": 2, "halved": 1.0}]
    )
    assert answer.told == []
    assert answer.is_by_plans_alone is (claim in {"a list", "a tuple"})


UNLUCKY = {
    "at once": ("doubled", [2, None, 4], "unlucky"),
    "later": ("halved", [0.5, None, 1.0], "late and unlucky"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("made_of", [list, tuple, iter, Pile, Stream, flow])
@pytest.mark.parametrize("when", UNLUCKY)
async def test_a_field_that_fails_in_one_object_of_a_list_fails_there(when, made_of, way):
    field, expected, message = UNLUCKY[when]
    pages = [page(1), page(13), page(2)]
    given = (lambda: made_of(pages)) if made_of in (list, tuple, iter) else (lambda: made_of(*pages))

    some = await answered(schema_of("[Page]"), way, f"{{ {field} }}", given)
    all_ = await answered(schema_of("[Page!]"), way, f"{{ {field} }}", given)

    assert [each and each[field] for each in some.data] == expected
    assert all_.data is None
    assert some.told == all_.told == [(message, [1, field])]
    # Of a common list nothing goes back but what failed.
    odd = {name for name, _ in some.handed_back}
    assert (odd == {f"Page.{field}"}) is (made_of in (list, tuple))


# ── Iterating fails ──

BROKEN = {
    "an iterable that breaks": (lambda: Pile(1, KeyError("pulped")), "'pulped'", []),
    "an iterable that breaks with something to be awaited before": (
        lambda: Pile(later(1), KeyError("pulped")),
        "'pulped'",
        [],
    ),
    "an async generator that breaks": (lambda: flow(1, KeyError("pulped")), "'pulped'", []),
    "an async generator that breaks with something to be awaited before": (
        lambda: flow(later(1), later(ValueError("nobody hears")), KeyError("pulped")),
        "'pulped'",
        [],
    ),
    "an async generator of what fails": (lambda: flow(1, later(TORN), 2), "torn", [1]),
    "an async generator of another kind": (
        lambda: flow(1, "two", 2),
        "Int cannot represent non-integer value: 'two'",
        [1],
    ),
    "a fault before other awaitables": (lambda: Pile(TORN, later(1), later(ValueError("nobody hears"))), "torn", [0]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", BROKEN)
async def test_an_iterable_that_breaks_is_an_error_and_leaves_nothing_running(claim, way):
    given, message, path = BROKEN[claim]

    answer = await answered(schema_of("[Int!]"), way, "", given)

    assert (answer.data, answer.told) == (None, [(message, path)])
    assert answer.handed_back


async def test_an_async_iterable_is_closed_where_an_item_takes_the_list_along():
    streams = []

    def given():
        streams.append(Stream(1, None, 3))
        return streams[-1]

    for way in WAYS:
        answer = await answered(schema_of("[Int!]"), way, "", given)

        assert answer.data is None

    assert streams
    assert all(each.is_closed for each in streams)
