"""The house's own schema under plans: shapes are understood, the switch changes nothing, hand-backs count."""

import gc
from dataclasses import dataclass
from typing import Any

import pytest
import strawberry

from domain.access import ANONYMOUS, Role
from gateway.execution import CompiledExecutor
from gateway.serving import Asked, Roots, build_schema
from gateway.settings import read_settings
from gateway.telemetry import Telemetry
from resolvers.context import Context
from schema.common import Info
from schema.shapes import asked, plain, related, shape_of, shown
from tests.factories import a_viewer


@dataclass(frozen=True, slots=True)
class Shelf:
    code: str
    owner: str | None
    load_kg: Any = 5


@dataclass(frozen=True, slots=True)
class Owner:
    name: str


ASKED: list[list[str]] = []


async def owners(_context: Context, names: list[str]) -> dict[str, Owner]:
    ASKED.append(list(names))
    return {name: Owner(name) for name in names if name != "nobody"}


@shape_of(Owner)
class OwnerShape:
    name: str


@shape_of(Shelf)
class ShelfShape:
    code: str
    owner: OwnerShape | None = related(owners, key="owner")
    keeper: OwnerShape | None = related(owners, key="owner", needs=next(iter(a_viewer(Role.OPERATIONS).scopes)))
    load_kg: int | None = plain(lambda shelf: shelf.load_kg, needs=next(iter(a_viewer(Role.OPERATIONS).scopes)))


SHELVES = [Shelf("a", "Ann"), Shelf("b", "Ben"), Shelf("c", "nobody"), Shelf("d", None)]


@strawberry.type
class Query:
    @asked()
    async def shelves(self, info: Info) -> list[ShelfShape]:
        return shown(SHELVES)

    @asked()
    async def overloaded(self, info: Info) -> list[ShelfShape]:
        return shown([Shelf("e", None, "too much")])


TEXT = "{ shelves { code owner { name } keeper { name } loadKg } }"


async def answers(text: str, telemetry: Telemetry, **settings: Any) -> list[Any]:
    """What is answered to anyone and to operations, each asking twice."""
    schema = build_schema(Roots(Query), read_settings(**settings), telemetry)
    viewers = [ANONYMOUS, a_viewer(Role.OPERATIONS)] * 2
    ASKED.clear()
    return [await schema.execute(Asked(text), Context(None, each)) for each in viewers]


async def test_the_switch_changes_no_answer():
    on = await answers(TEXT, Telemetry(), compiled=True)
    off = await answers(TEXT, Telemetry(), compiled=False)

    assert [each.errors for each in on] == [None] * 4
    assert [repr(each.data) for each in on] == [repr(each.data) for each in off]
    assert on[2].data["shelves"][0] == {"code": "a", "owner": {"name": "Ann"}, "keeper": None, "loadKg": None}
    assert on[3].data["shelves"][0] == {"code": "a", "owner": {"name": "Ann"}, "keeper": {"name": "Ann"}, "loadKg": 5}


async def test_relations_to_the_same_are_looked_up_together():
    await answers(TEXT, Telemetry(), compiled=True)

    assert ASKED == [["Ann", "Ben", "nobody"]] * 4


async def test_an_operation_leaves_nothing_to_the_collector():
    schema = build_schema(Roots(Query), read_settings(), Telemetry())
    for _ in range(3):
        await schema.execute(Asked(TEXT), Context(None, ANONYMOUS))
    gc.collect()
    gc.disable()

    try:
        await schema.execute(Asked(TEXT), Context(None, ANONYMOUS))
        left = gc.collect()
    finally:
        gc.enable()

    assert left == 0


async def test_what_is_given_back_is_counted():
    telemetry = Telemetry()

    results = await answers("{ overloaded { code loadKg } }", telemetry, compiled=True)

    assert [bool(each.errors) for each in results] == [False, True, False, True]
    # The list, and of its items the one that is at fault; twice.
    assert b'plans_handed_back_total{field="Query.overloaded",reason="fault"} 4.0' in telemetry.exposition()


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), (None, True)])
def test_the_switch_is_an_environment_variable(monkeypatch, value, expected):
    if value is None:
        monkeypatch.delenv("ORDERLOOM_COMPILED", raising=False)
    else:
        monkeypatch.setenv("ORDERLOOM_COMPILED", value)

    schema = build_schema(Roots(Query), read_settings())

    assert issubclass(schema.executor, CompiledExecutor) is expected
