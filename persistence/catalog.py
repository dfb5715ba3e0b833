"""Channels, categories, products and variants, as they are kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    exists,
    false,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.catalog.model import (
    Category,
    Channel,
    ChannelKind,
    Component,
    FulfillmentTrait,
    Imported,
    ImportProduct,
    PaymentMethod,
    Product,
    ProductFilter,
    ProductStatus,
    Variant,
    VariantOption,
)
from domain.catalog.rules import can_be_kept
from domain.money import Money
from domain.paging import Edge, Page, Slice
from persistence.catalog_import import write_products
from persistence.database import Rows, Statements
from persistence.paging import slice_of
from persistence.rows import grouped
from persistence.sql import among
from persistence.tables.catalog import ASSIGNED, CATEGORIES, CHANNELS, COMPONENTS, PRICES, PRODUCTS, VARIANTS
from persistence.tables.inventory import LEVELS

_LOCK = 0x636174616C6F67  # "catalog" in ASCII: one number for everyone who changes it.


class SqlCatalog:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    # ── Channels and categories ──

    async def channels(self) -> list[Channel]:
        rows = await self._statements.fetch(select(CHANNELS).order_by(CHANNELS.c.code))
        return [_channel(row) for row in rows]

    async def channels_by_code(self, codes: Sequence[str]) -> Mapping[str, Channel]:
        rows = await self._statements.fetch(select(CHANNELS).where(among(CHANNELS.c.code, codes)))
        return {row.code: _channel(row) for row in rows}

    async def save_channel(self, channel: Channel) -> None:
        row = _channel_row(channel)
        statement = self._upsert(CHANNELS).values(row)
        await self._statements.run(statement.on_conflict_do_update(index_elements=["code"], set_=row))

    async def categories(self) -> list[Category]:
        rows = await self._statements.fetch(select(CATEGORIES).order_by(CATEGORIES.c.code))
        return [_category(row) for row in rows]

    async def categories_by_code(self, codes: Sequence[str]) -> Mapping[str, Category]:
        rows = await self._statements.fetch(select(CATEGORIES).where(among(CATEGORIES.c.code, codes)))
        return {row.code: _category(row) for row in rows}

    async def save_categories(self, categories: Sequence[Category]) -> None:
        statement = self._upsert(CATEGORIES)
        stated = {name: statement.excluded[name] for name in ("names", "parent_code")}
        await self._statements.run(
            statement.on_conflict_do_update(index_elements=["code"], set_=stated),
            [{"code": one.code, "names": dict(one.names), "parent_code": one.parent_code} for one in categories],
        )

    # ── Products ──

    async def products_by_code(self, codes: Sequence[str]) -> Mapping[str, Product]:
        rows = await self._statements.fetch(select(PRODUCTS).where(among(PRODUCTS.c.code, codes)))
        return await self._products(rows)

    async def products(self, filter: ProductFilter, page: Page) -> Slice[Product]:
        statement = select(PRODUCTS).where(*self._passing(filter))
        rows = await slice_of(self._statements, statement, [PRODUCTS.c.code], page, value=_itself)
        products = await self._products([edge.node for edge in rows.edges])
        return Slice(
            [Edge(edge.cursor, products[edge.node.code]) for edge in rows.edges],
            rows.has_next,
            rows.has_previous,
            rows.count,
        )

    async def _products(self, rows: Rows) -> dict[str, Product]:
        """With their categories, in one statement more."""
        categories = await self._categories_of([row.code for row in rows])
        return {row.code: _product(row, categories.get(row.code, [])) for row in rows}

    def _passing(self, filter: ProductFilter) -> list[ColumnElement[bool]]:
        conditions = [
            PRODUCTS.c.search_text.contains(word, autoescape=True) if can_be_kept(word) else false()
            for word in filter.words
        ]
        if filter.statuses is not None:
            conditions.append(among(PRODUCTS.c.status, [status.value for status in filter.statuses]))
        if filter.brands is not None:
            conditions.append(among(PRODUCTS.c.brand, filter.brands))
        if filter.tags is not None:
            elements = func.json_each if self._statements.is_sqlite else func.jsonb_array_elements_text
            tag = elements(PRODUCTS.c.tags).table_valued("value")
            conditions.append(exists(select(1).select_from(tag).where(among(tag.c.value, filter.tags))))
        if filter.categories is not None:
            conditions.append(PRODUCTS.c.code.in_(_products_under(filter.categories)))
        if filter.priced_in is not None:
            conditions.append(_priced(filter.priced_in))
        if filter.stocked:
            conditions.append(_stocked())
        return conditions

    # ── Variants ──

    async def variants_by_sku(self, skus: Sequence[str]) -> Mapping[str, Variant]:
        return {variant.sku: variant for variant in await self._variants(among(VARIANTS.c.sku, skus))}

    async def skus_after(self, after: str, limit: int) -> list[str]:
        rows = await self._statements.fetch(
            select(VARIANTS.c.sku)
            .join(PRODUCTS, PRODUCTS.c.code == VARIANTS.c.product_code)
            .where(VARIANTS.c.sku > after, PRODUCTS.c.status == ProductStatus.ACTIVE.value)
            .order_by(VARIANTS.c.sku)
            .limit(limit)
        )
        return [row.sku for row in rows]

    async def kits_with(self, skus: Sequence[str]) -> frozenset[str]:
        kits = select(COMPONENTS.c.kit_sku).where(among(COMPONENTS.c.sku, skus)).distinct()
        return frozenset(row.kit_sku for row in await self._statements.fetch(kits))

    async def are_kits(self, skus: Sequence[str]) -> Mapping[str, bool]:
        is_kit = exists().where(COMPONENTS.c.kit_sku == VARIANTS.c.sku).label("is_kit")
        rows = await self._statements.fetch(select(VARIANTS.c.sku, is_kit).where(among(VARIANTS.c.sku, skus)))
        return {row.sku: bool(row.is_kit) for row in rows}

    async def variants_by_gtin(self, gtins: Sequence[str]) -> Mapping[str, Variant]:
        found = await self._variants(among(VARIANTS.c.gtin, gtins))
        return {variant.gtin: variant for variant in found if variant.gtin is not None}

    async def variants_by_product(self, codes: Sequence[str]) -> Mapping[str, list[Variant]]:
        found = await self._variants(among(VARIANTS.c.product_code, codes))
        return grouped((variant.product_code, variant) for variant in found)

    async def _variants(self, condition: ColumnElement[bool]) -> list[Variant]:
        """By position, in four statements."""
        rows = await self._statements.fetch(
            select(VARIANTS, PRODUCTS.c.names.label("product_names"), PRODUCTS.c.status, PRODUCTS.c.tags)
            .join(PRODUCTS, PRODUCTS.c.code == VARIANTS.c.product_code)
            .where(condition)
            .order_by(VARIANTS.c.position, VARIANTS.c.sku)
        )
        skus = [row.sku for row in rows]
        priced = await self._statements.fetch(select(PRICES).where(among(PRICES.c.sku, skus)))
        made_up = await self._statements.fetch(
            select(COMPONENTS).where(among(COMPONENTS.c.kit_sku, skus)).order_by(COMPONENTS.c.position)
        )
        prices = grouped((row.sku, (row.channel_code, row.amount_minor)) for row in priced)
        components = grouped((row.kit_sku, Component(row.sku, row.quantity)) for row in made_up)
        categories = await self._categories_of(sorted({row.product_code for row in rows}))
        return [
            _variant(
                row,
                dict(prices.get(row.sku, ())),
                components.get(row.sku, []),
                categories.get(row.product_code, []),
            )
            for row in rows
        ]

    async def _categories_of(self, products: Sequence[str]) -> Mapping[str, list[str]]:
        """The codes of each product's categories, in its order."""
        found = await self._statements.fetch(
            select(ASSIGNED.c.product_code, ASSIGNED.c.category_code)
            .where(among(ASSIGNED.c.product_code, products))
            .order_by(ASSIGNED.c.product_code, ASSIGNED.c.position)
        )
        return grouped((row.product_code, row.category_code) for row in found)

    # ── Importing ──

    async def lock(self) -> None:
        if not self._statements.is_sqlite:  # Where a transaction that writes is alone from its beginning.
            await self._statements.run(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

    async def kit_components(self, skus: Sequence[str]) -> frozenset[str]:
        rows = await self._statements.fetch(select(COMPONENTS.c.sku).where(among(COMPONENTS.c.sku, skus)).distinct())
        return frozenset(row.sku for row in rows)

    async def import_products(self, products: Sequence[ImportProduct], at: datetime) -> Imported:
        return await write_products(self._statements, products, at)


# ── What a filter means ──


def _products_under(categories: Iterable[str]) -> Any:
    """The codes of products in these categories or in any that lies under them."""
    tree = select(CATEGORIES.c.code).where(among(CATEGORIES.c.code, categories)).cte("tree", recursive=True)
    tree = tree.union(select(CATEGORIES.c.code).join(tree, CATEGORIES.c.parent_code == tree.c.code))
    return select(ASSIGNED.c.product_code).where(ASSIGNED.c.category_code.in_(select(tree.c.code)))


def _priced(channel: str) -> ColumnElement[bool]:
    """A variant of the product has a price in the channel."""
    return exists().where(
        VARIANTS.c.product_code == PRODUCTS.c.code,
        PRICES.c.sku == VARIANTS.c.sku,
        among(PRICES.c.channel_code, [channel]),
    )


def _stocked() -> ColumnElement[bool]:
    """Some place has units of a variant of the product, or of a part of one that is a kit."""
    of_variant = exists().where(LEVELS.c.sku == VARIANTS.c.sku, LEVELS.c.on_hand > 0).correlate(VARIANTS)
    of_part = exists().where(
        COMPONENTS.c.kit_sku == VARIANTS.c.sku, LEVELS.c.sku == COMPONENTS.c.sku, LEVELS.c.on_hand > 0
    )
    return exists().where(VARIANTS.c.product_code == PRODUCTS.c.code, or_(of_variant, of_part.correlate(VARIANTS)))


# ── Rows as values ──


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        code=row.code,
        name=row.name,
        kind=ChannelKind(row.kind),
        currency=row.currency,
        countries=tuple(row.countries),
        languages=tuple(row.languages),
        prices_include_tax=row.prices_include_tax,
        active=row.active,
        payment_methods=tuple(PaymentMethod(method) for method in row.payment_methods),
        max_hold_minutes=row.max_hold_minutes,
        remorse_minutes=row.remorse_minutes,
        incoterm=row.incoterm,
        availability_view=row.availability_view,
        shows_quantities=row.shows_quantities,
    )


