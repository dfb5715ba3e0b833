"""Fulfillment: the work of locations, what leaves them, and what carriers say of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import segno
import strawberry
from strawberry import Parent

from domain.access import EVERY_ORDER, OrdersSeen, Scope, locations_worked, work_seen
from domain.errors import Refused, invalid, not_allowed
from domain.fulfillment import handover, service, tracking
from domain.fulfillment.model import (
    CollectPickup,
    FulfillmentOrder,
    FulfillmentOrderFilter,
    FulfillmentOrderLine,
    LineUnits,
    Package,
    PickFulfillmentOrder,
    PickLine,
    Pickup,
    RejectFulfillmentOrder,
    ShipFulfillmentOrder,
    Shipment,
    TrackingEvent,
    TrackingReport,
)
from domain.orders.model import Contact, FulfillmentMethod, Order, OrderLine
from domain.paging import PAGE_SIZE, Page, Slice, page
from domain.places import Address, GeoPoint
from resolvers.context import Context
from resolvers.errors import reports
from resolvers.inventory import locations_by_code
from resolvers.orders import contacts_by_order, is_owner
from resolvers.pages import Connection

if TYPE_CHECKING:
    from schema import fulfillment as schema
    from schema.orders import LineQuantityInput

Info = strawberry.Info[Context, None]

PICKUP_CODE_GUESS = "pickup code"
SEARCH_LENGTH_MAX = 200  # Longer than any number; SQLite refuses patterns of more than 50,000 characters.


# ── Look-ups by id, for whom the row rules let ──


async def fulfillment_orders_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, FulfillmentOrder]:
    return await context.world.reads.fulfillment.by_id(ids, _work_seen(context))


async def pickups_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Pickup]:
    return await context.world.reads.fulfillment.pickups_by_id(ids, _work_seen(context))


async def shipments_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Shipment]:
    return await context.world.reads.fulfillment.shipments_by_id(ids, context.orders_seen)


def _work_seen(context: Context) -> OrdersSeen:
    return work_seen(context.viewer, context.orders_seen)


# ── Relations of an order that the caller was shown; an associate sees their own places' part of its work ──


async def fulfillment_orders_by_order(
    context: Context, order_ids: Sequence[str]
) -> Mapping[str, list[FulfillmentOrder]]:
    found = await context.world.reads.fulfillment.by_order(order_ids)
    return {key: [each for each in found.get(key, ()) if _is_not_elsewhere(context, each)] for key in order_ids}


async def pickups_by_order(context: Context, order_ids: Sequence[str]) -> Mapping[str, list[Pickup]]:
    found = await context.world.reads.fulfillment.pickups_by_order(order_ids)
    return {key: [each for each in found.get(key, ()) if _is_not_elsewhere(context, each)] for key in order_ids}


async def shipments_by_order(context: Context, order_ids: Sequence[str]) -> Mapping[str, list[Shipment]]:
    found = await context.world.reads.fulfillment.shipments_by_order(order_ids)
    return {key: found.get(key, []) for key in order_ids}


def _is_not_elsewhere(context: Context, work: FulfillmentOrder | Pickup) -> bool:
    viewer = context.viewer
    return not viewer.is_bound_to_locations or work.location_code in viewer.locations


# ── Relations of work or a shipment that the caller was shown ──


async def pickups_by_fulfillment_order(context: Context, ids: Sequence[str]) -> Mapping[str, Pickup]:
    return await context.world.reads.fulfillment.pickups_by_fulfillment_order(ids)


async def shipments_by_fulfillment_order(context: Context, ids: Sequence[str]) -> Mapping[str, list[Shipment]]:
    found = await context.world.reads.fulfillment.shipments_by_fulfillment_order(ids)
    return {key: found.get(key, []) for key in ids}


async def lines_by_fulfillment_order(
    context: Context, ids: Sequence[str]
) -> Mapping[str, Sequence[FulfillmentOrderLine]]:
    found = await context.world.reads.fulfillment.by_id(ids, EVERY_ORDER)
    return {task.id: task.lines for task in found.values()}


async def orders_worked_on(context: Context, ids: Sequence[str]) -> Mapping[str, Order]:
    """Who is shown a part of an order is shown the order; what is personal about it has a rule of its own."""
    return await context.world.reads.orders.by_id(ids, EVERY_ORDER)


async def order_lines_worked_on(context: Context, ids: Sequence[str]) -> Mapping[str, OrderLine]:
    return await context.world.reads.orders.lines_by_id(ids, EVERY_ORDER)


async def destination(work: Parent[FulfillmentOrder], info: Info) -> Address | None:
    """Where the goods go; a home, for the order's owner and the staff whose work it is."""
    context = info.context
    if work.method is FulfillmentMethod.PICKUP:
        location = await context.load(locations_by_code, work.location_code)
        return location.address if location else None
    order: Order = await context.load(orders_worked_on, work.order_id)
    if not (is_owner(context, order) or locations_worked(context.viewer).includes(work.location_code)):
        return None
    contact: Contact = await context.load(contacts_by_order, work.order_id)
    return contact.shipping_address


