"""Channels, categories, products, variants, kits and prices."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Text, true
from sqlmodel import Field, SQLModel

from persistence.tables.columns import Json, Key, OrderedJson, UtcDateTime, table_of


class ChannelRow(SQLModel, table=True):
    __tablename__ = "channels"

    code: str = Field(primary_key=True, sa_type=Key)
    name: str
    kind: str
    currency: str
    countries: list[str] = Field(sa_type=Json)
    languages: list[str] = Field(sa_type=Json)
    prices_include_tax: bool
    active: bool
    payment_methods: list[str] = Field(sa_type=Json)
    max_hold_minutes: int
    remorse_minutes: int
    incoterm: str
    # A view is never taken away, and saving a channel locks it.
    availability_view: str = Field(sa_column=Column(Key, nullable=False, server_default="on-hand"))
    shows_quantities: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=true()))


class CategoryRow(SQLModel, table=True):
    __tablename__ = "categories"

    code: str = Field(primary_key=True, sa_type=Key)
    names: dict[str, str] = Field(sa_type=OrderedJson)
    parent_code: str | None = Field(sa_column=Column(Key, ForeignKey("categories.code"), nullable=True))


class ProductRow(SQLModel, table=True):
    """search_text: code, names, brand, tags and SKUs in small letters, for finding by a word."""

    __tablename__ = "products"

    code: str = Field(primary_key=True, sa_type=Key)
    names: dict[str, str] = Field(sa_type=OrderedJson)
    descriptions: dict[str, str] = Field(sa_type=OrderedJson)
    brand: str | None
    tags: list[str] = Field(sa_type=Json)
    attributes: dict[str, Any] = Field(sa_type=OrderedJson)
    image_url: str | None
    status: str
    search_text: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class ProductCategoryRow(SQLModel, table=True):
    __tablename__ = "product_categories"
    __table_args__ = (Index(None, "category_code", "product_code"),)

    product_code: str = Field(sa_column=Column(Key, ForeignKey("products.code"), primary_key=True))
    category_code: str = Field(sa_column=Column(Key, ForeignKey("categories.code"), primary_key=True))
    position: int


class VariantRow(SQLModel, table=True):
    __tablename__ = "variants"

    sku: str = Field(primary_key=True, sa_type=Key)
    product_code: str = Field(sa_column=Column(Key, ForeignKey("products.code"), nullable=False, index=True))
    position: int
    gtin: str | None = Field(unique=True)
    names: dict[str, str] = Field(sa_type=OrderedJson)
    options: list[list[str]] = Field(sa_type=Json)
    cost_minor: int | None = Field(sa_type=BigInteger)
    cost_currency: str | None
    weight_grams: int | None
    length_mm: int | None
    width_mm: int | None
    height_mm: int | None
    tax_class: str
    hs_code: str | None
    country_of_origin: str | None
    traits: list[str] = Field(sa_type=Json)
    lead_time_days: int
    launch_at: datetime | None = Field(sa_type=UtcDateTime)


class KitComponentRow(SQLModel, table=True):
    __tablename__ = "kit_components"

    kit_sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), primary_key=True))
    sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), primary_key=True))
    quantity: int
    position: int


class PriceRow(SQLModel, table=True):
    """In minor units of the channel's currency."""

    __tablename__ = "prices"

    sku: str = Field(sa_column=Column(Key, ForeignKey("variants.sku"), primary_key=True))
    channel_code: str = Field(sa_column=Column(Key, ForeignKey("channels.code"), primary_key=True))
    amount_minor: int = Field(sa_type=BigInteger)


class CatalogGenerationRow(SQLModel, table=True):
    """One row: its number is another after each transaction that wrote what processes remember (migration 0003)."""

    __tablename__ = "catalog_generation"

    id: int = Field(primary_key=True)
    number: int = Field(sa_type=BigInteger)


CHANNELS = table_of(ChannelRow)
CATEGORIES = table_of(CategoryRow)
PRODUCTS = table_of(ProductRow)
ASSIGNED = table_of(ProductCategoryRow)
VARIANTS = table_of(VariantRow)
COMPONENTS = table_of(KitComponentRow)
PRICES = table_of(PriceRow)
GENERATION = table_of(CatalogGenerationRow)
