"""graphql-core's cases of types that the application tells apart itself: it is asked, and no plan guesses."""

import asyncio
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema

from tests.gateway.execution.both_ways import both_ways

PETS = """
    interface Pet { name: String }
    type Cat implements Pet { name: String purrs: Boolean }
    type Dog implements Pet { name: String barks: Boolean }
    union CatOrDog = Cat | Dog
    type Owner { name: String pet: Pet other: CatOrDog }
    type Query { owner: Owner owners: [Owner] pets: [Pet] }
"""
TEXT = "{ owners { name pet { __typename name ... on Cat { purrs } } other { ... on Dog { barks } } } }"


def owners(*pets: Any) -> dict[str, Any]:
    return {"owners": [{"name": f"owner of {number}", "pet": each, "other": each} for number, each in enumerate(pets)]}


def pets_told_by(**says: Any) -> Any:
    """A schema whose types decide by these functions: abstract ones by resolve_type, the others by is_type_of."""
    schema = build_schema(PETS)
    for name, function in says.items():
        type_ = schema.get_type(name)
        setattr(type_, "is_type_of" if isinstance(type_, GraphQLObjectType) else "resolve_type", function)
    return schema


async def soon(value: Any) -> Any:
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


def kind_of(value: Any, *_: Any) -> str:
    return value["kind"]


TELLERS: dict[str, dict[str, Any]] = {
    "each type's check": {"Cat": lambda v, _: v["kind"] == "Cat", "Dog": lambda v, _: v["kind"] == "Dog"},
    "each type's check, awaited": {
        "Cat": lambda v, _: soon(v["kind"] == "Cat"),
        "Dog": lambda v, _: soon(v["kind"] == "Dog"),
    },
    "one check that is awaited and one that is not": {
        "Cat": lambda v, _: soon(v["kind"] == "Cat"),
        "Dog": lambda v, _: v["kind"] == "Dog",
    },
    "a function that names the type": {"Pet": kind_of, "CatOrDog": kind_of},
    "a function that names the type, awaited": {
        "Pet": lambda v, *_: soon(v["kind"]),
        "CatOrDog": lambda v, *_: soon(v["kind"]),
    },
}


@pytest.mark.parametrize("claim", TELLERS)
async def test_an_object_is_of_the_type_the_application_says(claim):
    tom, rex = {"kind": "Cat", "name": "Tom", "purrs": True}, {"kind": "Dog", "name": "Rex", "barks": False}

    answer = await both_ways(pets_told_by(**TELLERS[claim]), TEXT, root_value=owners(tom, rex, None))

    assert answer.data == {
        "owners": [
            {"name": "owner of 0", "pet": {"__typename": "Cat", "name": "Tom", "purrs": True}, "other": {}},
            {"name": "owner of 1", "pet": {"__typename": "Dog", "name": "Rex"}, "other": {"barks": False}},
            {"name": "owner of 2", "pet": None, "other": None},
        ]
    }
    assert answer.told == []
    assert (answer.plans, answer.left) == (1, {"Owner.pet", "Owner.other"})


WRONG_NAMES: dict[str, tuple[Any, str]] = {
    "none": (lambda *_: None, "must resolve to an Object type at runtime for field 'Owner.pet'"),
    "that of no type": (lambda *_: "Mouse", "was resolved to a type 'Mouse' that does not exist inside the schema"),
    "that of a scalar": (lambda *_: "String", "was resolved to a non-object type 'String'"),
    "that of another object type": (lambda *_: "Owner", "Runtime Object type 'Owner' is not a possible type for 'Pet'"),
    "no text": (lambda *_: 7, "received '7', which is not a valid Object type name"),
    "an error": (lambda *_: 1 / 0, "division by zero"),
    "an error, awaited": (lambda *_: soon(ValueError("no idea")), "no idea"),
    "that of a type which denies it": (lambda *_: "Dog", "Expected value of type 'Dog' but got:"),
}


@pytest.mark.parametrize("claim", WRONG_NAMES)
async def test_a_wrong_name_of_a_type_is_an_error_where_the_object_stands(claim):
    function, message = WRONG_NAMES[claim]
    schema = pets_told_by(Pet=function, Dog=lambda *_: False)

    answer = await both_ways(schema, "{ owners { name pet { name } } }", root_value=owners({"name": "x"}, None))

    assert answer.data == {"owners": [{"name": "owner of 0", "pet": None}, {"name": "owner of 1", "pet": None}]}
    assert [path for _, path in answer.told] == [["owners", 0, "pet"]]
    assert message in answer.told[0][0]


async def test_a_check_that_fails_is_an_error_and_those_still_awaited_are_not_left_alone():
    schema = pets_told_by(Cat=lambda *_: soon(ValueError("nobody hears")), Dog=lambda *_: 1 / 0)

    answer = await both_ways(schema, TEXT, root_value=owners({"name": "x"}))

    assert answer.data == {"owners": [{"name": "owner of 0", "pet": None, "other": None}]}
    assert answer.told == [("division by zero", ["owners", 0, key]) for key in ("other", "pet")]


async def test_a_mapping_may_say_in_itself_what_it_is():
    pets = [{"__typename": "Cat", "name": "Tom"}, {"__typename": "Dog", "name": "Rex"}, {"__typename": "Mouse"}]

    answer = await both_ways(build_schema(PETS), "{ pets { name __typename } }", root_value={"pets": pets})

    assert answer.data == {"pets": [{"name": "Tom", "__typename": "Cat"}, {"name": "Rex", "__typename": "Dog"}, None]}
    assert [path for _, path in answer.told] == [["pets", 2]]
    assert answer.plans == 0


async def test_whoever_names_a_type_is_told_of_the_field_and_its_path():
    told = []

    def name_of(value: Any, info: Any, abstract: Any) -> str:
        told.append((info.path.as_list(), info.field_name, info.parent_type.name, info.context, abstract.name))
        return "Cat"

    await both_ways(
        pets_told_by(Pet=name_of), "{ owners { own: pet { name } } }", lambda: "who asks", root_value=owners({}, {})
    )

    once = [(["owners", number, "own"], "pet", "Owner", "who asks", "Pet") for number in (0, 1)]
    assert told == once * (len(told) // 2)


async def test_an_object_type_with_a_check_of_its_own_is_asked_for_each_object():
    schema = build_schema("type Even { number: Int } type Query { evens: [Even] later: [Even] }")
    schema.get_type("Even").is_type_of = lambda value, info: (
        value["number"] % 2 == 0 if info.field_name == "evens" else soon(value["number"] % 2 == 0)
    )
    numbers = [{"number": each} for each in (2, 3)]

    answer = await both_ways(
        schema, "{ evens { number } later { number } }", root_value={"evens": numbers, "later": numbers}
    )

    assert answer.data == {"evens": [{"number": 2}, None], "later": [{"number": 2}, None]}
    assert answer.told == [
        ("Expected value of type 'Even' but got: {'number': 3}.", [name, 1]) for name in ("evens", "later")
    ]
    assert answer.plans == 0