# ── Pickups ──


def pickup_code(pickup: Parent[Pickup], info: Info) -> str | None:
    context = info.context
    return context.world.digests.pickup_code(pickup.id) if _is_collectors(context, pickup) else None


def pickup_qr(pickup: Parent[Pickup], info: Info) -> str | None:
    code = pickup_code(pickup, info)
    return segno.make_qr(code).svg_data_uri() if code else None


def collected_by(pickup: Parent[Pickup], info: Info) -> str | None:
    context = info.context
    is_seen = _is_collectors(context, pickup) or locations_worked(context.viewer).includes(pickup.location_code)
    return pickup.collected_by if is_seen else None


def _is_collectors(context: Context, pickup: Pickup) -> bool:
    """Whether it is the caller's own, or they showed its order's access token."""
    own = context.viewer.customer_id
    return pickup.order_id in context.opened_order_ids or (own is not None and own == pickup.customer_id)


# ── Tracking ──


class EventsAsked(NamedTuple):
    """A page of one shipment's events."""

    shipment_id: str
    page: Page


async def shipment_events(
    shipment: Parent[Shipment], info: Info, first: int | None = PAGE_SIZE, after: str | None = None
) -> Connection:
    return Connection(await info.context.load(pages_of_events, EventsAsked(shipment.id, page(first, after))))


async def pages_of_events(context: Context, asked: Sequence[EventsAsked]) -> Mapping[EventsAsked, Slice[TrackingEvent]]:
    """One statement for each different page: siblings ask for the same one."""
    alike: dict[Page, list[str]] = defaultdict(list)
    for each in asked:
        alike[each.page].append(each.shipment_id)
    return {
        EventsAsked(shipment_id, of): found
        for of, ids in alike.items()
        for shipment_id, found in (await context.world.reads.fulfillment.tracking_by_shipment(ids, of)).items()
    }


# ── Asking ──


async def fulfillment_order(context: Context, id: str | None, number: str | None) -> FulfillmentOrder | None:
    seen = _work_seen(context)
    if id is not None:
        return (await context.world.reads.fulfillment.by_id([id], seen)).get(id)
    if number is not None:
        return (await context.world.reads.fulfillment.by_number([number], seen)).get(number)
    raise Refused(invalid("Name the fulfillment order: by id or by number.", "id"))


async def fulfillment_orders(
    context: Context, filter: "schema.FulfillmentOrderFilter | None", **pages: Any
) -> Connection:
    asked = _filter(filter)
    return Connection(await context.world.reads.fulfillment.page(asked, page(**pages), _work_seen(context)))


async def shipment(context: Context, tracking_number: str, carrier: str | None) -> Shipment | None:
    return await context.world.reads.fulfillment.shipment_tracked_by(tracking_number, carrier, context.orders_seen)


# ── Doing ──


@reports
async def accept_fulfillment_order(context: Context, id: str) -> FulfillmentOrder:
    async with context.work() as work:
        accepted = await service.accept_fulfillment_order(work, id, context.viewer)
    context.forget()
    return accepted


@reports
async def reject_fulfillment_order(context: Context, input: "schema.RejectFulfillmentOrderInput") -> FulfillmentOrder:
    command = RejectFulfillmentOrder(
        fulfillment_order_id=input.fulfillment_order_id,
        lines=_lines(input.lines),
        reason=input.reason,
        idempotency_key=input.idempotency_key,
    )
    async with context.work() as work:
        rejected = await service.reject_fulfillment_order(work, command, context.viewer)
    context.forget()
    return rejected


