"""How work comes to be and to an end without anyone at a bench: reactions to what happened to the order."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.access import SYSTEM
from domain.calendar import ready_by
from domain.events import EventKind
from domain.fulfillment.model import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    FulfillmentOrderStatus,
    Pickup,
    PickupStatus,
)
from domain.fulfillment.moves import promised
from domain.fulfillment.work import FulfillmentWork, locked_in_line, told
from domain.ids import Ids
from domain.inventory.model import StockLocation
from domain.orders.model import FulfillmentMethod, WholeOrder

# What a location is asked to do apart from the rest: (location code, method).
_Part = tuple[str, FulfillmentMethod]


async def open_work(work: FulfillmentWork, payload: Mapping[str, Any]) -> None:
    """Ask each location for the units that the order promises from there and that nobody was asked for yet.

    payload: {"orderId": id}. Asking twice asks nothing new; while the order is held nothing is asked.
    """
    whole, tasks = await locked_in_line(work, payload["orderId"], SYSTEM.actor)
    parts = {} if whole.holds else _parts_to_open(whole, tasks)
    if not parts:
        return
    locations = await work.inventory.locations_by_code(sorted({location for location, _ in parts}))

    at = work.clock.now()
    opened: list[FulfillmentOrder] = []
    for (location, method), lines in sorted(parts.items(), key=lambda part: (part[0][0], part[0][1].value)):
        number = f"{whole.order.number}-F{len(tasks) + len(opened) + 1}"
        due_at = _due_at(locations[location], at)
        opened.append(_opened(work.ids, whole, number, location, method, lines, at, due_at))
    pickups = [_pickup(work.ids, whole, task) for task in opened if task.method is FulfillmentMethod.PICKUP]

    await work.fulfillment.open(opened, pickups)
    for task in opened:
        work.record(told(EventKind.FULFILLMENT_ORDER_OPENED, task, whole, SYSTEM.actor, at))


async def close_canceled_work(work: FulfillmentWork, payload: Mapping[str, Any]) -> None:
    """Take back what was asked for and is no longer wanted. payload: {"orderId": id}."""
    await locked_in_line(work, payload["orderId"], SYSTEM.actor)


def _parts_to_open(
    whole: WholeOrder, tasks: Sequence[FulfillmentOrder]
) -> dict[_Part, tuple[FulfillmentOrderLine, ...]]:
    """The lines to ask each location for, by how they reach the customer."""
    asked = Counter[tuple[str, str]]()
    for task in tasks:
        asked.update({(line.line_id, task.location_code): line.open for line in task.lines})
    missing = Counter(promised(whole)) - asked
    locations = sorted({location for _, location in missing})
    parts: dict[_Part, tuple[FulfillmentOrderLine, ...]] = {}
    for location in locations:
        for line in whole.lines:
            if units := missing[line.id, location]:
                part = location, line.method
                parts[part] = (*parts.get(part, ()), FulfillmentOrderLine(line_id=line.id, quantity=units))
    return parts


def _opened(
    ids: Ids,
    whole: WholeOrder,
    number: str,
    location: str,
    method: FulfillmentMethod,
    lines: tuple[FulfillmentOrderLine, ...],
    at: datetime,
    due_at: datetime,
) -> FulfillmentOrder:
    return FulfillmentOrder(
        id=ids.new("ful"),
        number=number,
        order_id=whole.order.id,
        location_code=location,
        method=method,
        status=FulfillmentOrderStatus.OPEN,
        due_at=due_at,
        created_at=at,
        updated_at=at,
        lines=lines,
    )


def _pickup(ids: Ids, whole: WholeOrder, task: FulfillmentOrder) -> Pickup:
    return Pickup(
        id=ids.new("pck"),
        order_id=whole.order.id,
        customer_id=whole.order.customer_id,
        fulfillment_order_id=task.id,
        location_code=task.location_code,
        status=PickupStatus.PREPARING,
    )


def _due_at(location: StockLocation, at: datetime) -> datetime:
    """When the location is done with work it is given now; one that never opens is given its minutes all the same."""
    due_at = ready_by(location.calendar, at, location.processing_minutes)
    return due_at or at + timedelta(minutes=location.processing_minutes)
