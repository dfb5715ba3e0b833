"""Customers, and the viewer."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import access
from domain.customers import model
from resolvers import customers
from schema.common import Address, Connection, Info, Node
from schema.inventory import StockLocation
from schema.scalars import LanguageTag
from schema.shapes import answered_by, asked, plain, related, shape_of, shown

if TYPE_CHECKING:
    from schema.orders import Order


@shape_of(model.Customer)
class Customer(Node):
    email: str | None
    phone: str | None
    name: str | None
    company: str | None
    language: LanguageTag | None
    addresses: list[Address]
    orders: Connection[Annotated["Order", strawberry.lazy("schema.orders")]] = answered_by(customers.customer_orders)
    created_at: datetime
    tax_id: str | None


@shape_of(access.Viewer, description="Who is asking, as the gateway sees it.")
class Viewer:
    subject: str | None
    roles: list[str] = plain(lambda viewer: sorted(role.value for role in viewer.roles))
    scopes: list[str] = plain(lambda viewer: sorted(scope.value for scope in viewer.scopes))
    customer: Customer | None = related(customers.customers_by_id, key="customer_id")
    locations: list[StockLocation] = answered_by(customers.viewer_locations)


@strawberry.type
class CustomerQueries:
    @asked()
    def viewer(self, info: Info) -> Viewer:
        return shown(customers.viewer(info.context))
