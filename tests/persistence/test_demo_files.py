"""The demo's retailer reads like a shop, is whole, and comes out the same every time."""

from collections import Counter
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.calendar import Weekday
from domain.catalog.model import (
    COMPONENTS_PER_KIT_MAX,
    SKU_LENGTH_MAX,
    ChannelKind,
    FulfillmentTrait,
    ImportProduct,
    ImportVariant,
    PaymentMethod,
)
from domain.customers.model import normalized_email
from domain.inventory.model import InboundSupplyStatus, LocationCapability, StockLocationKind
from domain.places import COUNTRIES, distance_km
from domain.promising.model import ServiceLevel, rate_for
from persistence.demo.files import LANGUAGES, rows
from persistence.demo.goods import gtin
from persistence.demo.places import easter_sunday
from persistence.demo.retailer import Retailer, retailer

TODAY = date(2026, 6, 3)
MARKETS = ("IT", "FR", "DE", "ES", "NL")
PRODUCT_FILES = [f"products/{department}.csv" for department in ("women", "men", "kids", "home")]
# HS chapters of what a seller of fashion and things for the home has.
CHAPTERS = set(map(str, (33, 34, 39, 42, 44, 46, 57, *range(61, 67), *range(68, 72), 73, 82, 90, 91, 94, 95)))


@pytest.fixture(scope="module")
def shop() -> Retailer:
    return retailer(TODAY)


def variants_of(shop: Retailer) -> list[ImportVariant]:
    return [variant for product in shop.products for variant in product.variants]


def kits_of(shop: Retailer) -> list[ImportProduct]:
    return [product for product in shop.products if product.variants[0].components]


def on_hand_by_sku(shop: Retailer) -> Counter[str]:
    found: Counter[str] = Counter()
    for count in shop.stock:
        found[count.sku] += count.on_hand
    return found


# ── The same every time ──


def test_expanding_twice_gives_the_same(shop):
    assert retailer(TODAY) == shop


def test_the_expansion_is_the_one_it_always_was(shop):
    """The anchor: a change here means that every demo, screenshot and benchmark changes with it."""
    linen_shirt = {count.location: count.on_hand for count in shop.stock if count.sku == "W1009-WHT-M"}

    assert len(shop.stock) == 13_705
    assert sum(count.on_hand for count in shop.stock) == 430_701
    assert len(shop.supply) == 474
    assert [linen_shirt[depot] for depot in ("wh-piacenza", "wh-venlo", "3pl-leipzig")] == [168, 91, 27]
    assert [linen_shirt[store] for store in ("milano-torino", "bologna-indipendenza", "berlin-tauentzien")] == [0, 4, 3]


def test_another_seed_moves_the_stock_and_leaves_names_prices_and_places(shop):
    other = retailer(TODAY, seed=8)

    assert other.stock != shop.stock
    assert other.locations == shop.locations
    assert [product.names for product in other.products] == [product.names for product in shop.products]
    assert [one.prices for one in variants_of(other)] == [one.prices for one in variants_of(shop)]


def test_another_day_moves_launches_and_arrivals_and_leaves_the_stock(shop):
    other = retailer(date(2027, 2, 1))

    assert other.stock == shop.stock
    assert other.supply != shop.supply
    assert len(other.supply) == len(shop.supply)


# ── Products ──


def test_the_retailer_has_about_300_products_and_1500_variants(shop):
    assert 290 <= len(shop.products) <= 310
    assert 1400 <= len(variants_of(shop)) <= 1600


def test_codes_skus_and_gtins_are_each_used_once(shop):
    skus = [variant.sku for variant in variants_of(shop)]
    gtins = [variant.gtin for variant in variants_of(shop)]
    codes = [product.code for product in shop.products]

    assert len(set(codes)) == len(codes)
    assert len(set(skus)) == len(skus)
    assert len(set(gtins)) == len(gtins)
    assert all(len(sku) <= SKU_LENGTH_MAX and sku.isascii() for sku in skus)


