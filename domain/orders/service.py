"""What happens to a placed order on its own way: holds end, payments are settled, units are sourced again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from domain.access import SYSTEM
from domain.availability.model import Question
from domain.availability.ports import AvailabilityReads
from domain.availability.service import weighed
from domain.catalog.ports import Catalog
from domain.errors import Refused, conflict, not_found
from domain.events import EventKind
from domain.inventory.model import Levels, Movement, StockCounter, StockMovementReason
from domain.inventory.ports import Reservations
from domain.inventory.reservations import lock_swept
from domain.orders.canceling import CUSTOMERS_PLACES, CancelingWork, cancelable, cancellation, record_cancellation
from domain.orders.changes import backorders_of, changed, event_of, waited_for
from domain.orders.model import (
    Allocation,
    CancelReason,
    OrderHoldKind,
    OrderLine,
    OrderStatus,
    WholeOrder,
)
from domain.orders.stock import free_through
from domain.payments.model import Payment, PaymentStatus, PaymentTransactionKind
from domain.payments.service import after as payment_after
from domain.payments.service import transaction
from domain.sourcing.rules import Free, Need, Short, Sourced, shipping_locations, source


class OrderWork(CancelingWork, Protocol):
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def reservations(self) -> Reservations: ...


# ── Sourcing again ──


async def source_again(
    work: OrderWork, whole: WholeOrder, units: Mapping[str, int], without: frozenset[str], at: datetime
) -> WholeOrder:
    """Find another place for units that lost theirs, by the rule that found the first; what none has is backordered.

    units: by line id, all of them pending. without: codes of locations that will not have them.
    Allocates what it finds; the caller writes the order. All levels of the SKUs are locked, in the order of all locks.
    """
    lines = [line for line in whole.lines if units.get(line.id)]
    variants = await work.catalog.variants_by_sku(sorted({line.sku for line in lines}))
    levels = await lock_stock_of(work, whole, [line.id for line in lines])
    goods = await work.availability.goods([line.sku for line in lines])
    places = [place for place in goods.locations.values() if place.code not in without]
    contact = (await work.orders.contacts_by_order([whole.order.id]))[whole.order.id]
    needs = [
        Need(
            units=units[line.id],
            of_one=tuple(variants[line.sku].demand(1)),
            pickup_location=line.pickup_location,
        )
        for line in lines
    ]
    nearest = shipping_locations(places, contact.shipping_address)
    weighing = weighed(Question(channel=whole.order.channel_code), goods, at)
    free = free_through(weighing, goods, sorted({sku for sku, _ in levels}), without=without)
    found = _as_much_as_there_is(needs, free, nearest)
    after = _resourced(whole, list(zip(lines, needs, found, strict=True)), at)
    await work.inventory.move(_taken(after, whole, at))
    _announce(work, whole, after, at)
    return after


async def lock_stock_of(work: OrderWork, whole: WholeOrder, line_ids: Sequence[str]) -> Levels:
    """Every level of the SKUs that some lines take from stock, locked in the order of all locks and swept."""
    of_lines = {line.sku for line in whole.lines if line.id in line_ids}
    variants = await work.catalog.variants_by_sku(sorted(of_lines))
    skus = sorted({part.sku for variant in variants.values() for part in variant.demand(1)})
    levels = await work.inventory.levels_by_sku(skus)
    return await lock_swept(work, {level.key for found in levels.values() for level in found}, work.clock.now())


def _as_much_as_there_is(needs: Sequence[Need], free: Free, nearest: Sequence[str]) -> list[list[Sourced]]:
    """A place for as many units of each need as there are."""
    answers = []
    for need in needs:
        (answer,) = source([need], trial := free.copy(), nearest)
        if isinstance(answer, Short):
            part = replace(need, units=answer.available)
            (answer,) = source([part], trial := free.copy(), nearest) if answer.available else ([],)
        assert not isinstance(answer, Short), "What was available a moment ago, on locked rows, still is."
        free.become(trial)
        answers.append(answer)
    return answers


def _resourced(
    whole: WholeOrder, answers: Sequence[tuple[OrderLine, Need, Sequence[Sourced]]], at: datetime
) -> WholeOrder:
    lines = {line.id: line for line in whole.lines}
    backorders = {(each.line_id, each.sku): each for each in whole.backorders}
    allocations = {(each.line_id, each.location, each.sku): each for each in whole.allocations}
    for line, need, found in answers:
        placed = sum(part.units for part in found)
        quantities = line.quantities.moved("pending", "allocated", placed)
        lines[line.id] = replace(line, quantities=quantities.moved("pending", "backordered", need.units - placed))
        waiting = backorders_of(lines[line.id], need.of_one)
        backorders |= {(each.line_id, each.sku): each for each in waiting}
        for part in found:
            for component in need.of_one:
                key = line.id, part.location, component.sku
                held = allocations[key].quantity if key in allocations else 0
                allocations[key] = Allocation(
                    line_id=line.id,
                    order_id=line.order_id,
                    location=part.location,
                    sku=component.sku,
                    per_unit=component.quantity,
                    quantity=held + component.quantity * part.units,
                )
    return changed(
        whole,
        at=at,
        lines=list(lines.values()),
        allocations=list(allocations.values()),
        backorders=list(backorders.values()),
    )


def _taken(after: WholeOrder, before: WholeOrder, at: datetime) -> list[Movement]:
    held = {(each.line_id, each.location, each.sku): each.quantity for each in before.allocations}
    more = [(each, each.quantity - held.get((each.line_id, each.location, each.sku), 0)) for each in after.allocations]
    return [
        Movement(
            sku=allocation.sku,
            location=allocation.location,
            counter=StockCounter.ALLOCATED,
            delta=units,
            reason=StockMovementReason.ALLOCATION,
            reference=after.order.number,
            actor=SYSTEM.actor,
            at=at,
        )
        for allocation, units in more
        if units
    ]


def _announce(work: OrderWork, before: WholeOrder, after: WholeOrder, at: datetime) -> None:
    was = {line.id: line.quantities for line in before.lines}
    for kind, place in ((EventKind.ORDER_RESOURCED, "allocated"), (EventKind.ORDER_BACKORDERED, "backordered")):
        moved = [
            {"line": line.id, "sku": line.sku, "units": units}
            for line in after.lines
            if (units := getattr(line.quantities, place) - getattr(was[line.id], place)) > 0
        ]
        if moved:
            work.record(event_of(after, kind, SYSTEM.actor, at, lines=moved, waited=waited_for(before, after)))


# ── Holds and payments that wait ──


async def end_remorse(work: OrderWork, payload: Mapping[str, Any]) -> None:
    """The buyer's minutes for second thoughts are over. payload: orderId."""
    whole = (await work.orders.lock([payload["orderId"]])).get(payload["orderId"])
    if whole is not None:
        await _without_hold(work, whole, OrderHoldKind.REMORSE)


