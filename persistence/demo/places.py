"""The demo retailer's stock locations and shipping methods, and the people who buy from it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from domain.calendar import OpeningHours, Weekday
from domain.customers.model import Customer, Person
from domain.inventory.model import LocationCapability, SaveStockLocation, StockLocationKind
from domain.places import Address, GeoPoint
from domain.promising.model import SaveShippingMethod, ServiceLevel, ShippingRate
from persistence.demo.files import Chance, Row, money, rows, table

_CURRENCY = "EUR"


def locations(today: date) -> tuple[SaveStockLocation, ...]:
    """Warehouses, stores, the supplier and the third parties; closed on the public holidays of this year and next."""
    file = table("locations.toml")
    closures = {country: _closures(rule, today.year) for country, rule in file["holidays"].items()}
    return tuple(
        _location({**file["kinds"][place["kind"]], **place}, file["hours"], closures) for place in file["places"]
    )


def shipping_methods() -> tuple[SaveShippingMethod, ...]:
    file = table("shipping.toml")
    return tuple(
        SaveShippingMethod(
            code=method["code"],
            names=method["name"],
            carrier=method["carrier"],
            service_level=ServiceLevel(method["service_level"]),
            countries=tuple(method["countries"]),
            rates=tuple(_rate(rate, file["currency"]) for rate in method["rates"]),
        )
        for method in file["methods"]
    )


def customers(today: date, seed: int) -> tuple[Customer, ...]:
    return tuple(_customer(row, today, seed) for row in rows("customers.csv"))


def easter_sunday(year: int) -> date:
    """Source: the anonymous Gregorian computus (Nature, 20 April 1876; Meeus, Astronomical Algorithms, chapter 8)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leaps, century_rest = divmod(century, 4)
    moon = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leaps - moon + 15) % 30
    quads, rest_rest = divmod(rest, 4)
    weekday = (32 + 2 * century_rest + 2 * quads - epact - rest_rest) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return date(year, month, day + 1)


def _location(place: dict[str, Any], hours: dict[str, Any], closures: dict[str, tuple[date, ...]]) -> SaveStockLocation:
    latitude, longitude = place["point"]
    return SaveStockLocation(
        code=place["code"],
        name=place["name"],
        kind=StockLocationKind(place["kind"]),
        address=Address(
            company=place["name"],
            line1=place["line1"],
            city=place["city"],
            region=place["region"],
            postal_code=place["postal_code"],
            country=place["country"],
            point=GeoPoint(latitude, longitude),
        ),
        timezone=place["timezone"],
        capabilities=frozenset(LocationCapability(capability) for capability in place["capabilities"]),
        tags=tuple(place.get("tags", ())),
        opening_hours=_opening_hours(hours[place["hours"]]),
        closures=closures[place["country"]],
        cutoff=place["cutoff"],
        processing_minutes=place["processing_minutes"],
        daily_capacity=place["capacity"],
        handling_cost=money(place["handling_cost"], _CURRENCY),
        stock_accuracy=place["accuracy"],
    )


def _opening_hours(week: dict[str, str]) -> tuple[OpeningHours, ...]:
    """From { monday = "10:00-13:30 16:30-20:00" }."""
    return tuple(
        OpeningHours(weekday, *(time.fromisoformat(end) for end in opening.split("-")))
        for weekday in Weekday
        for opening in week.get(weekday.value.lower(), "").split()
    )


def _closures(rule: dict[str, Any], first_year: int) -> tuple[date, ...]:
    days = set()
    for year in (first_year, first_year + 1):
        days |= {date.fromisoformat(f"{year}-{day}") for day in rule["fixed"]}
        days |= {easter_sunday(year) + timedelta(days=after) for after in rule["after_easter"]}
    return tuple(sorted(days))


def _rate(rate: dict[str, Any], currency: str) -> ShippingRate:
    earliest, latest = rate["transit_days"]
    return ShippingRate(
        countries=tuple(rate["countries"]),
        max_weight_grams=rate.get("max_weight_grams"),
        price=money(rate["price"], currency),
        free_from=money(rate["free_from"], currency) if "free_from" in rate else None,
        min_transit_days=earliest,
        max_transit_days=latest,
    )


def _customer(row: Row, today: date, seed: int) -> Customer:
    chance = Chance(seed, "customer", row["id"])
    met_on = today - timedelta(days=chance.between(30, 900))
    return Customer(
        id=row["id"],
        person=Person(
            email=row["email"],
            phone=row["phone"] or None,
            name=row["name"],
            addresses=(
                Address(
                    name=row["name"],
                    line1=row["line1"],
                    city=row["city"],
                    region=row["region"],
                    postal_code=row["postal_code"],
                    country=row["country"],
                    phone=row["phone"] or None,
                    point=GeoPoint(float(row["latitude"]), float(row["longitude"])),
                ),
            ),
        ),
        language=row["language"],
        created_at=datetime.combine(met_on, time(chance.between(7, 21), chance.between(0, 59), tzinfo=UTC)),
    )
