"""What the catalog's words and figures must look like: each rule yields what is wrong, and where in the input."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.catalog.model import (
    CODE_LENGTH_MAX,
    COMPONENT_QUANTITY_MAX,
    COMPONENTS_PER_KIT_MAX,
    DESCRIPTION_LENGTH_MAX,
    SKU_LENGTH_MAX,
    TEXT_LENGTH_MAX,
    VARIANTS_PER_PRODUCT_MAX,
    Channel,
    ImportProduct,
    ImportVariant,
    Texts,
    Variant,
)
from domain.errors import Problem, conflict, invalid, not_found
from domain.money import CURRENCIES, Money
from domain.places import COUNTRIES

Path = tuple[str | int, ...]

# Codes stand in URLs, file names and ids.
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# SKUs are other people's: anything that prints on a label, as GS1's character set for them (AI 240) has it.
_SKU = re.compile(r"[!-~]([ -~]*[!-~])?")
# Source: BCP 47, the language, script and region subtags in the case it recommends.
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
# Six digits are the world's, up to six more a country's own. Source: World Customs Organization.
_HS_CODE = re.compile(r"[0-9]{6,12}")
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
# Pages show it: anything but the web's own schemes could run a script there.
_IMAGE_URL = re.compile(r"https?://[!-~]+")

LANGUAGES_MAX = 50  # Of one text: more than any retailer writes.
LIST_LENGTH_MAX = 50  # Tags, categories, options of one thing: more is a feed gone wrong.
IMAGE_URL_LENGTH_MAX = 2_000  # What every browser takes.
ATTRIBUTES_BYTES_MAX = 16_384  # A page of facts; a file belongs elsewhere.
MEASURE_MAX = 100_000_000  # 100 tonnes, 100 kilometres.
LEAD_TIME_DAYS_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the catalog holds of what an import speaks of.

    by_sku: the variants it names, as products' own or as components, and all of the products it names.
    used: SKUs that a kit is made up of.
    """

    channels: Mapping[str, Channel] = field(default_factory=dict)
    categories: frozenset[str] = frozenset()
    by_sku: Mapping[str, Variant] = field(default_factory=dict)
    by_gtin: Mapping[str, Variant] = field(default_factory=dict)
    used: frozenset[str] = frozenset()


# ── Words ──


def code_problems(code: str, *path: str | int) -> Iterator[Problem]:
    if len(code) > CODE_LENGTH_MAX or not _CODE.fullmatch(code):
        yield invalid(
            f"A code has 1 to {CODE_LENGTH_MAX} letters, digits and . - _, and begins with a letter or digit.",
            *path,
        )


def sku_problems(sku: str, *path: str | int) -> Iterator[Problem]:
    if len(sku) > SKU_LENGTH_MAX or not _SKU.fullmatch(sku):
        yield invalid(
            f"A SKU, or a product's code, has 1 to {SKU_LENGTH_MAX} characters of ASCII, no space at its ends.",
            *path,
        )


def text_problems(text: str | None, *path: str | int, length_max: int = TEXT_LENGTH_MAX) -> Iterator[Problem]:
    """Of one text; None is none, and right."""
    if text is not None and not (text.strip() and len(text) <= length_max and can_be_kept(text)):
        yield invalid(f"A text has 1 to {length_max} characters, not all of them spaces.", *path)


def texts_problems(texts: Texts, *path: str | int, length_max: int = TEXT_LENGTH_MAX) -> Iterator[Problem]:
    """Of one text in several languages, given as a list."""
    if len(texts) > LANGUAGES_MAX:
        yield invalid(f"A text is given in at most {LANGUAGES_MAX} languages.", *path)
    for place, (language, text) in enumerate(texts.items()):
        yield from language_problems(language, *path, place, "language")
        yield from text_problems(text, *path, place, "text", length_max=length_max)


def name_problems(names: Texts, *path: str | int) -> Iterator[Problem]:
    """Of a name, which must be there in one language at least."""
    if not names:
        yield invalid("A name is needed in one language at least.", *path)
    yield from texts_problems(names, *path)


def language_problems(language: str, *path: str | int) -> Iterator[Problem]:
    if not _LANGUAGE.fullmatch(language):
        yield invalid(f"{language!r:.40} is no language tag: write it as BCP 47 does, e.g. fr or fr-CA.", *path)


def country_problems(country: str | None, *path: str | int) -> Iterator[Problem]:
    if country is not None and country not in COUNTRIES:
        yield invalid(f"{country!r:.40} is no country: write it as ISO 3166-1 alpha-2 does, e.g. IT.", *path)


