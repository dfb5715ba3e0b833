"""Orders: asked for, found, followed and canceled."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson
import strawberry
from strawberry import Parent

from domain.access import EVERY_ORDER, OrdersSeen, Scope
from domain.errors import Problem, Refused, conflict, invalid, not_allowed, refuse_all
from domain.events import Event
from domain.orders import canceling, placing
from domain.orders.model import (
    METADATA_BYTES_MAX,
    NO_FILTER,
    CancelOrder,
    Contact,
    FulfillmentChoice,
    LineRequest,
    Order,
    OrderAction,
    OrderActionKind,
    OrderChange,
    OrderFilter,
    OrderHold,
    OrderLine,
    OrderSort,
    PlaceOrder,
)
from domain.orders.ports import Overtaken
from domain.paging import PAGE_SIZE, Page, Slice, page
from domain.payments.model import Payment, PaymentRequest, PaymentTransaction
from domain.world import UnitOfWork
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import reports
from resolvers.pages import Connection

if TYPE_CHECKING:
    from schema import orders as schema
    from schema.payments import PaymentInput

Info = strawberry.Info[Context, None]
T = TypeVar("T")

FILTER_VALUES_MAX = 100  # Of one condition of a filter: a screen has fewer boxes to tick.
TRACKING_GUESS = "order tracking"


# ── Asking ──


async def order(
    context: Context, id: str | None, number: str | None, channel: str | None, external_reference: str | None
) -> Order | None:
    seen = context.orders_seen
    if id is not None:
        return (await context.world.reads.orders.by_id([id], seen)).get(id)
    if number is not None:
        return (await context.world.reads.orders.by_number([number], seen)).get(number)
    if channel is not None and external_reference is not None:
        key = channel, external_reference
        return (await context.world.reads.orders.by_external_reference([key], seen)).get(key)
    raise Refused(invalid("Name the order: by id, by number, or by channel and externalReference.", "id"))


async def orders(
    context: Context, filter: "schema.OrderFilter | None", sort: OrderSort | None, **pages: Any
) -> Connection:
    found = await context.world.reads.orders.page(
        order_filter(filter), sort or OrderSort.NEWEST, page(**pages), context.orders_seen
    )
    return Connection(found)


async def track_order(
    context: Context, access_token: str | None, number: str | None, email: str | None
) -> Order | None:
    """For guests; a wrong pair answers like an unknown one, and tries are limited."""
    if access_token is not None:
        opened = context.open_order(access_token)
        found = await context.world.reads.orders.by_id([opened or ""], OrdersSeen(order_ids=frozenset({opened or ""})))
        return found.get(opened or "")
    if number is None or email is None:
        raise Refused(invalid("Give the access token, or the number and the e-mail address.", "number"))
    if not await context.world.guesses.allow(TRACKING_GUESS, context.viewer, context.address):
        raise Refused(not_allowed("Too many tries. Wait some minutes.", "number"))
    return await context.world.reads.orders.by_number_and_email(number.strip().upper(), email)


def order_filter(input: "schema.OrderFilter | None") -> OrderFilter:
    if input is None:
        return NO_FILTER
    problems: list[Problem] = [
        invalid(f"A filter has at most {FILTER_VALUES_MAX} values.", "filter", name)
        for name, values in vars(input).items()
        if isinstance(values, list) and len(values) > FILTER_VALUES_MAX
    ]
    refuse_all(problems)
    return OrderFilter(
        status=tuple(input.status or ()),
        fulfillment_status=tuple(input.fulfillment_status or ()),
        payment_status=tuple(input.payment_status or ()),
        channels=tuple(input.channels or ()),
        locations=tuple(input.locations or ()),
        holds=tuple(input.holds or ()),
        skus=tuple(input.skus or ()),
        countries=tuple(input.countries or ()),
        customer_id=input.customer_id,
        email=input.email,
        search=input.search or None,
        placed_from=input.placed.from_ if input.placed else None,
        placed_until=input.placed.until if input.placed else None,
        updated_from=input.updated.from_ if input.updated else None,
        updated_until=input.updated.until if input.updated else None,
    )


# ── Relations ──


async def orders_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Order]:
    """Those the caller may see, or opened with an access token in this operation."""
    return await context.world.reads.orders.by_id(ids, context.orders_seen)


async def lines_by_order(context: Context, order_ids: Sequence[str]) -> Mapping[str, list[OrderLine]]:
    return await context.world.reads.orders.lines_by_order(order_ids)


async def order_lines_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, OrderLine]:
    return await context.world.reads.orders.lines_by_id(ids, context.orders_seen)


async def holds_by_order(context: Context, order_ids: Sequence[str]) -> Mapping[str, list[OrderHold]]:
    found = await context.world.reads.orders.holds_by_order(order_ids)
    return {each: found.get(each, []) for each in order_ids}


async def payments_by_order(context: Context, order_ids: Sequence[str]) -> Mapping[str, list[Payment]]:
    found = await context.world.reads.payments.by_order(order_ids)
    return {each: found.get(each, []) for each in order_ids}


async def payments_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Payment]:
    """Those of orders the caller may see."""
    found = await context.world.reads.payments.by_id(ids)
    order_ids = sorted({payment.order_id for payment in found.values()})
    seen = await context.world.reads.orders.by_id(order_ids, context.orders_seen)
    return {key: payment for key, payment in found.items() if payment.order_id in seen}


async def transactions_by_payment(
    context: Context, payment_ids: Sequence[str]
) -> Mapping[str, list[PaymentTransaction]]:
    found = await context.world.reads.payments.transactions_by_payment(payment_ids)
    return {each: found.get(each, []) for each in payment_ids}


async def contacts_by_order(context: Context, order_ids: Sequence[str]) -> Mapping[str, Contact]:
    return await context.world.reads.orders.contacts_by_order(order_ids)


def is_owner(context: Context, order: Order) -> bool:
    """Whether the order is the caller's own, or they showed its access token."""
    return order.id in context.opened_order_ids or (
        context.viewer.customer_id is not None and context.viewer.customer_id == order.customer_id
    )


