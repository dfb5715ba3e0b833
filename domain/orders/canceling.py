"""Canceling: units leave the order, their stock is free again, and money that is not owed any more goes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from domain.access import OrdersSeen, Viewer
from domain.clock import Clock
from domain.errors import InvalidTransition, Problem, Refused, invalid, not_found, refuse_all
from domain.events import EventKind, Recorder
from domain.idempotency import Answer, Asked, IdempotencyKeys, first_answer
from domain.ids import Ids
from domain.inventory.model import Movement, StockCounter, StockMovementReason
from domain.inventory.ports import Inventory
from domain.money import Money
from domain.orders.changes import changed, event_of, waited_for
from domain.orders.model import (
    Allocation,
    CancelOrder,
    CancelReason,
    LineQuantities,
    Order,
    OrderLine,
    OrderStatus,
    Totals,
    WholeOrder,
)
from domain.orders.ports import Orders
from domain.payments.model import Payment, PaymentStatus
from domain.payments.ports import Payments, Providers
from domain.payments.service import refund, void

# Units by line id.
Units = Mapping[str, int]
# Units taken off the shelf and not yet handed over, by (line id, location code).
Picked = Mapping[tuple[str, str], int]

# What a customer may cancel: units nobody has picked yet. Staff may also take picked ones back to the shelf.
CUSTOMERS_PLACES = ("pending", "backordered", "allocated")
STAFF_PLACES = (*CUSTOMERS_PLACES, "picked", "ready_for_pickup")


class CancelingWork(Recorder, Protocol):
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def keys(self) -> IdempotencyKeys: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def orders(self) -> Orders: ...


@dataclass(frozen=True, slots=True)
class Canceled:
    """An order with units canceled, not yet written; `freed` are the parts of allocations that are given back."""

    before: WholeOrder
    after: WholeOrder
    freed: tuple[Allocation, ...]
    units: Units


async def cancel_order(
    work: CancelingWork, command: CancelOrder, viewer: Viewer, seen: OrdersSeen
) -> tuple[str, Totals, Totals]:
    """Cancel units of an order, or (dry run) reckon what that would come to.

    Answers the order's id and its totals before and after.
    Raises Refused where the order is not the caller's, or a line has fewer units left to cancel.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    if not command.dry_run and (known := await first_answer(work.keys, asked)):
        return _answered(known)
    if command.order_id not in await work.orders.by_id([command.order_id], seen):
        raise Refused(not_found("There is no such order.", "orderId"))
    whole = (await work.orders.lock([command.order_id]))[command.order_id]
    places = STAFF_PLACES if viewer.is_staff else CUSTOMERS_PLACES
    canceled = cancellation(
        whole,
        _units_asked(command, whole, places),
        places,
        await work.orders.picked([whole.order.id]),
        work.clock.now(),
    )
    before, after = whole.order.totals, canceled.after.order.totals
    if not command.dry_run:
        await record_cancellation(work, canceled, command.reason, viewer.actor)
        await work.keys.keep([(asked, _answer(whole.order, before, after))])
    return whole.order.id, before, after


def _answer(order: Order, before: Totals, after: Totals) -> Answer:
    def figures(totals: Totals) -> list[int]:
        return [totals.subtotal.amount_minor, totals.shipping.amount_minor]

    return {"order": order.id, "currency": order.currency, "before": figures(before), "after": figures(after)}


def _answered(answer: Answer) -> tuple[str, Totals, Totals]:
    def totals(figures: Sequence[int]) -> Totals:
        return Totals(*(Money(figure, answer["currency"]) for figure in figures))

    return answer["order"], totals(answer["before"]), totals(answer["after"])


def cancelable(quantities: LineQuantities, places: Sequence[str]) -> int:
    return sum(getattr(quantities, place) for place in places)


def _units_asked(command: CancelOrder, whole: WholeOrder, places: Sequence[str]) -> Units:
    """Units to cancel by line; all that can be, where no lines are named."""
    left = {line.id: cancelable(line.quantities, places) for line in whole.lines}
    if not any(left.values()):
        status = whole.order.fulfillment_status.value
        raise Refused(InvalidTransition(message="Nothing of it can be canceled any more.", from_=status, allowed=()))
    if command.lines is None:
        return {line_id: units for line_id, units in left.items() if units}
    problems: list[Problem] = []
    asked: dict[str, int] = {}
    for i, (line_id, units) in enumerate(command.lines):
        asked[line_id] = asked.get(line_id, 0) + units
        if line_id not in left:
            problems.append(not_found("The order has no such line.", "lines", i, "lineId"))
        elif units < 1 or asked[line_id] > left[line_id]:
            message = f"1 to {left[line_id]} of it can be canceled; {units} were asked for."
            problems.append(invalid(message, "lines", i, "quantity"))
    if not command.lines:
        problems.append(invalid("Name at least one line, or leave the lines out to cancel all.", "lines"))
    refuse_all(problems)
    return asked


def cancellation(whole: WholeOrder, units: Units, places: Sequence[str], picked: Picked, at: datetime) -> Canceled:
    """What the order becomes: unsourced units go first, then those on the shelf, then those already picked."""
    lines: list[OrderLine] = []
    freed: list[Allocation] = []
    for line in whole.lines:
        quantities, left = line.quantities, units.get(line.id, 0)
        for place in places:
            taken = min(left, getattr(quantities, place))
            left -= taken
            quantities = quantities.moved(place, "canceled", taken)
        assert left == 0, "Only what can be canceled is asked for."
        lines.append(replace(line, quantities=quantities))
        freed += _freed(whole, line, quantities, picked)
    waiting = {line.id: line.quantities.backordered for line in lines}
    after = changed(
        whole,
        at=at,
        lines=lines,
        allocations=without(whole.allocations, freed),
        backorders=[
            replace(each, quantity=each.per_unit * waiting[each.line_id])
            for each in whole.backorders
            if waiting[each.line_id]
        ],
    )
    if after.order.status is OrderStatus.CANCELED:
        after = replace(after, holds=())
    return Canceled(whole, after, tuple(freed), units)


