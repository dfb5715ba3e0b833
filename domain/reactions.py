"""What follows from what: which events wake which work, and who does it. The whole choreography, on one page."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from domain.events import EventKind, NewEvent
from domain.fulfillment.opening import close_canceled_work, open_work
from domain.jobs import NewJob
from domain.orders.quoting import lapse_hold
from domain.orders.service import end_remorse, expire_payment
from domain.world import UnitOfWork

Handler = Callable[[UnitOfWork, Mapping[str, Any]], Awaitable[None]]

# An event of an order wakes these, once its transaction is committed.
REACTIONS: Mapping[EventKind, tuple[str, ...]] = {
    EventKind.ORDER_CONFIRMED: ("open_fulfillment_orders",),
    EventKind.ORDER_RESOURCED: ("open_fulfillment_orders",),
    EventKind.ORDER_CANCELED: ("close_canceled_work",),
    EventKind.ORDER_LINES_CANCELED: ("close_canceled_work",),
}

# Who does it, in a unit of work of its own. A handler may be called again after a fault, and finds the world changed:
# it looks at what is, and does what is left to do.
HANDLERS: Mapping[str, Handler] = {
    "open_fulfillment_orders": open_work,
    "close_canceled_work": close_canceled_work,
    # Timers, set where a wait begins.
    "end_remorse": end_remorse,
    "expire_payment": expire_payment,
    "lapse_hold": lapse_hold,
}


def jobs_for(events: Sequence[NewEvent]) -> list[NewJob]:
    """The work that events give rise to; what waits for an order already is not asked for twice."""
    return [
        NewJob(kind=kind, payload={"orderId": event.order_id}, key=f"{kind}:{event.order_id}")
        for event in events
        for kind in REACTIONS.get(event.kind, ())
    ]
