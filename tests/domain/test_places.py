"""Postal codes and the names of cities are compared as people write them."""

import pytest

from domain.places import (
    City,
    GeoPoint,
    PostalCode,
    city_named,
    name_key,
    postal_key,
    postal_keys,
    read_postal_code,
)

HERE = GeoPoint(0, 0)
BRERA = "IT\t20121\tMilano\tLombardia\tLM\tMilano\tMI\tMilano\t015146\t45.4727\t9.1919\t4"


def a_city(name, population, region="NH"):
    return City(name, region, population, HERE)


def named(name, *bearers, region=None, regions=("NH", "VA", "WA")):
    found = city_named(name, region, bearers, regions)
    return found and found.name


# ── Postal codes ──


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sw1a 1aa", "SW1A1AA"),
        (" 1012-AB ", "1012AB"),
        ("I-20121", "20121"),
        ("LV-1010", "1010"),
        ("L - 1009", "L1009"),
        ("AD100", "AD100"),
        ("D02 AF30", "D02AF30"),
        ("東京", ""),
    ],
)
def test_a_code_is_its_letters_and_digits_without_its_countrys_sign(written, expected):
    assert postal_key(written) == expected


@pytest.mark.parametrize(
    ("country", "written", "expected"),
    [
        ("GB", "SW1A 1AA", ["SW1A1AA", "SW1A"]),
        ("NL", "1012 AB", ["1012AB", "1012"]),
        ("NL", "1012", ["1012"]),
        ("US", "10001-1234", ["100011234", "10001"]),
        ("CA", "K1A 0B1", ["K1A0B1", "K1A"]),
        ("IT", "20121", ["20121"]),
        ("IT", "- -", []),
    ],
)
def test_a_code_is_looked_for_whole_and_then_as_its_neighborhoods(country, written, expected):
    assert postal_keys(country, written) == expected


def test_a_line_of_a_file_says_where_a_code_is():
    assert read_postal_code(BRERA) == PostalCode("IT", "20121", GeoPoint(45.4727, 9.1919))
    assert read_postal_code(BRERA.removesuffix("4")) == PostalCode("IT", "20121", GeoPoint(45.4727, 9.1919))


@pytest.mark.parametrize(
    ("line", "because"),
    [
        (BRERA.removesuffix("\t4"), "Its columns are 11; 12 are right"),
        (BRERA.replace("\t", ","), "Its columns are 1; 12 are right"),
        (BRERA.replace("IT", "XX"), "'XX' is no country"),
        (BRERA.replace("20121", " - "), "' - ' is no postal code"),
        (BRERA.replace("20121", "2" * 21), "is no postal code"),
        (BRERA.replace("45.4727", "north"), "'north' and '9.1919' are no latitude and longitude"),
        (BRERA.replace("45.4727", "95.4727"), "95.4727 and 9.1919 are no latitude and longitude"),
        (BRERA.replace("9.1919", "nan"), "45.4727 and nan are no latitude and longitude"),
    ],
)
def test_a_line_that_cannot_be_taken_says_why(line, because):
    assert because in read_postal_code(line)


# ── Cities ──


@pytest.mark.parametrize(
    ("written", "alike"),
    [("MÜNCHEN", "Munchen"), ("Saint-Étienne", "saint  etienne"), ("L\u2019Aquila", "l'aquila"), ("Straße", "STRASSE")],
)
def test_names_are_compared_without_regard_to_case_accents_and_what_is_between_words(written, alike):
    assert name_key(written) == name_key(alike)


def test_of_several_cities_of_a_name_the_biggest_is_meant():
    small, big, bigger = (a_city("Springfield", population) for population in (60, 70, 90))

    assert city_named("Springfield", None, (small, bigger, big), ()) == bigger


def test_a_citys_own_name_counts_before_one_it_is_known_by_too():
    manchester, richmond = a_city("Manchester", 110), a_city("Richmond", 226, "VA")

    assert named("manchester", richmond, manchester) == "Manchester"


def test_the_beginning_of_a_citys_own_name_counts_as_its_name():
    capital, village = a_city("Washington, D.C.", 690), a_city("Washington", 27)

    assert named("Washington", village, capital) == "Washington, D.C."


def test_a_region_narrows_where_the_country_has_cities_in_it_and_is_passed_over_where_nobody_knows_it():
    manchester, richmond = a_city("Manchester", 110), a_city("Richmond", 226, "VA")
    both = (manchester, richmond)

    assert named("Manchester", *both, region="VA") == "Richmond"
    assert named("Manchester", *both, region="us-va") == "Richmond"
    assert named("Manchester", *both, region="WA") is None
    assert named("Manchester", *both, region="New England") == "Manchester"


def test_a_name_that_nobody_bears_means_no_city():
    assert named("Atlantis") is None