def test_every_gtin_has_its_check_digit(shop):
    for variant in variants_of(shop):
        assert variant.gtin is not None
        assert len(variant.gtin) == 13
        assert 200 <= int(variant.gtin[:3]) <= 299
        # Read from the right, every second digit counts three times; with the check digit the sum ends in 0.
        assert sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(variant.gtin), 1)) % 10 == 0


def test_the_check_digit_is_the_one_of_a_gtin_worked_out_by_hand():
    assert gtin("W1001", 1) == "2001001000011"  # 2+0+0·3+1+0+0+1·3+0+0+0+0+1·3 = 9, and 1 to the next ten.


def test_every_name_stands_in_four_languages(shop):
    named = [*(product.names for product in shop.products), *(category.names for category in shop.categories)]
    named += [method.names for method in shop.shipping_methods]
    named += [product.descriptions for product in shop.products]
    named += [variant.names for variant in variants_of(shop) if variant.options]

    for names in named:
        assert tuple(names) == LANGUAGES
        assert all(text and text == text.strip() for text in names.values())


def test_the_words_of_colors_sizes_and_materials_stand_in_four_languages():
    for file in ("colors.csv", "sizes.csv", "materials.csv", "care.csv"):
        for row in rows(file):
            assert all(row[language] for language in LANGUAGES), row


def test_a_name_says_what_it_is_and_in_its_department_only_once():
    for file in PRODUCT_FILES:
        for language in LANGUAGES:
            names = [row[language] for row in rows(file)]
            assert max(Counter(names).values()) == 1, Counter(names).most_common(1)
            assert not [name for name in names if {"product", "item", "test"} & set(name.lower().split())]


def test_translations_differ_from_the_english_name_but_for_words_the_trade_shares():
    for file in PRODUCT_FILES:
        same = [row["en"] for row in rows(file) if row["en"] in (row["it"], row["fr"])]
        assert not same


def test_the_variants_of_a_product_differ_in_their_options(shop):
    for product in shop.products:
        options = [variant.options for variant in product.variants]
        assert len(set(options)) == len(options), product.code


def test_every_variant_has_a_price_in_every_channel_above_its_cost(shop):
    channels = {channel.code for channel in shop.channels}

    for variant in variants_of(shop):
        assert set(variant.prices) == channels
        assert variant.cost is not None
        assert 0 < variant.cost.amount_minor < min(variant.prices.values()), variant.sku


def test_some_channels_have_prices_of_their_own(shop):
    shirt = next(variant for variant in variants_of(shop) if variant.sku == "W1009-WHT-M")

    assert shirt.prices == {"web": 5990, "app": 5690, "pos": 5990, "call-center": 5990, "marketplace": 6490}


def test_a_kit_costs_less_than_its_components_one_by_one(shop):
    sold = {variant.sku: variant for variant in variants_of(shop)}

    for kit in kits_of(shop):
        for variant in kit.variants:
            apart = sum(sold[part.sku].prices["web"] * part.quantity for part in variant.components)
            assert variant.prices["web"] < apart, variant.sku


def test_every_kit_component_exists_and_is_no_kit(shop):
    plain = {variant.sku for variant in variants_of(shop) if not variant.components}

    assert 6 <= len(kits_of(shop)) <= 10
    for kit in kits_of(shop):
        for variant in kit.variants:
            assert sum(part.quantity for part in variant.components) > 1
            assert len(variant.components) <= COMPONENTS_PER_KIT_MAX
            assert all(part.sku in plain for part in variant.components)


def test_a_towel_set_is_two_bath_towels_and_two_hand_towels(shop):
    towels = next(variant for variant in variants_of(shop) if variant.sku == "S5001-SAG")

    assert [(part.sku, part.quantity) for part in towels.components] == [("H4101-SAG", 2), ("H4102-SAG", 2)]
    assert towels.weight_grams == 2 * 540 + 2 * 270


