"""Events: what happened, as a feed and live."""

from collections.abc import AsyncGenerator
from datetime import datetime

import strawberry

from domain import events as domain
from domain.access import Scope
from resolvers import events, nodes, orders
from resolvers.summaries import summary
from schema.common import Info, Node, UncountedConnection
from schema.orders import Order, OrderFilter
from schema.scalars import JSON, LanguageTag
from schema.shapes import answered, asked, followed, plain, related, shape_of, shown


@shape_of(
    domain.Event, description="One thing that happened. `cursor` resumes a subscription or a page right after it."
)
class Event(Node):
    cursor: str
    kind: str
    order: Order | None = related(orders.orders_by_id, key="order_id")
    actor: str | None = plain(lambda event: event.actor, needs=Scope.EVENTS_READ)
    at: datetime
    data: JSON | None = plain(lambda event: event.data, needs=Scope.EVENTS_READ)

    @answered(description="What it happened to, where the caller may see it.")
    async def subject(self, info: Info) -> Node | None:
        return shown(await nodes.node(info.context, shown(self).subject))

    @answered(description="One sentence: in the language asked for, else the caller's.")
    def summary(self, info: Info, language: LanguageTag | None = None) -> str:
        return summary(shown(self), language or info.context.language)


@strawberry.type
class EventConnection(UncountedConnection[Event]): ...


@shape_of(events.OrderStatusChange)
class OrderStatusChange:
    cursor: str
    event: Event
    order: Order


@strawberry.type
class EventQueries:
    @asked(
        description="The end of the event log as this operation began: what is read beside it, continued by a "
        "subscription `after` it, has no gap."
    )
    async def event_cursor(self, info: Info) -> str:
        return await events.event_cursor(info.context)

    @asked(
        needs=Scope.EVENTS_READ,
        description="All that happened, in one order, for systems that pull: `after` is the last cursor seen.",
    )
    async def event_feed(
        self, info: Info, after: str | None = None, kinds: list[str] | None = None, first: int | None = 100
    ) -> EventConnection:
        return shown(await events.event_feed(info.context, after, kinds, first))


@strawberry.type(
    description="Each event carries a cursor. A client that lost its connection passes the last one it saw as `after` "
    "and gets, in order and without gaps, all that it missed, then what happens live."
)
class EventSubscriptions:
    @followed(description="One order's every step, for those who may see the order; a guest gives its access token.")
    async def order_status_changed(
        self,
        info: Info,
        order_id: strawberry.ID | None = None,
        number: str | None = None,
        access_token: str | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[OrderStatusChange, None]:
        return shown(await events.order_status_changed(info.context, order_id, number, access_token, after))

    @followed(description="All orders a dashboard or a portal may see.")
    async def order_events(
        self, info: Info, filter: OrderFilter | None = None, after: str | None = None
    ) -> AsyncGenerator[OrderStatusChange, None]:
        return shown(await events.order_events(info.context, filter, after))
