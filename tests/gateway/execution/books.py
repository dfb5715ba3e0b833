"""A small schema that has one of everything a plan knows, over frozen values, and both ways to execute it."""

import asyncio
import enum
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Annotated, Any

import strawberry
from graphql import ExecutionResult, GraphQLField, execute, parse, subscribe
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gateway.execution import Host, Read, Related, compiled_executor

PARENT = strawberry.Parent[Any]


@strawberry.enum
class Binding(enum.Enum):
    PAPER = 1
    LEATHER = 2


@dataclass(frozen=True, slots=True)
class Author:
    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Book:
    id: str
    title: Any
    author_id: str | None = None
    editor_id: str | None = None
    binding: Any = Binding.PAPER
    grid: Any = ((1, 2), (3,))
    chapters: Any = ()
    cost: int = 5


@dataclass
class Shelf:
    """One execution's data, and what was asked of it."""

    books: list[Any] = field(default_factory=list)
    authors: dict[str, Any] = field(default_factory=dict)
    may_see_costs: bool = True
    is_shut: asyncio.Event | None = None
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    counted: Counter[str] = field(default_factory=Counter)
    asked: list[list[str]] = field(default_factory=list)
    paths: list[list[str | int]] = field(default_factory=list)
    loader: Any = None

    def load(self, key: str) -> Any:
        if self.loader is None:

            async def load(keys: list[str]) -> list[Any]:
                found = await authors_by_id(self, keys)
                return [found.get(key) for key in keys]

            self.loader = DataLoader(load_fn=load)
        return self.loader.load(key)


async def authors_by_id(shelf: Shelf, keys: list[str]) -> dict[str, Any]:
    shelf.asked.append(list(keys))
    shelf.is_asked.set()
    if shelf.is_shut:
        shelf.counted["waiting"] += 1
        try:
            await shelf.is_shut.wait()
        finally:
            shelf.counted["waiting"] -= 1
    if "nobody can" in keys:
        raise OSError("the catalogue is lost")
    return {key: shelf.authors[key] for key in keys if key in shelf.authors}


class NullForStrangers(FieldExtension):
    def resolve(self, next_, source, info, **arguments):
        return next_(source, info, **arguments) if info.context.may_see_costs else None


def related(key: str) -> Any:
    def resolve(root: PARENT, info: strawberry.Info) -> Any:
        value = getattr(root, key)
        return None if value is None else info.context.load(value)

    return strawberry.field(resolver=resolve, metadata={"batch": authors_by_id, "key": key})


def cost_of(root: PARENT) -> Any:
    return root.cost


async def reviewed(root: PARENT, info: strawberry.Info, stars: int = 3) -> Any:
    info.context.counted["reviewed"] += 1
    info.context.paths.append(info.path.as_list())
    await asyncio.sleep(0)
    if root.title == "unreviewable":
        raise ValueError("nobody dared")
    return None if root.title == "unread" else f"{stars} stars"


def sequel_of(root: PARENT, info: strawberry.Info) -> Any:
    info.context.counted["sequel"] += 1
    return next((each for each in info.context.books if each.id == f"{root.id}+"), None)


def shown_as(*classes: type) -> Any:
    def declare(cls: type) -> Any:
        cls.domain_classes = classes
        cls.is_type_of = classmethod(lambda _cls, value, _info: isinstance(value, classes))
        return strawberry.type(cls)

    return declare


@strawberry.interface
class Node:
    id: strawberry.ID


@shown_as(Author)
class AuthorType(Node):
    name: str


@shown_as(Book)
class BookType(Node):
    title: str
    binding: Binding
    grid: list[list[int]]
    chapters: list[str] | None
    author: AuthorType = related("author_id")
    editor: AuthorType | None = related("editor_id")
    cost: int | None = strawberry.field(resolver=cost_of, extensions=[NullForStrangers()], metadata={"needs": "costs"})
    price: int = strawberry.field(resolver=cost_of, extensions=[NullForStrangers()], metadata={"needs": "costs"})
    review: str = strawberry.field(resolver=reviewed)
    opinion: str | None = strawberry.field(resolver=reviewed)
    sequel: Annotated["BookType", strawberry.lazy("tests.gateway.execution.books")] | None = strawberry.field(
        resolver=sequel_of
    )
    reprint: Annotated["BookType", strawberry.lazy("tests.gateway.execution.books")] = strawberry.field(
        resolver=sequel_of
    )


Found = Annotated[AuthorType | BookType, strawberry.union("Found")]


@strawberry.type
class Query:
    @strawberry.field
    async def books(self, info: strawberry.Info) -> list[BookType]:
        return info.context.books

    @strawberry.field
    def some(self, info: strawberry.Info) -> list[BookType | None] | None:
        return info.context.books

    @strawberry.field
    async def nodes(self, info: strawberry.Info) -> list[Node | None]:
        return [*info.context.books, *info.context.authors.values()]

    @strawberry.field
    def found(self, info: strawberry.Info) -> list[Found]:
        return [*info.context.books, *info.context.authors.values()]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def print_book(self, info: strawberry.Info) -> BookType | None:
        info.context.counted["printed"] += 1
        return info.context.books[0]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def printed(self, info: strawberry.Info) -> AsyncGenerator[BookType | None, None]:
        for book in info.context.books:
            yield book


SCHEMA = strawberry.Schema(Query, Mutation, Subscription, types=[AuthorType, BookType])._schema


class Press:
    """Executes documents by plans; each is parsed once and kept, as a server would."""

    def __init__(self) -> None:
        self.handed_back: Counter[tuple[str, str]] = Counter()
        self.executor = compiled_executor(
            Host(
                answer=_answer,
                ask=lambda shelf, batch, keys: batch(shelf, keys),
                rights=lambda shelf: shelf.may_see_costs,
                opens=lambda known, may_see_costs: may_see_costs or _said(known).get("needs") != "costs",
                classes=lambda type_: getattr(type_.extensions["strawberry-definition"].origin, "domain_classes", None),
                handed_back=lambda name, reason: self.handed_back.update([(name, reason)]),
            )
        )
        self._parsed: dict[str, Any] = {}

    async def prints(self, text: str, shelf: Shelf, **variables: Any) -> ExecutionResult:
        """The answer of plans, once there are some."""
        if text not in self._parsed:
            self._parsed[text] = parse(text)
            await executed(self._parsed[text], Shelf(), self.executor, variables)
        return await executed(self._parsed[text], shelf, self.executor, variables)

    async def prints_each(self, text: str, shelf: Shelf) -> list[ExecutionResult]:
        stream = await subscribe(SCHEMA, parse(text), context_value=shelf, executor_class=self.executor)
        return [each async for each in stream]


async def by_hand(text: str, shelf: Shelf, **variables: Any) -> ExecutionResult:
    """The answer of graphql-core."""
    return await executed(parse(text), shelf, StrawberryGraphQLCoreExecutionContext, variables)


async def executed(document: Any, shelf: Shelf, executor: type, variables: dict[str, Any]) -> ExecutionResult:
    result = execute(SCHEMA, document, context_value=shelf, variable_values=variables, executor_class=executor)
    return await result if asyncio.iscoroutine(result) else result


def _said(known: GraphQLField) -> dict[str, Any]:
    return known.extensions["strawberry-definition"].metadata or {}


def _answer(known: GraphQLField) -> Read | Related | None:
    said = _said(known)
    if "batch" in said:
        return Related(said["batch"], said["key"])
    return Read(cost_of) if said.get("needs") == "costs" else None