def test_every_variant_can_be_weighed_measured_and_declared(shop):
    for variant in variants_of(shop):
        assert variant.weight_grams
        assert variant.length_mm
        assert variant.width_mm
        assert variant.height_mm
        assert variant.tax_class == "standard"
        assert variant.country_of_origin in COUNTRIES
        assert variant.hs_code is not None
        assert len(variant.hs_code) == 6
        assert variant.hs_code.isdigit()
        assert variant.hs_code[:2] in CHAPTERS, variant.sku


@pytest.mark.parametrize(
    ("category", "chapters"),
    [
        ("women-dresses", {"61", "62"}),
        ("women-shoes", {"64"}),
        ("men-shoes", {"64"}),
        ("women-bags", {"42"}),
        ("home-bed", {"63", "94"}),
        ("home-lighting", {"94"}),
        ("home-furniture", {"94"}),
        ("kids-clothing", {"61", "62"}),
    ],
)
def test_goods_are_declared_in_the_chapter_of_their_kind(shop, category, chapters):
    declared = {
        variant.hs_code[:2]
        for product in shop.products
        if category in product.category_codes
        for variant in product.variants
        if variant.hs_code
    }

    assert declared <= chapters
    assert declared


def test_categories_are_a_tree_and_every_product_hangs_on_a_leaf(shop):
    seen: set[str] = set()
    for category in shop.categories:
        assert category.parent_code is None or category.parent_code in seen
        seen.add(category.code)
    parents = {category.code: category.parent_code for category in shop.categories}
    leaves = set(parents) - set(parents.values())

    assert [code for code, parent in parents.items() if parent is None] == ["women", "men", "kids", "home"]
    for product in shop.products:
        leaf, root = product.category_codes
        assert leaf in leaves
        assert parents[leaf] == root
    assert {product.category_codes[0] for product in shop.products} == leaves


def test_traits_stand_where_a_shop_has_them(shop):
    traits = {product.code: product.variants[0].traits for product in shop.products}
    by_leaf: dict[str, set[FulfillmentTrait]] = {}
    for product in shop.products:
        by_leaf.setdefault(product.category_codes[0], set()).update(traits[product.code])

    assert FulfillmentTrait.BULKY in by_leaf["home-furniture"]
    assert FulfillmentTrait.NON_RETURNABLE in by_leaf["women-lingerie"]
    assert FulfillmentTrait.NON_RETURNABLE in traits["W1087"]
    assert sum(FulfillmentTrait.STORE_ONLY in one for one in traits.values()) == 3
    assert FulfillmentTrait.DANGEROUS_GOODS in traits["H4406"]


def test_what_is_made_to_order_says_how_long_it_takes(shop):
    made = [variant for variant in variants_of(shop) if FulfillmentTrait.MADE_TO_ORDER in variant.traits]

    assert len({variant.sku.split("-")[0] for variant in made}) >= 5
    assert all(variant.lead_time_days > 0 for variant in made)
    assert all(variant.lead_time_days == 0 for variant in variants_of(shop) if variant not in made)


def test_some_products_are_not_yet_launched_and_stand_in_no_store(shop):
    now = datetime(TODAY.year, TODAY.month, TODAY.day, 23, 59, tzinfo=UTC)
    coming = {variant.sku for variant in variants_of(shop) if variant.launch_at and variant.launch_at > now}
    stores = {location.code for location in shop.locations if location.kind is StockLocationKind.STORE}

    assert len({sku.split("-")[0] for sku in coming}) >= 5
    assert not [count for count in shop.stock if count.sku in coming and count.location in stores]


# ── Places, channels, shipping, people ──


