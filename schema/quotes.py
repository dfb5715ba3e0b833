"""Quotes: baskets priced and planned, which may hold their stock and which an order can take up."""

from datetime import datetime

import strawberry

from domain.orders import quotes as model
from domain.orders.model import FulfillmentMethod
from resolvers import catalog, inventory, quotes
from resolvers.errors import value_of
from schema.availability import Availability
from schema.catalog import Channel, ProductVariant
from schema.common import DestinationInput, Info, Money, Node, UserError
from schema.inventory import StockLocation
from schema.orders import FulfillmentChoiceInput, OrderLineInput, Totals
from schema.scalars import CurrencyCode, LanguageTag
from schema.shapes import answered_by, asked, plain, related, shape_of, shown


@shape_of(model.PlannedLine)
class PlannedLine:
    sku: str
    quantity: int


@shape_of(model.PlannedShipment)
class PlannedShipment:
    location: StockLocation = related(inventory.locations_by_code, key="location_code")
    lines: list[PlannedLine]
    distance_km: float | None = answered_by(quotes.shipment_distance_km)


@shape_of(model.QuoteLine)
class QuoteLine:
    sku: str
    variant: ProductVariant = related(catalog.any_variants_by_sku, key="sku")
    quantity: int
    unit_price: Money
    total: Money
    availability: Availability = answered_by(quotes.line_availability)
    fulfillment: FulfillmentMethod | None


@shape_of(
    model.Quote, description="A basket priced and planned, which an order can take up unchanged until it expires."
)
class Quote(Node):
    channel: Channel = related(catalog.channels_by_code, key="channel_code")
    currency: CurrencyCode
    lines: list[QuoteLine]
    totals: Totals
    held_until: datetime | None = strawberry.field(
        description="Stock is held until then; null where the quote holds none."
    )
    expires_at: datetime
    fulfillment: FulfillmentMethod | None
    plan: list[PlannedShipment] = strawberry.field(
        description="The plan an order would get: exactly this one while the quote holds its stock."
    )


@strawberry.input
class QuoteInput:
    channel: str
    lines: list[OrderLineInput]
    idempotency_key: str
    fulfillment: FulfillmentChoiceInput | None = None
    customer_id: strawberry.ID | None = None
    language: LanguageTag | None = None
    hold_minutes: int | None = strawberry.field(
        description="Hold the stock for this many minutes, at most the channel's `maxHoldMinutes` from the first of "
        "them. In `updateQuote` more are cut to that, and left out they leave the end of a hold as it is.",
        default=None,
    )
    destination: DestinationInput | None = strawberry.field(
        description="Where it would go, while no address is known.", default=None
    )
    email: str | None = None
    tax_id: str | None = None


@strawberry.type
class QuotePayload:
    quote: Quote | None = plain(value_of)
    user_errors: list[UserError]


@strawberry.type
class QuoteQueries:
    @asked(description="A customer's quote is theirs and staff's; a guest's opens by its id.")
    async def quote(self, info: Info, id: strawberry.ID) -> Quote | None:
        return shown(await quotes.quote(info.context, id))


@strawberry.type
class QuoteMutations:
    @asked()
    async def create_quote(self, info: Info, input: QuoteInput) -> QuotePayload:
        return shown(await quotes.create_quote(info.context, input))

    @asked(description="The same quote with this input: its hold is moved and extended, never doubled.")
    async def update_quote(self, info: Info, id: strawberry.ID, input: QuoteInput) -> QuotePayload:
        return shown(await quotes.update_quote(info.context, id, input))

    @asked(description="Gives back what the quote holds; it stays, without a hold.")
    async def release_quote(self, info: Info, id: strawberry.ID) -> QuotePayload:
        return shown(await quotes.release_quote(info.context, id))
