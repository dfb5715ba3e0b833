"""What every step of the work begins and ends with: the order locked, its work in line with it, and both written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from domain.access import OrdersSeen, Viewer, locations_worked
from domain.availability.ports import AvailabilityReads
from domain.catalog.ports import Catalog
from domain.clock import Clock
from domain.errors import Refused, not_allowed, not_found
from domain.events import EventKind, NewEvent, Recorder
from domain.fulfillment.model import (
    PICKUP_KEPT_FOR,
    FulfillmentOrder,
    FulfillmentOrderStatus,
    Pickup,
    PickupStatus,
    Units,
)
from domain.fulfillment.moves import lines_as_worked, transition_refused, without_excess
from domain.fulfillment.ports import Fulfillment
from domain.idempotency import IdempotencyKeys
from domain.ids import Ids
from domain.inventory.ports import Inventory, Reservations
from domain.orders.changes import changed, event_of
from domain.orders.model import FulfillmentMethod, OrderStatus, WholeOrder
from domain.orders.ports import Orders
from domain.payments.ports import Payments, Providers
from domain.promising.ports import Promising


class FulfillmentWork(Recorder, Protocol):
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def keys(self) -> IdempotencyKeys: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def promising(self) -> Promising: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def reservations(self) -> Reservations: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def fulfillment(self) -> Fulfillment: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a step is decided on: the work asked for and the order it is part of, locked, each in line with the other.

    tasks: all the work of the order. path: into the input, to where this work was named.
    """

    task: FulfillmentOrder
    tasks: Sequence[FulfillmentOrder]
    whole: WholeOrder
    viewer: Viewer
    at: datetime
    path: str

    def must_allow(self, status: FulfillmentOrderStatus) -> None:
        """Raises Refused where the work may not go there, or where its order is held."""
        if status not in self.task.next_statuses:
            raise Refused(transition_refused(self.task, self.path))
        if self.whole.holds and status is not FulfillmentOrderStatus.REJECTED:
            held = " and ".join(sorted({hold.kind.value for hold in self.whole.holds}))
            raise Refused(not_allowed(f"The order is held ({held}); its work goes on when the hold ends.", self.path))


def places(viewer: Viewer) -> OrdersSeen:
    """The row rule of doing work: by place alone, as a customer does none of their own order's."""
    worked = locations_worked(viewer)
    return OrdersSeen(all=worked.all, locations=worked.codes)


async def at_the_bench(
    work: FulfillmentWork, id: str, viewer: Viewer, *, path: str, seen: OrdersSeen | None = None
) -> Bench:
    """The work, its order locked, both in line.

    Raises Refused (NOT_FOUND) where there is no such work, or it is not theirs by `seen`: their places, where left out.
    """
    found = (await work.fulfillment.by_id([id], seen or places(viewer))).get(id)
    if found is None:
        raise Refused(not_found("There is no such fulfillment order.", path))
    whole, tasks = await locked_in_line(work, found.order_id, viewer.actor)
    task = next(task for task in tasks if task.id == id)
    return Bench(task=task, tasks=tasks, whole=whole, viewer=viewer, at=work.clock.now(), path=path)


async def locked_in_line(work: FulfillmentWork, order_id: str, actor: str) -> tuple[WholeOrder, list[FulfillmentOrder]]:
    """An order, locked, and all its work, without what was canceled since it was asked for.

    The order's units are then where its work has them, so that a step that the work allows the order allows too.
    """
    at = work.clock.now()
    whole = (await work.orders.lock([order_id]))[order_id]
    asked = (await work.fulfillment.by_order([order_id])).get(order_id, [])
    tasks = without_excess(whole, asked, at)
    lines = lines_as_worked(whole, tasks)
    if lines != whole.lines:
        after = changed(whole, at=at, lines=lines)
        await work.orders.update(whole, after)
        whole = after
    if reduced := [task for task, before in zip(tasks, asked, strict=True) if task != before]:
        await keep(work, reduced, at)
        for task in reduced:
            if task.status is FulfillmentOrderStatus.CANCELED:
                work.record(told(EventKind.FULFILLMENT_ORDER_CANCELED, task, whole, actor, at))
    return whole, tasks


async def keep(
    work: FulfillmentWork, tasks: Sequence[FulfillmentOrder], at: datetime, collected_by: str | None = None
) -> None:
    """Write work that moved on, and what that makes of the pickups it ends in."""
    await work.fulfillment.update(tasks)
    collected = {task.id: task for task in tasks if task.method is FulfillmentMethod.PICKUP}
    pickups = await work.fulfillment.pickups_by_fulfillment_order(list(collected)) if collected else {}
    followed = [
        _following(pickup, collected[pickup.fulfillment_order_id], at, collected_by) for pickup in pickups.values()
    ]
    if moved := [pickup for pickup in followed if pickup != pickups[pickup.fulfillment_order_id]]:
        await work.fulfillment.update_pickups(moved)


def _following(pickup: Pickup, task: FulfillmentOrder, at: datetime, collected_by: str | None) -> Pickup:
    """A pickup after its work moved on."""
    match task.status:
        case FulfillmentOrderStatus.READY_FOR_PICKUP if pickup.status is PickupStatus.PREPARING:
            return replace(pickup, status=PickupStatus.READY, ready_at=at, expires_at=at + PICKUP_KEPT_FOR)
        case FulfillmentOrderStatus.FULFILLED:
            return replace(pickup, status=PickupStatus.COLLECTED, collected_at=at, collected_by=collected_by)
        case FulfillmentOrderStatus.REJECTED | FulfillmentOrderStatus.CANCELED:
            return replace(pickup, status=PickupStatus.CANCELED)
        case _:
            return pickup


def told(kind: EventKind, task: FulfillmentOrder, whole: WholeOrder, actor: str, at: datetime, **data: Any) -> NewEvent:
    """An event of the work, as part of its order's story."""
    return NewEvent(
        kind=kind,
        subject=task.id,
        order_id=task.order_id,
        sequence=whole.order.version,
        actor=actor,
        at=at,
        data={"number": task.number, "location": task.location_code, "status": task.status.value, **data},
    )


def listed(units: Units) -> list[dict[str, str | int]]:
    """Units of lines as events tell them."""
    return [{"line": line_id, "units": count} for line_id, count in units.items()]


def record_completion(work: FulfillmentWork, before: WholeOrder, after: WholeOrder, actor: str, at: datetime) -> None:
    """Say that an order is complete, if the change made it so."""
    if after.order.status is OrderStatus.COMPLETED and before.order.status is not OrderStatus.COMPLETED:
        work.record(event_of(after, EventKind.ORDER_COMPLETED, actor, at))
