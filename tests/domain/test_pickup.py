"""Where a basket can be collected: near, in full and together, and by when."""

from dataclasses import replace

from domain.places import Destination
from domain.promising.pickup import Stock, near, shared_parts
from tests.domain.stock import MILAN, PARIS, ROME, a_location_at, a_variant
from tests.factories import a_location

MILANO, ROMA, PARIGI = (
    a_location_at(point, code) for point, code in ((MILAN, "milan"), (ROME, "rome"), (PARIS, "paris"))
)
SOMEWHERE = a_location("somewhere")
SHIRT, SKIRT = a_variant("SHIRT"), a_variant("SKIRT")
SET = a_variant("SET", parts={"SHIRT": 2, "SKIRT": 1})
PAIR = a_variant("PAIR", parts={"SHIRT": 1})


def to(point=None, country="IT"):
    return Destination(country=country, point=point)


def codes(places):
    return [place.location.code for place in places]


def suffices(stock, requested, *, of_parts=()):
    """stock, requested: units by variant and by SKU. of_parts: units by the variants of shared parts."""
    units, parts = ({variant.sku: {"milan": units} for variant, units in each} for each in (stock, of_parts))
    return Stock([variant for variant, _ in stock], units, parts).suffices(requested, "milan")


# ── Which places ──


def test_places_are_nearest_first_within_the_distance_and_those_without_a_point_are_nowhere():
    places = [PARIGI, ROMA, SOMEWHERE, MILANO]

    assert codes(near(places, to(MILAN), 1_000)) == ["milan", "rome", "paris"]
    assert codes(near(places, to(MILAN), 500)) == ["milan", "rome"]
    (here,) = near(places, to(MILAN), 0)
    assert (here.location, here.distance_km) == (MILANO, 0)


def test_of_a_country_alone_its_places_are_listed_as_they_come_and_without_distances():
    abroad = replace(PARIGI, address=replace(PARIGI.address, country="FR"))

    places = near([abroad, MILANO, SOMEWHERE], to(), 300)

    assert [(place.location.code, place.distance_km) for place in places] == [("milan", None), ("somewhere", None)]


# ── What they have ──


def test_a_place_suffices_where_it_has_every_sku_in_full():
    assert suffices([(SHIRT, 3), (SKIRT, 1)], {"SHIRT": 3, "SKIRT": 1})
    assert not suffices([(SHIRT, 3), (SKIRT, 0)], {"SHIRT": 3, "SKIRT": 1})
    assert suffices([], {})


def test_parts_that_several_of_the_basket_take_are_found():
    assert shared_parts([SET, SKIRT]) == ["SKIRT"]
    assert shared_parts([SET, PAIR]) == ["SHIRT"]
    assert shared_parts([SHIRT, SKIRT]) == []


def test_what_a_kit_takes_is_not_there_for_the_rest_of_the_basket():
    shirts = [(SHIRT, 4)]

    assert suffices([(SET, 2), (SHIRT, 4)], {"SET": 1, "SHIRT": 2}, of_parts=shirts)
    assert not suffices([(SET, 2), (SHIRT, 4)], {"SET": 1, "SHIRT": 3}, of_parts=shirts)
    assert suffices([(SET, 2), (PAIR, 4)], {"SET": 1, "PAIR": 2}, of_parts=shirts)
    assert not suffices([(SET, 2), (PAIR, 4)], {"SET": 2, "PAIR": 1}, of_parts=shirts)


def test_a_part_that_is_not_sold_by_itself_is_there_as_often_as_its_kits_need_it():
    not_sold = [(SHIRT, 0)]

    assert suffices([(SET, 2), (PAIR, 4)], {"SET": 1, "PAIR": 2}, of_parts=not_sold)
    assert not suffices([(SET, 2), (PAIR, 4)], {"SET": 2, "PAIR": 1}, of_parts=not_sold)