def _channel_row(channel: Channel) -> dict[str, Any]:
    return {
        "code": channel.code,
        "name": channel.name,
        "kind": channel.kind.value,
        "currency": channel.currency,
        "countries": list(channel.countries),
        "languages": list(channel.languages),
        "prices_include_tax": channel.prices_include_tax,
        "active": channel.active,
        "payment_methods": [method.value for method in channel.payment_methods],
        "max_hold_minutes": channel.max_hold_minutes,
        "remorse_minutes": channel.remorse_minutes,
        "incoterm": channel.incoterm,
        "availability_view": channel.availability_view,
        "shows_quantities": channel.shows_quantities,
    }


def _category(row: Row[Any]) -> Category:
    return Category(code=row.code, names=row.names, parent_code=row.parent_code)


def _product(row: Row[Any], categories: Sequence[str]) -> Product:
    return Product(
        code=row.code,
        names=row.names,
        descriptions=row.descriptions,
        brand=row.brand,
        category_codes=tuple(categories),
        tags=tuple(row.tags),
        attributes=row.attributes,
        image_url=row.image_url,
        status=ProductStatus(row.status),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _variant(
    row: Row[Any], prices: Mapping[str, int], components: Sequence[Component], categories: Sequence[str]
) -> Variant:
    return Variant(
        sku=row.sku,
        product_code=row.product_code,
        product_names=row.product_names,
        product_status=ProductStatus(row.status),
        category_codes=tuple(categories),
        product_tags=tuple(row.tags),
        names=row.names,
        gtin=row.gtin,
        options=tuple(VariantOption(name, value) for name, value in row.options),
        prices=prices,
        cost=Money(row.cost_minor, row.cost_currency) if row.cost_minor is not None else None,
        weight_grams=row.weight_grams,
        length_mm=row.length_mm,
        width_mm=row.width_mm,
        height_mm=row.height_mm,
        tax_class=row.tax_class,
        hs_code=row.hs_code,
        country_of_origin=row.country_of_origin,
        traits=frozenset(FulfillmentTrait(trait) for trait in row.traits),
        lead_time_days=row.lead_time_days,
        components=tuple(components),
        launch_at=row.launch_at,
    )


def _itself(value: Any) -> Any:
    return value
