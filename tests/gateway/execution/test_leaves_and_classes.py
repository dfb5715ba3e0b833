"""Values that are nearly right, and objects that are not what their class says: told apart as graphql-core does."""

import enum
import math
from abc import ABC
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
import strawberry
from graphql import Undefined, execute, parse
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution import Host, compiled_executor
from tests.gateway.execution.comparing import differ


@strawberry.enum
class Color(enum.Enum):
    RED = "r"
    SCARLET = "r"  # noqa: PIE796  (an alias)
    BLUE = 2


class Word(str):
    __slots__ = ()


class Number(int):
    pass


class Level(enum.IntEnum):
    LOW = 1


LEAVES = [str, int, float, bool, strawberry.ID, Decimal, datetime, date, Color, strawberry.scalars.JSON]
NEARLY = [
    *("a", "", "r", "RED", "1", Word("word"), b"bytes"),
    *(0, 1, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**53, Number(7), Level.LOW, True, False),
    *(0.0, 1.0, 1.5, -0.0, 1e400, math.nan, Decimal("1.5"), Decimal(3)),
    *(Color.RED, Color.SCARLET, Color.BLUE, datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)),
    *([], [1], {}, {"a": 1}, (), object, None, Undefined, ValueError("no value"), strawberry.UNSET),
]


def both(
    schema: strawberry.Schema, text: str, root: Any, host: Host | None = None
) -> tuple[Any, list[tuple[str, str]]]:
    """What plans answer, having compared it with graphql-core; and what was handed back."""
    document, handed_back = parse(text), []
    host = host or Host(handed_back=lambda name, reason: handed_back.append((name, reason)))
    executor = compiled_executor(host)
    options = {"root_value": root, "context_value": None}
    execute(schema._schema, document, executor_class=executor, **options)
    handed_back.clear()
    found = execute(schema._schema, document, executor_class=executor, **options)
    differ(execute(schema._schema, document, executor_class=StrawberryGraphQLCoreExecutionContext, **options), found)
    return found, handed_back


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: getattr(leaf, "__name__", str(leaf)))
@pytest.mark.parametrize("nullable", [True, False])
def test_a_leaf_is_written_as_graphql_core_writes_it(leaf, nullable):
    item = leaf | None if nullable else leaf

    @strawberry.type
    class Holder:
        value: item

    schema = strawberry.Schema(_asking(Holder))
    for value in NEARLY:
        both(schema, "{ all { value } }", [Holder(value=value)])


def _asking(shown: Any) -> type:
    def everything(root: strawberry.Parent[Any]) -> Any:
        return root

    @strawberry.type
    class Query:
        all: list[shown | None] = strawberry.field(resolver=everything)

    return Query


# ── Objects that say themselves what they are ──


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Cat(Named):
    purrs: bool = True


@strawberry.type
class Dog(Named):
    barks: bool = True


@strawberry.type
class Stone:
    weight: int = 1


Thing = Annotated[Cat | Dog | Stone, strawberry.union("Thing")]


class Row:
    """Of no type of the schema, until it is cast."""

    def __init__(self, **values: Any) -> None:
        vars(self).update(name="row", purrs=False, barks=False, weight=0, **values)


class Tagged(Row):
    def __init__(self, typename: str) -> None:
        super().__init__()
        self.__typename = typename


class Obliging(Row):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return "Cat"


OBJECTS = {
    "instances": lambda: [Cat(name="c"), Dog(name="d"), Stone()],
    "a subclass's instance": lambda: [type("Kitten", (Cat,), {})(name="k")],
    "casts": lambda: [strawberry.cast(Cat, Row()), strawberry.cast(Dog, Row()), strawberry.cast(Stone, Row()), Row()],
    "an instance cast to something else": lambda: [strawberry.cast(Dog, Cat(name="c")), Cat(name="c")],
    "objects with a __typename": lambda: [Tagged("Cat"), Tagged("Dog"), Tagged("Nobody"), Tagged("Cat")],
    "objects that answer to every name": lambda: [Obliging(), Obliging()],
    "mappings": lambda: [{"__typename": "Cat", "name": "c"}, {"name": "d"}],
    "no objects": lambda: [1, "Cat", None, [], Cat, Undefined],
}
ASKED = {
    "an interface": (Named, "{ all { __typename name ... on Cat { purrs } ... on Dog { barks } } }"),
    "a union": (Thing, "{ all { __typename ... on Named { name } ... on Stone { weight } } }"),
    "a type with a check": (Cat, "{ all { __typename name purrs } }"),
    "a type without one": (Stone, "{ all { __typename weight } }"),
}


@pytest.mark.parametrize("objects", OBJECTS)
@pytest.mark.parametrize("asked", ASKED)
def test_an_object_is_of_the_type_graphql_core_finds(asked, objects):
    shown, text = ASKED[asked]
    schema = strawberry.Schema(_asking(shown), types=[Cat, Dog, Stone])

    for each in OBJECTS[objects]():
        both(schema, text, [each])
        both(schema, text, [Cat(name="first"), Stone(), each])
    both(schema, text, OBJECTS[objects]())


def test_a_check_of_the_applications_own_is_left_to_it():
    @strawberry.type
    class Even:
        n: int

        @classmethod
        def is_type_of(cls, value, _info) -> bool:
            return value.n % 2 == 0

    found, handed_back = both(strawberry.Schema(_asking(Even)), "{ all { n } }", [Row(n=2), Row(n=3)])

    assert found.data == {"all": [{"n": 2}, None]}
    assert handed_back == []


def test_classes_that_decide_by_instance_are_not_taken_at_the_hosts_word():
    class ByInstance(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return getattr(value, "n", 0) > 2

    @dataclass(frozen=True, slots=True)
    class Large(metaclass=ByInstance):
        n: int

    @dataclass(frozen=True, slots=True)
    class Abstract(ABC):
        n: int

    for domain_class, expected in ((Large, [None, {"n": 3}]), (Abstract, [{"n": 2}, {"n": 3}])):

        @strawberry.type
        class Shown:
            n: int

            @classmethod
            def is_type_of(cls, value, _info, domain_class=domain_class) -> bool:
                return isinstance(value, domain_class)

        host = Host(classes=lambda type_, domain_class=domain_class: (domain_class,) if type_.name == "Shown" else None)
        below = type("Below", (domain_class,), {"__slots__": ()})
        found, _ = both(strawberry.Schema(_asking(Shown)), "{ all { n } }", [below(2), below(3)], host)

        assert found.data == {"all": expected}


def test_an_object_with_room_for_a_cast_is_asked_for_it():
    class Plain:
        name = "p"

    def shape(type_name: str, *bases: type) -> Any:
        body = {"is_type_of": classmethod(lambda _cls, value, _info: isinstance(value, Plain)), "__annotations__": {}}
        return strawberry.type(type(type_name, bases, body))

    first, second = shape("First", Named), shape("Second", Named)
    host = Host(classes=lambda _type: (Plain,))
    schema = strawberry.Schema(_asking(Named), types=[first, second])
    text = "{ all { __typename name } }"

    found, _ = both(schema, text, [Plain(), strawberry.cast(second, Plain()), Plain()], host)

    assert [each["__typename"] for each in found.data["all"]] == ["First", "Second", "First"]