async def contact_part(order: Order, info: Info, part: str) -> Any:
    """What is personal about an order, for its owner and for staff; who tracks by number sees none of it."""
    context = info.context
    if not (is_owner(context, order) or context.has(Scope.ORDERS_READ)):
        return None
    found: Contact = await context.load(contacts_by_order, order.id)
    return getattr(found, part)


class TimelineAsked(NamedTuple):
    """A page of one order's events."""

    order_id: str
    page: Page


async def order_timeline(
    order: Parent[Order], info: Info, first: int | None = PAGE_SIZE, after: str | None = None
) -> Connection:
    return Connection(await info.context.load(timelines, TimelineAsked(order.id, page(first, after))))


async def timelines(context: Context, asked: Sequence[TimelineAsked]) -> Mapping[TimelineAsked, Slice[Event]]:
    """One statement for each different page: siblings ask for the same one."""
    alike: dict[Page, list[str]] = defaultdict(list)
    for each in asked:
        alike[each.page].append(each.order_id)
    return {
        TimelineAsked(order_id, of): found
        for of, order_ids in alike.items()
        for order_id, found in (await context.world.reads.log.timelines(order_ids, of)).items()
    }


async def order_actions(order: Parent[Order], info: Info) -> list[OrderAction]:
    """What may be done now; nothing for who only tracks it by its number."""
    context = info.context
    if not (is_owner(context, order) or context.has(Scope.ORDERS_WRITE)):
        return []
    lines: list[OrderLine] = await context.load(lines_by_order, order.id)
    places = canceling.STAFF_PLACES if context.viewer.is_staff else canceling.CUSTOMERS_PLACES
    left = sum(canceling.cancelable(line.quantities, places) for line in lines)
    kept = sum(line.quantities.kept for line in lines)
    if left == 0:
        reason = "It is being sent, or nothing is left of it."
        return [OrderAction(kind, allowed=False, reason=reason) for kind in _CANCELS]
    whole = None if left == kept else "Part of it is on its way already: cancel the rest line by line."
    return [
        OrderAction(OrderActionKind.CANCEL, allowed=whole is None, reason=whole),
        OrderAction(OrderActionKind.CANCEL_LINES, allowed=True),
    ]


_CANCELS = (OrderActionKind.CANCEL, OrderActionKind.CANCEL_LINES)


# ── Placing ──


@dataclass(frozen=True, slots=True)
class Placement:
    """access_token: for the caller who placed it."""

    order: Order
    access_token: str | None


