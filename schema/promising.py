"""How goods travel: shipping methods and their rates."""

import strawberry

from domain.access import Scope
from domain.promising import model
from domain.promising.model import ServiceLevel
from resolvers import promising
from resolvers.errors import value_of
from schema.catalog import LocalizedTextInput
from schema.common import Info, Money, MoneyInput, Node, UserError
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


@strawberry.type
class PromisingQueries:
    @asked(description="All, or those that serve a channel.")
    async def shipping_methods(self, info: Info, channel: str | None = None) -> list[ShippingMethod]:
        return shown(await promising.shipping_methods(info.context, channel))


@strawberry.type
class PromisingMutations:
    @asked(needs=Scope.SETTINGS_WRITE)
    async def save_shipping_method(self, info: Info, input: ShippingMethodInput) -> ShippingMethodPayload:
        return shown(await promising.save_shipping_method(info.context, input))
