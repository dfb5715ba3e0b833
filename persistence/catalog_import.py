"""How imported products are written: every kind of row is read once, compared, and only what differs is written."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, insert, select, update

from domain.catalog.model import Imported, ImportProduct, ImportVariant, searchable
from persistence.database import Statements
from persistence.sql import among
from persistence.tables.catalog import ASSIGNED, COMPONENTS, PRICES, PRODUCTS, VARIANTS

Record = dict[str, Any]


async def write_products(statements: Statements, products: Sequence[ImportProduct], at: datetime) -> Imported:
    """Make the rows of these products as they are stated, in at most four statements for each kind of row."""
    codes = [product.code for product in products]
    product_of = {variant.sku: product.code for product in products for variant in product.variants}
    kept = {
        table: await _kept(statements, table, condition)
        for table, condition in (
            (PRODUCTS, among(PRODUCTS.c.code, codes)),
            (ASSIGNED, among(ASSIGNED.c.product_code, codes)),
            (VARIANTS, among(VARIANTS.c.product_code, codes)),
            (COMPONENTS, among(COMPONENTS.c.kit_sku, product_of)),
            (PRICES, among(PRICES.c.sku, product_of)),
        )
    }
    listed = [row for row in kept[VARIANTS] if row["sku"] in product_of]
    rows = _product_rows(products, kept[VARIANTS])
    whole = _Difference.between(PRODUCTS, kept[PRODUCTS], rows)
    parts = [
        _Difference.between(ASSIGNED, kept[ASSIGNED], _category_rows(products)),
        _Difference.between(VARIANTS, listed, _variant_rows(products)),
        _Difference.between(COMPONENTS, kept[COMPONENTS], _component_rows(products)),
        _Difference.between(PRICES, kept[PRICES], _price_rows(products)),
    ]

    created = {row["code"] for row in whole.inserted}
    touched = {row["code"] for row in whole.updated}
    for part in parts:
        touched.update(row.get("product_code") or product_of[row.get("kit_sku") or row["sku"]] for row in part.rows)
    updated = touched - created

    made = [{**row, "created_at": at, "updated_at": at} for row in whole.inserted]
    renewed = [{**row, "updated_at": at} for row in rows if row["code"] in updated]
    for difference in [_Difference(PRODUCTS, made, renewed, []), *parts]:
        await _write(statements, difference)
    return Imported(
        created=tuple(code for code in codes if code in created),
        updated=tuple(code for code in codes if code in updated),
        unchanged=len(codes) - len(created) - len(updated),
    )


@dataclass(frozen=True, slots=True)
class _Difference:
    """How a table's rows are made those that are stated."""

    table: Table
    inserted: list[Record]
    updated: list[Record]
    deleted: list[Record]

    @classmethod
    def between(cls, table: Table, kept: Iterable[Record], stated: Iterable[Record]) -> "_Difference":
        """Compared by the columns that are stated."""
        before, after = _by_key(table, kept), _by_key(table, stated)
        return cls(
            table,
            inserted=[row for key, row in after.items() if key not in before],
            updated=[row for key, row in after.items() if key in before and _differs(row, before[key])],
            deleted=[row for key, row in before.items() if key not in after],
        )

    @property
    def rows(self) -> list[Record]:
        return [*self.inserted, *self.updated, *self.deleted]


def _by_key(table: Table, rows: Iterable[Record]) -> dict[tuple[Any, ...], Record]:
    return {tuple(row[column.name] for column in table.primary_key): row for row in rows}


def _differs(row: Record, before: Record) -> bool:
    return any(_written(value) != _written(before[name]) for name, value in row.items())


def _written(value: Any) -> Any:
    """Comparable to the letter: the order of an object's keys counts, and 1 is not true."""
    return json.dumps(value) if isinstance(value, dict | list) else value


async def _kept(statements: Statements, table: Table, condition: ColumnElement[bool]) -> list[Record]:
    return [row._asdict() for row in await statements.fetch(select(table).where(condition))]


async def _write(statements: Statements, difference: _Difference) -> None:
    table = difference.table
    keys = [column.name for column in table.primary_key]
    is_row = and_(*(table.c[key] == bindparam(f"its_{key}") for key in keys))
    if difference.deleted:
        named = [{f"its_{key}": row[key] for key in keys} for row in difference.deleted]
        await statements.run(delete(table).where(is_row), named)
    if difference.inserted:
        await statements.run(insert(table), difference.inserted)
    if difference.updated:
        renewed = [
            {f"its_{name}" if name in keys else name: value for name, value in row.items()}
            for row in difference.updated
        ]
        await statements.run(update(table).where(is_row), renewed)


# ── Rows ──


def _product_rows(products: Iterable[ImportProduct], kept_variants: Iterable[Record]) -> list[Record]:
    kept_skus: dict[str, list[str]] = {}
    for row in kept_variants:
        kept_skus.setdefault(row["product_code"], []).append(row["sku"])
    return [
        {
            "code": product.code,
            "names": dict(product.names),
            "descriptions": dict(product.descriptions),
            "brand": product.brand,
            "tags": list(product.tags),
            "attributes": dict(product.attributes),
            "image_url": product.image_url,
            "status": product.status.value,
            "search_text": _search_text(product, kept_skus.get(product.code, [])),
        }
        for product in products
    ]


def _search_text(product: ImportProduct, kept_skus: Iterable[str]) -> str:
    skus = sorted({*kept_skus, *(variant.sku for variant in product.variants)})
    words = [product.code, *product.names.values(), product.brand or "", *product.tags, *skus]
    return searchable("\n".join(words))


def _category_rows(products: Iterable[ImportProduct]) -> list[Record]:
    return [
        {"product_code": product.code, "category_code": category, "position": position}
        for product in products
        for position, category in enumerate(product.category_codes)
    ]


def _variant_rows(products: Iterable[ImportProduct]) -> list[Record]:
    return [
        _variant_row(variant, product.code, position)
        for product in products
        for position, variant in enumerate(product.variants)
    ]


def _variant_row(variant: ImportVariant, product_code: str, position: int) -> Record:
    return {
        "sku": variant.sku,
        "product_code": product_code,
        "position": position,
        "gtin": variant.gtin,
        "names": dict(variant.names),
        "options": [[option.name, option.value] for option in variant.options],
        "cost_minor": variant.cost.amount_minor if variant.cost else None,
        "cost_currency": variant.cost.currency if variant.cost else None,
        "weight_grams": variant.weight_grams,
        "length_mm": variant.length_mm,
        "width_mm": variant.width_mm,
        "height_mm": variant.height_mm,
        "tax_class": variant.tax_class,
        "hs_code": variant.hs_code,
        "country_of_origin": variant.country_of_origin,
        "traits": sorted(trait.value for trait in variant.traits),
        "lead_time_days": variant.lead_time_days,
        "launch_at": variant.launch_at,
    }


def _component_rows(products: Iterable[ImportProduct]) -> list[Record]:
    return [
        {"kit_sku": variant.sku, "sku": part.sku, "quantity": part.quantity, "position": position}
        for product in products
        for variant in product.variants
        for position, part in enumerate(variant.components)
    ]


def _price_rows(products: Iterable[ImportProduct]) -> list[Record]:
    return [
        {"sku": variant.sku, "channel_code": channel, "amount_minor": amount}
        for product in products
        for variant in product.variants
        for channel, amount in variant.prices.items()
    ]
