"""What orders need kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.access import OrdersSeen
from domain.orders.model import (
    Contact,
    Order,
    OrderFilter,
    OrderHold,
    OrderLine,
    OrderSort,
    WholeOrder,
)
from domain.orders.quotes import Held, Quote
from domain.paging import Page, Slice


class Overtaken(Exception):  # noqa: N818
    """Others took what was found between looking and locking; nothing was kept, and the same may be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """A decided order, as it is written; `contact` is sealed on the way."""

    whole: WholeOrder
    contact: Contact


class OrdersReads(Protocol):
    async def by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, Order]:
        """Those of the ids that the caller may see: the same statement whether the others exist or not."""

    async def by_number(self, numbers: Sequence[str], seen: OrdersSeen) -> Mapping[str, Order]: ...

    async def by_external_reference(
        self, references: Sequence[tuple[str, str]], seen: OrdersSeen
    ) -> Mapping[tuple[str, str], Order]:
        """By (channel code, external reference)."""

    async def by_number_and_email(self, number: str, email: str) -> Order | None: ...

    async def page(self, filter: OrderFilter, sort: OrderSort, page: Page, seen: OrdersSeen) -> Slice[Order]: ...

    async def by_customer(self, customer_ids: Sequence[str], page: Page) -> Mapping[str, Slice[Order]]:
        """A page of each customer's orders, newest first."""

    async def matching(self, ids: Sequence[str], filter: OrderFilter, seen: OrdersSeen) -> frozenset[str]:
        """Those of the ids that the caller may see and that pass the filter."""

    async def lines_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[OrderLine]]: ...

    async def lines_by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, OrderLine]: ...

    async def holds_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[OrderHold]]: ...

    async def bought(
        self, channel: str, wanted: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], list[tuple[OrderLine, datetime]]]:
        """Lines by (customer id, SKU), each with when its order was placed in the channel; the latest order first."""

    async def contacts_by_order(self, order_ids: Sequence[str]) -> Mapping[str, Contact]:
        """Unsealed."""


class Orders(OrdersReads, Protocol):
    async def add(self, orders: Sequence[NewOrder]) -> None:
        """Write decided orders, in as many statements for a hundred as for one.

        Raises Overtaken where one with the same reference was written meanwhile.
        """

    async def picked(self, order_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        """Units taken off the shelf and not yet handed over, by (line id, location code)."""

    async def lock(self, ids: Sequence[str]) -> Mapping[str, WholeOrder]:
        """Whole orders as they are now, held until the end of the transaction; locked in the order of their ids."""

    async def lock_waiting(self, skus: Sequence[str]) -> Mapping[str, int]:
        """Units of stock that orders wait for, by SKU; nobody else begins to until the end of the transaction.

        Locked by SKU, after any stock levels.
        """

    async def update(self, before: WholeOrder, after: WholeOrder) -> None:
        """Write what differs: the order's row, its lines' quantities, allocations and holds.

        `before` must have been locked in this transaction.
        """


class QuotesReads(Protocol):
    async def by_id(self, ids: Sequence[str]) -> Mapping[str, Quote]:
        """Whoever's they are, unsealed; who may see one, `quotes.is_seen` says."""


class Quotes(QuotesReads, Protocol):
    async def lock(self, ids: Sequence[str]) -> Mapping[str, Quote]:
        """As they are now, held until the end of the transaction, in the order of their ids. Lock levels after it."""

    async def held_by(self, holder: str, now: datetime, *, but: str) -> Held:
        """What a holder's quotes hold, all but one.

        Nobody else asks this for the same holder until the end of the transaction. Lock levels after it.
        """

    async def save(self, quote: Quote) -> None:
        """Keep a new one, or one that is locked, as stated."""

    async def take_up(self, order_ids: Mapping[str, str]) -> None:
        """Each quote is taken up by an order, by their ids: it holds nothing any more."""
