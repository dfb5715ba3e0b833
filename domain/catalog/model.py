"""What is sold: channels, categories, products and their variants."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any
from unicodedata import normalize

from domain.ids import prefixed
from domain.money import Money

# Text in several languages: language tag to text, the first one being the thing's own language.
Texts = Mapping[str, str]

SKU_LENGTH_MAX = 64  # GS1 and every marketplace stay under it; it is half of a stock level's key.
CODE_LENGTH_MAX = 64
TEXT_LENGTH_MAX = 500
DESCRIPTION_LENGTH_MAX = 20_000
PRODUCTS_PER_IMPORT_MAX = 500  # Keeps one import's transaction under a second.
CATEGORIES_PER_CALL_MAX = 1_000  # A whole shop's tree, in one transaction.
VARIANTS_PER_QUESTION_MAX = 250  # The contract's limit for `variants`.
VARIANTS_PER_PRODUCT_MAX = 250  # Shopify's and Amazon's own limits are near; more is a modelling mistake.
COMPONENTS_PER_KIT_MAX = 20
COMPONENT_QUANTITY_MAX = 1_000  # Of one component in one kit; more is a slip of the keyboard.


class ChannelKind(Enum):
    WEB = "WEB"
    APP = "APP"
    POS = "POS"
    CALL_CENTER = "CALL_CENTER"
    MARKETPLACE = "MARKETPLACE"
    SOCIAL = "SOCIAL"
    B2B = "B2B"


class PaymentMethod(Enum):
    CARD = "CARD"
    WALLET = "WALLET"
    GIFT_CARD = "GIFT_CARD"
    STORE_CREDIT = "STORE_CREDIT"
    CASH = "CASH"
    INVOICE = "INVOICE"
    BANK_TRANSFER = "BANK_TRANSFER"
    ON_COLLECTION = "ON_COLLECTION"


class ProductStatus(Enum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


class FulfillmentTrait(Enum):
    BULKY = "BULKY"
    DANGEROUS_GOODS = "DANGEROUS_GOODS"
    SHIP_ALONE = "SHIP_ALONE"
    STORE_ONLY = "STORE_ONLY"
    SHIP_ONLY = "SHIP_ONLY"
    MADE_TO_ORDER = "MADE_TO_ORDER"
    NON_RETURNABLE = "NON_RETURNABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """availability_view: the code of what it sells through. shows_quantities: if shoppers see how many there are."""

    code: str
    name: str
    kind: ChannelKind
    currency: str
    countries: tuple[str, ...]
    languages: tuple[str, ...]
    prices_include_tax: bool
    active: bool = True
    payment_methods: tuple[PaymentMethod, ...] = ()
    max_hold_minutes: int = 30
    remorse_minutes: int = 0
    incoterm: str = "DAP"
    availability_view: str = "on-hand"
    shows_quantities: bool = True

    @property
    def id(self) -> str:
        return prefixed("chn", self.code)


# Saving one states it whole, so the command is the value.
SaveChannel = Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    code: str
    names: Texts
    parent_code: str | None = None

    @property
    def id(self) -> str:
        return prefixed("cat", self.code)


SaveCategory = Category


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    code: str
    names: Texts
    descriptions: Texts
    brand: str | None
    category_codes: tuple[str, ...]
    tags: tuple[str, ...]
    attributes: Mapping[str, Any]
    image_url: str | None
    status: ProductStatus
    created_at: datetime
    updated_at: datetime

    @property
    def id(self) -> str:
        return prefixed("prd", self.code)


@dataclass(frozen=True, slots=True)
class VariantOption:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Component:
    """So many of `sku` in one of the kit."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """names: empty where the product's own serve; `components` is empty for what is no kit.

    category_codes, product_tags: its product's.
    """

    sku: str
    product_code: str
    product_names: Texts
    product_status: ProductStatus
    category_codes: tuple[str, ...] = ()
    product_tags: tuple[str, ...] = ()
    names: Texts
    gtin: str | None
    options: tuple[VariantOption, ...]
    prices: Mapping[str, int]
    cost: Money | None
    weight_grams: int | None
    length_mm: int | None
    width_mm: int | None
    height_mm: int | None
    tax_class: str
    hs_code: str | None
    country_of_origin: str | None
    traits: frozenset[FulfillmentTrait]
    lead_time_days: int
    components: tuple[Component, ...]
    launch_at: datetime | None

    @property
    def id(self) -> str:
        return prefixed("var", self.sku)

    def demand(self, quantity: int) -> list[Component]:
        """What `quantity` of it takes from stock: itself, or a kit's components."""
        if not self.components:
            return [Component(self.sku, quantity)]
        return [Component(part.sku, part.quantity * quantity) for part in self.components]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilter:
    """Each that is not None must hold; of a list's values, one.

    words: as `searchable` writes them, all of them found in the product. categories: with all that lie under them.
    priced_in: a variant has a price in this channel. stocked: some place has units of a variant, or of a kit's part.
    """

    words: tuple[str, ...] = ()
    categories: tuple[str, ...] | None = None
    brands: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    statuses: frozenset[ProductStatus] | None = None
    priced_in: str | None = None
    stocked: bool = False


def text_in(texts: Texts, *languages: str | None) -> str | None:
    """The text in the first of these languages that it has, or in its base (`fr` for `fr-CA`).

    Else the first text; None where there is none.
    """
    for language in languages:
        for tag in (language, language.split("-")[0]) if language else ():
            if tag in texts:
                return texts[tag]
    return next(iter(texts.values()), None)


def variant_name(variant: Variant, *languages: str | None) -> str:
    """Its own name, else its product's and what was chosen: "Linen shirt, Sand, M"."""
    if name := text_in(variant.names, *languages):
        return name
    product_name = text_in(variant.product_names, *languages) or variant.product_code
    return ", ".join([product_name, *(option.value for option in variant.options)])


def searchable(text: str) -> str:
    """As texts are compared in a search: without regard to small or capital letters.

    Source: Unicode Standard Annex #15, form NFKC; section 3.13, default case folding.
    """
    return normalize("NFKC", text).casefold()


# ── Commands ──


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportVariant:
    """prices: channel code to minor units of the channel's currency."""

    sku: str
    gtin: str | None = None
    names: Texts = field(default_factory=dict)
    options: tuple[VariantOption, ...] = ()
    prices: Mapping[str, int] = field(default_factory=dict)
    cost: Money | None = None
    weight_grams: int | None = None
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None
    tax_class: str = "standard"
    hs_code: str | None = None
    country_of_origin: str | None = None
    traits: frozenset[FulfillmentTrait] = frozenset()
    lead_time_days: int = 0
    components: tuple[Component, ...] = ()
    launch_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportProduct:
    code: str
    names: Texts
    variants: tuple[ImportVariant, ...]
    descriptions: Texts = field(default_factory=dict)
    brand: str | None = None
    category_codes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    image_url: str | None = None
    status: ProductStatus = ProductStatus.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of an import's products: the codes made and changed, and how many were as stated already."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: int = 0
