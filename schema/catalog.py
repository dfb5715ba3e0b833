"""What is sold: channels, categories, products, variants and kits."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.access import Scope
from domain.catalog import model
from domain.catalog.model import ChannelKind, FulfillmentTrait, PaymentMethod, ProductStatus
from resolvers import availability, catalog, inventory, views
from resolvers.errors import value_of
from schema.common import BasketLineInput, Connection, DestinationInput, Info, Money, MoneyInput, Node, UserError
from schema.scalars import JSON, CountryCode, CurrencyCode, LanguageTag
from schema.shapes import answered, answered_by, asked, plain, related, shape_of, shown

if TYPE_CHECKING:
    from schema.availability import Availability, AvailabilityView
    from schema.inventory import StockLevel

for _enum in (ChannelKind, PaymentMethod, ProductStatus, FulfillmentTrait):
    strawberry.enum(_enum)


@shape_of(model.Channel)
class Channel(Node):
    code: str
    name: str
    kind: ChannelKind
    currency: CurrencyCode
    countries: list[CountryCode]
    languages: list[LanguageTag]
    prices_include_tax: bool
    active: bool
    payment_methods: list[PaymentMethod]
    max_hold_minutes: int
    remorse_minutes: int = strawberry.field(
        description="Minutes in which an order waits for the buyer's second thoughts before it is released."
    )
    incoterm: str = strawberry.field(description="Who pays duties on orders that cross a customs border: DAP or DDP.")
    availability_view: Annotated["AvailabilityView", strawberry.lazy("schema.availability")] | None = related(
        views.views_by_code, key="availability_view", needs=Scope.INVENTORY_READ
    )
    shows_quantities: bool = strawberry.field(
        description="Whether shoppers see how many there are, or only whether there are any."
    )


@shape_of(model.Category)
class Category(Node):
    code: str
    parent: "Category | None" = related(catalog.categories_by_code, key="parent_code")

    @answered(description="In `language`, else the request's Accept-Language, else the first language.")
    def name(self, info: Info, language: LanguageTag | None = None) -> str:
        return catalog.name_of(info.context, shown(self), language)


@shape_of(model.Product)
class Product(Node):
    code: str
    brand: str | None
    categories: list[Category] = answered_by(catalog.product_categories)
    tags: list[str]
    attributes: JSON
    image_url: str | None
    status: ProductStatus
    variants: list["ProductVariant"] = related(catalog.variants_by_product, key="code")
    created_at: datetime
    updated_at: datetime

    @answered(description="In `language`, else the request's Accept-Language, else the first language.")
    def name(self, info: Info, language: LanguageTag | None = None) -> str:
        return catalog.name_of(info.context, shown(self), language)

    @answered()
    def description(self, info: Info, language: LanguageTag | None = None) -> str | None:
        return catalog.description_of(info.context, shown(self), language)


@shape_of(model.VariantOption)
class VariantOption:
    name: str
    value: str


@shape_of(model.Component)
class KitComponent:
    variant: "ProductVariant" = related(catalog.any_variants_by_sku, key="sku")
    quantity: int


@shape_of(model.Variant)
class ProductVariant(Node):
    sku: str
    gtin: str | None
    product: Product = related(catalog.any_products_by_code, key="product_code")
    options: list[VariantOption]
    price: Money | None = answered_by(catalog.variant_price)
    weight_grams: int | None
    length_mm: int | None
    width_mm: int | None
    height_mm: int | None
    tax_class: str
    hs_code: str | None = strawberry.field(description="Harmonized System code, for customs.")
    country_of_origin: CountryCode | None
    traits: list[FulfillmentTrait] = plain(lambda variant: sorted(variant.traits, key=lambda trait: trait.value))
    lead_time_days: int = strawberry.field(description="Days to make it, for goods made or altered to order.")
    components: list[KitComponent] = strawberry.field(
        description="For a kit: what it is made up of; its availability is theirs."
    )
    launch_at: datetime | None = strawberry.field(description="Not sellable before this instant.")

    @answered(description="In `language`, else the request's Accept-Language, else the first language.")
    def name(self, info: Info, language: LanguageTag | None = None) -> str:
        return catalog.name_of_variant(info.context, shown(self), language)

    @answered()
    def availability(
        self,
        info: Info,
        channel: str | None = None,
        view: str | None = None,
        destination: DestinationInput | None = None,
    ) -> Annotated["Availability", strawberry.lazy("schema.availability")]:
        return shown(availability.variant_availability(info.context, shown(self), channel, view, destination))

    @answered(needs=Scope.INVENTORY_READ)
    def stock_levels(
        self, info: Info, locations: list[str] | None = None
    ) -> list[Annotated["StockLevel", strawberry.lazy("schema.inventory")]] | None:
        return shown(inventory.variant_stock_levels(info.context, shown(self), locations))


@strawberry.input
class ProductFilter:
    search: str | None = None
    categories: list[str] | None = strawberry.field(
        default=None, description="In one of these, or in one that lies under them."
    )
    brands: list[str] | None = None
    tags: list[str] | None = None
    status: list[ProductStatus] | None = None
    available_in: str | None = strawberry.field(
        default=None, description="Only products with something to sell in this channel."
    )


@strawberry.input
class LocalizedTextInput:
    language: LanguageTag
    text: str


@strawberry.input
class CategoryInput:
    code: str
    name: list[LocalizedTextInput]
    parent: str | None = None


@strawberry.input
class ChannelInput:
    code: str
    name: str
    kind: ChannelKind
    currency: CurrencyCode
    countries: list[CountryCode]
    languages: list[LanguageTag]
    prices_include_tax: bool
    availability_view: str
    sourcing_strategy: str
    payment_methods: list[PaymentMethod]
    active: bool | None = None
    max_hold_minutes: int | None = None
    remorse_minutes: int | None = None
    incoterm: str | None = None
    shows_quantities: bool | None = strawberry.field(
        default=None, description="Whether shoppers see how many there are; they do where it is left out."
    )


@strawberry.input
class ChannelPriceInput:
    channel: str
    amount: Decimal


@strawberry.input
class VariantOptionInput:
    name: str
    value: str


@strawberry.input
class VariantImportInput:
    sku: str
    gtin: str | None = None
    name: list[LocalizedTextInput] | None = None
    options: list[VariantOptionInput] | None = None
    prices: list[ChannelPriceInput] | None = strawberry.field(
        default=None, description="Channel code to amount in the channel's currency."
    )
    cost: MoneyInput | None = None
    weight_grams: int | None = None
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None
    tax_class: str | None = None
    hs_code: str | None = None
    country_of_origin: CountryCode | None = None
    traits: list[FulfillmentTrait] | None = None
    lead_time_days: int | None = None
    components: list[BasketLineInput] | None = None
    launch_at: datetime | None = None


@strawberry.input
class ProductImportInput:
    code: str
    name: list[LocalizedTextInput] = strawberry.field(description="Language tag to text.")
    variants: list[VariantImportInput]
    description: list[LocalizedTextInput] | None = None
    brand: str | None = None
    categories: list[str] | None = None
    tags: list[str] | None = None
    attributes: JSON | None = None
    image_url: str | None = None
    status: ProductStatus | None = None


@strawberry.type
class CategoriesPayload:
    categories: list[Category] = plain(lambda outcome: outcome.value or [])
    user_errors: list[UserError]


@strawberry.type
class ChannelPayload:
    channel: Channel | None = plain(value_of)
    user_errors: list[UserError]


@strawberry.type
class ImportPayload:
    created: int = plain(lambda outcome: len(outcome.value.created) if outcome.value else 0)
    updated: int = plain(lambda outcome: len(outcome.value.updated) if outcome.value else 0)
    unchanged: int = plain(lambda outcome: outcome.value.unchanged if outcome.value else 0)
    user_errors: list[UserError]


@strawberry.type
class CatalogQueries:
    @asked()
    async def channels(self, info: Info) -> list[Channel]:
        return shown(await catalog.channels(info.context))

    @asked()
    async def categories(self, info: Info) -> list[Category]:
        return shown(await catalog.categories(info.context))

    @asked()
    async def product(self, info: Info, code: str) -> Product | None:
        return shown(await catalog.product(info.context, code))

    @asked(description="By code.")
    async def products(
        self,
        info: Info,
        filter: ProductFilter | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Product]:
        return shown(await catalog.products(info.context, filter, first, after, last, before))

    @asked()
    async def variant(self, info: Info, sku: str | None = None, gtin: str | None = None) -> ProductVariant | None:
        return shown(await catalog.variant(info.context, sku, gtin))

    @asked(description="In the order asked, null in the place of one there is not; at most 250.")
    async def variants(self, info: Info, skus: list[str]) -> list[ProductVariant | None]:
        return shown(await catalog.variants(info.context, skus))


@strawberry.type
class CatalogMutations:
    @asked(needs=Scope.CATALOG_WRITE)
    async def save_categories(self, info: Info, categories: list[CategoryInput]) -> CategoriesPayload:
        return shown(await catalog.save_categories(info.context, categories))

    @asked(
        needs=Scope.CATALOG_WRITE,
        description="All or none; at most 500. A product is made as stated; variants that are not listed stay.",
    )
    async def import_products(self, info: Info, products: list[ProductImportInput]) -> ImportPayload:
        return shown(await catalog.import_products(info.context, products))

    @asked(needs=Scope.SETTINGS_WRITE)
    async def save_channel(self, info: Info, input: ChannelInput) -> ChannelPayload:
        return shown(await catalog.save_channel(info.context, input))
