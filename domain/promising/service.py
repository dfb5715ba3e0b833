"""What is done to the ways goods travel: shipping methods are saved."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from domain.catalog.rules import (
    amount_problems,
    code_problems,
    country_problems,
    name_problems,
    range_problems,
    repeated_problems,
    text_problems,
)
from domain.errors import Problem, invalid, refuse_all
from domain.promising.model import SaveShippingMethod, ShippingMethod, ShippingRate
from domain.promising.ports import Promising

RATES_MAX = 250  # A rate for each country of the world, and some to spare.
REGIONS_MAX = 250  # Of one rate: no country has more first-level regions.
TRANSIT_DAYS_MAX = 365
WEIGHT_GRAMS_MAX = 100_000_000  # 100 tonnes: a lorry and its trailer carry less.


class PromisingWork(Protocol):
    @property
    def promising(self) -> Promising: ...


async def save_shipping_method(work: PromisingWork, method: SaveShippingMethod) -> ShippingMethod:
    """Make or replace a shipping method with all its rates."""
    refuse_all(list(_method_problems(method)))

    await work.promising.save_shipping_methods([method])
    return method


def _method_problems(method: ShippingMethod) -> Iterator[Problem]:
    yield from code_problems(method.code, "code")
    yield from name_problems(method.names, "name")
    yield from text_problems(method.carrier, "carrier")
    yield from _countries_problems(method.countries, "countries")
    if len(method.rates) > RATES_MAX:
        yield invalid(f"A method has at most {RATES_MAX} rates.", "rates")
    for place, rate in enumerate(method.rates):
        yield from _countries_problems(rate.countries, "rates", place, "countries")
        for number, country in enumerate(rate.countries):
            if country not in method.countries:
                yield invalid("The method does not go to this country.", "rates", place, "countries", number)
        yield from _rate_problems(rate, "rates", place)


def _countries_problems(countries: Sequence[str], *path: str | int) -> Iterator[Problem]:
    for place, country in enumerate(countries):
        yield from country_problems(country, *path, place)
    yield from repeated_problems(countries, "The country", *path)


def _rate_problems(rate: ShippingRate, *path: str | int) -> Iterator[Problem]:
    if len(rate.regions) > REGIONS_MAX:
        yield invalid(f"A rate has at most {REGIONS_MAX} regions.", *path, "regions")
    for place, region in enumerate(rate.regions):
        yield from text_problems(region, *path, "regions", place)
    yield from range_problems(rate.max_weight_grams, 1, WEIGHT_GRAMS_MAX, *path, "maxWeightGrams")
    yield from amount_problems(rate.price, *path, "price")
    yield from amount_problems(rate.free_from, *path, "freeFrom")
    if rate.free_from is not None and rate.free_from.currency != rate.price.currency:
        yield invalid(f"The price is in {rate.price.currency}, so this is too.", *path, "freeFrom", "currency")
    yield from range_problems(rate.min_transit_days, 0, TRANSIT_DAYS_MAX, *path, "minTransitDays")
    yield from range_problems(rate.max_transit_days, 0, TRANSIT_DAYS_MAX, *path, "maxTransitDays")
    if rate.min_transit_days > rate.max_transit_days:
        yield invalid("The longest transit is not shorter than the shortest.", *path, "maxTransitDays")
