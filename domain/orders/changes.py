"""What an order becomes when something about it changes: sums and statuses follow, the version rises."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from domain.catalog.model import Component
from domain.events import EventKind, NewEvent
from domain.money import Money
from domain.orders.model import (
    Allocation,
    Backorder,
    OrderHold,
    OrderLine,
    WholeOrder,
    fulfillment_status_of,
    status_of,
    totals_of,
)
from domain.payments.model import Payment, order_payment_status


def changed(
    whole: WholeOrder,
    *,
    at: datetime,
    lines: Sequence[OrderLine] | None = None,
    allocations: Sequence[Allocation] | None = None,
    backorders: Sequence[Backorder] | None = None,
    payments: Sequence[Payment] | None = None,
    holds: Sequence[OrderHold] | None = None,
) -> WholeOrder:
    """The order with some of its parts replaced, and all that follows from them; a new version."""
    before = whole.order
    after = replace(
        whole,
        lines=whole.lines if lines is None else tuple(lines),
        allocations=whole.allocations if allocations is None else tuple(allocations),
        backorders=whole.backorders if backorders is None else tuple(backorders),
        payments=whole.payments if payments is None else tuple(payments),
        holds=whole.holds if holds is None else tuple(holds),
    )
    totals = totals_of(after.lines, before.shipping_agreed)
    captured = sum(payment.captured.amount_minor for payment in after.payments)
    refunded = sum(payment.refunded.amount_minor for payment in after.payments)
    owed = totals.total.amount_minor - captured + refunded
    order = replace(
        before,
        totals=totals,
        status=status_of(after.lines, held=bool(after.holds), balance_minor=owed),
        fulfillment_status=fulfillment_status_of(after.lines),
        payment_status=order_payment_status(after.payments, totals.total.amount_minor),
        authorized=Money(sum(p.authorized.amount_minor for p in after.payments), before.currency),
        captured=Money(captured, before.currency),
        refunded=Money(refunded, before.currency),
        updated_at=at,
        version=before.version + 1,
    )
    return replace(after, order=order)


def backorders_of(line: OrderLine, parts: Sequence[Component]) -> list[Backorder]:
    """What a line's backordered units wait for; parts: what one unit takes from stock."""
    units = line.quantities.backordered
    return [
        Backorder(
            line_id=line.id,
            order_id=line.order_id,
            sku=part.sku,
            per_unit=part.quantity,
            quantity=part.quantity * units,
        )
        for part in parts
        if units
    ]


def waited_for(before: WholeOrder, after: WholeOrder) -> list[str]:
    """The stocked SKUs that an order waits for more or less of than before, sorted."""
    changes = {*before.backorders} ^ {*after.backorders}
    return sorted({each.sku for each in changes})


def with_lines_moved(whole: WholeOrder, units: Mapping[str, int], source: str, target: str) -> tuple[OrderLine, ...]:
    """The order's lines with so many units of each (line id: units) moved from one place to another."""
    return tuple(
        replace(line, quantities=line.quantities.moved(source, target, units[line.id])) if units.get(line.id) else line
        for line in whole.lines
    )


def owed_for_handed_over(whole: WholeOrder) -> int:
    """Minor units owed for what has left so far: the units' price, and shipping once anything left."""
    gone = sum(line.unit_price.amount_minor * line.quantities.handed_over for line in whole.lines)
    anything = any(line.quantities.handed_over for line in whole.lines)
    return gone + (whole.order.shipping_agreed.amount_minor if anything else 0)


def event_of(whole: WholeOrder, kind: EventKind, actor: str, at: datetime, **data: object) -> NewEvent:
    """Something that happened to an order, as it is then."""
    return NewEvent(
        kind=kind,
        subject=whole.order.id,
        order_id=whole.order.id,
        sequence=whole.order.version,
        actor=actor,
        at=at,
        data={"number": whole.order.number, **data},
    )
