"""A resolver that is called directly is given what strawberry would give it; where more is done around it, that is."""

from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.relay import GlobalID

from tests.gateway.execution.both_ways import both_ways

PARENT = strawberry.Parent[Any]


class Loud(FieldExtension):
    def resolve(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        return next_(source, info, **kwargs).upper()


class Never(strawberry.BasePermission):
    message = "Nobody may."

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return False


@strawberry.input
class Size:
    least: strawberry.Maybe[int]
    unit: str = "cm"


def of_root(root: Any, a: int) -> str:
    return f"{root} {a}"


def of_parent(parent: PARENT, source: int, raw_info: int) -> str:
    return f"{parent} {source} {raw_info}"


def of_self(self: Any, a: int | None = 7) -> str:
    return f"{self} {a}"


async def of_info(told: strawberry.Info, size: Size) -> str:
    return f"{told.field_name} {told.python_name} {told.return_type} {told.path.key} {told.context.who} {size}"


def of_maybe(a: strawberry.Maybe[int | None] = None, id: GlobalID | None = None) -> str:
    return f"{a!r} {id!r}"


def of_list(a: list[int]) -> str:
    a.append(1)
    return str(a)


@strawberry.type
class Told:
    root: str = strawberry.field(resolver=of_root)
    parent: str = strawberry.field(resolver=of_parent)
    self: str = strawberry.field(resolver=of_self)
    info: str = strawberry.field(resolver=of_info)
    maybe: str = strawberry.field(resolver=of_maybe)
    list: str = strawberry.field(resolver=of_list)
    loud: str = strawberry.field(resolver=of_list, extensions=[Loud()])
    never: str | None = strawberry.field(resolver=of_list, permission_classes=[Never])


@strawberry.type
class Query(Told):
    @strawberry.field
    def told(self) -> list[Told]:
        return ["one", "two"]  # type: ignore[list-item]


SCHEMA = strawberry.Schema(Query)
ASKED = {
    "root": "root(a: 1)",
    "parent": "parent(source: 1, rawInfo: 2)",
    "self": "self",
    "self, a null": "self(a: null)",
    "info": 'info(size: { least: 3, unit: "mm" })',
    "an input's defaults": "info(size: {})",
    "a null that may not be": "info(size: { least: null })",
    "maybe, nothing": "maybe",
    "maybe, a null": "maybe(a: null)",
    "maybe, a value": "maybe(a: 5)",
    "an id": 'maybe(id: "Ym9vazox")',
    "no id": 'maybe(id: "none")',
    "a list that is changed": "list(a: [5])",
    "an extension": "loud(a: [5])",
    "a permission": "never(a: [5])",
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("text", ["{{ {0} }}", "{{ told {{ {0} }} }}"], ids=["root", "called"])
async def test_a_resolver_is_given_what_strawberry_gives_it(text, asked):
    answer = await both_ways(SCHEMA, text.format(asked), lambda: SimpleNamespace(who="me"))

    assert answer.data or answer.errors


async def test_an_argument_of_one_call_is_not_changed_for_the_next():
    answer = await both_ways(SCHEMA, "query ($a: [Int!]! = [5]) { list(a: $a) told { list(a: $a) } }")

    assert answer.data == {"list": "[5, 1]", "told": [{"list": "[5, 1]"}, {"list": "[5, 1]"}]}
