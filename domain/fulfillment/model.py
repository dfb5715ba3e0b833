"""The work locations are asked to do, and what leaves them: fulfillment orders, pickups, shipments, tracking."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal

from domain.orders.model import FulfillmentMethod
from domain.places import GeoPoint

PACKAGES_MAX = 100  # In one shipment: more leave on a pallet, and are one package.
MEASURE_MAX = 100_000_000  # Grams and millimetres of a package: a hundred tonnes, a hundred kilometres.
TRACKING_EVENTS_MAX = 1_000  # In one call: a carrier's batch file comes in pieces of this size.
TRACKING_TEXT_MAX = 500  # Of a description, place, number or id: a line of text.
READINGS_BYTES_MAX = 10_000  # What a sensor sends along with one scan; its whole log belongs elsewhere.
PICKUP_KEPT_FOR = timedelta(days=7)  # How long a store keeps a parcel behind the counter before it needs the shelf.
COLLECTED_BY_MAX = 200  # A person's name.

# Units by order line id.
Units = Mapping[str, int]


class FulfillmentOrderStatus(Enum):
    SCHEDULED = "SCHEDULED"
    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    PICKING = "PICKING"
    PACKED = "PACKED"
    READY_FOR_PICKUP = "READY_FOR_PICKUP"
    FULFILLED = "FULFILLED"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"


_S = FulfillmentOrderStatus

# Where work may go from where it is. PICKING is while part is picked, PACKED once all of it is. What is picked may be
# shipped from either; what is collected is made ready first, whole.
_BEFORE_PICKING = {
    _S.SCHEDULED: (_S.OPEN, _S.CANCELED),
    _S.OPEN: (_S.ACCEPTED, _S.PICKING, _S.PACKED, _S.REJECTED, _S.CANCELED),
    _S.ACCEPTED: (_S.PICKING, _S.PACKED, _S.REJECTED, _S.CANCELED),
}
_NEXT: Mapping[FulfillmentMethod, Mapping[_S, tuple[_S, ...]]] = {
    FulfillmentMethod.DELIVERY: {
        **_BEFORE_PICKING,
        _S.PICKING: (_S.PICKING, _S.PACKED, _S.FULFILLED, _S.REJECTED, _S.CANCELED),
        _S.PACKED: (_S.FULFILLED, _S.CANCELED),
    },
    FulfillmentMethod.PICKUP: {
        **_BEFORE_PICKING,
        _S.PICKING: (_S.PICKING, _S.PACKED, _S.REJECTED, _S.CANCELED),
        _S.PACKED: (_S.READY_FOR_PICKUP, _S.CANCELED),
        _S.READY_FOR_PICKUP: (_S.FULFILLED, _S.CANCELED),
    },
}


class RejectReason(Enum):
    NOT_FOUND = "NOT_FOUND"
    DAMAGED = "DAMAGED"
    NO_CAPACITY = "NO_CAPACITY"
    CLOSED = "CLOSED"
    OTHER = "OTHER"


class PickupStatus(Enum):
    PREPARING = "PREPARING"
    READY = "READY"
    COLLECTED = "COLLECTED"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"


class ShipmentStatus(Enum):
    LABEL_CREATED = "LABEL_CREATED"
    IN_TRANSIT = "IN_TRANSIT"
    OUT_FOR_DELIVERY = "OUT_FOR_DELIVERY"
    DELIVERY_ATTEMPTED = "DELIVERY_ATTEMPTED"
    AVAILABLE_FOR_COLLECTION = "AVAILABLE_FOR_COLLECTION"
    DELIVERED = "DELIVERED"
    DELAYED = "DELAYED"
    EXCEPTION = "EXCEPTION"
    RETURNED_TO_SENDER = "RETURNED_TO_SENDER"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentOrderLine:
    """Units of one order line that a location is asked for.

    quantity: asked for. picked: taken off the shelf, of which handed_over have left.
    short: given back by the location. canceled: no longer wanted.
    """

    line_id: str
    quantity: int
    picked: int = 0
    short: int = 0
    handed_over: int = 0
    canceled: int = 0

    @property
    def unpicked(self) -> int:
        """Still on the shelf, to be picked."""
        return self.quantity - self.picked - self.short - self.canceled

    @property
    def in_hand(self) -> int:
        """Picked and not yet handed over."""
        return self.picked - self.handed_over

    @property
    def open(self) -> int:
        """Still to be handed over."""
        return self.unpicked + self.in_hand

    def dropped(self, units: int, place: Literal["short", "canceled"]) -> "FulfillmentOrderLine":
        """Without `units` of what is open, unpicked ones first; picked ones go back to the shelf."""
        back_to_shelf = max(0, units - self.unpicked)
        dropped = getattr(self, place) + units
        return replace(self, picked=self.picked - back_to_shelf, **{place: dropped})


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentOrder:
    """What one location is asked to do for one order."""

    id: str
    number: str
    order_id: str
    location_code: str
    method: FulfillmentMethod
    status: FulfillmentOrderStatus
    due_at: datetime
    created_at: datetime
    updated_at: datetime
    lines: tuple[FulfillmentOrderLine, ...]

    @property
    def is_open(self) -> bool:
        return any(line.open for line in self.lines)

    @property
    def next_statuses(self) -> tuple[FulfillmentOrderStatus, ...]:
        """Where the work may go from here."""
        return _NEXT[self.method].get(self.status, ())

    def line(self, line_id: str) -> FulfillmentOrderLine | None:
        return next((line for line in self.lines if line.line_id == line_id), None)

    def with_lines(self, lines: tuple[FulfillmentOrderLine, ...], at: datetime) -> "FulfillmentOrder":
        """The same work after its units moved, with the status that gives it."""
        return replace(self, lines=lines, status=_status_of(self.status, lines), updated_at=at)


def _status_of(before: FulfillmentOrderStatus, lines: tuple[FulfillmentOrderLine, ...]) -> FulfillmentOrderStatus:
    """A function of where the units are, and of how far the work had come."""
    if not any(line.open for line in lines):
        if any(line.handed_over for line in lines):
            return _S.FULFILLED
        return _S.CANCELED if any(line.canceled for line in lines) else _S.REJECTED
    if not any(line.unpicked for line in lines):
        return _S.READY_FOR_PICKUP if before is _S.READY_FOR_PICKUP else _S.PACKED
    return _S.PICKING if any(line.picked for line in lines) else before


@dataclass(frozen=True, slots=True, kw_only=True)
class Pickup:
    """A handover over the counter; its code is a keyed digest of its id, never stored.

    customer_id: whose it is; they alone are shown the code. collected_by: a person's name, kept sealed.
    """

    id: str
    order_id: str
    customer_id: str
    fulfillment_order_id: str
    location_code: str
    status: PickupStatus
    ready_at: datetime | None = None
    expires_at: datetime | None = None
    collected_at: datetime | None = None
    collected_by: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    weight_grams: int
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None


@dataclass(frozen=True, slots=True)
class ShipmentLine:
    line_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """service: the shipping method's service level."""

    id: str
    number: str
    order_id: str
    fulfillment_order_id: str
    status: ShipmentStatus
    carrier: str
    service: str
    tracking_number: str | None
    packages: tuple[Package, ...]
    lines: tuple[ShipmentLine, ...]
    shipped_at: datetime | None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingEvent:
    """What a carrier said of a shipment; status None is a sensor's reading alone.

    carrier_event_id: the carrier's own, by which an event told twice is known. at: when it happened.
    """

    id: str
    shipment_id: str
    carrier: str
    carrier_event_id: str
    status: ShipmentStatus | None
    description: str | None
    place: str | None
    point: GeoPoint | None
    readings: Mapping[str, Any] | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentOrderFilter:
    """Each that is set must hold. pickup_location: handed over there. search: how the order's number begins."""

    location: str | None = None
    status: tuple[FulfillmentOrderStatus, ...] = ()
    method: tuple[FulfillmentMethod, ...] = ()
    due_before: datetime | None = None
    pickup_location: str | None = None
    search: str | None = None


