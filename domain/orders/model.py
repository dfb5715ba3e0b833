"""An order: where each of its units is, what it comes to, and what its statuses are functions of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import Enum
from typing import Any

from domain.inventory.model import LevelKey
from domain.money import Money
from domain.payments.model import Payment, PaymentRequest, PaymentStatus
from domain.places import Address

LINES_PER_ORDER_MAX = 1_000  # The largest real invoice seen has 1,114 raw rows of some 600 SKUs; a basket is far below.
CONTACT_TEXT_LENGTH_MAX = 254  # Of an e-mail address (RFC 5321), and plenty for a number.
METADATA_BYTES_MAX = 10_000  # A handful of the caller's own keys, not a document store.


class OrderStatus(Enum):
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class OrderFulfillmentStatus(Enum):
    UNFULFILLED = "UNFULFILLED"
    BACKORDERED = "BACKORDERED"
    IN_PROGRESS = "IN_PROGRESS"
    READY_FOR_PICKUP = "READY_FOR_PICKUP"
    PARTIALLY_SHIPPED = "PARTIALLY_SHIPPED"
    SHIPPED = "SHIPPED"
    PARTIALLY_DELIVERED = "PARTIALLY_DELIVERED"
    DELIVERED = "DELIVERED"
    CANCELED = "CANCELED"


class FulfillmentMethod(Enum):
    DELIVERY = "DELIVERY"
    PICKUP = "PICKUP"
    CARRY_OUT = "CARRY_OUT"


class OrderHoldKind(Enum):
    FRAUD = "FRAUD"
    PAYMENT = "PAYMENT"
    ADDRESS = "ADDRESS"
    REMORSE = "REMORSE"
    MANUAL = "MANUAL"


class CancelReason(Enum):
    CUSTOMER = "CUSTOMER"
    FRAUD = "FRAUD"
    PAYMENT = "PAYMENT"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    PICKUP_EXPIRED = "PICKUP_EXPIRED"
    OTHER = "OTHER"


class OrderSort(Enum):
    NEWEST = "NEWEST"
    OLDEST = "OLDEST"


class OrderActionKind(Enum):
    CANCEL = "CANCEL"
    CANCEL_LINES = "CANCEL_LINES"
    CHANGE_ADDRESS = "CHANGE_ADDRESS"
    CHANGE_TO_PICKUP = "CHANGE_TO_PICKUP"
    CHANGE_TO_DELIVERY = "CHANGE_TO_DELIVERY"
    CHANGE_QUANTITY = "CHANGE_QUANTITY"
    REQUEST_RETURN = "REQUEST_RETURN"


@dataclass(frozen=True, slots=True)
class LineQuantities:
    """Where each unit of a line is: they add up to the line's quantity (the first law)."""

    pending: int = 0
    backordered: int = 0
    allocated: int = 0
    picked: int = 0
    ready_for_pickup: int = 0
    shipped: int = 0
    delivered: int = 0
    returned: int = 0
    canceled: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, place) for place in PLACES)

    @property
    def kept(self) -> int:
        """Units that are still sold: all but the canceled."""
        return self.total - self.canceled

    @property
    def handed_over(self) -> int:
        return self.shipped + self.delivered + self.returned

    @property
    def cancelable(self) -> int:
        """Units nobody has begun to send: picked ones may still go back to the shelf."""
        return self.pending + self.backordered + self.allocated + self.picked + self.ready_for_pickup

    def moved(self, source: str, target: str, units: int) -> "LineQuantities":
        """The same units, `units` of them in another place. Both names are fields; no place goes below 0."""
        left = getattr(self, source) - units
        assert units >= 0, "Units move forward."
        assert left >= 0, f"There are only {getattr(self, source)} units in {source}; {units} cannot leave."
        return replace(self, **{source: left, target: getattr(self, target) + units})


PLACES = tuple(place.name for place in fields(LineQuantities))