def _freed(whole: WholeOrder, line: OrderLine, after: LineQuantities, picked: Picked) -> list[Allocation]:
    """The parts of a line's allocations that its canceled units give back, at the last locations first."""
    shelf = line.quantities.allocated - after.allocated
    in_hand = (line.quantities.picked + line.quantities.ready_for_pickup) - (after.picked + after.ready_for_pickup)
    freed: list[Allocation] = []
    by_location: dict[str, list[Allocation]] = {}
    for allocation in whole.allocations:
        if allocation.line_id == line.id:
            by_location.setdefault(allocation.location, []).append(allocation)
    for location, parts in reversed(by_location.items()):
        held = min(part.quantity // part.per_unit for part in parts)
        off_shelf = min(held, picked.get((line.id, location), 0))  # Work may not know yet of an earlier cancellation.
        from_shelf, from_hand = min(shelf, held - off_shelf), min(in_hand, off_shelf)
        shelf, in_hand = shelf - from_shelf, in_hand - from_hand
        if taken := from_shelf + from_hand:
            freed += [replace(part, quantity=part.per_unit * taken) for part in parts]
    return freed


def without(allocations: Sequence[Allocation], freed: Sequence[Allocation]) -> list[Allocation]:
    """Allocations less what was freed of them; those with nothing left fall away."""
    less = {(each.line_id, each.location, each.sku): each.quantity for each in freed}
    left = [
        replace(each, quantity=each.quantity - less.get((each.line_id, each.location, each.sku), 0))
        for each in allocations
    ]
    return [each for each in left if each.quantity]


async def record_cancellation(work: CancelingWork, canceled: Canceled, reason: CancelReason, actor: str) -> WholeOrder:
    """Give back stock and money, and write the order; answers it as it is then."""
    after, at = canceled.after, canceled.after.order.updated_at
    await give_back_stock(work.inventory, canceled.freed, after.order, actor, at)
    settled = await _settled(work, after, at)
    await work.orders.update(canceled.before, settled)
    is_whole = settled.order.status is OrderStatus.CANCELED
    kind = EventKind.ORDER_CANCELED if is_whole else EventKind.ORDER_LINES_CANCELED
    data: dict[str, object] = {
        "reason": reason.value,
        "lines": [{"line": line, "units": units} for line, units in canceled.units.items()],
    }
    if waited := waited_for(canceled.before, settled):
        data["waited"] = waited
    work.record(event_of(settled, kind, actor, at, **data))
    for kind, amount in _money_moved(after, settled):
        work.record(
            event_of(settled, kind, actor, at, amount={"amount": str(amount.amount), "currency": amount.currency})
        )
    if settled.order.status is OrderStatus.COMPLETED:
        work.record(event_of(settled, EventKind.ORDER_COMPLETED, actor, at))
    return settled


async def give_back_stock(
    inventory: Inventory, freed: Sequence[Allocation], order: Order, actor: str, at: datetime
) -> None:
    if not freed:
        return
    await inventory.lock_levels({allocation.key for allocation in freed})
    await inventory.move(
        [
            Movement(
                sku=allocation.sku,
                location=allocation.location,
                counter=StockCounter.ALLOCATED,
                delta=-allocation.quantity,
                reason=StockMovementReason.DEALLOCATION,
                reference=order.number,
                actor=actor,
                at=at,
            )
            for allocation in freed
        ]
    )


async def _settled(work: CancelingWork, whole: WholeOrder, at: datetime) -> WholeOrder:
    """Money that is not owed any more let go, or given back where it was taken already."""
    order = whole.order
    owed = order.totals.total.amount_minor
    kept = order.captured.amount_minor - order.refunded.amount_minor
    aside = order.authorized.amount_minor - order.captured.amount_minor
    payments: Sequence[Payment] = whole.payments
    if kept > owed:
        payments = await refund(work, payments, kept - owed, at)
    if aside > max(0, owed - kept):
        payments = await void(work, payments, aside - max(0, owed - kept), at)
    if order.status is OrderStatus.CANCELED:
        payments = await _dropped(work, payments)
    return _same_version(whole, changed(whole, at=at, payments=payments))


async def _dropped(work: CancelingWork, payments: Sequence[Payment]) -> list[Payment]:
    """A payer who still has a step to take need not take it any more."""
    waiting = [payment for payment in payments if payment.status is PaymentStatus.ACTION_REQUIRED]
    dropped = {each.id: replace(each, status=PaymentStatus.VOIDED, action=None) for each in waiting}
    if dropped:
        await work.payments.update(list(dropped.values()), [])
    return [dropped.get(payment.id, payment) for payment in payments]


def _same_version(before: WholeOrder, after: WholeOrder) -> WholeOrder:
    """One change is one version, though its money is reckoned in a second step."""
    return replace(after, order=replace(after.order, version=before.order.version))


def _money_moved(before: WholeOrder, after: WholeOrder) -> list[tuple[EventKind, Money]]:
    moved = [
        (EventKind.PAYMENT_REFUNDED, after.order.refunded - before.order.refunded),
        (EventKind.PAYMENT_VOIDED, before.order.authorized - after.order.authorized),
    ]
    return [(kind, amount) for kind, amount in moved if amount.amount_minor > 0]
