"""Random schemas, documents, variables and data: what the equality with graphql-core is tried on.

The data is a graph of a few objects of each type that refer to one another. With some chance a value is a wrong one:
a null, an exception, a scalar of another kind, an object of another type, something to be awaited, nothing at all.
"""

import asyncio
import enum
import random
import sys
import typing
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Annotated, Any

import strawberry
from graphql import GraphQLField, GraphQLObjectType, Undefined
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension

from gateway.execution import Host, Read, Related, Worked

POOL = 3  # Objects of each type.
SCOPES = ("SEE", "ASK")
PARENT = strawberry.Parent[Any]


@strawberry.enum
class Color(enum.Enum):
    RED = "r"
    BLUE = 2


class Later:
    """An awaitable that may be awaited again and again."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self.value


@dataclass
class Raised:
    """Stands for a value that cannot be had."""

    error: Exception


def had(value: Any) -> Any:
    if isinstance(value, Raised):
        raise value.error
    return value


LEAVES: dict[str, Callable[[random.Random], object]] = {
    "str": lambda r: r.choice(["a", "", "é"]),
    "int": lambda r: r.randrange(-5, 100),
    "float": lambda r: r.choice([0.5, 3, -2.0]),
    "bool": lambda r: r.random() < 0.5,
    "ID": lambda r: r.choice(["x1", 7]),
    "Decimal": lambda r: Decimal(r.randrange(1000)) / 100,
    "datetime": lambda r: datetime(2026, 1, r.randrange(1, 28), tzinfo=UTC),
    "Color": lambda r: r.choice(list(Color)),
    "JSON": lambda r: r.choice([{"b": 1, "a": [2]}, "text", 1]),
}
WRONG: tuple[Callable[[], object], ...] = (
    lambda: None,
    lambda: None,
    lambda: None,
    lambda: ValueError("boom"),
    lambda: Raised(KeyError("gone")),
    lambda: Undefined,
    lambda: "text",
    lambda: 3.5,
    lambda: 2**40,
    lambda: float("nan"),
    lambda: True,
    lambda: [1, None],
    lambda: (),
    lambda: range(2),
    dict,
    object,
    lambda: Color.RED,
    lambda: Later("a"),
    lambda: Later(None),
)


NEARLY: dict[str, tuple[object, ...]] = {
    "str": (1, True, 1.5),
    "int": (2**31, True, 1.0, "1"),
    "float": (float("nan"), True, "1.5"),
    "bool": (1, 0.0, "true"),
    "ID": (1.5, True),
    "Decimal": (1, "x"),
    "datetime": ("2026-01-01", 1),
    "Color": ("r", "RED", 1),
}


@dataclass
class FieldPlan:
    """How one field of a random type is declared. type: as it is annotated, e.g. `list[T1 | None] | None`."""

    name: str
    type: str
    how: str  # plain, read, related, called or awaited.
    has_argument: bool = False
    needs: str | None = None


@dataclass
class TypePlan:
    """A shape is checked by the domain class of its objects; a bare type's objects are its own instances."""

    name: str
    is_shape: bool
    is_named: bool  # It implements the interface Named.
    is_declared: bool  # The host says which classes its check takes; else no plan is made for it.
    fields: list[FieldPlan] = field(default_factory=list)
    objects: type = object


class Context:
    """Where resolvers find their data; one for each execution."""

    def __init__(self, data: "Data", scopes: frozenset[str]) -> None:
        self.data = data
        self.scopes = scopes
        self.called: list[tuple[Any, ...]] = []
        self.asked: list[tuple[str, int]] = []
        self._loaders: dict[str, DataLoader] = {}

    def load(self, batch: str, key: object) -> Any:
        if batch not in self._loaders:

            async def load(keys: list[Any]) -> list[Any]:
                found = await self.ask(batch, keys)
                return [found.get(key) for key in keys]

            self._loaders[batch] = DataLoader(load_fn=load)
        return self._loaders[batch].load(key)

    async def ask(self, batch: str, keys: list[Any]) -> Any:
        self.asked.append((batch, len(keys)))
        await asyncio.sleep(0)
        table = had(self.data.tables[batch])
        return {key: table[key] for key in keys if key in table}


