"""Public holidays of countries and their regions, from the package `holidays`."""

from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType

from domain.places import COUNTRIES

YEARS_KEPT = 1_000  # Of any calendars, at 1 to 2 KB each.


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """Those of a country or region that there is, with the days that stand in for them, e.g. after a Sunday."""

    code: str

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and day in _days(self.code, day.year)


def public_holidays(code: str) -> PublicHolidays | None:
    country, _, region = code.partition("-")
    if country not in COUNTRIES or code.endswith("-"):
        return None
    try:
        known = _package().country_holidays(country)
    except NotImplementedError:
        return None
    return PublicHolidays(code) if not region or region in known.subdivisions else None


@lru_cache(YEARS_KEPT)
def _days(code: str, year: int) -> frozenset[date]:
    country, _, region = code.partition("-")
    return frozenset(_package().country_holidays(country, region or None, years=year))


@cache
def _package() -> ModuleType:
    """Read when it is first needed: it takes some 0.1 s, and most processes never ask."""
    return import_module("holidays")
