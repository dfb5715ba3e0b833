"""What the catalog needs kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.catalog.model import Category, Channel, ImportProduct, Product, SaveChannel, Variant


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

    async def variants_by_product(self, codes: Sequence[str]) -> Mapping[str, list[Variant]]:
        """By position."""

    async def variants_by_gtin(self, gtins: Sequence[str]) -> Mapping[str, Variant]: ...


class Catalog(CatalogReads, Protocol):
    async def save_categories(self, categories: Sequence[Category]) -> None: ...

    async def save_channel(self, channel: SaveChannel) -> None: ...

    async def import_products(self, products: Sequence[ImportProduct], at: datetime) -> None: ...