class NullWithout(FieldExtension):
    def __init__(self, scope: str) -> None:
        self.scope = scope

    def resolve(self, next_, source, info, **arguments):
        return next_(source, info, **arguments) if self.scope in info.context.scopes else None

    async def resolve_async(self, next_, source, info, **arguments):
        return await next_(source, info, **arguments) if self.scope in info.context.scopes else None


def a_host(handed_back: Callable[[str, str], None] = lambda _field, _reason: None) -> Host:
    """What a house would say of the fields declared below."""

    def said(known: GraphQLField) -> dict[str, Any]:
        return known.extensions["strawberry-definition"].metadata or {}

    def answer(known: GraphQLField) -> Read | Related | Worked | None:
        if "batch" in said(known):
            return Related(said(known)["batch"], said(known)["key"])
        if "work" in said(known):
            return Worked(said(known)["work"])
        return Read(said(known)["read"]) if "read" in said(known) else None

    def classes(type_: GraphQLObjectType) -> tuple[type, ...] | None:
        return getattr(type_.extensions["strawberry-definition"].origin, "domain_classes", None)

    return Host(
        answer=answer,
        ask=lambda context, batch, keys: context.ask(batch, keys),
        rights=lambda context: context.scopes,
        opens=lambda known, rights: said(known).get("needs") in {None, *rights},
        classes=classes,
        handed_back=handed_back,
    )


def _happens(r: random.Random, chance: float) -> bool:
    """With this chance. What makes a case smaller draws smaller numbers, and then it does not happen."""
    return r.random() >= 1 - chance


# ── Schemas ──


