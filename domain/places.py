"""Where things are: addresses, points and the distance between two, and what postal codes and cities are called."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Protocol
from unicodedata import combining, normalize

EARTH_RADIUS_KM = 6371.0088  # Mean radius, IUGG.
POSTAL_CODE_LENGTH_MAX = 20  # The longest have ten characters.

# How much of a code tells a neighborhood, where the rest is for a street or a house; a minus counts from the end. Files
# of places often have no more of it. Source: the read-me of GeoNames' postal codes, and the countries' post.
NEIGHBORHOODS = {"CA": 3, "GB": -3, "IE": 3, "JE": -3, "GG": -3, "IM": -3, "MT": 3, "NL": 4, "PT": 4, "US": 5}


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """Degrees north and east."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    line1: str
    city: str
    country: str
    name: str | None = None
    company: str | None = None
    line2: str | None = None
    region: str | None = None
    postal_code: str | None = None
    phone: str | None = None
    point: GeoPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A place as exactly as the caller knows it."""

    country: str
    region: str | None = None
    postal_code: str | None = None
    city: str | None = None
    point: GeoPoint | None = None


def distance_km(one: GeoPoint, other: GeoPoint) -> float:
    """The great-circle distance. Source: the haversine formula (Sinnott, 1984)."""
    north, east = radians(other.latitude - one.latitude), radians(other.longitude - one.longitude)
    chord = sin(north / 2) ** 2 + cos(radians(one.latitude)) * cos(radians(other.latitude)) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, chord)))


# ── Postal codes ──


@dataclass(frozen=True, slots=True)
class PostalCode:
    """code: as it is compared."""

    country: str
    code: str
    point: GeoPoint


def postal_key(postal_code: str) -> str:
    """A code as it is compared: its letters and digits, without the country's sign before a hyphen (I-20121)."""
    return "".join(re.findall(r"[A-Z0-9]", re.sub(r"^\s*[A-Z]{1,2}-(?=\d)", "", postal_code.upper())))


def postal_keys(country: str, postal_code: str) -> list[str]:
    """What a code may be kept under, the more exact first: itself, and its neighborhood's."""
    whole = postal_key(postal_code)
    neighborhood = whole[: NEIGHBORHOODS.get(country, len(whole))]
    return list(dict.fromkeys(key for key in (whole, neighborhood) if key))


def read_postal_code(line: str) -> PostalCode | str:
    """What a line of a file says, or what is wrong with it.

    Columns are parted by tabs: country, postal code, the place's name, six of its regions, latitude, longitude, and
    accuracy, which may be empty. Source: the read-me of GeoNames' postal codes.
    """
    columns = line.split("\t")
    if len(columns) != 12:
        return f"Its columns are {len(columns)}; 12 are right, parted by tabs."
    country, code = columns[0].strip(), postal_key(columns[1])
    if country not in COUNTRIES:
        return f"{country!r:.40} is no country: ISO 3166-1 alpha-2 is right."
    if not 1 <= len(code) <= POSTAL_CODE_LENGTH_MAX:
        return f"{columns[1]!r:.40} is no postal code: 1 to {POSTAL_CODE_LENGTH_MAX} letters and digits are right."
    try:
        point = GeoPoint(float(columns[9]), float(columns[10]))
    except ValueError:
        return f"{columns[9]!r:.20} and {columns[10]!r:.20} are no latitude and longitude."
    if not (abs(point.latitude) <= 90 and abs(point.longitude) <= 180):
        return f"{point.latitude} and {point.longitude} are no latitude and longitude."
    return PostalCode(country, code, point)


# ── Cities ──


@dataclass(frozen=True, slots=True)
class City:
    """region: its first-level one, as its country codes it."""

    name: str
    region: str
    population: int
    point: GeoPoint


def name_key(name: str) -> str:
    """A name as it is compared: its words, without regard to case, accents and what stands between them."""
    letters = [letter for letter in normalize("NFKD", name.casefold()) if not combining(letter)]
    return " ".join(re.findall(r"\w+", "".join(letters)))


def city_named(name: str, region: str | None, bearers: Iterable[City], regions: Iterable[str]) -> City | None:
    """Of the cities of a country that bear a name, the one that is meant.

    First those whose own name it is or begins (Washington, D.C. is Washington; of Manchester, New Hampshire and
    Richmond, which was once called so, it is Manchester), of these the biggest. A region narrows where it is one that
    the country's cities are in; in whose words it is said otherwise nobody can tell.
    """
    key, within = name_key(name), None if region is None else region.upper().rpartition("-")[2].strip()
    if within in set(regions):
        bearers = [city for city in bearers if city.region == within]
    return max(
        bearers, key=lambda city: (f"{name_key(city.name)} ".startswith(f"{key} "), city.population), default=None
    )


class PlacesReads(Protocol):
    async def points(self, destinations: Sequence[Destination]) -> Mapping[Destination, GeoPoint]:
        """Where destinations are, by their postal codes, else by their cities; those that nobody knows are left out.

        At most one statement, and none where no postal code is named.
        """


# ISO 3166-1 alpha-2.
COUNTRIES = frozenset(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB
    GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG
    KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB
    SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW""".split()
)
