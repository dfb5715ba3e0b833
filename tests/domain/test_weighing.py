"""Every rule of an availability view, alone and together: which places count, what is kept back, what may be sold."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from domain.availability.model import AvailabilityStatus, FutureAvailability
from domain.availability.views import (
    AvailabilityRules,
    FinanceRule,
    KeepBackRule,
    LocationRule,
    ProductRule,
    StoreRule,
    SupplyRule,
)
from domain.calendar import OpeningHours, Weekday
from domain.inventory.model import InboundSupplyKind, InboundSupplyStatus, LocationCapability, StockLocationKind
from domain.money import Money
from domain.places import Address, Destination
from tests.domain.stock import MILAN, PARIS, ROME, a_level, a_location_at, a_variant, answered, due
from tests.factories import NOW, a_location

STORE = StockLocationKind.STORE
WAREHOUSE = StockLocationKind.WAREHOUSE
FAMILIES = {"clothes": frozenset({"clothes"}), "shirts": frozenset({"shirts", "clothes"}), "toys": frozenset({"toys"})}


def asked(*places, **facts):
    """Of ten at each place."""
    return answered(*(a_level("SHIRT", place.code, on_hand=10) for place in places), locations=places, **facts)


def counted(*places, **facts) -> list[str]:
    return sorted(place.location.code for place in asked(*places, **facts).places)


def because(*places, **facts) -> list[str]:
    return [why.because for why in asked(*places, **facts).explain() if not why.counted]


# ── Locations ──

PLACES = (
    a_location("a-store", kind=STORE, tags=("city", "large")),
    a_location("depot", capabilities="SHIP", tags=("large",)),
    a_location("lyon", address=Address(line1="-", city="Lyon", country="FR")),
)


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ({}, ["a-store", "depot", "lyon"]),
        ({"kinds": (STORE,)}, ["a-store"]),
        ({"countries": ("FR", "DE")}, ["lyon"]),
        ({"tags": ("city", "harbor")}, ["a-store"]),
        ({"capabilities": (LocationCapability.SHIP, LocationCapability.PICKUP)}, ["a-store", "lyon"]),
        ({"exclude": ("depot",)}, ["a-store", "lyon"]),
        ({"include": ("depot",)}, ["depot"]),
        ({"include": ("lyon",), "kinds": (STORE,)}, ["a-store", "lyon"]),
        ({"kinds": (WAREHOUSE,), "countries": ("IT",), "tags": ("large",)}, ["depot"]),
        ({"kinds": (WAREHOUSE,), "exclude": ("lyon",), "include": ("a-store",)}, ["a-store", "depot"]),
    ],
)
def test_the_location_rule_admits_what_all_its_parts_admit(rule, codes):
    assert counted(*PLACES, rules=AvailabilityRules(locations=LocationRule(**rule))) == codes


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"kinds": (STORE,)}, "The view counts STORE only; this is WAREHOUSE."),
        ({"countries": ("FR",)}, "The view counts places in FR only; this is in IT."),
        ({"tags": ("city",)}, "The view counts places tagged city only."),
        ({"capabilities": (LocationCapability.PICKUP,)}, "The view counts places with PICKUP only."),
        ({"exclude": ("depot",)}, "The view leaves this location out."),
        ({"include": ("lyon",)}, "It is not among the locations of the view."),
    ],
)
def test_a_place_that_does_not_count_says_which_part_of_the_rule_decided(rule, sentence):
    rules = AvailabilityRules(locations=LocationRule(**rule))

    (reason,) = (why for why in asked(*PLACES, rules=rules).explain() if why.location.code == "depot")

    assert (reason.counted, reason.quantity, reason.because) == (False, 0, sentence)


def test_a_distance_counts_only_where_the_question_names_a_destination():
    places = (a_location_at(MILAN, "milan"), a_location_at(ROME, "rome"), a_location("unknown"))
    rules = AvailabilityRules(locations=LocationRule(max_distance_km=650))
    paris = Destination(country="FR", point=PARIS)

    assert counted(*places, rules=rules) == ["milan", "rome", "unknown"]
    assert counted(*places, rules=rules, destination=Destination(country="FR")) == []
    assert counted(*places, rules=rules, destination=paris) == ["milan"]
    assert because(*places, rules=rules, destination=paris) == [
        "It is 1105 km away; 650 km are allowed.",
        "How far it is from the destination is not known; 650 km are allowed.",
    ]


# ── Products ──


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({}, None),
        ({"categories": ("clothes",)}, None),
        ({"categories": ("toys",)}, "The view offers toys only."),
        ({"tags": ("linen", "wool")}, None),
        ({"tags": ("wool",)}, "The view offers products tagged wool only."),
        ({"exclude_categories": ("clothes",)}, "The view leaves the category clothes out."),
        ({"exclude_tags": ("linen",)}, "The view leaves products tagged linen out."),
        ({"exclude_skus": ("SHIRT",)}, "The view leaves this SKU out."),
        ({"categories": ("shirts",), "tags": ("linen",), "exclude_skus": ("OTHER",)}, None),
        ({"categories": ("shirts",), "exclude_tags": ("linen",)}, "The view leaves products tagged linen out."),
    ],
)
def test_the_product_rule_says_what_may_be_sold_by_category_with_what_lies_under_it_by_tag_and_by_sku(rule, sentence):
    shirt = a_variant(category_codes=("shirts",), product_tags=("linen",))
    rules = AvailabilityRules(products=ProductRule(**rule))

    found = asked(a_location("milan"), variant=shirt, families=FAMILIES, rules=rules)

    assert (found.units, found.status.value) == ((0, "NOT_SELLABLE") if sentence else (10, "IN_STOCK"))
    assert because(a_location("milan"), variant=shirt, families=FAMILIES, rules=rules) == (
        [sentence] if sentence else []
    )


def test_a_launch_date_is_respected_or_what_is_sold_before_it_is_a_preorder():
    tomorrow = a_variant(launch_at=NOW + timedelta(days=1))
    early = AvailabilityRules(products=ProductRule(respect_launch_date=False))

    kept = asked(a_location("milan"), variant=tomorrow)
    sold = asked(a_location("milan"), variant=tomorrow, rules=early)

    assert (kept.status, kept.units, kept.next_available_on) == (
        AvailabilityStatus.NOT_SELLABLE,
        0,
        (NOW + timedelta(days=1)).date(),
    )
    assert (sold.status, sold.units) == (AvailabilityStatus.PREORDER, 10)


# ── Supply ──


def test_dated_supply_is_cumulative_and_a_line_is_promised_what_is_there_first():
    """ACCEPTANCE 12: a line of 20 is promised 10 now and 10 in nine days, not 20 in nineteen."""
    found = answered(
        a_level("SHIRT", "milan", on_hand=10),
        supply=[due(10, days=9), due(10, days=19)],
        rules=AvailabilityRules(supply=SupplyRule(on_order=True)),
    )

    assert (found.units, found.orderable) == (10, 30)
    assert found.future == [FutureAvailability(date(2026, 5, 14), 20), FutureAvailability(date(2026, 5, 24), 30)]


@pytest.mark.parametrize(
    ("rule", "units"),
    [
        ({}, 0),
        ({"in_transit": True}, 1),
        ({"on_order": True}, 2 + 8),
        ({"production": True}, 4),
        ({"in_transit": True, "on_order": True, "production": True}, 1 + 2 + 4 + 8),
    ],
)
def test_each_kind_of_supply_counts_where_the_view_says_so(rule, units):
    supply = [
        due(1, days=1, status=InboundSupplyStatus.IN_TRANSIT),
        due(2, days=1),
        due(4, days=1, kind=InboundSupplyKind.PRODUCTION),
        due(8, days=1, kind=InboundSupplyKind.TRANSFER),
    ]

    assert answered(supply=supply, rules=AvailabilityRules(supply=SupplyRule(**rule))).orderable == units


def test_supply_beyond_the_horizon_counts_for_nothing_and_what_is_late_from_tomorrow_on():
    rules = AvailabilityRules(supply=SupplyRule(on_order=True, horizon_days=10))

    found = answered(supply=[due(1, days=-3), due(2, days=10), due(4, days=10.1)], rules=rules)

    assert (found.units, found.status, found.next_available_on) == (0, AvailabilityStatus.BACKORDER, date(2026, 5, 6))
    assert found.future == [FutureAvailability(date(2026, 5, 6), 1), FutureAvailability(date(2026, 5, 15), 3)]


def test_what_a_place_owes_is_paid_from_what_arrives_there_and_nowhere_else():
    found = answered(
        a_level("SHIRT", "milan", on_hand=0, allocated=3),
        a_level("SHIRT", "rome", on_hand=1),
        supply=[due(10, days=1)],
        rules=AvailabilityRules(supply=SupplyRule(on_order=True)),
    )

    assert (found.units, [each.quantity for each in found.future]) == (1, [8])


def test_a_view_may_sell_only_what_is_due():
    found = answered(
        a_level("SHIRT", "milan", on_hand=10),
        supply=[due(5, days=1)],
        rules=AvailabilityRules(supply=SupplyRule(on_hand=False, on_order=True)),
    )

    assert (found.units, list(found.places), found.orderable) == (0, [], 5)
    assert [why.because for why in found.explain()] == [
        "The view sells nothing that is on hand. 5 are due within the view's horizon."
    ]


@pytest.mark.parametrize(
    ("waiting", "orderable", "status"), [(0, 3, "BACKORDER"), (2, 1, "BACKORDER"), (3, 0, "OUT_OF_STOCK")]
)
def test_a_backorder_limit_admits_so_many_beyond_supply(waiting, orderable, status):
    rules = AvailabilityRules(supply=SupplyRule(backorder_limit=3))

    found = answered(a_level("SHIRT", "milan"), waiting={"SHIRT": waiting}, rules=rules)

    assert (found.orderable, found.status.value) == (orderable, status)


def test_what_placed_orders_wait_for_is_not_promised_to_others():
    found = answered(a_level("SHIRT", "milan", on_hand=4), a_level("SHIRT", "rome", on_hand=9), waiting={"SHIRT": 7})

    assert [(place.location.code, place.quantity) for place in found.places] == [("milan", 4), ("rome", 2)]
    assert found.explain()[1].because == "All that is not promised counts. 7 of it placed orders wait for."


def test_a_kit_is_made_whole_by_what_arrives_of_its_parts_at_one_place():
    kit = a_variant("SET", parts={"CUP": 2, "POT": 1})
    found = answered(
        a_level("CUP", "milan", on_hand=4),
        a_level("POT", "milan", on_hand=1),
        supply=[due(1, days=1, sku="POT"), due(9, days=2, sku="POT", location="rome")],
        variant=kit,
        rules=AvailabilityRules(supply=SupplyRule(on_order=True)),
    )

    assert (found.units, [each.quantity for each in found.future]) == (1, [2])


# ── Keep-back ──


def test_several_rules_that_keep_back_add_up_on_top_of_what_the_level_keeps_back():
    store = a_location("milan", kind=STORE, tags=("window",))
    rules = AvailabilityRules(
        keep_back=(
            KeepBackRule(reason="display", units=2, location_tags=("window",)),
            KeepBackRule(reason="walk-in trade", percent=10, kinds=(STORE,)),
            KeepBackRule(reason="the app's share", percent=25.5, categories=("clothes",)),
            KeepBackRule(reason="never here", units=99, kinds=(WAREHOUSE,)),
        )
    )

    found = answered(
        a_level("SHIRT", "milan", on_hand=21, damaged=1, safety_stock=3),
        variant=a_variant(category_codes=("shirts",)),
        locations=[store],
        families=FAMILIES,
        rules=rules,
    )

    # 35.5 % of 20 whole ones are 7.1, so 8; with the two on display 10, and the level keeps 4 itself.
    assert found.units == 7
    (reason,) = found.explain()
    assert (reason.kept_back, reason.quantity) == (14, 7)
    assert reason.because == (
        "Kept back: 1 damaged, 3 as safety stock, 10 by the view (display; walk-in trade; the app's share). "
        "The rest that is not promised counts."
    )


def test_a_share_that_is_a_whole_number_is_kept_back_exactly():
    rules = AvailabilityRules(keep_back=(KeepBackRule(reason="outlet", percent=55),))

    assert asked(a_location("milan"), a_location("rome"), rules=rules).units == 2 * (10 - 6)
    assert answered(a_level("SHIRT", "milan", on_hand=100), rules=rules).units == 45


def test_what_is_kept_back_of_a_kits_part_is_by_the_parts_own_category():
    kit = a_variant("SET", parts={"CUP": 1}, category_codes=("toys",))
    cup = a_variant("CUP", category_codes=("shirts",))
    rules = AvailabilityRules(keep_back=(KeepBackRule(reason="own use", units=4, categories=("clothes",)),))

    found = answered(a_level("CUP", "milan", on_hand=10), variant=kit, parts=[cup], families=FAMILIES, rules=rules)

    assert found.units == 6


# ── Stores ──

# NOW is a Tuesday, 12:00 in Rome.
OPEN = (OpeningHours(Weekday.TUESDAY, time(10), time(12, 30)), OpeningHours(Weekday.TUESDAY, time(15), time(19)))


@pytest.mark.parametrize(("accuracy", "counts"), [(0.97, True), (0.9, True), (0.89, False), (None, False)])
def test_a_store_counts_where_its_stock_is_known_to_be_accurate_enough(accuracy, counts):
    store = a_location("milan", kind=STORE, stock_accuracy=accuracy)
    rules = AvailabilityRules(store=StoreRule(min_stock_accuracy=0.9))

    assert counted(store, rules=rules) == (["milan"] if counts else [])


def test_a_store_with_too_much_to_hand_over_does_not_count_and_other_places_do_not_mind():
    places = (a_location("busy", kind=STORE), a_location("depot"), a_location("idle", kind=STORE))
    rules = AvailabilityRules(store=StoreRule(max_open_units=5))
    load = {"busy": 6, "depot": 500, "idle": 5}

    assert counted(*places, rules=rules, open_units=load) == ["depot", "idle"]
    assert because(*places, rules=rules, open_units=load) == ["It has 6 units to hand over; 5 are allowed."]


@pytest.mark.parametrize(
    ("minutes_from_now", "rule", "sentence"),
    [
        (0, {"open_only": True}, None),
        (30, {"open_only": True}, "The store is closed now."),
        (180, {"open_only": True}, None),
        (0, {"minutes_before_closing": 30}, "The store closes within 30 minutes."),
        (-1, {"minutes_before_closing": 30}, None),
        (60, {"minutes_before_closing": 30}, None),
        (60, {"open_only": True, "minutes_before_closing": 30}, "The store is closed now."),
    ],
)
def test_a_store_counts_while_it_is_open_and_not_about_to_close(minutes_from_now, rule, sentence):
    store = a_location("milan", kind=STORE, opening_hours=OPEN)
    now = NOW + timedelta(minutes=minutes_from_now)
    rules = AvailabilityRules(store=StoreRule(**rule))

    assert because(store, now=now, rules=rules) == ([sentence] if sentence else [])


def test_a_store_closes_by_its_own_clock_on_the_day_the_clocks_change():
    store = a_location("milan", kind=STORE, opening_hours=(OpeningHours(Weekday.SUNDAY, time(0), time(4)),))
    rules = AvailabilityRules(store=StoreRule(open_only=True))

    # 2026-10-25: at three o'clock in the morning it is two once more, so four o'clock comes at 03:00 UTC.
    assert counted(store, rules=rules, now=datetime(2026, 10, 25, 2, 59, tzinfo=UTC)) == ["milan"]
    assert counted(store, rules=rules, now=datetime(2026, 10, 25, 3, 0, tzinfo=UTC)) == []


# ── Finance ──


def test_a_place_counts_where_price_less_cost_and_handling_leaves_enough():
    places = (
        a_location("cheap", handling_cost=Money(100, "EUR")),
        a_location("dear", handling_cost=Money(900, "EUR")),
        a_location("foreign", handling_cost=Money(1, "USD")),
        a_location("free"),
    )
    shirt = a_variant(cost=Money(1500, "EUR"))
    rules = AvailabilityRules(finance=FinanceRule(min_margin_percent=36))

    assert counted(*places, variant=shirt, channel="web", rules=rules) == ["cheap", "free"]
    assert because(*places, variant=shirt, channel="web", rules=rules) == [
        "Its margin from here is 4.0 %; 36 % are asked for.",
        "Its margin from here is not known; 36 % are asked for.",
    ]
    assert counted(*places, variant=shirt, rules=rules) == ["cheap", "dear", "foreign", "free"]
    assert counted(*places, channel="web", rules=rules) == []


def test_a_place_whose_handling_costs_too_much_does_not_count():
    places = (
        a_location("cheap", handling_cost=Money(200, "EUR")),
        a_location("dear", handling_cost=Money(201, "EUR")),
        a_location("foreign", handling_cost=Money(1, "USD")),
        a_location("free"),
    )
    rules = AvailabilityRules(finance=FinanceRule(max_handling_cost=Money(200, "EUR")))

    assert counted(*places, rules=rules) == ["cheap", "free"]
    assert because(*places, rules=rules) == [
        "Its handling costs 2.01 EUR; 2.00 EUR are allowed.",
        "Its handling costs 0.01 USD, which does not compare with 2.00 EUR.",
    ]


# ── Together ──


def test_all_rules_together_count_what_every_one_of_them_admits():
    rules = AvailabilityRules(
        locations=LocationRule(kinds=(STORE,), exclude=("gone",)),
        products=ProductRule(categories=("clothes",)),
        supply=SupplyRule(on_order=True, backorder_limit=2),
        keep_back=(KeepBackRule(reason="display", units=1),),
        store=StoreRule(min_stock_accuracy=0.8, max_open_units=10),
        finance=FinanceRule(max_handling_cost=Money(500, "EUR")),
        low_stock_threshold=9,
    )
    fit = {"kind": STORE, "stock_accuracy": 0.9}
    places = (
        a_location("busy", **fit),
        a_location("dear", handling_cost=Money(501, "EUR"), **fit),
        a_location("depot"),
        a_location("good", **fit),
        a_location("gone", **fit),
        a_location("vague", kind=STORE, stock_accuracy=0.5),
    )

    found = asked(
        *places,
        variant=a_variant(category_codes=("shirts",)),
        families=FAMILIES,
        open_units={"busy": 11},
        supply=[due(4, days=2, location="good"), due(4, days=2, location="depot")],
        waiting={"SHIRT": 1},
        rules=rules,
    )

    assert [(place.location.code, place.quantity) for place in found.places] == [("good", 8)]
    assert (found.status, found.orderable) == (AvailabilityStatus.LOW_STOCK, 8 + 4 + 2)
    assert found.future == [FutureAvailability(date(2026, 5, 7), 12)]
