"""Customers, and who is asking."""

from collections.abc import Mapping, Sequence

import strawberry
from strawberry import Parent

from domain.access import OrdersSeen, Scope, Viewer, locations_worked
from domain.customers.model import Customer
from domain.inventory.model import StockLocation
from domain.orders.model import OrderFilter, OrderSort
from domain.paging import page
from resolvers.context import Context
from resolvers.pages import Connection

Info = strawberry.Info[Context, None]


async def customers_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Customer]:
    """Those the caller may know: oneself, or anyone with the scope customers:read."""
    may_know = context.viewer.has(Scope.CUSTOMERS_READ)
    known = [each for each in ids if may_know or each == context.viewer.customer_id]
    return await context.world.reads.customers.by_id(known)


async def customer_orders(
    customer: Parent[Customer], info: Info, first: int | None = 20, after: str | None = None
) -> Connection:
    """Newest first. Who may know the customer may see their orders."""
    seen = OrdersSeen(customer_id=customer.id)
    asked = page(first=first, after=after)
    found = await info.context.world.reads.orders.page(OrderFilter(), OrderSort.NEWEST, asked, seen)
    return Connection(found)


def viewer(context: Context) -> Viewer:
    return context.viewer


async def viewer_locations(viewer: Parent[Viewer], info: Info) -> list[StockLocation]:
    """The places an associate is bound to; none for those who are bound to none."""
    if not locations_worked(viewer).codes:
        return []
    found = await info.context.world.reads.inventory.locations_by_code(sorted(viewer.locations))
    return [found[code] for code in sorted(found)]