@dataclass(frozen=True, slots=True)
class Totals:
    """What an order's units that are still sold come to: total = subtotal + shipping."""

    subtotal: Money
    shipping: Money

    @property
    def total(self) -> Money:
        return self.subtotal + self.shipping


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """All that is personal about an order: sealed under its customer's key."""

    email: str | None = None
    phone: str | None = None
    tax_id: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    collector_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHold:
    id: str
    order_id: str
    kind: OrderHoldKind
    reason: str
    placed_by: str
    placed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """unit_price: in the order's currency. pickup_location: set where method is PICKUP."""

    id: str
    order_id: str
    position: int
    sku: str
    name: str
    quantity: int
    unit_price: Money
    method: FulfillmentMethod
    pickup_location: str | None
    quantities: LineQuantities

    @property
    def total(self) -> Money:
        return self.unit_price * self.quantity

    @property
    def fulfillment(self) -> FulfillmentMethod:
        return self.method


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Stock promised to a line: `quantity` units of `sku` at a location, `per_unit` of them in one unit of the line.

    sku is the line's own, or a component's where the line is a kit.
    """

    line_id: str
    order_id: str
    location: str
    sku: str
    per_unit: int
    quantity: int

    @property
    def key(self) -> LevelKey:
        return self.sku, self.location


@dataclass(frozen=True, slots=True, kw_only=True)
class Backorder:
    """What a line's backordered units will take from stock: `quantity` units of `sku`, `per_unit` of them in each."""

    line_id: str
    order_id: str
    sku: str
    per_unit: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The order's own row; lines, payments, holds and contact are read beside it.

    customer_id: the person it belongs to, whose key seals its contact; is_guest: they never signed in.
    shipping_agreed: what shipping costs as long as anything is kept. version: rises with every change.
    """

    id: str
    number: str
    external_reference: str | None
    purchase_order_number: str | None
    channel_code: str
    customer_id: str
    is_guest: bool
    language: str
    currency: str
    status: OrderStatus
    fulfillment_status: OrderFulfillmentStatus
    payment_status: PaymentStatus
    totals: Totals
    shipping_agreed: Money
    authorized: Money
    captured: Money
    refunded: Money
    shipping_method_code: str | None
    country: str | None
    metadata: Mapping[str, Any]
    placed_at: datetime
    updated_at: datetime
    version: int

    @property
    def paid(self) -> Money:
        """Captured."""
        return self.captured

    @property
    def balance(self) -> Money:
        """What the customer still owes; negative, what is owed to the customer."""
        return self.totals.total - self.captured + self.refunded


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeOrder:
    """An order with all that a decision about it needs; lines by position, payments in the order they were made."""

    order: Order
    lines: tuple[OrderLine, ...]
    allocations: tuple[Allocation, ...] = ()
    backorders: tuple[Backorder, ...] = ()
    payments: tuple[Payment, ...] = ()
    holds: tuple[OrderHold, ...] = ()

    def line(self, line_id: str) -> OrderLine | None:
        return next((line for line in self.lines if line.id == line_id), None)


@dataclass(frozen=True, slots=True)
class OrderAction:
    """What the caller may do to the order now, and if not, why. until: set where a rule ends it at an instant."""

    kind: OrderActionKind
    allowed: bool
    reason: str | None = None
    until: datetime | None = None


def totals_of(lines: Sequence[OrderLine], shipping_agreed: Money) -> Totals:
    """What the units that are still sold come to; shipping falls away with the last of them."""
    currency = shipping_agreed.currency
    subtotal = sum(line.unit_price.amount_minor * line.quantities.kept for line in lines)
    anything_kept = any(line.quantities.kept for line in lines)
    return Totals(Money(subtotal, currency), shipping_agreed if anything_kept else Money(0, currency))


def fulfillment_status_of(lines: Sequence[OrderLine]) -> OrderFulfillmentStatus:
    """A pure function of where the units are; the most advanced place that describes the whole wins."""
    total = {place: sum(getattr(line.quantities, place) for line in lines) for place in PLACES}
    kept = sum(total.values()) - total["canceled"]
    delivered = total["delivered"] + total["returned"]
    gone = delivered + total["shipped"]
    if kept == 0:
        return OrderFulfillmentStatus.CANCELED
    if delivered == kept:
        return OrderFulfillmentStatus.DELIVERED
    if delivered:
        return OrderFulfillmentStatus.PARTIALLY_DELIVERED
    if gone == kept:
        return OrderFulfillmentStatus.SHIPPED
    if gone:
        return OrderFulfillmentStatus.PARTIALLY_SHIPPED
    if total["ready_for_pickup"] == kept:
        return OrderFulfillmentStatus.READY_FOR_PICKUP
    if total["picked"] or total["ready_for_pickup"]:
        return OrderFulfillmentStatus.IN_PROGRESS
    if total["backordered"]:
        return OrderFulfillmentStatus.BACKORDERED
    return OrderFulfillmentStatus.UNFULFILLED


def status_of(lines: Sequence[OrderLine], *, held: bool, balance_minor: int) -> OrderStatus:
    """A pure function of where the units are, whether a hold stands, and what is left to settle (minor units)."""
    kept = sum(line.quantities.kept for line in lines)
    delivered = sum(line.quantities.delivered + line.quantities.returned for line in lines)
    if kept == 0:
        return OrderStatus.CANCELED
    if held:
        return OrderStatus.PENDING
    return OrderStatus.COMPLETED if delivered == kept and balance_minor == 0 else OrderStatus.CONFIRMED


# ── Commands ──


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfillmentChoice:
    """Exactly one: `address` (delivery, by `method` or the cheapest) or `pickup_location`."""

    address: Address | None = None
    method: str | None = None
    pickup_location: str | None = None
    collector_name: str | None = None

    @property
    def kind(self) -> FulfillmentMethod:
        return FulfillmentMethod.DELIVERY if self.address else FulfillmentMethod.PICKUP


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRequest:
    sku: str
    quantity: int
    fulfillment: FulfillmentChoice | None = None
    unit_price: Money | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """An order asked for. customer_id: whose it is, None for a guest. expected_total: refuse any other.

    customer_reference: another system's number for a customer, who is made where not known.
    placed_at: when it was sold, for sales taken elsewhere. shipping_price: agreed elsewhere.
    quote_id: of a quote that is taken up; what that says may be left out.
    """

    idempotency_key: str
    channel: str
    lines: tuple[LineRequest, ...]
    payments: tuple[PaymentRequest, ...]
    fulfillment: FulfillmentChoice | None = None
    email: str | None = None
    phone: str | None = None
    tax_id: str | None = None
    customer_id: str | None = None
    customer_reference: str | None = None
    billing_address: Address | None = None
    external_reference: str | None = None
    purchase_order_number: str | None = None
    language: str | None = None
    expected_total: Money | None = None
    metadata: Mapping[str, Any] | None = None
    placed_at: datetime | None = None
    shipping_price: Money | None = None
    quote_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """lines: (line id, units); None is all that can still be canceled. dry_run: reckon, and leave no trace."""

    order_id: str
    reason: CancelReason
    lines: tuple[tuple[str, int], ...] | None
    idempotency_key: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Each that is set must hold; empty is all."""

    status: tuple[OrderStatus, ...] = ()
    fulfillment_status: tuple[OrderFulfillmentStatus, ...] = ()
    payment_status: tuple[PaymentStatus, ...] = ()
    channels: tuple[str, ...] = ()
    customer_id: str | None = None
    email: str | None = None
    locations: tuple[str, ...] = ()
    placed_from: datetime | None = None
    placed_until: datetime | None = None
    updated_from: datetime | None = None
    updated_until: datetime | None = None
    search: str | None = None
    holds: tuple[OrderHoldKind, ...] = ()
    skus: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()


NO_FILTER = OrderFilter()


@dataclass(frozen=True, slots=True)
class OrderChange:
    """A change made, or in a dry run only reckoned."""

    order: Order
    before: Totals
    after: Totals

    @property
    def balance(self) -> Money:
        """Positive: the customer owes it; negative: it is refunded."""
        return self.after.total - self.before.total
