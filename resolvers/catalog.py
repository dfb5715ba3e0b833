"""Channels, categories, products and variants: who may see which, looked up together; inputs become commands."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from strawberry import Info, Parent

from domain.access import unlisted_products_seen
from domain.availability.listing import products_to_sell
from domain.availability.service import check_sold_through
from domain.catalog import service
from domain.catalog.model import (
    VARIANTS_PER_QUESTION_MAX,
    Category,
    Channel,
    Component,
    Imported,
    ImportProduct,
    ImportVariant,
    Product,
    ProductFilter,
    ProductStatus,
    SaveCategory,
    SaveChannel,
    Texts,
    Variant,
    VariantOption,
    searchable,
    text_in,
    variant_name,
)
from domain.catalog.rules import no_such_channel, repeated_problems
from domain.errors import Problem, Refused, invalid, not_found, refuse_all
from domain.money import Money, exponent, minor_units
from domain.paging import page
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import reports
from resolvers.pages import Connection

if TYPE_CHECKING:
    from schema import catalog as schema
    from schema.common import MoneyInput

SEARCH_WORDS_MAX = 10  # Each is looked for in every product; what comes after them narrows little.
SEARCH_LENGTH_MAX = 200
FILTER_VALUES_MAX = 250  # As many as a page has rows; a longer list belongs into a category or a tag.
NEAREST = "nearest"  # The one sourcing strategy there is until strategies are data.

# ── Look-ups ──


async def channels_by_code(context: Context, codes: Sequence[str]) -> Mapping[str, Channel]:
    return await context.world.reads.catalog.channels_by_code(codes)


async def categories_by_code(context: Context, codes: Sequence[str]) -> Mapping[str, Category]:
    return await context.world.reads.catalog.categories_by_code(codes)


async def products_by_code(context: Context, codes: Sequence[str]) -> Mapping[str, Product]:
    """Those that the caller may ask for by name: everyone the ACTIVE ones, who writes the catalog all."""
    products = await any_products_by_code(context, codes)
    return {code: product for code, product in products.items() if is_seen(context, product.status)}


async def variants_by_sku(context: Context, skus: Sequence[str]) -> Mapping[str, Variant]:
    """Those of products that the caller may ask for by name."""
    variants = await any_variants_by_sku(context, skus)
    return {sku: variant for sku, variant in variants.items() if is_seen(context, variant.product_status)}


async def any_products_by_code(context: Context, codes: Sequence[str]) -> Mapping[str, Product]:
    """Whatever their status: for what hangs on something that the caller sees already, as an order's line does."""
    return await context.world.reads.catalog.products_by_code(codes)


async def any_variants_by_sku(context: Context, skus: Sequence[str]) -> Mapping[str, Variant]:
    """Whatever their product's status: for what hangs on something that the caller sees already."""
    return await context.world.reads.catalog.variants_by_sku(skus)


async def variants_by_product(context: Context, codes: Sequence[str]) -> Mapping[str, list[Variant]]:
    """Of products that the caller sees already."""
    variants = await context.world.reads.catalog.variants_by_product(codes)
    return {code: variants.get(code, []) for code in codes}


def is_seen(context: Context, status: ProductStatus) -> bool:
    """Whether the caller may ask by name for products of this status, and their variants."""
    return status is ProductStatus.ACTIVE or unlisted_products_seen(context.viewer)


# ── Queries ──


async def channels(context: Context) -> list[Channel]:
    found = await context.world.reads.catalog.channels()
    context.prime(channels_by_code, {channel.code: channel for channel in found})
    return found


async def categories(context: Context) -> list[Category]:
    found = await context.world.reads.catalog.categories()
    context.prime(categories_by_code, {category.code: category for category in found})
    return found


async def product(context: Context, code: str) -> Product | None:
    found: Product | None = await context.load(products_by_code, code)
    return found


