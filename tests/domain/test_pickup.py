"""Where a basket can be collected: near, in full and together, and by when."""

from dataclasses import replace

from domain.availability.model import Counts, Goods
from domain.availability.rules import availability
from domain.availability.weighing import Weighing
from domain.places import Destination
from domain.promising.pickup import near, stock_of
from tests.domain.stock import MILAN, PARIS, ROME, a_level, a_location_at, a_variant, a_view
from tests.factories import NOW, a_location

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


def suffices(*levels, **requested):
    """Whether Milan has so many of each SKU, of SHIRT, SKIRT and their kits."""
    counts = {level.sku: [Counts(*(getattr(level, name) for name in Counts._fields))] for level in levels}
    variants = {variant.sku: variant for variant in (SHIRT, SKIRT, SET, PAIR)}
    goods = Goods(variants=variants, counts=counts, locations={"milan": MILANO})
    weighing = Weighing(a_view(), NOW)
    answers = [availability(variants[sku], weighing, goods) for sku in requested]
    return stock_of(answers, weighing, goods).suffices(requested, "milan")


def shirts(units):
    return a_level("SHIRT", "milan", on_hand=units)


def skirts(units):
    return a_level("SKIRT", "milan", on_hand=units)


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
    assert suffices(shirts(3), skirts(1), SHIRT=3, SKIRT=1)
    assert not suffices(shirts(3), SHIRT=3, SKIRT=1)
    assert suffices()


def test_what_a_kit_takes_is_not_there_for_the_rest_of_the_basket():
    assert suffices(shirts(4), skirts(2), SET=1, SHIRT=2, SKIRT=1)
    assert not suffices(shirts(3), skirts(2), SET=1, SHIRT=2)
    assert not suffices(shirts(4), skirts(2), SET=2, PAIR=1)
