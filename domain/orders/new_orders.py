"""What a decided order becomes: the order as it is written, with its lines and allocations, and the ledger of them."""

from datetime import datetime

from domain.access import Viewer
from domain.customers.model import Customer, Person
from domain.ids import Ids
from domain.inventory.model import Movement, StockCounter, StockMovementReason
from domain.money import Money
from domain.orders.changes import backorders_of
from domain.orders.decisions import DecidedLine, Decision, Facts, line_name
from domain.orders.model import (
    Allocation,
    Backorder,
    Contact,
    LineQuantities,
    Order,
    OrderHold,
    OrderHoldKind,
    OrderLine,
    PlaceOrder,
    WholeOrder,
    fulfillment_status_of,
    status_of,
    totals_of,
)
from domain.orders.ports import NewOrder
from domain.payments.authorizing import Paid
from domain.payments.model import PaymentStatus, order_payment_status


def new_order(
    ids: Ids, order_id: str, command: PlaceOrder, viewer: Viewer, decision: Decision, paid: Paid, facts: Facts
) -> NewOrder:
    """Written as it is confirmed, or held; its stock is allocated, and what is not there yet is waited for."""
    channel, now = decision.channel, facts.now
    language = command.language or channel.languages[0]
    lines, allocations, backorders = _lines(ids, order_id, decision, language)
    holds = _holds(ids, order_id, paid, channel.remorse_minutes, now)
    totals = totals_of(lines, decision.shipping.price)
    nothing = Money(0, channel.currency)
    sums = [(p.authorized.amount_minor, p.captured.amount_minor) for p in paid.payments]
    captured = sum(taken for _, taken in sums)
    known = facts.customers_by_reference.get(command.customer_reference or "")
    customer_id = command.customer_id or known or viewer.customer_id
    address = decision.delivery.address if decision.delivery else None
    order = Order(
        id=order_id,
        number=ids.order_number(),
        external_reference=command.external_reference,
        purchase_order_number=command.purchase_order_number,
        channel_code=channel.code,
        customer_id=customer_id or ids.new("cus"),
        is_guest=customer_id is None,
        language=language,
        currency=channel.currency,
        status=status_of(lines, held=bool(holds), balance_minor=totals.total.amount_minor - captured),
        fulfillment_status=fulfillment_status_of(lines),
        payment_status=order_payment_status(paid.payments, totals.total.amount_minor),
        totals=totals,
        shipping_agreed=decision.shipping.price,
        authorized=Money(sum(aside for aside, _ in sums), channel.currency),
        captured=Money(captured, channel.currency),
        refunded=nothing,
        shipping_method_code=decision.shipping.method_code,
        country=address.country if address else None,
        metadata=command.metadata or {},
        placed_at=command.placed_at or now,
        updated_at=now,
        version=1,
    )
    whole = WholeOrder(
        order=order,
        lines=lines,
        allocations=allocations,
        backorders=backorders,
        payments=paid.payments,
        holds=holds,
    )
    contact = Contact(
        email=command.email,
        phone=command.phone,
        tax_id=command.tax_id,
        shipping_address=address,
        billing_address=command.billing_address,
        collector_name=next(
            (line.choice.collector_name for line in decision.lines if line.choice.collector_name), None
        ),
    )
    return NewOrder(whole=whole, contact=contact)


def _lines(
    ids: Ids, order_id: str, decision: Decision, language: str
) -> tuple[tuple[OrderLine, ...], tuple[Allocation, ...], tuple[Backorder, ...]]:
    lines: list[OrderLine] = []
    allocations: list[Allocation] = []
    backorders: list[Backorder] = []
    for position, decided in enumerate(decision.lines):
        line = OrderLine(
            id=ids.new("oln"),
            order_id=order_id,
            position=position,
            sku=decided.variant.sku,
            name=line_name(decided, language),
            quantity=decided.request.quantity,
            unit_price=decided.unit_price,
            method=decided.choice.kind,
            pickup_location=decided.choice.pickup_location,
            quantities=LineQuantities(
                allocated=decided.request.quantity - decided.waiting, backordered=decided.waiting
            ),
        )
        lines.append(line)
        allocations += _allocations(line, decided)
        backorders += backorders_of(line, decided.variant.demand(1))
    return tuple(lines), tuple(allocations), tuple(backorders)


def _allocations(line: OrderLine, decided: DecidedLine) -> list[Allocation]:
    return [
        Allocation(
            line_id=line.id,
            order_id=line.order_id,
            location=part.location,
            sku=component.sku,
            per_unit=component.quantity,
            quantity=component.quantity * part.units,
        )
        for part in decided.sourced
        for component in decided.variant.demand(1)
    ]


def _holds(ids: Ids, order_id: str, paid: Paid, remorse_minutes: int, now: datetime) -> tuple[OrderHold, ...]:
    reasons: list[tuple[OrderHoldKind, str]] = []
    if any(payment.status is PaymentStatus.ACTION_REQUIRED for payment in paid.payments):
        reasons.append((OrderHoldKind.PAYMENT, "The payer has a step to take."))
    if remorse_minutes:
        reasons.append((OrderHoldKind.REMORSE, f"{remorse_minutes} minutes for second thoughts."))
    return tuple(
        OrderHold(id=ids.new("hld"), order_id=order_id, kind=kind, reason=reason, placed_by="system", placed_at=now)
        for kind, reason in reasons
    )


def allocated(whole: WholeOrder, actor: str) -> list[Movement]:
    """What the stock ledger says of a new order."""
    order = whole.order
    return [
        Movement(
            sku=allocation.sku,
            location=allocation.location,
            counter=StockCounter.ALLOCATED,
            delta=allocation.quantity,
            reason=StockMovementReason.ALLOCATION,
            reference=order.number,
            actor=actor,
            at=order.updated_at,
        )
        for allocation in whole.allocations
    ]


def customer_of(order: Order, contact: Contact) -> Customer:
    address = contact.shipping_address or contact.billing_address
    person = Person(
        email=contact.email,
        phone=contact.phone,
        name=address.name if address else contact.collector_name,
        company=address.company if address else None,
        tax_id=contact.tax_id,
        addresses=(address,) if address else (),
    )
    return Customer(id=order.customer_id, person=person, language=order.language, created_at=order.placed_at)
