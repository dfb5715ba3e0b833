"""Orders: what they are, how they are placed, found and canceled."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import errors
from domain.orders import model
from domain.orders.model import (
    CancelReason,
    FulfillmentMethod,
    OrderActionKind,
    OrderFulfillmentStatus,
    OrderHoldKind,
    OrderSort,
    OrderStatus,
)
from domain.payments.model import PaymentStatus
from resolvers import catalog, customers, orders
from resolvers import fulfillment as fulfillment_resolvers
from resolvers.errors import value_of
from schema.catalog import Channel, ProductVariant
from schema.common import (
    Address,
    AddressInput,
    Connection,
    DateTimeRangeInput,
    Info,
    Money,
    MoneyInput,
    Node,
    UserError,
)
from schema.customers import Customer
from schema.payments import Payment, PaymentInput
from schema.scalars import JSON, CountryCode, CurrencyCode, LanguageTag
from schema.shapes import answered_by, asked, plain, related, shape_of, shown

if TYPE_CHECKING:
    from schema.events import EventConnection
    from schema.fulfillment import FulfillmentOrder, Pickup, Shipment


for _enum in (
    OrderStatus,
    OrderFulfillmentStatus,
    FulfillmentMethod,
    OrderHoldKind,
    OrderActionKind,
    CancelReason,
    OrderSort,
):
    strawberry.enum(_enum)


@shape_of(model.Totals, description="What the units still sold come to: total = subtotal + shipping.")
class Totals:
    subtotal: Money
    shipping: Money
    total: Money


@shape_of(model.LineQuantities)
class LineQuantities:
    """Where each unit of the line is now: these always add up to the line's quantity."""

    pending: int
    backordered: int
    allocated: int
    picked: int
    ready_for_pickup: int
    shipped: int
    delivered: int
    returned: int
    canceled: int


@shape_of(model.OrderHold)
class OrderHold:
    id: strawberry.ID
    kind: OrderHoldKind
    reason: str
    placed_by: str
    placed_at: datetime


@shape_of(model.OrderAction)
class OrderAction:
    kind: OrderActionKind
    allowed: bool
    reason: str | None
    until: datetime | None


@shape_of(model.OrderLine)
class OrderLine(Node):
    sku: str
    variant: ProductVariant = related(catalog.any_variants_by_sku, key="sku")
    name: str = strawberry.field(description="As it was named when sold.")
    quantity: int
    unit_price: Money
    total: Money
    fulfillment: FulfillmentMethod
    quantities: LineQuantities


@shape_of(model.Order)
class Order(Node):
    number: str
    external_reference: str | None = strawberry.field(description="The caller's own number, e.g. a marketplace's.")
    purchase_order_number: str | None
    channel: Channel = related(catalog.channels_by_code, key="channel_code")
    customer: Customer | None = related(customers.customers_by_id, key="customer_id")
    language: LanguageTag
    currency: CurrencyCode
    status: OrderStatus
    fulfillment_status: OrderFulfillmentStatus
    payment_status: PaymentStatus
    holds: list[OrderHold] = related(orders.holds_by_order, key="id")
    lines: list[OrderLine] = related(orders.lines_by_order, key="id")
    totals: Totals
    paid: Money = strawberry.field(description="Captured.")
    refunded: Money
    authorized: Money
    balance: Money = strawberry.field(
        description="What the customer still owes; negative, what is owed to the customer."
    )
    payments: list[Payment] = related(orders.payments_by_order, key="id")
    fulfillment_orders: list[Annotated["FulfillmentOrder", strawberry.lazy("schema.fulfillment")]] = related(
        fulfillment_resolvers.fulfillment_orders_by_order, key="id"
    )
    shipments: list[Annotated["Shipment", strawberry.lazy("schema.fulfillment")]] = related(
        fulfillment_resolvers.shipments_by_order, key="id"
    )
    pickups: list[Annotated["Pickup", strawberry.lazy("schema.fulfillment")]] = related(
        fulfillment_resolvers.pickups_by_order, key="id"
    )
    actions: list[OrderAction] = answered_by(
        orders.order_actions, description="What the caller may do to the order now, and if not, why."
    )
    timeline: Annotated["EventConnection", strawberry.lazy("schema.events")] = answered_by(orders.order_timeline)
    metadata: JSON
    placed_at: datetime
    updated_at: datetime

    @strawberry.field
    async def email(self, info: Info) -> str | None:
        return shown(await orders.contact_part(shown(self), info, "email"))

    @strawberry.field
    async def phone(self, info: Info) -> str | None:
        return shown(await orders.contact_part(shown(self), info, "phone"))

    @strawberry.field
    async def tax_id(self, info: Info) -> str | None:
        return shown(await orders.contact_part(shown(self), info, "tax_id"))

    @strawberry.field
    async def shipping_address(self, info: Info) -> Address | None:
        return shown(await orders.contact_part(shown(self), info, "shipping_address"))

    @strawberry.field
    async def billing_address(self, info: Info) -> Address | None:
        return shown(await orders.contact_part(shown(self), info, "billing_address"))


@shape_of(errors.InsufficientStock)
class InsufficientStock(UserError):  # noqa: N818  (the contract's name)
    sku: str
    requested: int
    available: int
    next_available_on: date | None = strawberry.field(
        description="When all of it could be had, as far as supply is known that the channel's view counts."
    )


