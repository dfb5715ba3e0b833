"""What happened: the append-only log that subscriptions, timelines, feeds and reactions read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Protocol

from domain.paging import Edge, Slice


class EventKind(Enum):
    """Every kind of event there is; the words are final, clients match on them."""

    ORDER_PLACED = "order.placed"
    ORDER_CONFIRMED = "order.confirmed"
    ORDER_CANCELED = "order.canceled"
    ORDER_LINES_CANCELED = "order.lines_canceled"
    ORDER_RESOURCED = "order.resourced"
    ORDER_BACKORDERED = "order.backordered"
    ORDER_COMPLETED = "order.completed"
    PAYMENT_AUTHORIZED = "payment.authorized"
    PAYMENT_FAILED = "payment.failed"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_VOIDED = "payment.voided"
    PAYMENT_REFUNDED = "payment.refunded"
    FULFILLMENT_ORDER_OPENED = "fulfillment_order.opened"
    FULFILLMENT_ORDER_ACCEPTED = "fulfillment_order.accepted"
    FULFILLMENT_ORDER_REJECTED = "fulfillment_order.rejected"
    FULFILLMENT_ORDER_PICKED = "fulfillment_order.picked"
    FULFILLMENT_ORDER_CANCELED = "fulfillment_order.canceled"
    PICKUP_READY = "pickup.ready"
    PICKUP_COLLECTED = "pickup.collected"
    SHIPMENT_DISPATCHED = "shipment.dispatched"
    SHIPMENT_TRACKED = "shipment.tracked"
    SHIPMENT_DELIVERED = "shipment.delivered"
    STOCK_ADJUSTED = "stock.adjusted"
    STOCK_MOVED = "stock.moved"
    STOCK_SYNCED = "stock.synced"
    STOCK_TRANSFERRED = "stock.transferred"
    SUPPLY_SAVED = "supply.saved"
    SUPPLY_RECEIVED = "supply.received"
    SUPPLY_CANCELED = "supply.canceled"
    STOCK_LOCATION_SAVED = "stock_location.saved"
    PRODUCTS_IMPORTED = "products.imported"
    CHANNEL_SAVED = "channel.saved"
    CATEGORIES_SAVED = "categories.saved"
    AVAILABILITY_VIEW_SAVED = "availability_view.saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event as a service records it, in the transaction of the change it tells of.

    subject: the id of what it happened to. order_id: the order it belongs to, where there is one.
    data: ids, codes and figures only; personal data never. sequence: the order's version after the change.
    """

    kind: EventKind
    subject: str
    actor: str
    at: datetime
    data: Mapping[str, Any]
    order_id: str | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is read: `position` orders the whole log, `cursor` is how clients say it."""

    id: str
    position: int
    kind: str
    subject: str
    order_id: str | None
    actor: str
    at: datetime
    data: Mapping[str, Any]

    @property
    def cursor(self) -> str:
        return cursor_of(self.position)


# Base 36 of the position: short, and no client takes it for a number to count with.
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# Fifteen digits, more than any log holds and within 64 bits; what is longer was never a cursor of ours.
_CURSOR_LENGTH_MAX = 12


def cursor_of(position: int) -> str:
    """Position 0 stands before the first event."""
    digits = ""
    while position:
        position, digit = divmod(position, 36)
        digits = _DIGITS[digit] + digits
    return "e" + (digits or "0")


def position_of(cursor: str) -> int | None:
    """The position a cursor names; None where it is no cursor. The empty one is the beginning."""
    if cursor == "":
        return 0
    digits = cursor[1:]
    if cursor[0] != "e" or not digits or len(digits) > _CURSOR_LENGTH_MAX or not set(digits) <= set(_DIGITS):
        return None
    return int(digits, 36)


def slice_of(events: Sequence[Event], after: int, size: int) -> Slice[Event]:
    """A page of the log after a position: `events` has one more than `size` where there is more."""
    edges = [Edge(event.cursor, event) for event in events[:size]]
    return Slice(edges, has_next=len(events) > size, has_previous=after > 0)


class FellBehind(Exception):  # noqa: N818
    """A listener takes events more slowly than they happen; it reads on from its last cursor."""


class Recorder(Protocol):
    """Where services say what happened; it is written, and its reactions queued, with the transaction's commit."""

    def record(self, event: NewEvent) -> None: ...