def test_there_are_24_locations_of_their_kinds(shop):
    kinds = Counter(location.kind for location in shop.locations)

    assert kinds == {
        StockLocationKind.WAREHOUSE: 3,
        StockLocationKind.STORE: 18,
        StockLocationKind.SUPPLIER: 1,
        StockLocationKind.THIRD_PARTY: 2,
    }
    assert {location.address.country for location in shop.locations} == set(MARKETS)
    assert len({location.code for location in shop.locations}) == 24


def test_capabilities_fit_the_kind_of_place(shop):
    ship, pickup, returns = LocationCapability.SHIP, LocationCapability.PICKUP, LocationCapability.RETURNS
    stores = [location for location in shop.locations if location.kind is StockLocationKind.STORE]

    assert sum(location.capabilities == {pickup} for location in stores) == 2
    assert sum({ship, pickup, returns} <= location.capabilities for location in stores) == 16
    for location in shop.locations:
        if location.kind is StockLocationKind.WAREHOUSE:
            assert location.capabilities == {ship, returns}
        if location.kind is StockLocationKind.SUPPLIER:
            assert location.capabilities == {ship}
    third = [one.capabilities for one in shop.locations if one.kind is StockLocationKind.THIRD_PARTY]
    assert {ship} in third


def test_every_place_opens_on_time_and_in_its_zone(shop):
    for location in shop.locations:
        assert ZoneInfo(location.timezone)
        assert location.opening_hours
        assert all(hours.opens < hours.closes for hours in location.opening_hours)
        assert location.daily_capacity
        assert location.handling_cost is not None
        assert location.stock_accuracy is not None
        assert 0.85 <= location.stock_accuracy <= 1


def test_opening_hours_differ_as_they_do_in_life(shop):
    open_on = {one.code: [hours.weekday for hours in one.opening_hours] for one in shop.locations}
    by_code = {location.code: location for location in shop.locations}

    assert Weekday.SUNDAY not in open_on["berlin-tauentzien"]
    assert Weekday.SUNDAY in open_on["milano-torino"]
    assert not {Weekday.SATURDAY, Weekday.SUNDAY} & set(open_on["sup-cantu"])
    assert by_code["lille-bethune"].opening_hours[0].opens.hour == 14
    assert open_on["napoli-chiaia"].count(Weekday.FRIDAY) == 2


def test_places_are_closed_on_the_public_holidays_of_this_year_and_next(shop):
    closures = {location.code: location.closures for location in shop.locations}

    assert date(2026, 8, 15) in closures["milano-torino"]
    assert date(2027, 4, 25) in closures["milano-torino"]
    assert date(2026, 7, 14) in closures["paris-rivoli"]
    assert date(2026, 10, 3) in closures["berlin-tauentzien"]
    assert date(2026, 4, 6) in closures["berlin-tauentzien"]  # Easter Monday.
    assert all({day.year for day in days} == {2026, 2027} for days in closures.values())
    assert all(list(days) == sorted(set(days)) for days in closures.values())


@pytest.mark.parametrize(
    "sunday", [date(2024, 3, 31), date(2025, 4, 20), date(2026, 4, 5), date(2027, 3, 28), date(2038, 4, 25)]
)
def test_easter_falls_where_the_calendar_has_it(sunday):
    assert easter_sunday(sunday.year) == sunday


def test_stores_and_people_stand_in_their_own_country(shop):
    """Roughly: nearer than 1,000 km to the middle of it, and no two stores on one spot."""
    middles = {"IT": (42.8, 12.5), "FR": (46.6, 2.4), "DE": (51.1, 10.4), "ES": (40.2, -3.6), "NL": (52.2, 5.4)}
    addresses = [location.address for location in shop.locations]
    addresses += [address for customer in shop.customers for address in customer.addresses]

    for address in addresses:
        assert address.point is not None
        assert address.postal_code
        latitude, longitude = middles[address.country]
        middle = type(address.point)(latitude, longitude)
        assert distance_km(address.point, middle) < 1000, address
    assert len({location.address.point for location in shop.locations}) == 24


