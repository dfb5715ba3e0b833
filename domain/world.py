"""Everything outside, as the inside sees it: what may be read, a unit of work, and the process's shared pieces."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

from domain.access import Viewer
from domain.availability.ports import AvailabilityReads, Views, ViewsReads
from domain.calendar import Holidays
from domain.catalog.ports import Catalog, CatalogReads
from domain.clock import Clock
from domain.customers.ports import Customers, CustomersReads
from domain.events import Event, Recorder
from domain.fulfillment.ports import Fulfillment, FulfillmentReads
from domain.idempotency import IdempotencyKeys
from domain.ids import Ids
from domain.inventory.ports import Inventory, InventoryReads, Reservations, ReservationsReads, Supply, SupplyReads
from domain.jobs import NewJob
from domain.orders.ports import Orders, OrdersReads, Quotes, QuotesReads
from domain.paging import Page, Slice
from domain.payments.ports import Payments, PaymentsReads, Providers
from domain.places import PlacesReads
from domain.promising.ports import Promising, PromisingReads


class Digests(Protocol):
    """Tokens and codes that are derived, never stored; and keyed hashes, that are stored for what they are of."""

    def digest(self, purpose: str, text: str) -> str: ...

    def access_token(self, order_id: str) -> str: ...

    def order_opened_by(self, token: str) -> str | None: ...

    def pickup_code(self, pickup_id: str) -> str: ...


class LogReads(Protocol):
    async def end(self) -> int:
        """The position of the last event that can be read; 0 before the first."""

    async def oldest(self) -> int:
        """The position of the oldest event still kept; 0 where there is none."""

    async def after(
        self, position: int, limit: int, *, kinds: Sequence[str] = (), order_id: str | None = None
    ) -> list[Event]:
        """The next events of the log, in its order."""

    async def by_id(self, ids: Sequence[str]) -> dict[str, Event]: ...

    async def latest(self, order_id: str) -> Event | None:
        """One order's last event."""

    async def timelines(self, order_ids: Sequence[str], page: Page) -> dict[str, Slice[Event]]:
        """A page of each order's events, oldest first."""


class Reads(Protocol):
    """Each read takes a free connection of its own, so that sibling fields are answered side by side."""

    @property
    def catalog(self) -> CatalogReads: ...
    @property
    def promising(self) -> PromisingReads: ...
    @property
    def inventory(self) -> InventoryReads: ...
    @property
    def supply(self) -> SupplyReads: ...
    @property
    def reservations(self) -> ReservationsReads: ...
    @property
    def customers(self) -> CustomersReads: ...
    @property
    def payments(self) -> PaymentsReads: ...
    @property
    def orders(self) -> OrdersReads: ...
    @property
    def quotes(self) -> QuotesReads: ...
    @property
    def fulfillment(self) -> FulfillmentReads: ...
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def views(self) -> ViewsReads: ...
    @property
    def places(self) -> PlacesReads: ...
    @property
    def log(self) -> LogReads: ...


class UnitOfWork(Recorder, Protocol):
    """One transaction: all that is done through it is kept, or none of it."""

    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def digests(self) -> Digests: ...
    @property
    def keys(self) -> IdempotencyKeys: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def views(self) -> Views: ...
    @property
    def places(self) -> PlacesReads: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def promising(self) -> Promising: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def supply(self) -> Supply: ...
    @property
    def reservations(self) -> Reservations: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def quotes(self) -> Quotes: ...
    @property
    def fulfillment(self) -> Fulfillment: ...

    def later(self, job: NewJob) -> None:
        """Work to do after the commit, or at its time; kept with the transaction."""


class Live(Protocol):
    """The end of the log as it grows, for everyone in this process who listens."""

    def follow(
        self, *, order_id: str | None = None, for_s: float | None = None
    ) -> AbstractContextManager[AsyncIterator[Sequence[Event]]]:
        """Events from this moment on, of one order or all, in the log's order and as many as wait at once.

        A few from just before may come first. The iterator ends after `for_s` seconds, and when the process stops.
        Raises FellBehind out of it where the listener is too slow: it reads on from its last cursor.
        """


class Guesses(Protocol):
    """How often a caller may be wrong about what only its owner knows."""

    async def allow(self, what: str, viewer: Viewer, address: str) -> bool:
        """Whether another try at `what` is within its limit; counts the try."""


class World(Protocol):
    @property
    def reads(self) -> Reads: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def digests(self) -> Digests: ...
    @property
    def live(self) -> Live: ...
    @property
    def guesses(self) -> Guesses: ...

    def public_holidays(self, code: str) -> Holidays | None:
        """The holidays of an ISO 3166-1 country or 3166-2 region; None where it has none that are known."""

    def work(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work: a clean exit commits it and makes its events readable, an exception rolls it back."""
