"""A schema each step of which may fail or wait for ever, and what is counted while it does."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import strawberry
from graphql import execute
from strawberry.dataloader import DataLoader
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution import compiled_executor
from tests.gateway.execution.both_ways import TURNS_MAX, a_host, declared

PARENT = strawberry.Parent[Any]
STEPS = ("root", "weather", "flowers", "beds", "keeper")


class Plot(SimpleNamespace):
    """What the schema shows as a Bed."""


def a_bed(key: Any, *beds: Any) -> Any:
    return Plot(name=f"bed {key}", key=key, beds=list(beds))


@dataclass
class Garden:
    """One execution's data. In `failing` and `shut` are the names of what fails, and of what waits for ever."""

    beds: list[Any] = field(default_factory=lambda: [a_bed(1, a_bed(11), a_bed(12)), a_bed(2, a_bed(21)), a_bed(None)])
    failing: Collection[str] = ()
    shut: Collection[str] = ()
    keepers: Callable[[list[Any]], Any] = lambda keys: {key: SimpleNamespace(name=f"keeper {key}") for key in keys}
    running: Counter[str] = field(default_factory=Counter)
    waits: asyncio.Event = field(default_factory=asyncio.Event)
    loader: Any = None

    def step(self, name: str) -> None:
        if name in self.failing:
            raise ValueError(f"{name} failed")

    async def step_later(self, name: str) -> None:
        self.running[name] += 1
        try:
            await asyncio.sleep(0)
            if name in self.shut:
                self.waits.set()
                await asyncio.Event().wait()
            self.step(name)
        finally:
            self.running[name] -= 1

    def load(self, key: Any) -> Any:
        if self.loader is None:

            async def load(keys: list[Any]) -> list[Any]:
                found = await keepers_of(self, keys)
                return [found.get(key) for key in keys]

            self.loader = DataLoader(load_fn=load)
        return self.loader.load(key)


async def keepers_of(garden: Garden, keys: list[Any]) -> Any:
    await garden.step_later("keeper")
    return garden.keepers(keys)


def keeper_of(root: PARENT, info: strawberry.Info) -> Any:
    return None if root.key is None else info.context.load(root.key)


def soil_of(root: PARENT, info: strawberry.Info) -> str:
    info.context.step("soil")
    return "clay"


async def weather_over(root: PARENT, info: strawberry.Info) -> str:
    await info.context.step_later("weather")
    return "fair"


async def flowers_in(root: PARENT, info: strawberry.Info) -> Any:
    async def growing():
        for number in range(2):
            await info.context.step_later("flowers")
            yield f"flower {number}"

    return growing()


async def beds_in(root: PARENT, info: strawberry.Info) -> Any:
    await info.context.step_later("beds")
    return root.beds


async def beds_of(info: strawberry.Info) -> Any:
    await info.context.step_later("root")
    return info.context.beds


async def days(info: strawberry.Info):
    try:
        while True:
            await info.context.step_later("days")
            yield info.context.beds[0]
    finally:
        info.context.running["closed"] += 1


@strawberry.type
class Keeper:
    name: str
    weather: str = declared(weather_over)


@strawberry.type
class Bed:
    name: str
    soil: str | None = declared(soil_of)
    soil_needed: str = declared(soil_of)
    weather: str | None = declared(weather_over)
    weather_needed: str = declared(weather_over)
    flowers: list[str] | None = declared(flowers_in)
    beds: "list[Bed]" = declared(beds_in)
    keeper: Keeper | None = declared(keeper_of, batch=keepers_of, key="key")
    keeper_needed: Keeper = declared(keeper_of, batch=keepers_of, key="key")


@strawberry.type
class Query:
    beds: list[Bed] | None = declared(beds_of)


@strawberry.type
class Subscription:
    days: Bed | None = strawberry.subscription(resolver=days)


SCHEMA = strawberry.Schema(Query, subscription=Subscription)._schema


async def request(document: Any, executor: type, garden: Garden) -> Any:
    result = execute(
        SCHEMA, document, context_value=garden, executor_class=executor, is_awaitable=optimized_is_awaitable
    )
    return await result if optimized_is_awaitable(result) else result


async def settled() -> None:
    for _ in range(TURNS_MAX):
        await asyncio.sleep(0)


async def executor_that_knows(document: Any, *, compiled: bool, beds: Any = None) -> type:
    """An executor; a compiled one has plans for the document."""
    executor = compiled_executor(a_host([])) if compiled else StrawberryGraphQLCoreExecutionContext
    for _ in range(2):
        assert (await request(document, executor, Garden(beds) if beds else Garden())).errors is None
    return executor