@reports
async def pick_fulfillment_order(context: Context, input: "schema.PickFulfillmentOrderInput") -> FulfillmentOrder:
    lines = None if input.lines is None else tuple(_pick_line(line) for line in input.lines)
    command = PickFulfillmentOrder(
        fulfillment_order_id=input.fulfillment_order_id, lines=lines, idempotency_key=input.idempotency_key
    )
    async with context.work() as work:
        picked = await service.pick_fulfillment_order(work, command, context.viewer)
    context.forget()
    return picked


@reports
async def ship_fulfillment_order(context: Context, input: "schema.ShipFulfillmentOrderInput") -> Shipment:
    command = ShipFulfillmentOrder(
        fulfillment_order_id=input.fulfillment_order_id,
        tracking_number=input.tracking_number,
        packages=tuple(_package(package) for package in input.packages or ()),
        lines=_lines(input.lines),
        idempotency_key=input.idempotency_key,
    )
    async with context.work() as work:
        shipped = await handover.ship_fulfillment_order(work, command, context.viewer)
    context.forget()
    return shipped


@reports
async def mark_ready_for_pickup(context: Context, id: str) -> FulfillmentOrder:
    async with context.work() as work:
        ready = await handover.mark_ready_for_pickup(work, id, context.viewer)
    context.forget()
    return ready


@reports
async def collect_pickup(context: Context, input: "schema.CollectPickupInput") -> Order | None:
    """The order, where the caller may see it: who shows a code at a counter sees none of the order by it."""
    if input.payments:
        raise Refused(not_allowed("What is owed is not paid at the counter yet; leave `payments` out.", "payments"))
    await _limit_guesses(context, input.code)
    command = CollectPickup(
        code=input.code,
        pickup_id=input.pickup_id,
        lines=_lines(input.lines),
        collected_by=input.collected_by,
        idempotency_key=input.idempotency_key,
    )
    async with context.work() as work:
        order_id = await handover.collect_pickup(work, command, context.viewer)
    context.forget()
    return (await context.world.reads.orders.by_id([order_id], context.orders_seen)).get(order_id)


async def _limit_guesses(context: Context, code: str | None) -> None:
    """Tries at codes are limited; not those of staff, who hand over all day."""
    if code is None or context.has(Scope.FULFILLMENT_WRITE):
        return
    if not await context.world.guesses.allow(PICKUP_CODE_GUESS, context.viewer, context.address):
        raise Refused(not_allowed("Too many tries. Wait some minutes.", "code"))


async def record_tracking(context: Context, events: "Sequence[schema.TrackingEventInput]") -> tracking.TrackingRecorded:
    async with context.work() as work:
        recorded = await tracking.record_tracking(work, [_report(event) for event in events], context.viewer)
    context.forget()
    return recorded


# ── Inputs in the domain's words ──


def _filter(input: "schema.FulfillmentOrderFilter | None") -> FulfillmentOrderFilter:
    if input is None:
        return FulfillmentOrderFilter()
    return FulfillmentOrderFilter(
        location=input.location,
        status=tuple(dict.fromkeys(input.status or ())),
        method=tuple(dict.fromkeys(input.method or ())),
        due_before=input.due_before,
        pickup_location=input.pickup_location,
        search=(input.search or "")[:SEARCH_LENGTH_MAX] or None,
    )


def _lines(input: "Sequence[LineQuantityInput] | None") -> LineUnits | None:
    return None if input is None else tuple((line.line_id, line.quantity) for line in input)


def _pick_line(input: "schema.PickLineInput") -> PickLine:
    return PickLine(input.line_id, input.quantity, input.short_reason)


def _package(input: "schema.PackageInput") -> Package:
    return Package(input.weight_grams, input.length_mm, input.width_mm, input.height_mm)


def _report(input: "schema.TrackingEventInput") -> TrackingReport:
    return TrackingReport(
        event_id=input.event_id,
        carrier=input.carrier,
        tracking_number=input.tracking_number,
        status=input.status,
        description=input.description,
        place=input.place,
        point=GeoPoint(input.point.latitude, input.point.longitude) if input.point else None,
        readings=input.readings,
        at=input.at,
    )