def test_five_channels_sell_in_euro_to_five_countries_in_four_languages(shop):
    assert [channel.code for channel in shop.channels] == ["web", "app", "pos", "call-center", "marketplace"]
    for channel in shop.channels:
        assert channel.currency == "EUR"
        assert channel.countries == MARKETS
        assert channel.languages == LANGUAGES
        assert channel.prices_include_tax
        assert channel.max_hold_minutes > 0
        assert channel.remorse_minutes == 0


def test_cash_is_for_stores_and_invoices_are_for_staff_and_partners(shop):
    for channel in shop.channels:
        assert (PaymentMethod.CASH in channel.payment_methods) == (channel.kind is ChannelKind.POS)
        if channel.kind in (ChannelKind.WEB, ChannelKind.APP):
            assert channel.payment_methods == (PaymentMethod.CARD, PaymentMethod.WALLET)


def test_every_market_is_served_at_three_levels_and_anything_can_be_sent(shop):
    heaviest = max(variant.weight_grams or 0 for variant in variants_of(shop))

    for country in MARKETS:
        serving = [
            method
            for method in shop.shipping_methods
            if rate_for(method, country=country, region=None, weight_grams=800, currency="EUR")
        ]
        assert {method.service_level for method in serving} == {
            ServiceLevel.ECONOMY,
            ServiceLevel.STANDARD,
            ServiceLevel.EXPRESS,
        }
        assert any(
            rate_for(method, country=country, region=None, weight_grams=heaviest, currency="EUR")
            for method in shop.shipping_methods
        )


def test_rates_and_transit_days_make_sense(shop):
    for method in shop.shipping_methods:
        assert set(method.countries) == set(MARKETS)
        for rate in method.rates:
            assert rate.min_transit_days <= rate.max_transit_days
            assert rate.free_from is None or rate.free_from > rate.price


def test_customers_have_addresses_that_no_letter_reaches_by_mistake(shop):
    emails = [customer.email or "" for customer in shop.customers]

    assert 24 <= len(shop.customers) <= 60
    assert {customer.addresses[0].country for customer in shop.customers} == set(MARKETS)
    assert [customer.id for customer in shop.customers][:2] == ["cus_demo_001", "cus_demo_002"]
    assert len(set(emails)) == len(emails)
    assert all(email.endswith(("@example.com", "@example.org", "@example.net")) for email in emails)
    assert all(email == normalized_email(email) for email in emails)
    assert all(customer.language in LANGUAGES for customer in shop.customers)


# ── Stock and supply ──


def test_every_level_is_of_a_known_sku_at_a_known_place_once(shop):
    plain = {variant.sku for variant in variants_of(shop) if not variant.components}
    places = {location.code for location in shop.locations}

    assert {count.sku for count in shop.stock} == plain
    assert {count.location for count in shop.stock} == places
    assert len({(count.sku, count.location) for count in shop.stock}) == len(shop.stock)
    assert all(count.on_hand >= 0 and count.bin for count in shop.stock)


