"""What a resolver has at hand: who asks, the world, and loaders that live as long as one operation or event."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader

from domain.access import OrdersSeen, Viewer, orders_seen
from domain.world import UnitOfWork, World

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# How a relation is looked up: `batch(context, keys)` maps each key found to its value.
Batch = Callable[["Context", Sequence[Any]], Awaitable[Mapping[Any, Any]]]


@dataclass(slots=True)
class Context:
    """One operation's surroundings.

    address: the caller's network address, for rate limits. opened_order_ids: what access tokens opened in it.
    event_cursor: the end of the log as the operation began, where it asks for it.
    """

    world: World
    viewer: Viewer
    language: str | None = None
    address: str = ""
    request_id: str = ""
    opened_order_ids: set[str] = field(default_factory=set)
    event_cursor: str | None = None
    _loaders: dict[Batch, DataLoader[Any, Any]] = field(default_factory=dict)

    def load(self, batch: Batch, key: Any) -> Awaitable[Any]:
        """The value of one key, looked up together with all the others of this moment; None where there is none."""
        return self._loader(batch).load(key)

    def load_many(self, batch: Batch, keys: Iterable[Any]) -> Awaitable[list[Any]]:
        return self._loader(batch).load_many(keys)

    def prime(self, batch: Batch, values: Mapping[Any, Any]) -> None:
        """What was just read or written, so that it is not looked up again."""
        self._loader(batch).prime_many(dict(values), force=True)

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
        """Drop what was loaded: after a change, and between two events of a subscription."""
        self._loaders.clear()

    def work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work in this caller's name; a clean exit commits it."""
        return self.world.work()

    def _loader(self, batch: Batch) -> DataLoader[Any, Any]:
        loader = self._loaders.get(batch)
        if loader is None:

            async def load(keys: list[Any]) -> list[Any]:
                found = await batch(self, keys)
                return [found.get(key) for key in keys]

            loader = self._loaders[batch] = DataLoader(load_fn=load)
        return loader