class RandomSchema:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.module = ModuleType(f"random_schema_{seed}")
        sys.modules[self.module.__name__] = self.module
        self.names = vars(self.module)
        self.names.update(
            datetime=datetime, Decimal=Decimal, ID=strawberry.ID, JSON=strawberry.scalars.JSON, Color=Color
        )
        r = self.random
        self.types = [
            TypePlan(f"T{i}", i == 0 or r.random() < 0.7, i < 2 or r.random() < 0.5, i < 3 or r.random() < 0.5)
            for i in range(4)
        ]
        self.fields_of = {each.name: each.fields for each in self.types}
        named = self._class(strawberry.interface, "Named", {"name": "str"}, {})
        self.names["Named"] = named
        for each in self.types:
            each.fields += [self._field(i) for i in range(r.randrange(3, 9))]
        for each in self.types:
            self.names[each.name] = self._type(each, (named,) if each.is_named else ())
        members = tuple(self.names[each.name] for each in self.types[:3])
        self.names["Either"] = Annotated[typing.Union[members], strawberry.union("Either")]  # noqa: UP007
        self._roots()
        del sys.modules[self.module.__name__]

    def _field(self, index: int) -> FieldPlan:
        r = self.random
        how = r.choice(["plain"] * 4 + ["read", "related", "related", "worked", "called", "awaited"])
        needs = r.choice(SCOPES) if how != "plain" and r.random() < 0.25 else None
        type_ = self._type_text(is_leaf=r.random() < 0.55, nullable=bool(needs))
        has_argument = how == "worked" or (how in {"called", "awaited"} and r.random() < 0.5)
        return FieldPlan(f"f{index}", type_, how, has_argument, needs)

    def _type_text(self, *, is_leaf: bool, nullable: bool = False, depth: int = 0) -> str:
        r = self.random
        if depth < 2 and r.random() < 0.35:
            text = f"list[{self._type_text(is_leaf=is_leaf, depth=depth + 1)}]"
        elif is_leaf:
            text = r.choice(list(LEAVES))
        else:
            text = r.choice([*(each.name for each in self.types), "Named", "Either"])
        return f"{text} | None" if nullable or r.random() < 0.4 else text

    def _class(self, declare: Any, name: str, annotations: dict[str, str], body: dict[str, Any], *bases: type) -> Any:
        return declare(type(name, bases, {"__annotations__": annotations, "__module__": self.module.__name__, **body}))

    def _type(self, plan: TypePlan, bases: tuple[type, ...]) -> type:
        annotations = {"name": "str", **{each.name: each.type for each in plan.fields}}
        body = {each.name: self._declared(plan, each) for each in plan.fields if each.how != "plain"}
        body["__repr__"] = object.__repr__  # Objects may lack attributes, and go round in circles.
        if plan.is_shape:
            attributes = ["name", *[attribute_of(each) for each in plan.fields]]
            plan.objects = make_dataclass(
                f"D{plan.name}", attributes, slots=self.random.random() < 0.7, eq=False, repr=False
            )
            body["is_type_of"] = classmethod(lambda _cls, value, _info: isinstance(value, plan.objects))
            if plan.is_declared:
                body["domain_classes"] = (plan.objects,)
        made = self._class(strawberry.type, plan.name, annotations, body, *bases)
        if not plan.is_shape:
            plan.objects = made
        return made

    def _declared(self, plan: TypePlan, each: FieldPlan) -> Any:
        batch, attribute = f"{plan.name}.{each.name}", attribute_of(each)
        metadata: dict[str, Any] = {"needs": each.needs}

        def read(root: Any) -> Any:
            return had(getattr(root, attribute))

        def called(root: Any, info: strawberry.Info, *argument: object) -> Any:
            info.context.called.append((*info.path.as_list(), *argument))
            return read(root)

        def work(root: Any, a: int | None) -> Any:
            return read(root) if a else had(Raised(RuntimeError("It is not said how much.")))

        def resolve_worked(root: PARENT, a: int | None = 1) -> Any:
            return work(root, a)

        def resolve_read(root: PARENT) -> Any:
            return read(root)

        def resolve_related(root: PARENT, info: strawberry.Info) -> Any:
            key = getattr(root, attribute)
            return None if key is None else info.context.load(batch, key)

        def resolve_called(root: PARENT, info: strawberry.Info) -> Any:
            return called(root, info)

        def resolve_called_with(root: PARENT, info: strawberry.Info, a: int = 1, b: list[int] | None = None) -> Any:
            return called(root, info, a, str(b))

        async def resolve_awaited(root: PARENT, info: strawberry.Info) -> Any:
            await asyncio.sleep(0)
            return called(root, info)

        async def resolve_awaited_with(root: PARENT, info: strawberry.Info, a: int | None = None) -> Any:
            for _ in range((a or 0) % 3):
                await asyncio.sleep(0)
            return called(root, info, a)

        told = {"read": {"read": read}, "worked": {"work": work}, "related": {"batch": batch, "key": attribute}}
        metadata |= told.get(each.how, {})
        resolver = {
            ("read", False): resolve_read,
            ("related", False): resolve_related,
            ("worked", True): resolve_worked,
            ("called", False): resolve_called,
            ("called", True): resolve_called_with,
            ("awaited", False): resolve_awaited,
            ("awaited", True): resolve_awaited_with,
        }[each.how, each.has_argument]
        extensions = [NullWithout(each.needs)] if each.needs else []
        return strawberry.field(resolver=resolver, metadata=metadata, extensions=extensions)

    def _roots(self) -> None:
        r = self.random
        texts = [
            self._type_text(is_leaf=r.random() < 0.03, nullable=r.random() < 0.5) for _ in range(r.randrange(2, 5))
        ]
        self.roots = [
            FieldPlan(f"r{i}", text, "awaited" if r.random() < 0.7 else "called") for i, text in enumerate(texts)
        ]

        def declared(each: FieldPlan) -> Any:
            def ask(info: strawberry.Info) -> Any:
                info.context.called.append(tuple(info.path.as_list()))
                return had(info.context.data.roots[each.name])

            async def ask_later(info: strawberry.Info) -> Any:
                await asyncio.sleep(0)
                return ask(info)

            return strawberry.field(resolver=ask_later if each.how == "awaited" else ask)

        async def events(info: strawberry.Info):
            for value in info.context.data.events:
                yield value

        self.fields_of["Query"] = self.fields_of["Mutation"] = self.roots
        self.fields_of["Subscription"] = self.roots[:1]
        types = {each.name: each.type for each in self.roots}
        self.query, self.mutation = (
            self._class(strawberry.type, name, types, {each.name: declared(each) for each in self.roots})
            for name in ("Query", "Mutation")
        )
        self.names["AsyncGenerator"] = AsyncGenerator
        stream = {"r0": f"AsyncGenerator[{self.roots[0].type}, None]"}
        self.subscription = self._class(
            strawberry.type, "Subscription", stream, {"r0": strawberry.subscription(resolver=events)}
        )

    def schema(self) -> strawberry.Schema:
        sys.modules[self.module.__name__] = self.module
        try:
            types = [self.names[each.name] for each in self.types]
            return strawberry.Schema(self.query, self.mutation, self.subscription, types=types)
        finally:
            del sys.modules[self.module.__name__]


