"""graphql-core's cases of what is selected: fragments, merged fields, order of keys, @skip and @include, operations."""

import asyncio
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import strawberry

from tests.gateway.execution.both_ways import answered, answering, both_ways, declared

PARENT = strawberry.Parent[Any]


@dataclass(frozen=True)
class Walker:
    name: str
    age: int = 30
    ahead: Any = None

    @property
    def key(self) -> Any:
        return self.ahead


def beside_of(root: PARENT) -> Any:
    return root.ahead


async def behind_of(root: PARENT) -> Any:
    await asyncio.sleep(0)
    return root.ahead


async def looked_up(_context: Any, keys: list[Walker]) -> dict[Walker, Walker]:
    await asyncio.sleep(0)
    return {key: key for key in keys}


@strawberry.type(name="Walker")
class WalkerType:
    """Whoever is ahead may be asked for in each way."""

    name: str
    age: int | None
    ahead: "WalkerType | None"
    beside: "WalkerType | None" = declared(beside_of)
    behind: "WalkerType | None" = declared(behind_of)
    found: "WalkerType | None" = declared(behind_of, batch=looked_up, key="key")


SCHEMA = answering(WalkerType | None)
FIELDS = ["ahead", "beside", "behind", "found"]
LINE = Walker("Ann", 31, Walker("Ben", 32, Walker("Cid", 33)))


async def walk(below: str, fragments: str = "", **options: Any) -> Any:
    """The data below the root, answered by plans alone and without errors."""
    answer = await both_ways(SCHEMA, f"{{ root {below} }} {fragments}", lambda: LINE, **options)

    assert answer.told == []
    assert answer.is_by_plans_alone
    return answer.data["root"]


# ── Merging ──

# In each text, FIELD is a field answered in one of the four ways.
MERGED: dict[str, tuple[str, str, Any]] = {
    "a field asked for twice": ("{ name name age name }", "", {"name": "Ann", "age": 31}),
    "an object asked for twice": (
        "{ FIELD { name } age FIELD { age name } }",
        "",
        {"FIELD": {"name": "Ben", "age": 32}, "age": 31},
    ),
    "the same at every depth": (
        "{ FIELD { FIELD { name } name } FIELD { FIELD { age } } }",
        "",
        {"FIELD": {"FIELD": {"name": "Cid", "age": 33}, "name": "Ben"}},
    ),
    "a field here and in a fragment": (
        "{ ...F FIELD { age } }",
        "fragment F on Walker { FIELD { name } name }",
        {"FIELD": {"name": "Ben", "age": 32}, "name": "Ann"},
    ),
    "a field in two fragments, one in the other": (
        "{ FIELD { age } ...F }",
        "fragment F on Walker { ...G FIELD { name } } fragment G on Walker { name FIELD { name FIELD { name } } }",
        {"FIELD": {"age": 32, "name": "Ben", "FIELD": {"name": "Cid"}}, "name": "Ann"},
    ),
    "a fragment used in two places": (
        "{ ...F FIELD { ...F } }",
        "fragment F on Walker { name age }",
        {"name": "Ann", "age": 31, "FIELD": {"name": "Ben", "age": 32}},
    ),
    "a fragment used twice in one place": (
        "{ ...F FIELD { name } ...F }",
        "fragment F on Walker { name age }",
        {"name": "Ann", "age": 31, "FIELD": {"name": "Ben"}},
    ),
    "fragments without a name or a type": (
        "{ ... { name ... on Walker { FIELD { ... { age } } } } FIELD { ... on Walker { name } } }",
        "",
        {"name": "Ann", "FIELD": {"age": 32, "name": "Ben"}},
    ),
    "a field under other names": (
        "{ a: name b: name name: age x: FIELD { name } y: FIELD { y: age } x: FIELD { age } }",
        "",
        {"a": "Ann", "b": "Ann", "name": 31, "x": {"name": "Ben", "age": 32}, "y": {"y": 32}},
    ),
    "a name taken from another field": ("{ age: name name: age }", "", {"age": "Ann", "name": 31}),
    "the name of the type among the fields": (
        "{ __typename FIELD { kind: __typename name __typename } }",
        "",
        {"__typename": "Walker", "FIELD": {"kind": "Walker", "name": "Ben", "__typename": "Walker"}},
    ),
    "nothing but the name of the type": ("{ FIELD { __typename } }", "", {"FIELD": {"__typename": "Walker"}}),
    "keys in the order of the document, not of the answers": (
        "{ z: found { name } y: behind { name } x: beside { name } w: ahead { name } v: name u: behind { age } }",
        "",
        {
            "z": {"name": "Ben"},
            "y": {"name": "Ben"},
            "x": {"name": "Ben"},
            "w": {"name": "Ben"},
            "v": "Ann",
            "u": {"age": 32},
        },
    ),
    "words that are Python's": (
        "{ None: name def: name p: name o: age d: FIELD { v: name v1: age complete: name } }",
        "",
        {"None": "Ann", "def": "Ann", "p": "Ann", "o": 31, "d": {"v": "Ben", "v1": 32, "complete": "Ben"}},
    ),
    "nothing at the end of the line": (
        "{ FIELD { FIELD { FIELD { FIELD { name } } name } } }",
        "",
        {"FIELD": {"FIELD": {"FIELD": None, "name": "Cid"}}},
    ),
}