@reports
async def place_order(context: Context, input: "schema.PlaceOrderInput") -> Placement:
    request = placing.Request(_place_order(input), context.viewer)
    placed = await tried(context, lambda work: placing.place_order(work, request))
    token = context.world.digests.access_token(placed.order_id) if placed.is_first else None
    order = (await context.world.reads.orders.by_id([placed.order_id], EVERY_ORDER))[placed.order_id]
    if placed.is_first:
        context.opened_order_ids.add(placed.order_id)
    return Placement(order, token)


async def tried(context: Context, step: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    """A step in a unit of work of its own, tried again where others were quicker."""
    for _ in range(placing.TRIES_MAX):
        try:
            async with context.work() as work:
                return await step(work)
        except Overtaken:
            continue
    raise Refused(conflict("Others were quicker, again and again. Try once more.", "lines"))


def _place_order(input: "schema.PlaceOrderInput") -> PlaceOrder:
    if input.metadata is not None and not isinstance(input.metadata, dict):
        raise Refused(invalid("Metadata is an object.", "metadata"))
    if input.metadata and len(orjson.dumps(input.metadata)) > METADATA_BYTES_MAX:
        raise Refused(invalid(f"Metadata has at most {METADATA_BYTES_MAX} bytes.", "metadata"))
    return PlaceOrder(
        idempotency_key=input.idempotency_key,
        channel=input.channel,
        lines=order_lines(input.lines or ()),
        payments=tuple(_payment(payment, i) for i, payment in enumerate(input.payments)),
        fulfillment=fulfillment_choice(input.fulfillment, "fulfillment") if input.fulfillment else None,
        email=input.email,
        phone=input.phone,
        tax_id=input.tax_id,
        customer_id=input.customer_id,
        billing_address=inputs.address(input.billing_address, "billingAddress") if input.billing_address else None,
        external_reference=input.external_reference,
        purchase_order_number=input.purchase_order_number,
        language=input.language,
        expected_total=inputs.money(input.expected_total, "expectedTotal") if input.expected_total else None,
        metadata=input.metadata or None,
        placed_at=input.placed_at,
        shipping_price=inputs.money(input.shipping_price, "shippingPrice") if input.shipping_price else None,
        quote_id=input.quote_id,
    )


def order_lines(lines: "Sequence[schema.OrderLineInput]") -> tuple[LineRequest, ...]:
    return tuple(_line(line, i) for i, line in enumerate(lines))


def _line(line: "schema.OrderLineInput", i: int) -> LineRequest:
    return LineRequest(
        sku=line.sku,
        quantity=line.quantity,
        fulfillment=fulfillment_choice(line.fulfillment, "lines", i, "fulfillment") if line.fulfillment else None,
        unit_price=inputs.money(line.unit_price, "lines", i, "unitPrice") if line.unit_price else None,
    )


def fulfillment_choice(choice: "schema.FulfillmentChoiceInput", *path: str | int) -> FulfillmentChoice:
    if choice.delivery:
        address = inputs.address(choice.delivery.address, *path, "delivery", "address")
        return FulfillmentChoice(address=address, method=choice.delivery.method)
    assert choice.pickup, "GraphQL lets exactly one of the two through."
    return FulfillmentChoice(pickup_location=choice.pickup.location, collector_name=choice.pickup.collector_name)


def _payment(payment: "PaymentInput", i: int) -> PaymentRequest:
    return PaymentRequest(
        method=payment.method,
        token=payment.token,
        amount=inputs.money(payment.amount, "payments", i, "amount") if payment.amount else None,
        provider=payment.provider,
        captured=payment.captured,
        provider_reference=payment.provider_reference,
    )


# ── Canceling ──


@reports
async def cancel_order(context: Context, input: "schema.CancelOrderInput") -> OrderChange:
    viewer = context.viewer
    if viewer.is_staff and not viewer.has(Scope.ORDERS_WRITE):
        raise Refused(not_allowed("Canceling an order needs the scope orders:write.", "orderId"))
    if input.access_token:
        context.open_order(input.access_token)
    lines = None if input.lines is None else tuple((line.line_id, line.quantity) for line in input.lines)
    command = CancelOrder(
        order_id=input.order_id,
        reason=input.reason,
        lines=lines,
        idempotency_key=input.idempotency_key,
        dry_run=input.dry_run,
    )
    async with context.work() as work:
        order_id, before, after = await canceling.cancel_order(work, command, viewer, context.orders_seen)
    order = (await context.world.reads.orders.by_id([order_id], EVERY_ORDER))[order_id]
    return OrderChange(order, before, after)