def attribute_of(each: FieldPlan) -> str:
    return each.name if each.how == "plain" else f"k_{each.name}"


# ── Data ──


class Data:
    """Values for all fields of a schema; of each, with the chance `wrong`, a wrong one."""

    def __init__(self, schema: RandomSchema, r: random.Random, wrong: float) -> None:
        self._schema = schema
        self._r = r
        self._wrong = wrong
        self.pools = {each.name: [object.__new__(each.objects) for _ in range(POOL)] for each in schema.types}
        self.tables: dict[str, Any] = {}
        for plan in schema.types:
            for each in plan.fields:
                if each.how == "related":
                    table = {key: self._maybe(each.type) for key in range(POOL) if not _happens(r, wrong)}
                    self.tables[f"{plan.name}.{each.name}"] = Raised(OSError("lost")) if _happens(r, wrong) else table
            for made in self.pools[plan.name]:
                self._fill(made, plan)
        self.roots = {each.name: self._rarely(each.type) for each in schema.roots}
        self.events = [self._value(schema.roots[0].type) for _ in range(3)]

    def _fill(self, made: Any, plan: TypePlan) -> None:
        r = self._r
        made.name = "n"
        for each in plan.fields:
            if _happens(r, self._wrong / 4):
                continue  # The object has no such attribute.
            if each.how == "related":
                value: Any = r.choice([*range(POOL), None]) if each.type.endswith("| None") else r.randrange(POOL)
                value = r.choice([None, [1], 99]) if _happens(r, self._wrong) else value
            else:
                value = self._maybe(each.type)
                value = value.error if each.how == "plain" and isinstance(value, Raised) else value
            setattr(made, attribute_of(each), value)

    def _maybe(self, text: str) -> Any:
        r = self._r
        if _happens(r, self._wrong):
            if text in NEARLY and _happens(r, 0.6):
                return r.choice(NEARLY[text])
            strangers = [r.choice(each) for each in self.pools.values()]
            return r.choice([*WRONG, *[lambda each=each: each for each in strangers]])()
        return self._value(text)

    def _rarely(self, text: str) -> Any:
        """Most roots are right, or there would be nothing to be wrong below."""
        return self._maybe(text) if _happens(self._r, 0.2) else self._value(text)

    def _value(self, text: str) -> Any:
        r = self._r
        if text.endswith(" | None"):
            return None if _happens(r, 0.1) else self._value(text.removesuffix(" | None"))
        if text.startswith("list["):
            items = [self._maybe(text[5:-1]) for _ in range(r.choice([0, 1, 2, 2, 3]))]
            items = [each.error if isinstance(each, Raised) else each for each in items]
            return tuple(items) if _happens(r, 0.2) else items
        if text in LEAVES:
            return LEAVES[text](r)
        if text == "Named":
            text = r.choice([each.name for each in self._schema.types if each.is_named])
        if text == "Either":
            text = r.choice([each.name for each in self._schema.types[:3]])
        return r.choice(self.pools[text])


# ── Documents ──


class Selection:
    def __init__(self, head: str, below: "list[Selection] | None" = None) -> None:
        self.head = head
        self.below = below

    def __str__(self) -> str:
        if self.below is None:
            return self.head
        return f"{self.head} {{ {' '.join(map(str, self.below)) or '__typename'} }}"


