"""Fulfillment: the work of locations, pickups, shipments and their tracking."""

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from domain.access import Scope
from domain.fulfillment import model
from domain.fulfillment.model import FulfillmentOrderStatus, PickupStatus, RejectReason, ShipmentStatus
from domain.fulfillment.tracking import TrackingRecorded
from domain.orders.model import FulfillmentMethod
from resolvers import fulfillment, inventory
from resolvers.errors import value_of
from schema.common import (
    Address,
    Connection,
    GeoPoint,
    GeoPointInput,
    Info,
    Node,
    UncountedConnection,
    UserError,
)
from schema.inventory import StockLocation
from schema.orders import LineQuantityInput, Order, OrderLine, OrderPayload
from schema.payments import PaymentInput
from schema.shapes import answered_by, asked, plain, related, shape_of, shown

for _enum in (FulfillmentOrderStatus, PickupStatus, RejectReason):
    strawberry.enum(_enum)
strawberry.enum(ShipmentStatus, description="What the carrier last said; it moves no order backwards.")


# ── What is shipped ──


@shape_of(model.Package)
class Package:
    weight_grams: int
    length_mm: int | None
    width_mm: int | None
    height_mm: int | None


@shape_of(model.ShipmentLine)
class ShipmentLine:
    order_line: OrderLine = related(fulfillment.order_lines_worked_on, key="line_id")
    quantity: int


@shape_of(model.TrackingEvent)
class TrackingEvent:
    id: strawberry.ID
    status: ShipmentStatus | None = strawberry.field(description="Null where it is a sensor's reading alone.")
    description: str | None
    place: str | None
    point: GeoPoint | None
    readings: JSON | None = strawberry.field(description="Readings a sensor sent along: temperature, shock, tilt.")
    at: datetime


@strawberry.type
class TrackingEventConnection(UncountedConnection[TrackingEvent]):
    pass


@shape_of(model.Shipment)
class Shipment(Node):
    number: str
    order: Order = related(fulfillment.orders_worked_on, key="order_id")
    fulfillment_order: "FulfillmentOrder | None" = related(
        fulfillment.fulfillment_orders_by_id, key="fulfillment_order_id"
    )
    status: ShipmentStatus
    carrier: str
    service: str
    tracking_number: str | None
    packages: list[Package]
    lines: list[ShipmentLine]
    events: TrackingEventConnection = answered_by(fulfillment.shipment_events, description="Newest first.")
    shipped_at: datetime | None
    delivered_at: datetime | None


# ── The work of a location ──


@shape_of(model.FulfillmentOrderLine)
class FulfillmentOrderLine:
    order_line: OrderLine = related(fulfillment.order_lines_worked_on, key="line_id")
    quantity: int
    picked: int
    short: int


@shape_of(model.Pickup)
class Pickup(Node):
    location: StockLocation = related(inventory.locations_by_code, key="location_code")
    lines: list[FulfillmentOrderLine] = related(fulfillment.lines_by_fulfillment_order, key="fulfillment_order_id")
    status: PickupStatus
    ready_at: datetime | None
    expires_at: datetime | None
    code: str | None = answered_by(
        fulfillment.pickup_code, description="What the customer shows; only the customer and those who sent it see it."
    )
    qr: str | None = answered_by(fulfillment.pickup_qr, description="The code as a QR image (SVG data URL).")
    collected_at: datetime | None
    collected_by: str | None = answered_by(fulfillment.collected_by)


@shape_of(model.FulfillmentOrder, description="The work one location is asked to do for one order.")
class FulfillmentOrder(Node):
    number: str
    order: Order = related(fulfillment.orders_worked_on, key="order_id")
    location: StockLocation = related(inventory.locations_by_code, key="location_code")
    method: FulfillmentMethod
    status: FulfillmentOrderStatus
    lines: list[FulfillmentOrderLine]
    due_at: datetime = strawberry.field(description="When it must be handed over, or ready, for the promise to hold.")
    shipments: list[Shipment] = related(fulfillment.shipments_by_fulfillment_order, key="id")
    created_at: datetime
    updated_at: datetime
    destination: Address | None = answered_by(
        fulfillment.destination,
        description="Where the goods go: the customer, or the pickup place they are sent to first.",
    )
    pickup: Pickup | None = related(
        fulfillment.pickups_by_fulfillment_order, key="id", description="Set where the customer collects it."
    )


# ── Inputs and payloads ──


@strawberry.input
class FulfillmentOrderFilter:
    location: str | None = None
    status: list[FulfillmentOrderStatus] | None = None
    method: list[FulfillmentMethod] | None = None
    due_before: datetime | None = None
    pickup_location: str | None = strawberry.field(
        description="Work that ends in a handover here, wherever it starts.", default=None
    )
    search: str | None = None