async def products(
    context: Context,
    filter: "schema.ProductFilter | None",
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection:
    """By code. Those that are available are as many as are found; they are not counted."""
    wanted, asked, reads = _filter(filter, context), page(first, after, last, before), context.world.reads
    channel = filter.available_in if filter else None
    if channel is not None:
        return Connection(await products_to_sell(reads, wanted, channel, asked, context.world.clock.now()))
    return Connection(await reads.catalog.products(wanted, asked))


async def variant(context: Context, sku: str | None, gtin: str | None) -> Variant | None:
    """By its SKU, or by its GTIN; by both, where they are one variant's."""
    if sku is not None:
        found: Variant | None = await context.load(variants_by_sku, sku)
        return found if found is None or gtin in (None, found.gtin) else None
    if gtin is None:
        raise Refused(invalid("Ask for a variant by `sku` or by `gtin`.", "sku"))
    by_gtin = (await context.world.reads.catalog.variants_by_gtin([gtin])).get(gtin)
    return by_gtin if by_gtin is not None and is_seen(context, by_gtin.product_status) else None


async def variants(context: Context, skus: Sequence[str]) -> list[Variant | None]:
    """In the order asked, None in the place of one there is not."""
    if len(skus) > VARIANTS_PER_QUESTION_MAX:
        raise Refused(invalid(f"At most {VARIANTS_PER_QUESTION_MAX} SKUs are asked for at a time.", "skus"))
    return await context.load_many(variants_by_sku, skus)


def _filter(given: "schema.ProductFilter | None", context: Context) -> ProductFilter:
    """What is asked for, as far as the caller may see it."""
    statuses = None if unlisted_products_seen(context.viewer) else frozenset({ProductStatus.ACTIVE})
    if given is None:
        return ProductFilter(statuses=statuses)
    lists = {"categories": given.categories, "brands": given.brands, "tags": given.tags}
    refuse_all(
        [
            invalid(f"At most {FILTER_VALUES_MAX} are looked for at a time.", "filter", name)
            for name, values in lists.items()
            if values is not None and len(values) > FILTER_VALUES_MAX
        ]
    )
    if given.status is not None:
        wanted = frozenset(given.status)
        statuses = wanted if statuses is None else wanted & statuses
    words = searchable((given.search or "")[:SEARCH_LENGTH_MAX]).split()
    return ProductFilter(
        words=tuple(words[:SEARCH_WORDS_MAX]),
        statuses=statuses,
        categories=_listed(given.categories),
        brands=_listed(given.brands),
        tags=_listed(given.tags),
    )


def _listed(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


# ── Fields ──


def name_of(context: Context, thing: Product | Category, language: str | None) -> str:
    """In `language`, else in the request's, else the thing's first; its code where it has no name at all."""
    return text_in(thing.names, language, context.language) or thing.code


def description_of(context: Context, product: Product, language: str | None) -> str | None:
    return text_in(product.descriptions, language, context.language)


def name_of_variant(context: Context, variant: Variant, language: str | None) -> str:
    return variant_name(variant, language, context.language)


def product_categories(product: Parent[Product], info: Info[Context]) -> Awaitable[list[Category]]:
    return info.context.load_many(categories_by_code, product.category_codes)


async def variant_price(variant: Parent[Variant], info: Info[Context], channel: str) -> Money | None:
    """In the channel's currency; None where it has no price there."""
    if channel not in variant.prices:
        return None
    sold_in: Channel = await info.context.load(channels_by_code, channel)
    return Money(variant.prices[channel], sold_in.currency)


# ── Mutations ──


@reports
async def save_categories(context: Context, categories: "Sequence[schema.CategoryInput]") -> list[Category]:
    reading = Reading()
    commands = [
        SaveCategory(
            code=given.code,
            names=reading.texts(given.name, "categories", place, "name"),
            parent_code=given.parent,
        )
        for place, given in enumerate(categories)
    ]
    refuse_all(reading.problems)
    async with context.work() as work:
        saved = await service.save_categories(work, commands, context.viewer)
    context.forget()
    return saved


@reports
async def save_channel(context: Context, input: "schema.ChannelInput") -> Channel:
    if input.sourcing_strategy != NEAREST:
        raise Refused(not_found(f"There is one sourcing strategy, {NEAREST!r}.", "sourcingStrategy"))
    command = SaveChannel(
        code=input.code,
        name=input.name,
        kind=input.kind,
        currency=input.currency,
        countries=tuple(input.countries),
        languages=tuple(input.languages),
        prices_include_tax=input.prices_include_tax,
        payment_methods=tuple(input.payment_methods),
        availability_view=input.availability_view,
        **_stated(
            active=input.active,
            max_hold_minutes=input.max_hold_minutes,
            remorse_minutes=input.remorse_minutes,
            incoterm=input.incoterm,
            shows_quantities=input.shows_quantities,
        ),
    )
    async with context.work() as work:
        await check_sold_through(work, command.availability_view, "availabilityView")
        saved = await service.save_channel(work, command, context.viewer)
    context.forget()
    return saved


@reports
async def import_products(context: Context, products: "Sequence[schema.ProductImportInput]") -> Imported:
    reading = Reading({channel.code: channel for channel in await context.world.reads.catalog.channels()})
    commands = [reading.product(given, "products", place) for place, given in enumerate(products)]
    async with context.work() as work:
        imported = await service.import_products(work, commands, context.viewer, reading.problems)
    context.forget()
    return imported


@dataclass(frozen=True, slots=True)
class Reading:
    """Puts inputs into the domain's words, and keeps what cannot be: a language twice, too many digits.

    channels: by code, where there are prices to read.
    """

    channels: Mapping[str, Channel] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def texts(self, given: "Sequence[schema.LocalizedTextInput] | None", *path: str | int) -> Texts:
        self.problems.extend(repeated_problems((one.language for one in given or ()), "The language", *path))
        return {one.language: one.text for one in given or ()}

    def money(self, given: "MoneyInput | None", *path: str | int) -> Money | None:
        try:
            return None if given is None else inputs.money(given, *path)
        except Refused as refusal:
            self.problems.extend(refusal.problems)
            return None

    def prices(self, given: "Sequence[schema.ChannelPriceInput] | None", *path: str | int) -> dict[str, int]:
        self.problems.extend(repeated_problems((one.channel for one in given or ()), "The channel", *path))
        prices = {}
        for place, one in enumerate(given or ()):
            channel = self.channels.get(one.channel)
            amount_minor = minor_units(one.amount, channel.currency) if channel else None
            if channel is None:
                self.problems.append(no_such_channel(one.channel, *path, place, "channel"))
            elif amount_minor is None:
                sentence = f"An amount in {channel.currency} has at most {exponent(channel.currency)} decimals."
                self.problems.append(invalid(sentence, *path, place, "amount"))
            else:
                prices[one.channel] = amount_minor
        return prices

    def product(self, given: "schema.ProductImportInput", *path: str | int) -> ImportProduct:
        return ImportProduct(
            code=given.code,
            names=self.texts(given.name, *path, "name"),
            descriptions=self.texts(given.description, *path, "description"),
            brand=given.brand,
            category_codes=tuple(given.categories or ()),
            tags=tuple(given.tags or ()),
            attributes=self.attributes(given.attributes, *path, "attributes"),
            image_url=given.image_url,
            variants=tuple(
                self.variant(variant, *path, "variants", place) for place, variant in enumerate(given.variants)
            ),
            **_stated(status=given.status),
        )

    def attributes(self, given: object, *path: str | int) -> dict[str, object]:
        if given is None or isinstance(given, dict):
            return given or {}
        self.problems.append(invalid('Attributes are one JSON object, e.g. {"material": "linen"}.', *path))
        return {}

    def variant(self, given: "schema.VariantImportInput", *path: str | int) -> ImportVariant:
        return ImportVariant(
            sku=given.sku,
            gtin=given.gtin,
            names=self.texts(given.name, *path, "name"),
            options=tuple(VariantOption(option.name, option.value) for option in given.options or ()),
            prices=self.prices(given.prices, *path, "prices"),
            cost=self.money(given.cost, *path, "cost"),
            weight_grams=given.weight_grams,
            length_mm=given.length_mm,
            width_mm=given.width_mm,
            height_mm=given.height_mm,
            hs_code=given.hs_code,
            country_of_origin=given.country_of_origin,
            traits=frozenset(given.traits or ()),
            components=tuple(Component(part.sku, part.quantity) for part in given.components or ()),
            launch_at=given.launch_at,
            **_stated(tax_class=given.tax_class, lead_time_days=given.lead_time_days),
        )


def _stated(**values: Any) -> dict[str, Any]:
    """Those that are given; the domain has the defaults of the others."""
    return {name: value for name, value in values.items() if value is not None}