class Document:
    DEPTH = 5

    def __init__(self, schema: RandomSchema, r: random.Random) -> None:
        self._schema = schema
        self._r = r
        self.kind = r.choice(["query", "query", "query", "mutation", "subscription"])
        self.fragments: dict[str, tuple[str, list[Selection]]] = {}
        root = self.kind.capitalize()
        if self.kind == "subscription":
            self.selections = [self._selection(schema.roots[0], 0, plain=True)]
        else:
            self.selections = [
                self._selection(r.choice(schema.roots), 0, plain=False) for _ in range(r.randrange(1, 4))
            ]
        assert root in schema.fields_of

    def __str__(self) -> str:
        used = "".join(
            f" fragment {name} on {type_} {{ {' '.join(map(str, below)) or '__typename'} }}"
            for name, (type_, below) in self.fragments.items()
        )
        body = " ".join(map(str, self.selections)) or "__typename"
        return f"{self.kind} Q($x: Boolean!, $y: Boolean = true, $n: Int, $l: [Int!]) {{ {body} }}{used}"

    def variables(self, seed: int) -> dict[str, Any]:
        r = random.Random(seed)
        given: dict[str, Any] = {"x": _happens(r, 0.5), "n": r.choice([None, 1, 2])}
        if _happens(r, 0.5):
            given["y"] = _happens(r, 0.5)
        if _happens(r, 0.3):
            del given["n"]
        return given

    def _selections(self, type_name: str, depth: int) -> list[Selection]:
        r = self._r
        found = [Selection("__typename")] if _happens(r, 0.25) else []
        return [*found, *(self._any(type_name, depth) for _ in range(r.randrange(1, 5 if depth < 3 else 3)))]

    def _any(self, type_name: str, depth: int) -> Selection:
        r, types = self._r, self._schema.types
        chance = r.random()
        if type_name in {"Named", "Either"} and chance < 0.8:
            on = r.choice(types if type_name == "Named" else types[:3]).name
            if type_name == "Named" and not next(each for each in types if each.name == on).is_named:
                on = "T0"
            return Selection(f"... on {on}{self._directive()}", self._selections(on, depth + 1))
        if type_name == "Either":
            return Selection("__typename")
        if type_name == "Named" or chance > 0.93:
            return Selection(f"{self._alias('name')}name")
        if chance < 0.1 and depth < self.DEPTH:
            return Selection(f"...{self._directive()}", self._selections(type_name, depth + 1))
        if chance < 0.2 and depth < self.DEPTH:
            return Selection(f"...{self._fragment(type_name, depth)}{self._directive()}")
        return self._selection(r.choice(self._schema.fields_of[type_name]), depth, plain=False)

    def _fragment(self, type_name: str, depth: int) -> str:
        known = [name for name, (type_, _) in self.fragments.items() if type_ == type_name and name > f"F{depth}"]
        if known and _happens(self._r, 0.5):
            return self._r.choice(known)
        # Only deeper fragments may be used in one, so that none comes back to itself.
        name = f"F{depth}_{len(self.fragments)}"
        self.fragments[name] = (type_name, [])
        self.fragments[name] = (type_name, self._selections(type_name, depth + 1))
        return name

    def _selection(self, each: FieldPlan, depth: int, *, plain: bool) -> Selection:
        named = each.type.replace("list[", "").replace("]", "").replace(" | None", "")
        if named not in LEAVES and depth >= self.DEPTH:
            return Selection("__typename")
        argument = ""
        if each.has_argument:
            argument = self._r.choice(["", "(a: 2)", "(a: $n)"])
            if each.how == "called":
                argument = self._r.choice([argument, "(b: [1, 2])", "(b: $l)"])
        head = f"{'' if plain else self._alias(each.name, argument)}{each.name}{argument}"
        directive = "" if plain else self._directive()
        return Selection(head + directive, None if named in LEAVES else self._selections(named, depth + 1))

    def _alias(self, name: str, argument: str = "") -> str:
        # One alias for one argument, so that fields of the same alias can be merged.
        if argument or _happens(self._r, 0.2):
            return f"a{''.join(each for each in argument if each.isalnum())}_{name}: "
        return ""

    def _directive(self) -> str:
        if not _happens(self._r, 0.12):
            return ""
        word = self._r.choice(["skip", "include"])
        return f" @{word}(if: {self._r.choice(['$x', '$y', 'true', 'false'])})"