def _renamed(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key.replace("FIELD", name): _renamed(each, name) for key, each in value.items()}
    return value


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("claim", MERGED)
async def test_selections_of_the_same_key_are_one(claim, field):
    below, fragments, expected = MERGED[claim]

    found = await walk(below.replace("FIELD", field), fragments.replace("FIELD", field))

    assert repr(found) == repr(_renamed(expected, field))


# ── @skip and @include ──

# What a directive stands at; AT is where. Each selects the name, unless it is left out.
PLACES = {
    "a field": ("{ name AT age }", ""),
    "an object": ("{ age FIELD AT { name } }", ""),
    "a field below": ("{ age FIELD { name AT age } }", ""),
    "a spread": ("{ age ...F AT }", "fragment F on Walker { name }"),
    "a spread below": ("{ age FIELD { age ...F AT } }", "fragment F on Walker { name }"),
    "a fragment on the type": ("{ age ... on Walker AT { name } }", ""),
    "a fragment without a type": ("{ age FIELD { age ... AT { name } } }", ""),
    "a field inside of a named fragment": ("{ age ...F }", "fragment F on Walker { age name AT }"),
    "one of two of the same field": ("{ name AT age FIELD AT { name } FIELD { age } }", ""),
}
DIRECTIVES = {
    "@skip(if: true)": False,
    "@skip(if: false)": True,
    "@include(if: true)": True,
    "@include(if: false)": False,
    "@include(if: true) @skip(if: false)": True,
    "@include(if: true) @skip(if: true)": False,
    "@skip(if: true) @include(if: true)": False,
    "@skip(if: false) @include(if: false)": False,
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("place", PLACES)
async def test_what_is_skipped_or_not_included_is_not_there(place, field):
    below, fragments = (each.replace("FIELD", field) for each in PLACES[place])

    for directive, is_there in DIRECTIVES.items():
        found = await walk(below.replace("AT", directive), fragments.replace("AT", directive))

        assert ("name" in repr(found)) is is_there
        assert found["age"] == 31


@pytest.mark.parametrize("place", PLACES)
async def test_variables_decide_what_is_skipped_or_not_included(place):
    below, fragments = (each.replace("AT", "@skip(if: $s) @include(if: $i)") for each in PLACES[place])
    text = f"query ($s: Boolean = false, $i: Boolean!) {{ root {below.replace('FIELD', 'found')} }} {fragments}"

    for skip, include in product([None, False, True], [False, True]):
        variables = {"i": include} if skip is None else {"i": include, "s": skip}
        answer = await both_ways(SCHEMA, text, lambda: LINE, variables=variables)

        assert ("name" in repr(answer.data)) is (include and not skip)
        assert answer.is_by_plans_alone


async def test_a_null_that_decides_nothing_is_an_error_where_it_is_asked():
    text = "query ($s: Boolean = false) { root { name ahead { age @skip(if: $s) } } }"

    answer = await both_ways(SCHEMA, text, lambda: LINE, variables={"s": None})

    assert answer.data == {"root": {"name": "Ann", "ahead": None}}
    assert [path for _, path in answer.told] == [["root", "ahead"]]


async def test_an_object_of_which_all_is_skipped_is_empty_and_still_asked_for():
    found = await walk(
        "{ found { name @skip(if: true) } ahead { ... @include(if: false) { name } } name @skip(if: true) }"
    )

    assert found == {"found": {}, "ahead": {}}


# ── Operations ──

OPERATIONS = """
    query Name { root { name } }
    query Age { root { ...F } }
    fragment F on Walker { age }
"""


@pytest.mark.parametrize(("name", "expected"), [("Name", {"name": "Ann"}), ("Age", {"age": 31})])
async def test_the_operation_of_that_name_is_executed(name, expected):
    answer = await both_ways(SCHEMA, OPERATIONS, lambda: LINE, operation_name=name)

    assert answer.data == {"root": expected}
    assert answer.is_by_plans_alone


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "Must provide operation name if query contains multiple operations."),
        ("Weight", "Unknown operation named 'Weight'."),
        ("", "Unknown operation named ''."),
    ],
)
async def test_without_a_known_name_nothing_is_executed(name, message):
    answer = await both_ways(SCHEMA, OPERATIONS, lambda: LINE, operation_name=name)

    assert (answer.data, answer.told) == (None, [(message, None)])


