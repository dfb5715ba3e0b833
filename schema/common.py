"""What every part of the schema shares: nodes, pages, money, addresses, and what a caller can act on."""

from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

import strawberry

from domain import errors, money, places
from resolvers import pages
from resolvers.context import Context
from schema.scalars import CountryCode, CurrencyCode
from schema.shapes import answered_by, shape_of

Info = strawberry.Info[Context, None]

strawberry.enum(errors.ErrorCode, name="UserErrorCode")


@strawberry.interface
class Node:
    id: strawberry.ID


@shape_of(pages.PageInfo)
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@shape_of(money.Money)
class Money:
    amount: Decimal
    currency: CurrencyCode


@strawberry.input
class MoneyInput:
    amount: Decimal
    currency: CurrencyCode


@shape_of(places.GeoPoint)
class GeoPoint:
    latitude: float
    longitude: float


@strawberry.input
class GeoPointInput:
    latitude: float
    longitude: float


@shape_of(places.Address)
class Address:
    name: str | None
    company: str | None
    line1: str
    line2: str | None
    city: str
    region: str | None
    postal_code: str | None
    country: CountryCode
    phone: str | None
    point: GeoPoint | None


@strawberry.input
class AddressInput:
    line1: str
    city: str
    country: CountryCode
    name: str | None = None
    company: str | None = None
    line2: str | None = None
    region: str | None = None
    postal_code: str | None = None
    phone: str | None = None
    point: GeoPointInput | None = None


@strawberry.input(description="A place to deliver to or to search around, as exactly as the caller knows it.")
class DestinationInput:
    country: CountryCode
    region: str | None = None
    postal_code: str | None = None
    city: str | None = None
    point: GeoPointInput | None = None


@strawberry.input
class BasketLineInput:
    sku: str
    quantity: int


@strawberry.input
class DateTimeRangeInput:
    from_: datetime | None = strawberry.field(name="from", default=None)
    until: datetime | None = None


@strawberry.interface
class UserError:
    code: errors.ErrorCode
    message: str = strawberry.field(description="In the caller's language.")
    path: list[str] = strawberry.field(description='Path into the input, e.g. ["lines", "0", "quantity"].')


@shape_of(errors.InputError)
class InputError(UserError):
    pass


@shape_of(errors.InvalidTransition)
class InvalidTransition(UserError):  # noqa: N818  (the contract's name)
    from_: str = strawberry.field(name="from")
    allowed: list[str]


NodeType = TypeVar("NodeType")


@strawberry.type
class Edge(Generic[NodeType]):
    cursor: str
    node: NodeType


@strawberry.type
class Connection(Generic[NodeType]):
    edges: list[Edge[NodeType]]
    nodes: list[NodeType]
    page_info: PageInfo
    total_count: int | None = answered_by(pages.total_count)


@strawberry.type
class UncountedConnection(Generic[NodeType]):
    """For ledgers and logs, whose length nobody asks; a subclass gives it the contract's name."""

    edges: list[Edge[NodeType]]
    nodes: list[NodeType]
    page_info: PageInfo
