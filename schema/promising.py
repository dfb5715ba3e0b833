"""How goods reach people: shipping methods and their rates, and places where they are collected."""

from datetime import datetime

import strawberry

from domain.access import Scope
from domain.promising import model, pickup
from domain.promising.model import ServiceLevel
from resolvers import promising
from resolvers.errors import value_of
from schema.catalog import LocalizedTextInput
from schema.common import DestinationInput, Info, Money, MoneyInput, Node, UserError
from schema.inventory import StockLocation
from schema.orders import OrderLineInput
from schema.scalars import CountryCode, LanguageTag
from schema.shapes import answered, asked, plain, shape_of, shown

strawberry.enum(ServiceLevel)


@shape_of(model.ShippingRate)
class ShippingRate:
    countries: list[CountryCode]
    regions: list[str]
    max_weight_grams: int | None
    price: Money
    free_from: Money | None
    min_transit_days: int
    max_transit_days: int


@shape_of(model.ShippingMethod)
class ShippingMethod(Node):
    code: str
    carrier: str
    service_level: ServiceLevel
    countries: list[CountryCode]
    active: bool
    rates: list[ShippingRate]

    @answered(description="In `language`, else the request's Accept-Language, else the first language.")
    def name(self, info: Info, language: LanguageTag | None = None) -> str:
        return promising.name_of_method(info.context, shown(self), language)


@strawberry.input(
    description="The price and the configured transit time for a zone; "
    "what was learned from past shipments refines the time."
)
class ShippingRateInput:
    countries: list[CountryCode]
    price: MoneyInput
    min_transit_days: int
    max_transit_days: int
    regions: list[str] | None = None
    max_weight_grams: int | None = None
    free_from: MoneyInput | None = None


@strawberry.input
class ShippingMethodInput:
    code: str
    name: list[LocalizedTextInput] = strawberry.field(description="Language tag to text.")
    carrier: str
    service_level: ServiceLevel
    countries: list[CountryCode]
    rates: list[ShippingRateInput]
    active: bool | None = None


@strawberry.type
class ShippingMethodPayload:
    method: ShippingMethod | None = plain(value_of)
    user_errors: list[UserError]


# ── Places where goods are collected ──


@shape_of(pickup.PickupLine)
class PickupLine:
    sku: str
    requested: int = strawberry.field(description="In all lines of the basket with this SKU.")
    available: int


@shape_of(pickup.PickupOption, description="A store (or other pickup place) and what it can hand over.")
class PickupOption:
    location: StockLocation
    distance_km: float | None
    complete: bool = strawberry.field(description="Every line in full.")
    shipped_to_store: bool = strawberry.field(description="Some of it is sent there from elsewhere first.")
    lines: list[PickupLine]
    ready_at: datetime | None
    order_by: datetime | None = strawberry.field(description="Order by this instant for `readyAt` to hold.")
    open_now: bool


@strawberry.type
class PromisingQueries:
    @asked(
        description="Places near the destination where the basket can be had, nearest first: within 300 km where "
        "`withinKm` is left out, at most 100. Without lines, the places themselves."
    )
    async def pickup_options(
        self,
        info: Info,
        channel: str,
        lines: list[OrderLineInput],
        near: DestinationInput,
        within_km: float | None = None,
        first: int | None = pickup.OPTIONS,
    ) -> list[PickupOption]:
        return shown(await promising.pickup_options(info.context, channel, lines, near, within_km, first))

    @asked(description="All, or those that serve a channel.")
    async def shipping_methods(self, info: Info, channel: str | None = None) -> list[ShippingMethod]:
        return shown(await promising.shipping_methods(info.context, channel))


@strawberry.type
class PromisingMutations:
    @asked(needs=Scope.SETTINGS_WRITE)
    async def save_shipping_method(self, info: Info, input: ShippingMethodInput) -> ShippingMethodPayload:
        return shown(await promising.save_shipping_method(info.context, input))
