"""What the catalog needs kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.catalog.model import Category, Channel, Imported, ImportProduct, Product, ProductFilter, Variant
from domain.paging import Page, Slice


class CatalogReads(Protocol):
    async def channels(self) -> list[Channel]:
        """All, by code."""

    async def channels_by_code(self, codes: Sequence[str]) -> Mapping[str, Channel]: ...

    async def categories(self) -> list[Category]:
        """All, by code."""

    async def categories_by_code(self, codes: Sequence[str]) -> Mapping[str, Category]: ...

    async def products_by_code(self, codes: Sequence[str]) -> Mapping[str, Product]: ...

    async def variants_by_sku(self, skus: Sequence[str]) -> Mapping[str, Variant]:
        """With their prices, components and product's status, in a fixed number of statements."""

    async def skus_after(self, after: str, limit: int) -> list[str]:
        """The next SKUs of active products, by SKU."""

    async def kits_with(self, skus: Sequence[str]) -> frozenset[str]:
        """The SKUs of kits that any of these is a part of."""

    async def are_kits(self, skus: Sequence[str]) -> Mapping[str, bool]:
        """For each of the SKUs that there is, whether it is a kit: all that those who count stock need to know."""

    async def variants_by_product(self, codes: Sequence[str]) -> Mapping[str, list[Variant]]:
        """By position."""

    async def variants_by_gtin(self, gtins: Sequence[str]) -> Mapping[str, Variant]: ...

    async def products(self, filter: ProductFilter, page: Page) -> Slice[Product]:
        """By code."""


class Catalog(CatalogReads, Protocol):
    async def lock(self) -> None:
        """Nobody else changes the catalog until the end of the transaction: what a service has checked stays so."""

    async def kit_components(self, skus: Sequence[str]) -> frozenset[str]:
        """Those of the SKUs that a kit is made up of."""

    async def save_categories(self, categories: Sequence[Category]) -> None:
        """Parents stand before their children."""

    async def save_channel(self, channel: Channel) -> None: ...

    async def import_products(self, products: Sequence[ImportProduct], at: datetime) -> Imported:
        """Write what differs, and nothing else. Variants that are not listed stay: stock and orders hang on them."""
