"""The demo retailer's channels, categories, products and kits, expanded from their files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from domain.catalog.model import (
    ChannelKind,
    Component,
    FulfillmentTrait,
    ImportProduct,
    ImportVariant,
    PaymentMethod,
    SaveCategory,
    SaveChannel,
    Texts,
    VariantOption,
)
from domain.money import Money
from persistence.demo.files import LANGUAGES, Chance, Row, money, rows, rows_by, table, texts

_DEPARTMENTS = ("women", "men", "kids", "home")
_TIMES = "\N{MULTIPLICATION SIGN}"
_SIDES = ("length", "width", "height")
_CURRENCY = "EUR"
_LAUNCH_HOUR = time(8, tzinfo=UTC)


def channels() -> tuple[SaveChannel, ...]:
    shared = table("channels.toml")
    return tuple(
        SaveChannel(
            code=channel["code"],
            name=channel["name"],
            kind=ChannelKind(channel["kind"]),
            currency=shared["currency"],
            countries=tuple(shared["countries"]),
            languages=tuple(shared["languages"]),
            prices_include_tax=shared["prices_include_tax"],
            payment_methods=tuple(PaymentMethod(method) for method in channel["payment_methods"]),
            max_hold_minutes=channel["max_hold_minutes"],
            remorse_minutes=channel["remorse_minutes"],
            incoterm=shared["incoterm"],
        )
        for channel in shared["channels"]
    )


def categories() -> tuple[SaveCategory, ...]:
    """Parents stand before their children."""
    return tuple(
        SaveCategory(code=row["code"], names=texts(row), parent_code=row["parent"] or None)
        for row in rows("categories.csv")
    )


def products(today: date, seed: int) -> tuple[ImportProduct, ...]:
    """Every product, and after them the kits that are made up of them."""
    words = _Words.read()
    single = [
        _product(row, words, today, seed) for department in _DEPARTMENTS for row in rows(f"products/{department}.csv")
    ]
    sold = {variant.sku: (product, variant) for product in single for variant in product.variants}
    return (*single, *(_kit(row, words, sold) for row in rows("kits.csv")))


def gtin(code: str, number: int) -> str:
    """A GTIN-13 of the in-store range (prefix 200) for a style's n-th variant.

    Source: GS1 General Specifications, "Standard check digit calculations" (200 to 299 are in-store prefixes).
    """
    digits = f"200{code[1:]}{number:05d}"
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighed % 10}"


@dataclass(frozen=True, slots=True)
class _Words:
    """The small files that the product rows speak in."""

    kinds: Mapping[str, Row]
    colors: Mapping[str, Row]
    sizes: Mapping[str, Sequence[Row]]
    materials: Mapping[str, Row]
    care: Mapping[str, Row]
    brands: Mapping[str, Row]
    roots: Mapping[str, str]
    price_factors: Mapping[str, Decimal]

    @classmethod
    def read(cls) -> "_Words":
        sizes: dict[str, list[Row]] = {}
        for row in rows("sizes.csv"):
            sizes.setdefault(row["scale"], []).append(row)
        return cls(
            kinds=rows_by("kind", "kinds.csv"),
            colors=rows_by("code", "colors.csv"),
            sizes=sizes,
            materials=rows_by("code", "materials.csv"),
            care=rows_by("code", "care.csv"),
            brands=rows_by("code", "brands.csv"),
            roots={row["code"]: row["parent"] for row in rows("categories.csv")},
            price_factors={one["code"]: Decimal(one["price_factor"]) for one in table("channels.toml")["channels"]},
        )


def _product(row: Row, words: _Words, today: date, seed: int) -> ImportProduct:
    kind, material = words.kinds[row["kind"]], words.materials[row["material"]]
    brand = words.brands[kind["brand"]]
    names = texts(row)
    length_mm, width_mm, height_mm = _sides(row["size_mm"], kind)
    margin = Chance(seed, "cost", row["code"]).between(90, 110)
    common = ImportVariant(
        sku=row["code"],
        length_mm=length_mm,
        width_mm=width_mm,
        height_mm=height_mm,
        hs_code=row["hs"],
        country_of_origin=row["origin"],
        traits=frozenset(FulfillmentTrait(trait) for trait in f"{kind['traits']} {row['traits']}".split()),
        lead_time_days=int(row["lead_days"] or 0),
        launch_at=_launch(row["launch_days"], today),
    )
    variants = []
    for number, (color, size) in enumerate(_cells(row["colors"], row["sizes"] or kind["scale"], words), start=1):
        chosen = [one for one in (color, size) if one]
        list_price = _list_price(row["price"], size)
        cost = Decimal(list_price.amount_minor) * Decimal(brand["cost_share"]) * margin / 100
        variants.append(
            replace(
                common,
                sku="-".join([row["code"], *(one["code"] for one in chosen)]),
                gtin=gtin(row["code"], number),
                names=_variant_names(names, chosen),
                options=_options(color, size),
                prices=_prices(list_price, words),
                cost=Money(int(cost), _CURRENCY),
                weight_grams=_weight(row["weight_g"] or kind["weight_g"], size),
            )
        )
    return ImportProduct(
        code=row["code"],
        names=names,
        variants=tuple(variants),
        descriptions=_description(material, words.care[material["care"]]),
        brand=brand["name"],
        category_codes=_with_root(kind["category"], words),
        tags=tuple(row["tags"].split()),
        attributes={"material": row["material"], "care": material["care"]},
    )


def _kit(row: Row, words: _Words, sold: Mapping[str, tuple[ImportProduct, ImportVariant]]) -> ImportProduct:
    """A kit in each of its colors; what it weighs and is for customs comes from what lies in it."""
    kind, names = words.kinds["h-kit"], texts(row)
    length_mm, width_mm, height_mm = _sides("", kind)
    variants = []
    for number, (color, _) in enumerate(_cells(row["colors"], "", words), start=1):
        components = _components(row["components"], color)
        parts = [(*sold[component.sku], component.quantity) for component in components]
        first = parts[0][1]
        chosen = [color] if color else []
        variants.append(
            ImportVariant(
                sku="-".join([row["code"], *(one["code"] for one in chosen)]),
                gtin=gtin(row["code"], number),
                names=_variant_names(names, chosen),
                options=_options(color, None),
                prices=_prices(money(row["price"], _CURRENCY), words),
                cost=Money(sum(part.cost.amount_minor * times for _, part, times in parts if part.cost), _CURRENCY),
                weight_grams=sum((part.weight_grams or 0) * times for _, part, times in parts),
                length_mm=length_mm,
                width_mm=width_mm,
                height_mm=height_mm,
                hs_code=first.hs_code,
                country_of_origin=first.country_of_origin,
                components=components,
            )
        )
    return ImportProduct(
        code=row["code"],
        names=names,
        variants=tuple(variants),
        descriptions={
            language: ", ".join(f"{times} {_TIMES} {product.names[language]}" for product, _, times in parts)
            for language in LANGUAGES
        },
        brand=words.brands[kind["brand"]]["name"],
        category_codes=_with_root(kind["category"], words),
        tags=tuple(row["tags"].split()),
    )


def _cells(colors: str, scale: str, words: _Words) -> Iterator[tuple[Row | None, Row | None]]:
    """Every color in every size; a product without the one or the other has None there."""
    for color in colors.split() or [""]:
        for size in words.sizes[scale] if scale else [None]:
            yield words.colors[color] if color else None, size


def _components(text: str, color: Row | None) -> tuple[Component, ...]:
    """From "H4101-{color}:2 H4111:1"."""
    parts = [part.split(":") for part in text.format(color=color["code"] if color else "").split()]
    return tuple(Component(sku, int(quantity)) for sku, quantity in parts)


def _variant_names(names: Texts, chosen: Sequence[Row]) -> Texts:
    """ "Linen shirt, Sand, M" in each language; empty where there is nothing to choose."""
    if not chosen:
        return {}
    return {language: ", ".join([names[language], *(one[language] for one in chosen)]) for language in LANGUAGES}


def _options(color: Row | None, size: Row | None) -> tuple[VariantOption, ...]:
    return tuple(VariantOption(name, one["en"]) for name, one in (("color", color), ("size", size)) if one)


def _description(material: Row, care: Row) -> Texts:
    return {language: f"{material[language]}. {care[language]}" for language in LANGUAGES}


def _with_root(category: str, words: _Words) -> tuple[str, ...]:
    return category, words.roots[category]


def _launch(days: str, today: date) -> datetime | None:
    return datetime.combine(today + timedelta(days=int(days)), _LAUNCH_HOUR) if days else None


def _sides(size_mm: str, kind: Row) -> tuple[int, int, int]:
    """Length, width and height from "420x330x300", else those of its kind."""
    length, width, height = size_mm.split("x") if size_mm else (kind[f"{side}_mm"] for side in _SIDES)
    return int(length), int(width), int(height)


def _weight(grams: str, size: Row | None) -> int:
    factor = Decimal(size["weight_factor"]) if size else Decimal(1)
    return int((int(grams) * factor).to_integral_value(ROUND_HALF_UP))


def _list_price(price: str, size: Row | None) -> Money:
    return _at_factor(money(price, _CURRENCY), Decimal(size["price_factor"]) if size else Decimal(1))


def _prices(list_price: Money, words: _Words) -> dict[str, int]:
    return {code: _at_factor(list_price, factor).amount_minor for code, factor in words.price_factors.items()}


def _at_factor(price: Money, factor: Decimal) -> Money:
    """A price that ends as shops write it: 90 cents after the nearest whole amount."""
    if factor == 1:
        return price
    whole = ((price.amount_minor * factor - 90) / 100).to_integral_value(ROUND_HALF_UP)
    return Money(int(whole) * 100 + 90, price.currency)