# ── Documents no validation lets through: answered as graphql-core does ──

INVALID: dict[str, tuple[str, Any]] = {
    "a field that is not": (
        "{ root { name weight ahead { weight name } } }",
        {"name": "Ann", "ahead": {"name": "Ben"}},
    ),
    "an object without selections": ("{ root { ahead name found } }", {"ahead": {}, "name": "Ann", "found": {}}),
    "a fragment that is not": ("{ root { name ...Nobody } }", {"name": "Ann"}),
    "a fragment in itself": ("{ root { ...F } } fragment F on Walker { name ...F ...F }", {"name": "Ann"}),
    "a fragment below itself, as far as there is somebody": (
        "{ root { ...F } } fragment F on Walker { name ahead { ...F } }",
        {"name": "Ann", "ahead": {"name": "Ben", "ahead": {"name": "Cid", "ahead": None}}},
    ),
    "a fragment below itself, by another way": (
        "{ root { ...F } } fragment F on Walker { name found { ...G } } fragment G on Walker { age behind { ...F } }",
        {"name": "Ann", "found": {"age": 32, "behind": {"name": "Cid", "found": None}}},
    ),
    "arguments that are not": (
        "{ root { name(of: 3) ahead(by: 1) { name } } }",
        {"name": "Ann", "ahead": {"name": "Ben"}},
    ),
    "a type that is none": ("{ root { name ... on Runner { age } } }", {"name": "Ann"}),
}


@pytest.mark.parametrize("claim", INVALID)
async def test_a_document_nobody_validated_is_executed_as_far_as_it_goes(claim):
    text, expected = INVALID[claim]

    answer = await both_ways(SCHEMA, text, lambda: LINE, is_valid=False)

    assert (answer.data, answer.told) == ({"root": expected}, [])


async def test_a_very_deep_document_is_answered():
    depth, line = 60, None
    for number in range(depth):
        line = Walker(f"w{number}", number, line)
    below = "{ ahead " * (depth - 1) + "{ name }" + " }" * (depth - 1)

    answer = await answered(SCHEMA, "plain", below, lambda: line)

    assert repr(answer.data).count("ahead") == depth - 1
    assert "w0" in repr(answer.data)
