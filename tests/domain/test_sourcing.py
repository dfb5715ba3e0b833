"""Where orders are fulfilled from: never more than a place has, never less than was asked for."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.model import Component
from domain.inventory.model import LocationCapability, StockLocation, StockLocationKind
from domain.places import Address, GeoPoint
from domain.sourcing.rules import Free, Need, Short, Sourced, shipping_locations, source


def need(units: int, sku: str = "A", *, pickup: str | None = None) -> Need:
    return Need(units=units, of_one=(Component(sku, 1),), pickup_location=pickup)


def place(code: str, *, city: str = "Milano", country: str = "IT", point: GeoPoint | None = None) -> StockLocation:
    return StockLocation(
        code=code,
        name=code,
        kind=StockLocationKind.STORE,
        address=Address(line1="-", city=city, country=country, point=point),
        timezone="Europe/Rome",
        capabilities=frozenset({LocationCapability.SHIP}),
    )


def test_the_nearest_place_that_has_all_of_it_sends_all_of_it():
    free = Free({("A", "near"): 1, ("A", "middle"): 5, ("B", "middle"): 5, ("A", "far"): 9, ("B", "far"): 9})

    answers = source([need(2), need(1, "B")], free, ["near", "middle", "far"])

    assert answers == [[Sourced("middle", 2)], [Sourced("middle", 1)]]


def test_a_line_that_no_place_can_fill_alone_is_split_nearest_first():
    free = Free({("A", "near"): 2, ("A", "far"): 2})

    assert source([need(3)], free, ["near", "far"]) == [[Sourced("near", 2), Sourced("far", 1)]]


def test_two_lines_of_one_sku_are_summed_before_they_are_promised():
    free = Free({("A", "only"): 5})

    answers = source([need(3), need(3)], free, ["only"])

    assert answers == [[Sourced("only", 3)], Short(2)]


def test_kits_that_share_a_component_are_summed_before_they_are_promised():
    free = Free({("TOWEL", "only"): 5, ("SOAP", "only"): 9})
    set_of_two = Need(units=1, of_one=(Component("TOWEL", 2), Component("SOAP", 1)))

    answers = source([set_of_two, set_of_two, set_of_two], free, ["only"])

    assert answers[2] == Short(0)


def test_a_pickup_is_found_where_it_was_asked_for_or_not_at_all():
    free = Free({("A", "store"): 1, ("A", "warehouse"): 100})

    assert source([need(2, pickup="store")], free, ["warehouse"]) == [Short(1)]


def test_a_delivery_does_not_take_what_a_pickup_of_the_same_basket_needs():
    free = Free({("A", "store"): 1, ("A", "warehouse"): 1})

    answers = source([need(1), need(1, pickup="store")], free, ["store", "warehouse"])

    assert answers == [[Sourced("warehouse", 1)], [Sourced("store", 1)]]


def test_an_oversold_level_hides_nothing_of_what_others_have():
    assert source([need(1)], Free({("A", "near"): -4, ("A", "far"): 1}), ["near", "far"]) == [[Sourced("far", 1)]]


networks = st.dictionaries(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["l1", "l2", "l3", "l4"])), st.integers(-3, 9)
)
baskets = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 12)), min_size=1, max_size=6)


@given(networks, baskets)
def test_over_random_networks_what_is_allocated_is_what_was_asked_for_and_never_more_than_there_is(network, basket):
    needs = [need(units, sku) for sku, units in basket]

    answers = source(needs, Free(network), ["l1", "l2", "l3", "l4"])

    taken: Counter[tuple[str, str]] = Counter()
    for (sku, units), answer in zip(basket, answers, strict=True):
        if isinstance(answer, Short):
            assert answer.available < units
            continue
        assert sum(part.units for part in answer) == units
        for part in answer:
            taken[sku, part.location] += part.units
    assert all(units <= max(0, network.get(key, 0)) for key, units in taken.items())


@given(networks, baskets)
def test_an_order_is_short_only_where_the_whole_network_is(network, basket):
    """With plain SKUs a split is always found where there is enough."""
    asked: Counter[str] = Counter()
    for sku, units in basket:
        asked[sku] += units
    there: Counter[str] = Counter()
    for (sku, _), units in network.items():
        there[sku] += max(0, units)

    answers = source([need(units, sku) for sku, units in basket], Free(network), ["l1", "l2", "l3", "l4"])

    is_short = {sku for (sku, _), answer in zip(basket, answers, strict=True) if isinstance(answer, Short)}
    assert is_short == {sku for sku in asked if asked[sku] > there[sku]}


def test_places_are_nearest_by_distance_where_the_address_has_a_point():
    turin, rome = GeoPoint(45.07, 7.69), GeoPoint(41.90, 12.50)
    places = [place("rome", point=rome), place("turin", point=turin)]
    milan = Address(line1="-", city="Milano", country="IT", point=GeoPoint(45.46, 9.19))

    assert shipping_locations(places, milan) == ["turin", "rome"]


def test_without_a_point_the_same_city_is_nearest_then_the_same_country():
    places = [place("paris", city="Paris", country="FR"), place("rome", city="Roma"), place("milan")]

    assert shipping_locations(places, Address(line1="-", city="milano", country="IT")) == ["milan", "rome", "paris"]