@strawberry.input
class RejectFulfillmentOrderInput:
    fulfillment_order_id: strawberry.ID
    reason: RejectReason
    idempotency_key: str
    lines: list[LineQuantityInput] | None = strawberry.field(
        description="What could not be found, where not all of it; the rest stays.", default=None
    )


@strawberry.input
class PickLineInput:
    line_id: strawberry.ID
    quantity: int
    short_reason: RejectReason | None = strawberry.field(
        description="Why it is fewer than asked: corrects the stock.", default=None
    )


@strawberry.input
class PickFulfillmentOrderInput:
    fulfillment_order_id: strawberry.ID
    idempotency_key: str
    lines: list[PickLineInput] | None = strawberry.field(
        description="All of it, where left out; what is missing is resourced elsewhere.", default=None
    )


@strawberry.input
class PackageInput:
    weight_grams: int
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None


@strawberry.input
class ShipFulfillmentOrderInput:
    fulfillment_order_id: strawberry.ID
    idempotency_key: str
    tracking_number: str | None = strawberry.field(
        description="From the carrier adapter, where left out.", default=None
    )
    packages: list[PackageInput] | None = None
    lines: list[LineQuantityInput] | None = None


@strawberry.input
class CollectPickupInput:
    idempotency_key: str
    code: str | None = strawberry.field(
        description="Exactly one of the two: the code, or the pickup where staff checked who collects.", default=None
    )
    pickup_id: strawberry.ID | None = None
    lines: list[LineQuantityInput] | None = None
    payments: list[PaymentInput] | None = None
    collected_by: str | None = None


@strawberry.input
class TrackingEventInput:
    event_id: str = strawberry.field(description="The carrier's own id of the event; one already seen changes nothing.")
    carrier: str
    tracking_number: str
    at: datetime
    status: ShipmentStatus | None = None
    description: str | None = None
    place: str | None = None
    point: GeoPointInput | None = None
    readings: JSON | None = None


@strawberry.type
class FulfillmentOrderPayload:
    fulfillment_order: FulfillmentOrder | None = plain(value_of)
    user_errors: list[UserError]


@strawberry.type
class ShipmentPayload:
    shipment: Shipment | None = plain(value_of)
    user_errors: list[UserError]


@shape_of(TrackingRecorded)
class TrackingPayload:
    accepted: int
    duplicates: int
    user_errors: list[UserError]


# ── Roots ──


@strawberry.type
class FulfillmentQueries:
    @asked(needs=Scope.FULFILLMENT_READ)
    async def fulfillment_order(
        self, info: Info, id: strawberry.ID | None = None, number: str | None = None
    ) -> FulfillmentOrder | None:
        return shown(await fulfillment.fulfillment_order(info.context, id, number))

    @asked(needs=Scope.FULFILLMENT_READ)
    async def fulfillment_orders(
        self,
        info: Info,
        filter: FulfillmentOrderFilter | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[FulfillmentOrder]:
        found = fulfillment.fulfillment_orders(info.context, filter, first=first, after=after, last=last, before=before)
        return shown(await found)

    @asked()
    async def shipment(self, info: Info, tracking_number: str, carrier: str | None = None) -> Shipment | None:
        return shown(await fulfillment.shipment(info.context, tracking_number, carrier))


@strawberry.type
class FulfillmentMutations:
    @asked(needs=Scope.FULFILLMENT_WRITE)
    async def accept_fulfillment_order(self, info: Info, id: strawberry.ID) -> FulfillmentOrderPayload:
        return shown(await fulfillment.accept_fulfillment_order(info.context, id))

    @asked(needs=Scope.FULFILLMENT_WRITE)
    async def reject_fulfillment_order(self, info: Info, input: RejectFulfillmentOrderInput) -> FulfillmentOrderPayload:
        return shown(await fulfillment.reject_fulfillment_order(info.context, input))

    @asked(needs=Scope.FULFILLMENT_WRITE)
    async def pick_fulfillment_order(self, info: Info, input: PickFulfillmentOrderInput) -> FulfillmentOrderPayload:
        return shown(await fulfillment.pick_fulfillment_order(info.context, input))

    @asked(needs=Scope.FULFILLMENT_WRITE)
    async def ship_fulfillment_order(self, info: Info, input: ShipFulfillmentOrderInput) -> ShipmentPayload:
        return shown(await fulfillment.ship_fulfillment_order(info.context, input))

    @asked(needs=Scope.FULFILLMENT_WRITE)
    async def mark_ready_for_pickup(self, info: Info, id: strawberry.ID) -> FulfillmentOrderPayload:
        return shown(await fulfillment.mark_ready_for_pickup(info.context, id))

    @asked()
    async def collect_pickup(self, info: Info, input: CollectPickupInput) -> OrderPayload:
        return shown(await fulfillment.collect_pickup(info.context, input))

    @asked(needs=Scope.TRACKING_WRITE)
    async def record_tracking(self, info: Info, events: list[TrackingEventInput]) -> TrackingPayload:
        return shown(await fulfillment.record_tracking(info.context, events))
