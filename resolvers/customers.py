"""Customers, and who is asking."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import strawberry
from strawberry import Parent

from domain.access import Scope, Viewer, locations_worked
from domain.customers.model import Customer
from domain.inventory.model import StockLocation
from domain.orders.model import Order
from domain.paging import Page, Slice, page
from resolvers.context import Context
from resolvers.pages import Connection

Info = strawberry.Info[Context, None]


async def customers_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Customer]:
    """Those the caller may know: oneself, or anyone with the scope customers:read."""
    may_know = context.has(Scope.CUSTOMERS_READ)
    known = [each for each in ids if may_know or each == context.viewer.customer_id]
    return await context.world.reads.customers.by_id(known)


class OrdersAsked(NamedTuple):
    """A page of one customer's orders."""

    customer_id: str
    page: Page


async def customer_orders(
    customer: Parent[Customer], info: Info, first: int | None = 20, after: str | None = None
) -> Connection:
    """Newest first. Who may know the customer may see their orders."""
    return Connection(await info.context.load(pages_of_orders, OrdersAsked(customer.id, page(first, after))))


async def pages_of_orders(context: Context, asked: Sequence[OrdersAsked]) -> Mapping[OrdersAsked, Slice[Order]]:
    """One statement for each different page: siblings ask for the same one."""
    alike: dict[Page, list[str]] = defaultdict(list)
    for each in asked:
        alike[each.page].append(each.customer_id)
    return {
        OrdersAsked(customer_id, of): found
        for of, ids in alike.items()
        for customer_id, found in (await context.world.reads.orders.by_customer(ids, of)).items()
    }


def viewer(context: Context) -> Viewer:
    return context.viewer


async def viewer_locations(viewer: Parent[Viewer], info: Info) -> list[StockLocation]:
    """The places an associate is bound to; none for those who are bound to none."""
    if not locations_worked(viewer).codes:
        return []
    found = await info.context.world.reads.inventory.locations_by_code(sorted(viewer.locations))
    return [found[code] for code in sorted(found)]