async def expire_payment(work: OrderWork, payload: Mapping[str, Any]) -> None:
    """A payment page was left open too long: the order cancels itself. payload: orderId, paymentId."""
    whole = (await work.orders.lock([payload["orderId"]])).get(payload["orderId"])
    if whole is not None and _waiting(whole, payload["paymentId"]):
        await _fail_payment(work, whole, payload["paymentId"])


async def settle_action(work: OrderWork, payment_id: str, *, order_id: str, reference: str, approved: bool) -> None:
    """The payer took the step: the order is confirmed, or it cancels itself.

    Raises Refused where there is no such payment, or it does not wait any more.
    """
    whole = (await work.orders.lock([order_id])).get(order_id)
    if whole is None:
        raise Refused(not_found("There is no such payment.", "paymentId"))
    payment = _waiting(whole, payment_id)
    if payment is None:
        raise Refused(conflict("This payment does not wait for its payer any more.", "paymentId"))
    if not approved:
        await _fail_payment(work, whole, payment_id)
        return
    at = work.clock.now()
    amount = payment.amount.amount_minor
    made = transaction(work.ids, payment, PaymentTransactionKind.AUTHORIZE, amount, reference, at)
    settled = payment_after(payment, PaymentTransactionKind.AUTHORIZE, amount)
    await work.payments.update([settled], [made])
    after = changed(whole, at=at, payments=[settled if each.id == payment_id else each for each in whole.payments])
    data = {
        "payment": payment_id,
        "amount": {"amount": str(payment.amount.amount), "currency": payment.amount.currency},
    }
    work.record(event_of(after, EventKind.PAYMENT_AUTHORIZED, SYSTEM.actor, at, **data))
    await _without_hold(work, whole, OrderHoldKind.PAYMENT, after)


def _waiting(whole: WholeOrder, payment_id: str) -> Payment | None:
    waiting = PaymentStatus.ACTION_REQUIRED
    return next((each for each in whole.payments if each.id == payment_id and each.status is waiting), None)


async def _fail_payment(work: OrderWork, whole: WholeOrder, payment_id: str) -> None:
    at = work.clock.now()
    failed = [
        replace(each, status=PaymentStatus.FAILED, action=None) if each.id == payment_id else each
        for each in whole.payments
    ]
    await work.payments.update([each for each in failed if each.id == payment_id], [])
    unpaid = replace(whole, payments=tuple(failed))
    units = {line.id: units for line in whole.lines if (units := cancelable(line.quantities, CUSTOMERS_PLACES))}
    canceled = cancellation(unpaid, units, CUSTOMERS_PLACES, {}, at)
    work.record(event_of(canceled.after, EventKind.PAYMENT_FAILED, SYSTEM.actor, at, payment=payment_id))
    await record_cancellation(work, replace(canceled, before=whole), CancelReason.PAYMENT, SYSTEM.actor)


async def _without_hold(
    work: OrderWork, before: WholeOrder, kind: OrderHoldKind, after: WholeOrder | None = None
) -> None:
    """Write the order without holds of a kind; where it was the last one, the order is confirmed."""
    whole = after or before
    at = work.clock.now()
    left = [hold for hold in whole.holds if hold.kind is not kind]
    if len(left) == len(whole.holds):
        return
    freed = changed(whole, at=at, holds=left)
    await work.orders.update(before, freed)
    if freed.order.status is OrderStatus.CONFIRMED:
        work.record(event_of(freed, EventKind.ORDER_CONFIRMED, SYSTEM.actor, at))
