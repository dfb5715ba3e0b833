"""graphql-core's cases of interfaces and unions: which type an object is of, who says so, and what is selected then."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import strawberry

from tests.gateway.execution.both_ways import WAYS, answered, answering, declared

PARENT = strawberry.Parent[Any]


@dataclass(frozen=True, slots=True)
class Fish:
    """What the schema shows as a Fish, without being one of its classes."""

    name: str
    depth: int = 9
    alive: bool = False


async def caught_by(root: PARENT) -> Any:
    await asyncio.sleep(0)
    return Cat("Tom")


@strawberry.interface
class Living:
    alive: bool = True


@strawberry.interface
class Named(Living):
    name: str


@strawberry.type
class Cat(Named):
    purrs: bool = True
    prey: "list[Animal | None] | None" = None

    def __init__(self, name: Any, prey: Any = None) -> None:
        self.name, self.prey, self.alive = name, prey, True


@strawberry.type
class Dog(Named):
    barks: str = "loud"

    def __init__(self, name: Any, barks: str = "loud") -> None:
        self.name, self.barks, self.alive = name, barks, True


@strawberry.type(name="Fish")
class FishType(Named):
    depth: int
    domain_classes = (Fish,)
    hunter: Cat = declared(caught_by)

    @classmethod
    def is_type_of(cls, value: Any, _info: Any) -> bool:
        return isinstance(value, Fish)


@strawberry.type
class Rock:
    weight: int = 1


Animal = Annotated[Cat | Dog | FishType, strawberry.union("Animal")]
Anything = Annotated[Cat | Dog | Rock, strawberry.union("Anything")]
SCHEMAS = {
    "interface": answering(list[Named | None] | None, [Cat, Dog, FishType]),
    "upper interface": answering(list[Living | None] | None, [Cat, Dog, FishType]),
    "union": answering(list[Animal | None] | None, [Rock]),
    "wider union": answering(list[Anything | None] | None, [FishType]),
}


def zoo() -> list[Any]:
    return [Cat("Tom", [Dog("Tiny"), None, Fish("Wanda")]), Fish("Moby", 200), Dog("Rex", "softly")]


# ── What is selected of whom ──

SELECTED: dict[str, tuple[str, str, list[Any]]] = {
    "the name of a type": (
        "interface",
        "{ __typename }",
        [{"__typename": "Cat"}, {"__typename": "Fish"}, {"__typename": "Dog"}],
    ),
    "the name of a type, again and again": (
        "union",
        "{ a: __typename ... on Cat { b: __typename } ... on Named { c: __typename a: __typename } }",
        [{"a": "Cat", "b": "Cat", "c": "Cat"}, {"a": "Fish", "c": "Fish"}, {"a": "Dog", "c": "Dog"}],
    ),
    "fields of the interface": (
        "interface",
        "{ name alive }",
        [{"name": "Tom", "alive": True}, {"name": "Moby", "alive": False}, {"name": "Rex", "alive": True}],
    ),
    "fields of each type": (
        "interface",
        "{ name ... on Cat { purrs } ... on Dog { barks } ... on Fish { depth } }",
        [{"name": "Tom", "purrs": True}, {"name": "Moby", "depth": 200}, {"name": "Rex", "barks": "softly"}],
    ),
    "fields of some types": ("union", "{ ... on Dog { barks name } }", [{}, {}, {"barks": "softly", "name": "Rex"}]),
    "one key that is another field in each type": (
        "union",
        "{ ... on Cat { about: name } ... on Dog { about: barks } ... on Fish { about: __typename } }",
        [{"about": "Tom"}, {"about": "Fish"}, {"about": "softly"}],
    ),
    "keys in the order of the type's own first mention": (
        "union",
        "{ ... on Dog { name barks } ... on Named { alive name } ... on Cat { name purrs } }",
        [
            {"alive": True, "name": "Tom", "purrs": True},
            {"alive": False, "name": "Moby"},
            {"name": "Rex", "barks": "softly", "alive": True},
        ],
    ),
    "an interface's fields through a fragment on a higher one": (
        "interface",
        "{ ... on Living { alive ... on Named { name ... on Dog { barks } } } }",
        [
            {"alive": True, "name": "Tom"},
            {"alive": False, "name": "Moby"},
            {"alive": True, "name": "Rex", "barks": "softly"},
        ],
    ),
    "a higher interface's objects by a lower one's fields": (
        "upper interface",
        "{ alive ... on Named { name } }",
        [{"alive": True, "name": "Tom"}, {"alive": False, "name": "Moby"}, {"alive": True, "name": "Rex"}],
    ),
    "a named fragment on an abstract type": (
        "union",
        "{ ...Called ... on Cat { ...Called } }",
        [
            {"name": "Tom", "__typename": "Cat"},
            {"name": "Moby", "__typename": "Fish"},
            {"name": "Rex", "__typename": "Dog"},
        ],
    ),
    "abstract objects inside of abstract objects, with one field asked for twice": (
        "interface",
        "{ ... on Cat { prey { ... on Named { name } } } ... on Cat { prey { ... on Dog { barks } } } }",
        [{"prey": [{"name": "Tiny", "barks": "loud"}, None, {"name": "Wanda"}]}, {}, {}],
    ),
    "a resolver of one of the types": (
        "interface",
        "{ name ... on Fish { hunter { name prey { __typename } } } }",
        [{"name": "Tom"}, {"name": "Moby", "hunter": {"name": "Tom", "prey": None}}, {"name": "Rex"}],
    ),
}
FRAGMENT = "fragment Called on Named { name __typename }"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", SELECTED)
async def test_of_each_object_is_selected_what_its_type_has(claim, way):
    kind, below, expected = SELECTED[claim]

    answer = await answered(SCHEMAS[kind], way, below, zoo, FRAGMENT if "...Called" in below else "")

    assert repr(answer.data) == repr(expected)
    assert answer.told == []
    assert answer.is_by_plans_alone


@pytest.mark.parametrize("way", WAYS)
async def test_a_union_may_have_an_object_of_no_interface(way):
    answer = await answered(
        SCHEMAS["wider union"],
        way,
        "{ __typename ... on Rock { weight } ... on Living { alive } }",
        lambda: [Rock(), Dog("Rex")],
    )

    assert answer.data == [{"__typename": "Rock", "weight": 1}, {"__typename": "Dog", "alive": True}]
    assert answer.is_by_plans_alone


# ── An object that is of none of the types ──

UNKNOWN = "cannot be resolved for the field"
STRANGERS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "a type that is not of the union": ("wider union", lambda: Fish("Moby"), UNKNOWN),
    "a type that has not the interface": ("interface", Rock, "must resolve to an Object type"),
    "a class the schema does not know": (
        "interface",
        lambda: SimpleNamespace(name="x"),
        "must resolve to an Object type",
    ),
    "a text": ("union", lambda: "Cat", UNKNOWN),
    "a class in place of its instance": ("union", lambda: Cat, "Expected value of type 'Cat' but got: <class Cat>."),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("claim", STRANGERS)
async def test_an_object_of_none_of_the_types_is_an_error_and_its_neighbours_are_not(claim, way):
    kind, stranger, message = STRANGERS[claim]

    answer = await answered(
        SCHEMAS[kind], way, "{ ... on Named { name } }", lambda: [Dog("Rex"), stranger(), Cat("Tom")]
    )

    assert answer.data == [{"name": "Rex"}, None, {"name": "Tom"}]
    assert [path for _, path in answer.told] == [[1]]
    assert message in answer.told[0][0]
    assert "class" in {reason for _, reason in answer.handed_back}


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_in_a_field_of_one_type_makes_null_that_object(way):
    zoo = [Cat(None), Dog("Rex"), Fish(ValueError("nameless")), None]

    answer = await answered(SCHEMAS["interface"], way, "{ name ... on Fish { hunter { name } } }", lambda: zoo)

    assert answer.data == [None, {"name": "Rex"}, None, None]
    assert answer.told == [
        ("Cannot return null for non-nullable field Cat.name.", [0, "name"]),
        ("nameless", [2, "name"]),
    ]