def currency_problems(currency: str, *path: str | int) -> Iterator[Problem]:
    if currency not in CURRENCIES:
        yield invalid(f"{currency!r:.40} is no currency: write it as ISO 4217 does, e.g. EUR.", *path)


def amount_problems(amount: Money | None, *path: str | int) -> Iterator[Problem]:
    """Of a price or cost: in a currency there is, and not negative."""
    if amount is not None:
        yield from currency_problems(amount.currency, *path, "currency")
        if amount.amount_minor < 0:
            yield invalid("An amount is zero or more.", *path, "amount")


def repeated_problems(values: Iterable[str], what: str, *path: str | int) -> Iterator[Problem]:
    """Each value that was there before, at its place in the list."""
    seen = set()
    for place, value in enumerate(values):
        if value in seen:
            yield invalid(f"{what} {value!r:.80} is given twice.", *path, place)
        seen.add(value)


def range_problems(number: float | None, least: float, most: float, *path: str | int) -> Iterator[Problem]:
    """None is none, and right; what is not a number at all is out of every range."""
    if number is not None and not least <= number <= most:
        yield invalid(f"{number} is out of range: {least} to {most} is right.", *path)


def has_right_check_digit(gtin: str) -> bool:
    """Whether a GTIN-8, 12, 13 or 14 ends in the digit that its others give.

    Source: GS1 General Specifications, section 7.9.1.
    """
    if not _GTIN.fullmatch(gtin):
        return False
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(gtin)))
    return weighed % 10 == 0