@strawberry.input
class OrderFilter:
    status: list[OrderStatus] | None = None
    fulfillment_status: list[OrderFulfillmentStatus] | None = None
    payment_status: list[PaymentStatus] | None = None
    channels: list[str] | None = None
    customer_id: strawberry.ID | None = None
    email: str | None = None
    locations: list[str] | None = None
    placed: DateTimeRangeInput | None = None
    search: str | None = None
    holds: list[OrderHoldKind] | None = None
    skus: list[str] | None = None
    countries: list[CountryCode] | None = None
    updated: DateTimeRangeInput | None = None


@strawberry.input
class DeliveryChoiceInput:
    address: AddressInput
    method: str | None = strawberry.field(
        description="A shipping method's code; without it the cheapest.", default=None
    )


@strawberry.input
class PickupChoiceInput:
    location: str
    collector_name: str | None = None


@strawberry.input(one_of=True, description="Exactly one of the two.")
class FulfillmentChoiceInput:
    delivery: DeliveryChoiceInput | None = strawberry.UNSET
    pickup: PickupChoiceInput | None = strawberry.UNSET


@strawberry.input
class OrderLineInput:
    sku: str
    quantity: int
    fulfillment: FulfillmentChoiceInput | None = strawberry.field(
        description="Overrides the order's choice for this line: a basket may mix delivery and pickup.", default=None
    )
    unit_price: MoneyInput | None = strawberry.field(
        description="A price agreed elsewhere (marketplace, POS override); needs the scope orders:price.", default=None
    )


@strawberry.input
class PlaceOrderInput:
    idempotency_key: str
    channel: str
    payments: list[PaymentInput]
    quote_id: strawberry.ID | None = strawberry.field(
        description="Takes up a quote's prices and held stock; then `lines` may be left out.", default=None
    )
    lines: list[OrderLineInput] | None = None
    fulfillment: FulfillmentChoiceInput | None = None
    email: str | None = None
    customer_id: strawberry.ID | None = None
    billing_address: AddressInput | None = None
    external_reference: str | None = strawberry.field(
        description="Unique within the channel: the same one again gives the first order again.", default=None
    )
    purchase_order_number: str | None = None
    language: LanguageTag | None = None
    expected_total: MoneyInput | None = strawberry.field(
        description="Refuse the order if its total would be any other.", default=None
    )
    metadata: JSON | None = None
    phone: str | None = None
    tax_id: str | None = None
    placed_at: datetime | None = strawberry.field(
        description="When it was sold, for sales taken offline or elsewhere; needs the scope orders:import.",
        default=None,
    )
    shipping_price: MoneyInput | None = strawberry.field(
        description="A shipping price agreed elsewhere; needs the scope orders:price.", default=None
    )


@strawberry.input
class LineQuantityInput:
    line_id: strawberry.ID
    quantity: int


@strawberry.input
class CancelOrderInput:
    order_id: strawberry.ID
    reason: CancelReason
    idempotency_key: str
    lines: list[LineQuantityInput] | None = strawberry.field(
        description="All that can still be canceled, where left out.", default=None
    )
    access_token: str | None = None
    dry_run: bool = False


@strawberry.type
class OrderPayload:
    order: Order | None = plain(value_of)
    user_errors: list[UserError]


@strawberry.type
class PlaceOrderPayload:
    order: Order | None = plain(lambda outcome: outcome.value and outcome.value.order)
    access_token: str | None = plain(
        lambda outcome: outcome.value and outcome.value.access_token,
        description="With it a guest follows and cancels this order. Shown to the caller who placed it.",
    )
    user_errors: list[UserError]


@strawberry.type(
    description="A change to a placed order, made or (with `dryRun`) only reckoned; a dry run leaves no trace."
)
class OrderChangePayload:
    order: Order | None = plain(lambda outcome: outcome.value and outcome.value.order)
    before: Totals | None = plain(lambda outcome: outcome.value and outcome.value.before)
    after: Totals | None = plain(lambda outcome: outcome.value and outcome.value.after)
    balance: Money | None = plain(
        lambda outcome: outcome.value and outcome.value.balance,
        description="Positive: the customer owes it; negative: it is refunded.",
    )
    user_errors: list[UserError]


@strawberry.type
class OrderQueries:
    @asked()
    async def order(
        self,
        info: Info,
        id: strawberry.ID | None = None,
        number: str | None = None,
        channel: str | None = None,
        external_reference: str | None = None,
    ) -> Order | None:
        return shown(await orders.order(info.context, id, number, channel, external_reference))

    @asked()
    async def orders(
        self,
        info: Info,
        filter: OrderFilter | None = None,
        sort: OrderSort | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Order]:
        found = orders.orders(info.context, filter, sort, first=first, after=after, last=last, before=before)
        return shown(await found)

    @asked(
        description="For guests: by the order's access token; or by its number and e-mail address, then without "
        "address, pickup code and actions."
    )
    async def track_order(
        self,
        info: Info,
        access_token: str | None = None,
        number: str | None = None,
        email: str | None = None,
    ) -> Order | None:
        return shown(await orders.track_order(info.context, access_token, number, email))


@strawberry.type
class OrderMutations:
    @asked()
    async def place_order(self, info: Info, input: PlaceOrderInput) -> PlaceOrderPayload:
        return shown(await orders.place_order(info.context, input))

    @asked()
    async def cancel_order(self, info: Info, input: CancelOrderInput) -> OrderChangePayload:
        return shown(await orders.cancel_order(info.context, input))
