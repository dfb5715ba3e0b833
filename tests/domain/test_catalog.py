"""What the catalog refuses, and where in the input it says so."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.model import (
    COMPONENTS_PER_KIT_MAX,
    SKU_LENGTH_MAX,
    VARIANTS_PER_PRODUCT_MAX,
    Channel,
    ChannelKind,
    Component,
    ImportProduct,
    ImportVariant,
    Product,
    ProductStatus,
    Variant,
    VariantOption,
    searchable,
    text_in,
    variant_name,
)
from domain.catalog.rules import (
    ATTRIBUTES_BYTES_MAX,
    Known,
    category_problems,
    channel_problems,
    has_right_check_digit,
    import_problems,
)
from domain.errors import ErrorCode
from domain.money import Money

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
WEB = Channel(
    code="web",
    name="Shop",
    kind=ChannelKind.WEB,
    currency="EUR",
    countries=("IT", "FR"),
    languages=("it", "fr-CA"),
    prices_include_tax=True,
)
SHIRT = ImportVariant(sku="SHIRT-M", prices={"web": 4990})
LINEN = ImportProduct(code="LINEN", names={"en": "Linen shirt"}, variants=(SHIRT,))
KNOWN = Known(channels={"web": WEB}, categories=frozenset({"shirts"}))


def kept(sku: str, product_code: str = "OTHER", **fields) -> Variant:
    """A variant as the catalog holds it."""
    nothing = dict.fromkeys(
        [
            "gtin",
            "cost",
            "weight_grams",
            "length_mm",
            "width_mm",
            "height_mm",
            "hs_code",
            "country_of_origin",
            "launch_at",
        ]
    )
    stated = {
        "sku": sku,
        "product_code": product_code,
        "product_names": {"en": "Linen shirt", "it": "Camicia di lino"},
        "product_status": ProductStatus.ACTIVE,
        "names": {},
        "options": (),
        "prices": {},
        "tax_class": "standard",
        "traits": frozenset(),
        "lead_time_days": 0,
        "components": (),
    }
    return Variant(**nothing | stated | fields)


def refused(*products: ImportProduct, known: Known = KNOWN) -> list[tuple[ErrorCode, str]]:
    return [(problem.code, "/".join(problem.path)) for problem in import_problems(products, known)]


def of_variant(known: Known = KNOWN, **fields) -> list[tuple[ErrorCode, str]]:
    """What is wrong with one variant, at paths below it."""
    product = replace(LINEN, variants=(replace(SHIRT, **fields),))
    return [(code, path.removeprefix("products/0/variants/0/")) for code, path in refused(product, known=known)]


def of_product(**fields) -> list[tuple[ErrorCode, str]]:
    return [(code, path.removeprefix("products/0/")) for code, path in refused(replace(LINEN, **fields))]


def test_a_product_that_is_right_is_not_refused():
    kit = ImportVariant(sku="SET", components=(Component("SHIRT-M", 2), Component("BELT", 1)), prices={"web": 0})
    product = replace(LINEN, variants=(SHIRT, kit), category_codes=("shirts",), tags=("summer",))

    assert refused(product, known=replace(KNOWN, by_sku={"BELT": kept("BELT")})) == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"sku": ""}, "sku"),
        ({"sku": " A"}, "sku"),
        ({"sku": "A\nB"}, "sku"),
        ({"sku": "Ä"}, "sku"),
        ({"sku": "A" * (SKU_LENGTH_MAX + 1)}, "sku"),
        ({"gtin": "4006381333932"}, "gtin"),
        ({"gtin": "40063813339"}, "gtin"),
        ({"gtin": "٤٠٠٦٣٨١٣٣٣٩٣١"}, "gtin"),
        ({"names": {"english": "Shirt"}}, "name/0/language"),
        ({"names": {"en": "Shirt", "it": " "}}, "name/1/text"),
        ({"options": (VariantOption("", "M"),)}, "options/0/name"),
        ({"options": (VariantOption("size", "M"), VariantOption("size", "L"))}, "options/1"),
        ({"prices": {"web": -1}}, "prices/0/amount"),
        ({"cost": Money(-1, "EUR")}, "cost/amount"),
        ({"cost": Money(1, "EURO")}, "cost/currency"),
        ({"weight_grams": -1}, "weightGrams"),
        ({"height_mm": 10**9}, "heightMm"),
        ({"tax_class": "no class"}, "taxClass"),
        ({"hs_code": "61091"}, "hsCode"),
        ({"hs_code": "6109.10"}, "hsCode"),
        ({"country_of_origin": "it"}, "countryOfOrigin"),
        ({"lead_time_days": -1}, "leadTimeDays"),
        ({"components": (Component("SHIRT-M", 1),)}, "components/0/sku"),
        ({"components": (Component("BELT", 0),)}, "components/0/quantity"),
        ({"components": (Component("BELT", 1), Component("BELT", 1))}, "components/1"),
        ({"components": (Component("SET", 1),)}, "components/0/sku"),
        ({"components": tuple(Component("BELT", 1) for _ in range(COMPONENTS_PER_KIT_MAX + 1))}, "components"),
    ],
)
def test_a_variant_is_refused_where_it_is_wrong(fields, path):
    set_of_two = kept("SET", components=(Component("BELT", 2),))
    known = replace(KNOWN, by_sku={"BELT": kept("BELT"), "SET": set_of_two})

    assert (ErrorCode.INVALID, path) in of_variant(known, **fields)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"prices": {"shop": 1}}, "prices/0/channel"),
        ({"components": (Component("NOWHERE", 1),)}, "components/0/sku"),
    ],
)
def test_what_a_variant_speaks_of_must_be_there(fields, path):
    assert of_variant(**fields) == [(ErrorCode.NOT_FOUND, path)]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"code": ""}, "code"),
        ({"names": {}}, "name"),
        ({"names": {"en": "x" * 501}}, "name/0/text"),
        ({"names": {"en": "a\0b"}}, "name/0/text"),
        ({"names": {"en": "half \ud83d"}}, "name/0/text"),
        ({"descriptions": {"EN": "A shirt."}}, "description/0/language"),
        ({"brand": ""}, "brand"),
        ({"tags": ("summer", "summer")}, "tags/1"),
        ({"tags": ("",)}, "tags/0"),
        ({"attributes": {"a": float("nan")}}, "attributes"),
        ({"attributes": {"a": "x" * ATTRIBUTES_BYTES_MAX}}, "attributes"),
        ({"attributes": {"a": "\0"}}, "attributes"),
        ({"attributes": {"a": "half \ud83d"}}, "attributes"),
        ({"image_url": "javascript:alert(1)"}, "imageUrl"),
        (
            {"variants": tuple(ImportVariant(sku=f"S-{number}") for number in range(VARIANTS_PER_PRODUCT_MAX + 1))},
            "variants",
        ),
    ],
)
def test_a_product_is_refused_where_it_is_wrong(fields, path):
    assert of_product(**fields) == [(ErrorCode.INVALID, path)]


def test_a_category_that_is_not_there_is_named():
    assert of_product(category_codes=("shirts", "hats")) == [(ErrorCode.NOT_FOUND, "categories/1")]


def test_attributes_nested_too_deeply_are_refused_and_not_a_fault():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]

    assert of_product(attributes={"a": deep}) == [(ErrorCode.INVALID, "attributes")]


def test_every_problem_of_an_import_is_named_with_its_path():
    first = replace(LINEN, names={})
    second = replace(LINEN, code="WOOL", variants=(replace(SHIRT, gtin="1"), replace(SHIRT, sku="")))

    assert [path for _, path in refused(first, second)] == [
        "products/0/name",
        "products/1/variants/0/gtin",
        "products/1/variants/0/sku",
        "products/1/variants/1/sku",
    ]


def test_a_sku_stands_once_in_an_import_and_belongs_to_one_product():
    twice = replace(LINEN, variants=(SHIRT, SHIRT))
    taken = replace(KNOWN, by_sku={"SHIRT-M": kept("SHIRT-M", "OTHER")})

    assert refused(twice) == [(ErrorCode.INVALID, "products/0/variants/1/sku")]
    assert refused(LINEN, known=taken) == [(ErrorCode.CONFLICT, "products/0/variants/0/sku")]


def test_a_gtin_is_one_variants():
    gtin = "4006381333931"
    taken = replace(KNOWN, by_gtin={gtin: kept("OTHER", gtin=gtin)})
    pair = (replace(SHIRT, gtin=gtin), replace(SHIRT, sku="SHIRT-L", gtin=gtin))

    assert refused(replace(LINEN, variants=pair)) == [(ErrorCode.INVALID, "products/0/variants/1/gtin")]
    assert of_variant(taken, gtin=gtin) == [(ErrorCode.CONFLICT, "gtin")]


@pytest.mark.parametrize(
    "known", [replace(KNOWN, used=frozenset({"SHIRT-M"}), by_sku={"BELT": kept("BELT")}), KNOWN], ids=["kept", "stated"]
)
def test_what_a_kit_is_made_up_of_does_not_become_a_kit(known):
    kit = replace(SHIRT, components=(Component("BELT", 1),))
    others = (ImportVariant(sku="BELT"), ImportVariant(sku="SET", components=(Component("SHIRT-M", 1),)))

    assert (ErrorCode.INVALID, "products/0/variants/0/components") in refused(
        replace(LINEN, variants=(kit, *others)), known=known
    )


def test_the_variants_that_a_product_keeps_count_against_its_limit():
    there = {f"S-{number}": kept(f"S-{number}", "LINEN") for number in range(VARIANTS_PER_PRODUCT_MAX)}

    assert refused(LINEN, known=replace(KNOWN, by_sku=there)) == [(ErrorCode.INVALID, "products/0/variants")]


@given(st.integers(0, 10**13 - 1), st.integers(0, 9))
def test_one_check_digit_of_ten_is_right(body, digit):
    right = [last for last in range(10) if has_right_check_digit(f"{body:013d}{last}")]

    assert len(right) == 1
    assert has_right_check_digit(f"{body:013d}{digit}") == (digit == right[0])


def test_known_gtins_are_right():
    """Those that GS1's own pages show."""
    assert all(has_right_check_digit(gtin) for gtin in ["96385074", "614141007349", "6291041500213", "10614141543219"])


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"code": "a b"}, "code"),
        ({"name": ""}, "name"),
        ({"currency": "EUROS"}, "currency"),
        ({"countries": ("IT", "ZZ")}, "countries/1"),
        ({"countries": ("IT", "IT")}, "countries/1"),
        ({"languages": ("it_IT",)}, "languages/0"),
        ({"max_hold_minutes": -1}, "maxHoldMinutes"),
        ({"remorse_minutes": 10**6}, "remorseMinutes"),
        ({"incoterm": "EXW"}, "incoterm"),
    ],
)
def test_a_channel_is_refused_where_it_is_wrong(fields, path):
    problems = list(channel_problems(replace(WEB, **fields), None))

    assert [(problem.code, "/".join(problem.path)) for problem in problems] == [(ErrorCode.INVALID, path)]