def can_be_kept(text: str) -> bool:
    """PostgreSQL keeps no NUL, and nothing keeps half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text))


# ── Channels and categories ──


def channel_problems(channel: Channel, before: Channel | None) -> Iterator[Problem]:
    """Of a channel as it is to be; `before` is what it was, None where it is new."""
    yield from code_problems(channel.code, "code")
    yield from text_problems(channel.name, "name")
    yield from currency_problems(channel.currency, "currency")
    if before is not None and before.currency != channel.currency:
        yield conflict(
            f"{channel.code} has prices and orders in {before.currency}: another currency needs another channel.",
            "currency",
        )
    for place, country in enumerate(channel.countries):
        yield from country_problems(country, "countries", place)
    yield from repeated_problems(channel.countries, "The country", "countries")
    for place, language in enumerate(channel.languages):
        yield from language_problems(language, "languages", place)
    yield from repeated_problems(channel.languages, "The language", "languages")
    methods = [method.value for method in channel.payment_methods]
    yield from repeated_problems(methods, "The payment method", "paymentMethods")
    yield from range_problems(channel.max_hold_minutes, 0, _MINUTES_MAX, "maxHoldMinutes")
    yield from range_problems(channel.remorse_minutes, 0, _MINUTES_MAX, "remorseMinutes")
    if channel.incoterm not in _INCOTERMS:
        yield invalid(f"Duties are paid as {' or '.join(_INCOTERMS)} says.", "incoterm")


_INCOTERMS = ("DAP", "DDP")
_MINUTES_MAX = 7 * 24 * 60  # A week: stock held or orders kept back for longer are forgotten ones.


def category_problems(
    names: Sequence[Texts], codes: Sequence[str], parents: Mapping[str, str | None]
) -> Iterator[Problem]:
    """Of the categories of one call. parents: of every category there will be, by code."""
    yield from _repeated_codes(codes, "The category", "categories", "code")
    for place, (code, texts) in enumerate(zip(codes, names, strict=True)):
        yield from code_problems(code, "categories", place, "code")
        yield from name_problems(texts, "categories", place, "name")
        parent = parents[code]
        if parent is not None and parent not in parents:
            yield not_found(f"There is no category {parent!r:.80}.", "categories", place, "parent")
        elif code in ancestors(code, parents):
            yield invalid(f"{code} would lie under itself.", "categories", place, "parent")


def ancestors(code: str, parents: Mapping[str, str | None]) -> list[str]:
    """What a category lies under, nearest first; ends where it comes round again."""
    above: list[str] = []
    parent = parents.get(code)
    while parent is not None and parent not in above:
        above.append(parent)
        parent = parents.get(parent)
    return above


def _repeated_codes(codes: Iterable[str], what: str, argument: str, name: str) -> Iterator[Problem]:
    seen = set()
    for place, code in enumerate(codes):
        if code in seen:
            yield invalid(f"{what} {code!r:.80} is given twice.", argument, place, name)
        seen.add(code)


# ── Products ──


def import_problems(products: Sequence[ImportProduct], known: Known) -> Iterator[Problem]:
    """Of the products of one import, in the order of the input."""
    others = _Others.of(products)
    kept: dict[str, set[str]] = {}
    for variant in known.by_sku.values():
        kept.setdefault(variant.product_code, set()).add(variant.sku)
    stated: set[str] = set()
    for place, product in enumerate(products):
        path = ("products", place)
        if product.code in stated:
            yield invalid(f"The product {product.code!r:.80} is given twice.", *path, "code")
        stated.add(product.code)
        yield from _product_problems(product, known, path)
        if len(kept.get(product.code, set()).union(one.sku for one in product.variants)) > VARIANTS_PER_PRODUCT_MAX:
            yield invalid(f"A product has at most {VARIANTS_PER_PRODUCT_MAX} variants.", *path, "variants")
        for number, one in enumerate(product.variants):
            where = (*path, "variants", number)
            yield from _variant_problems(one, where)
            yield from _identity_problems(one, product.code, (place, number), others, known, where)
            yield from _kit_problems(one, others, known, where)


@dataclass(frozen=True, slots=True)
class _Others:
    """The variants of one import, and where each SKU and GTIN stands first."""

    by_sku: Mapping[str, ImportVariant]
    first_by_sku: Mapping[str, tuple[int, int]]
    first_by_gtin: Mapping[str, tuple[int, int]]
    used: frozenset[str]

    @classmethod
    def of(cls, products: Sequence[ImportProduct]) -> "_Others":
        by_sku: dict[str, ImportVariant] = {}
        first_by_sku: dict[str, tuple[int, int]] = {}
        first_by_gtin: dict[str, tuple[int, int]] = {}
        for place, product in enumerate(products):
            for number, variant in enumerate(product.variants):
                by_sku.setdefault(variant.sku, variant)
                first_by_sku.setdefault(variant.sku, (place, number))
                if variant.gtin is not None:
                    first_by_gtin.setdefault(variant.gtin, (place, number))
        used = {part.sku for variant in by_sku.values() for part in variant.components}
        return cls(by_sku, first_by_sku, first_by_gtin, frozenset(used))


def _product_problems(product: ImportProduct, known: Known, path: Path) -> Iterator[Problem]:
    yield from sku_problems(product.code, *path, "code")
    yield from name_problems(product.names, *path, "name")
    yield from texts_problems(product.descriptions, *path, "description", length_max=DESCRIPTION_LENGTH_MAX)
    yield from text_problems(product.brand, *path, "brand")
    yield from _list_problems(product.category_codes, "The category", *path, "categories")
    for place, code in enumerate(product.category_codes):
        if code not in known.categories:
            yield not_found(f"There is no category {code!r:.80}. Save it first.", *path, "categories", place)
    yield from _list_problems(product.tags, "The tag", *path, "tags")
    for place, tag in enumerate(product.tags):
        yield from text_problems(tag, *path, "tags", place, length_max=CODE_LENGTH_MAX)
    yield from _attributes_problems(product.attributes, *path, "attributes")
    if product.image_url is not None and not (
        len(product.image_url) <= IMAGE_URL_LENGTH_MAX and _IMAGE_URL.fullmatch(product.image_url)
    ):
        yield invalid("An image is given by an http:// or https:// address.", *path, "imageUrl")


def _attributes_problems(attributes: Mapping[str, Any], *path: str | int) -> Iterator[Problem]:
    try:
        written = json.dumps(attributes, allow_nan=False, ensure_ascii=False)
        size = len(written.encode())
    except (TypeError, ValueError, RecursionError):
        yield invalid("Attributes are plain JSON, without NaN and not deeply nested.", *path)
        return
    if size > ATTRIBUTES_BYTES_MAX:
        yield invalid(f"Attributes have at most {ATTRIBUTES_BYTES_MAX} bytes as JSON; these have {size}.", *path)
    if r"\u0000" in written:
        yield invalid("Attributes hold no NUL character.", *path)


def _variant_problems(variant: ImportVariant, path: Path) -> Iterator[Problem]:
    """What can be told of a variant by itself."""
    yield from sku_problems(variant.sku, *path, "sku")
    if variant.gtin is not None and not has_right_check_digit(variant.gtin):
        yield invalid(
            f"{variant.gtin!r:.40} is no GTIN: 8, 12, 13 or 14 digits, the last of them the check digit.", *path, "gtin"
        )
    yield from texts_problems(variant.names, *path, "name")
    if len(variant.options) > LIST_LENGTH_MAX:
        yield invalid(f"A variant has at most {LIST_LENGTH_MAX} options.", *path, "options")
    for place, option in enumerate(variant.options):
        yield from text_problems(option.name, *path, "options", place, "name", length_max=CODE_LENGTH_MAX)
        yield from text_problems(option.value, *path, "options", place, "value")
    yield from _repeated_options(variant, path)
    for place, amount in enumerate(variant.prices.values()):
        if amount < 0:
            yield invalid("A price is zero or more.", *path, "prices", place, "amount")
    yield from amount_problems(variant.cost, *path, "cost")
    yield from range_problems(variant.weight_grams, 0, MEASURE_MAX, *path, "weightGrams")
    yield from range_problems(variant.length_mm, 0, MEASURE_MAX, *path, "lengthMm")
    yield from range_problems(variant.width_mm, 0, MEASURE_MAX, *path, "widthMm")
    yield from range_problems(variant.height_mm, 0, MEASURE_MAX, *path, "heightMm")
    yield from code_problems(variant.tax_class, *path, "taxClass")
    if variant.hs_code is not None and not _HS_CODE.fullmatch(variant.hs_code):
        yield invalid("A Harmonized System code has 6 to 12 digits, without points.", *path, "hsCode")
    yield from country_problems(variant.country_of_origin, *path, "countryOfOrigin")
    yield from range_problems(variant.lead_time_days, 0, LEAD_TIME_DAYS_MAX, *path, "leadTimeDays")


def _repeated_options(variant: ImportVariant, path: Path) -> Iterator[Problem]:
    return repeated_problems((option.name for option in variant.options), "The option", *path, "options")


def _identity_problems(
    variant: ImportVariant, product_code: str, place: tuple[int, int], others: _Others, known: Known, path: Path
) -> Iterator[Problem]:
    """A SKU and a GTIN are one variant's, and stay so; its prices are in channels that there are."""
    if others.first_by_sku[variant.sku] != place:
        yield invalid(f"The SKU {variant.sku!r:.80} is given twice.", *path, "sku")
    owner = known.by_sku.get(variant.sku)
    if owner is not None and owner.product_code != product_code:
        yield conflict(f"{variant.sku} belongs to the product {owner.product_code}.", *path, "sku")
    if variant.gtin is not None:
        holder = known.by_gtin.get(variant.gtin)
        if others.first_by_gtin[variant.gtin] != place:
            yield invalid(f"The GTIN {variant.gtin!r:.40} is given twice.", *path, "gtin")
        elif holder is not None and holder.sku != variant.sku:
            yield conflict(f"{variant.gtin} is the GTIN of {holder.sku}. Take it from there first.", *path, "gtin")
    for number, channel in enumerate(variant.prices):
        if channel not in known.channels:
            yield no_such_channel(channel, *path, "prices", number, "channel")


