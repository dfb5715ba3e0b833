"""What a resolver has at hand: who asks, the world, and loaders that live as long as one operation or event."""

from asyncio import Event
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader

from domain.access import OrdersSeen, Scope, Viewer, orders_seen
from domain.world import UnitOfWork, World
from resolvers.sharing import Shared

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# How a relation is looked up: `batch(context, keys)` maps each key found to its value.
Batch = Callable[["Context", Sequence[Any]], Awaitable[Mapping[Any, Any]]]

# Facts of a caller by name, sorted by it, that an answer may depend on; their rights are looked at apart.
Facts = tuple[tuple[str, Hashable], ...]
FACTS = frozenset({"viewer", "language", "address", "request_id", "opened_order_ids", "event_cursor", "orders_seen"})


@dataclass(slots=True)
class Context:
    """One operation's surroundings.

    address: the caller's network address, for rate limits. opened_order_ids: what access tokens opened in it.
    event_cursor: the end of the log as the operation began, where it asks for it. scopes: the caller's rights.
    shared: what all operations of the process share.
    """

    world: World
    viewer: Viewer
    language: str | None = None
    address: str = ""
    request_id: str = ""
    opened_order_ids: set[str] = field(default_factory=set)
    event_cursor: str | None = None
    shared: Shared = field(default_factory=Shared)
    scopes: frozenset[Scope] = field(init=False)
    _lookups: dict[Batch, "_Lookup"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scopes = self.viewer.scopes

    def has(self, scope: Scope) -> bool:
        """Whether the caller may; to be preferred to asking the viewer, for it depends on nothing else of them."""
        return scope in self.scopes

    def facts(self, named: Facts) -> Facts:
        """This caller's facts of the names of `named`."""
        return tuple((name, _hashable(getattr(self, name))) for name, _ in named)

    def load(self, batch: Batch, key: Any) -> Awaitable[Any]:
        """The value of one key, looked up together with all the others of this moment; None where there is none."""
        return self._lookup(batch).loader.load(key)

    def load_many(self, batch: Batch, keys: Iterable[Any]) -> Awaitable[list[Any]]:
        return self._lookup(batch).loader.load_many(keys)

    def look_up(self, batch: Batch, keys: Sequence[Any]) -> Awaitable[Mapping[Any, Any]]:
        """What `load` gives for each key, in one wait for all of them; there may be more in it."""
        return self._lookup(batch).loader.load(_Many(keys))

    def prime(self, batch: Batch, values: Mapping[Any, Any]) -> None:
        """What was just read or written, so that it is not looked up again."""
        self._lookup(batch).prime(values)

    @property
    def orders_seen(self) -> OrdersSeen:
        """The orders this operation may see: by the caller's rights, and by the access tokens they showed."""
        return orders_seen(self.viewer, *self.opened_order_ids)

    def open_order(self, access_token: str) -> str | None:
        """The id of the order a token opens, from now on as its owner's in this operation; None where it opens none."""
        order_id = self.world.digests.order_opened_by(access_token)
        if order_id is not None:
            self.opened_order_ids.add(order_id)
        return order_id

    def forget(self) -> None:
        """Drop what was loaded: after a change, between two events of a subscription, and when all is answered."""
        self._lookups.clear()

    def work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work in this caller's name; a clean exit commits it."""
        return self.world.work()

    def _lookup(self, batch: Batch) -> "_Lookup":
        lookup = self._lookups.get(batch)
        if lookup is None:
            lookup = self._lookups[batch] = _Lookup(self, batch)
        return lookup


class NotedContext(Context):
    """A context that notes which facts of the caller are read in it.

    What was worked out in it is right for every caller of the same rights of whom all these facts are the same: what
    was read was alike, so all that followed from it is.
    """

    __slots__ = ("_noted",)

    @classmethod
    def of(cls, context: Context) -> "NotedContext":
        return cls(
            world=context.world,
            viewer=context.viewer,
            language=context.language,
            address=context.address,
            request_id=context.request_id,
            opened_order_ids=set(context.opened_order_ids),
            event_cursor=context.event_cursor,
            shared=context.shared,
        )

    def __post_init__(self) -> None:
        self._noted: set[str] = set()
        super().__post_init__()
        self._noted.clear()  # What it has read itself.

    def facts_read(self) -> Facts:
        """All that were read, with what they were."""
        return tuple((name, _hashable(getattr(self, name))) for name in sorted(self._noted))

    def __getattribute__(self, name: str) -> Any:
        if name in FACTS:
            self._noted.add(name)
        return object.__getattribute__(self, name)

    @property
    def orders_seen(self) -> OrdersSeen:
        quiet = object.__getattribute__
        return orders_seen(quiet(self, "viewer"), *quiet(self, "opened_order_ids"))


def _hashable(value: Any) -> Hashable:
    return frozenset(value) if isinstance(value, set) else value


class _Many:
    """Several keys that are waited for as one."""

    __slots__ = ("keys",)

    def __init__(self, keys: Sequence[Any]) -> None:
        self.keys = keys


class _Lookup:
    """One batch in one context, and what gathers the keys to be asked next."""

    def __init__(self, context: Context, batch: Batch) -> None:
        # Two objects and no circle, so that what was loaded is gone when its context forgets it.
        self._asked = _Asked(context, batch)
        self.loader: DataLoader[Any, Any] = DataLoader(load_fn=self._asked.load)

    def prime(self, values: Mapping[Any, Any]) -> None:
        self._asked.known.update(values)
        self.loader.prime_many(dict(values), force=True)


class _Asked:
    """What is known of one batch in one context, and what is under way."""

    def __init__(self, context: Context, batch: Batch) -> None:
        self.known: dict[Any, Any] = {}
        self._context = context
        self._batch = batch
        self._under_way: dict[Any, Event] = {}

    async def load(self, asked: list[Any]) -> list[Any]:
        keys = dict.fromkeys(key for each in asked for key in (each.keys if isinstance(each, _Many) else (each,)))
        while missing := [key for key in keys if key not in self.known]:
            if new := [key for key in missing if key not in self._under_way]:
                await self._ask(new)
            else:
                await self._under_way[missing[0]].wait()
        return [self.known if isinstance(each, _Many) else self.known[each] for each in asked]

    async def _ask(self, keys: list[Any]) -> None:
        done = Event()
        self._under_way.update(dict.fromkeys(keys, done))
        try:
            found = await self._batch(self._context, keys)
            for key in keys:
                self.known.setdefault(key, found.get(key))  # What was primed meanwhile is newer.
        finally:
            for key in keys:
                del self._under_way[key]
            done.set()