# ── Commands ──

# (order line id, units), as asked.
LineUnits = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectFulfillmentOrder:
    """lines: what the location cannot do; None is all that is open."""

    fulfillment_order_id: str
    lines: LineUnits | None
    reason: RejectReason
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class PickLine:
    """quantity: found now. short_reason: why the rest of the line will not be found; None leaves it to be picked."""

    line_id: str
    quantity: int
    short_reason: RejectReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickFulfillmentOrder:
    """lines: None is all that is left to pick."""

    fulfillment_order_id: str
    lines: tuple[PickLine, ...] | None
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipFulfillmentOrder:
    """lines: None is all that is picked. tracking_number: None has one made."""

    fulfillment_order_id: str
    tracking_number: str | None
    packages: tuple[Package, ...]
    lines: LineUnits | None
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectPickup:
    """Exactly one of `code` and `pickup_id`. lines: None is all that is ready."""

    code: str | None
    pickup_id: str | None
    lines: LineUnits | None
    collected_by: str | None
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingReport:
    """A tracking event as a carrier tells it. readings: as sent, an object or not."""

    event_id: str
    carrier: str
    tracking_number: str
    status: ShipmentStatus | None
    description: str | None
    place: str | None
    point: GeoPoint | None
    readings: Any
    at: datetime