def test_a_channel_keeps_its_currency():
    (problem,) = channel_problems(replace(WEB, currency="JPY"), WEB)

    assert (problem.code, problem.path) == (ErrorCode.CONFLICT, ("currency",))


def test_a_category_does_not_lie_under_itself_nor_under_nothing():
    parents = {"a": "b", "b": "a", "c": "nowhere", "d": "c"}

    problems = list(category_problems([{"en": "x"}] * 4, list(parents), parents))

    assert [(problem.code, problem.path[1]) for problem in problems] == [
        (ErrorCode.INVALID, "0"),
        (ErrorCode.INVALID, "1"),
        (ErrorCode.NOT_FOUND, "2"),
    ]


@pytest.mark.parametrize(
    ("languages", "text"),
    [(("fr",), "le"), (("fr-CA",), "le"), (("de", "it"), "il"), ((None, "it"), "il"), (("de",), "the"), ((), "the")],
)
def test_a_text_comes_in_the_first_language_that_it_has(languages, text):
    assert text_in({"en": "the", "fr": "le", "it": "il"}, *languages) == text


def test_a_variant_without_a_name_has_its_products_and_what_was_chosen():
    variant = kept("A", options=(VariantOption("color", "Sand"), VariantOption("size", "M")))

    assert variant_name(variant, "it") == "Camicia di lino, Sand, M"
    assert variant_name(replace(variant, names={"en": "Shirt"}), "it") == "Shirt"


def test_a_search_does_not_tell_capital_from_small_letters():
    assert searchable("STRASSE Émile") == searchable("straße émile")


def test_a_product_has_no_more_fields_than_its_import_states():
    """Whoever adds a field to one adds it to the other."""
    made_here = {"created_at", "updated_at"}

    assert {*Product.__slots__} - made_here == {*ImportProduct.__slots__} - {"variants"}