def test_stock_has_a_long_tail(shop):
    on_hand = sorted(on_hand_by_sku(shop).values())

    assert on_hand[-10] > 2000
    assert on_hand[len(on_hand) // 2] < 60
    assert sum(units > 1000 for units in on_hand) < len(on_hand) // 8


def test_some_skus_are_out_of_stock_everywhere(shop):
    gone = [sku for sku, units in on_hand_by_sku(shop).items() if units == 0]

    assert 20 < len(gone) < 150


def test_store_sizes_are_broken_in_the_middle(shop):
    stores = {location.code for location in shop.locations if location.kind is StockLocationKind.STORE}
    shelves = [count for count in shop.stock if count.location in stores]

    def gone(size: str) -> float:
        listed = [count for count in shelves if count.sku.endswith(f"-{size}")]
        return sum(count.on_hand == 0 for count in listed) / len(listed)

    assert gone("M") > gone("XS") + 0.1
    assert gone("L") > gone("XL") + 0.1


def test_most_store_cells_are_empty(shop):
    stores = [location.code for location in shop.locations if location.kind is StockLocationKind.STORE]
    filled = sum(count.on_hand > 0 for count in shop.stock if count.location in stores)

    assert filled < 0.4 * len(stores) * len(variants_of(shop))


def test_some_stores_keep_one_unit_back(shop):
    kept = {count.location for count in shop.stock if count.safety_stock}

    assert kept == {"napoli-chiaia", "bordeaux-sainte-catherine", "muenchen-kaufinger", "amsterdam-kalverstraat"}
    assert all(count.safety_stock in (0, 1) for count in shop.stock)


def test_what_only_stores_sell_lies_only_in_stores(shop):
    only = {variant.sku for variant in variants_of(shop) if FulfillmentTrait.STORE_ONLY in variant.traits}
    stores = {location.code for location in shop.locations if location.kind is StockLocationKind.STORE}

    places = {count.location for count in shop.stock if count.sku in only}
    assert places
    assert places <= stores


def test_furniture_lies_in_no_store_but_what_only_stores_sell(shop):
    bulky = {
        variant.sku
        for variant in variants_of(shop)
        if FulfillmentTrait.BULKY in variant.traits and FulfillmentTrait.STORE_ONLY not in variant.traits
    }
    stores = {location.code for location in shop.locations if location.kind is StockLocationKind.STORE}

    assert not [count for count in shop.stock if count.sku in bulky and count.location in stores]


def test_most_kits_can_be_sold(shop):
    on_hand = {(count.sku, count.location): count.on_hand for count in shop.stock}
    variants = [variant for kit in kits_of(shop) for variant in kit.variants]

    whole = [
        variant.sku
        for variant in variants
        if all(on_hand.get((part.sku, "wh-piacenza"), 0) >= part.quantity for part in variant.components)
    ]
    assert len(whole) >= len(variants) * 0.7


def test_supply_comes_to_known_places_after_today(shop):
    plain = {variant.sku for variant in variants_of(shop) if not variant.components}
    places = {location.code for location in shop.locations}

    for supply in shop.supply:
        assert supply.sku in plain
        assert supply.destination in places
        assert supply.origin is None or supply.origin in places
        assert supply.origin != supply.destination
        assert supply.ordered > 0
        assert supply.received == supply.allocated == 0
        assert 0 < (supply.expected_at.date() - TODAY).days < 60
        assert supply.expected_at.tzinfo is UTC
    assert len({supply.id for supply in shop.supply}) == len(shop.supply)


def test_purchases_are_on_order_and_transfers_are_in_transit(shop):
    found = Counter((supply.kind.value, supply.status) for supply in shop.supply)

    assert found["PURCHASE_ORDER", InboundSupplyStatus.ON_ORDER] > 50
    assert found["PURCHASE_ORDER", InboundSupplyStatus.IN_TRANSIT] > 10
    assert found["TRANSFER", InboundSupplyStatus.IN_TRANSIT] > 30
    assert found["PRODUCTION", InboundSupplyStatus.ON_ORDER] == 3


def test_a_transfer_brings_what_the_store_has_run_out_of(shop):
    on_hand = {(count.sku, count.location): count.on_hand for count in shop.stock}

    for supply in shop.supply:
        if supply.kind.value == "TRANSFER":
            assert on_hand[supply.sku, supply.destination] == 0
            assert on_hand[supply.sku, "wh-piacenza"] > 0


def test_one_reference_goes_to_one_place_at_one_time(shop):
    trips: dict[str, set[tuple[str, datetime]]] = {}
    for supply in shop.supply:
        trips.setdefault(supply.reference, set()).add((supply.destination, supply.expected_at))

    assert all(len(ends) == 1 for ends in trips.values())
