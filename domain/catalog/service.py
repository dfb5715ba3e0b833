"""What is done to the catalog: categories and channels are saved, products imported."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.access import Viewer
from domain.catalog.model import (
    CATEGORIES_PER_CALL_MAX,
    PRODUCTS_PER_IMPORT_MAX,
    Category,
    Channel,
    Imported,
    ImportProduct,
    SaveCategory,
    SaveChannel,
)
from domain.catalog.ports import Catalog
from domain.catalog.rules import Known, ancestors, category_problems, channel_problems, import_problems
from domain.clock import Clock
from domain.errors import Problem, Refused, invalid, refuse_all
from domain.events import EventKind, NewEvent, Recorder

CODES_PER_EVENT_MAX = 100  # An event is read live by many; whoever needs all the products asks for them.


class CatalogWork(Recorder, Protocol):
    @property
    def clock(self) -> Clock: ...
    @property
    def catalog(self) -> Catalog: ...


async def save_categories(work: CatalogWork, categories: Sequence[SaveCategory], viewer: Viewer) -> list[Category]:
    """Make or replace categories, all or none; answers them in the order given.

    categories: 1 to CATEGORIES_PER_CALL_MAX; a parent may stand anywhere among them or be there already.
    """
    if not 1 <= len(categories) <= CATEGORIES_PER_CALL_MAX:
        raise Refused(invalid(f"1 to {CATEGORIES_PER_CALL_MAX} categories are saved at a time.", "categories"))

    await work.catalog.lock()
    there = await work.catalog.categories()

    parents = {category.code: category.parent_code for category in [*there, *categories]}
    names, codes = [category.names for category in categories], [category.code for category in categories]
    refuse_all(list(category_problems(names, codes, parents)))

    await work.catalog.save_categories(sorted(categories, key=lambda one: len(ancestors(one.code, parents))))
    data = {"count": len(categories), "codes": codes[:CODES_PER_EVENT_MAX]}
    _tell(work, EventKind.CATEGORIES_SAVED, "categories", viewer, data)
    return list(categories)


async def save_channel(work: CatalogWork, channel: SaveChannel, viewer: Viewer) -> Channel:
    """Make or replace a channel. One that is there keeps its currency: prices and orders are in it."""
    await work.catalog.lock()
    there = await work.catalog.channels_by_code([channel.code])

    refuse_all(list(channel_problems(channel, there.get(channel.code))))

    await work.catalog.save_channel(channel)
    _tell(work, EventKind.CHANNEL_SAVED, channel.id, viewer, {"code": channel.code, "active": channel.active})
    return channel


async def import_products(
    work: CatalogWork, products: Sequence[ImportProduct], viewer: Viewer, misread: Sequence[Problem] = ()
) -> Imported:
    """Make products, or make them as stated, with their variants, prices and components; all or none.

    products: 1 to PRODUCTS_PER_IMPORT_MAX. Variants that a product has and that are not listed stay as they are.
    misread: what of the input could not be put into the commands, refused together with the rest.
    The number of statements does not grow with the products.
    """
    if not 1 <= len(products) <= PRODUCTS_PER_IMPORT_MAX:
        raise Refused(invalid(f"1 to {PRODUCTS_PER_IMPORT_MAX} products are imported at a time.", "products"))

    await work.catalog.lock()
    known = await _known(work.catalog, products)

    refuse_all([*misread, *import_problems(products, known)])

    at = work.clock.now()
    imported = await work.catalog.import_products(products, at)
    changed = [*imported.created, *imported.updated]
    if changed:
        data = {
            "created": len(imported.created),
            "updated": len(imported.updated),
            "unchanged": imported.unchanged,
            "codes": changed[:CODES_PER_EVENT_MAX],
        }
        _tell(work, EventKind.PRODUCTS_IMPORTED, "catalog", viewer, data)
    return imported


def _tell(work: CatalogWork, kind: EventKind, subject: str, viewer: Viewer, data: Mapping[str, object]) -> None:
    work.record(NewEvent(kind=kind, subject=subject, actor=viewer.actor, at=work.clock.now(), data=data))


async def _known(catalog: Catalog, products: Sequence[ImportProduct]) -> Known:
    """What is not the products' own already is looked up beside it."""
    stated = [variant for product in products for variant in product.variants]
    owned = await catalog.variants_by_product([product.code for product in products])
    by_sku = {variant.sku: variant for variants in owned.values() for variant in variants}
    by_gtin = {variant.gtin: variant for variant in by_sku.values() if variant.gtin is not None}
    skus = {variant.sku for variant in stated}
    parts = {part.sku for variant in stated for part in variant.components}
    gtins = {variant.gtin for variant in stated if variant.gtin is not None}
    return Known(
        channels={channel.code: channel for channel in await catalog.channels()},
        categories=frozenset(category.code for category in await catalog.categories()),
        by_sku={**by_sku, **await catalog.variants_by_sku(sorted((skus | parts) - by_sku.keys()))},
        by_gtin={**by_gtin, **await catalog.variants_by_gtin(sorted(gtins - by_gtin.keys()))},
        used=await catalog.kit_components(sorted(skus)),
    )