def no_such_channel(code: str, *path: str | int) -> Problem:
    return not_found(f"There is no channel {code!r:.80}.", *path)


def _kit_problems(variant: ImportVariant, others: _Others, known: Known, path: Path) -> Iterator[Problem]:
    """A kit is made up of things there are, none of them a kit."""
    parts = variant.components
    if len(parts) > COMPONENTS_PER_KIT_MAX:
        yield invalid(f"A kit has at most {COMPONENTS_PER_KIT_MAX} components.", *path, "components")
    if parts and variant.sku in others.used | known.used:
        yield invalid(f"{variant.sku} is a component of a kit, so it cannot be one itself.", *path, "components")
    yield from repeated_problems((part.sku for part in parts), "The component", *path, "components")
    for place, part in enumerate(parts):
        where = (*path, "components", place)
        yield from range_problems(part.quantity, 1, COMPONENT_QUANTITY_MAX, *where, "quantity")
        stated = others.by_sku.get(part.sku) or known.by_sku.get(part.sku)
        if part.sku == variant.sku:
            yield invalid("A kit is not its own component.", *where, "sku")
        elif stated is None:
            yield not_found(f"There is no SKU {part.sku!r:.80}, neither here nor in the catalog.", *where, "sku")
        elif stated.components:
            yield invalid(f"{part.sku} is a kit itself: name what it is made up of.", *where, "sku")


def _list_problems(values: Sequence[str], what: str, *path: str | int) -> Iterator[Problem]:
    if len(values) > LIST_LENGTH_MAX:
        yield invalid(f"At most {LIST_LENGTH_MAX} are kept.", *path)
    yield from repeated_problems(values, what, *path)
