"""How goods travel and when they arrive: shipping methods and their rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from domain.catalog.model import Texts
from domain.ids import prefixed
from domain.money import Money


class ServiceLevel(Enum):
    ECONOMY = "ECONOMY"
    STANDARD = "STANDARD"
    EXPRESS = "EXPRESS"
    SAME_DAY = "SAME_DAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingRate:
    """countries: empty is all the method's. Transit in working days of the carrier (Monday to Saturday)."""

    countries: tuple[str, ...]
    price: Money
    min_transit_days: int
    max_transit_days: int
    regions: tuple[str, ...] = ()
    max_weight_grams: int | None = None
    free_from: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingMethod:
    code: str
    names: Texts
    carrier: str
    service_level: ServiceLevel
    countries: tuple[str, ...]
    rates: tuple[ShippingRate, ...]
    active: bool = True

    @property
    def id(self) -> str:
        return prefixed("shm", self.code)


# Saving one states it whole, so the command is the value.
SaveShippingMethod = ShippingMethod


def rate_for(
    method: ShippingMethod, *, country: str, region: str | None, weight_grams: int, currency: str
) -> ShippingRate | None:
    """The cheapest rate of a method that serves a place and carries a weight, or None.

    A rate in another currency than the order's serves no one.
    """
    if not method.active or country not in method.countries:
        return None
    fitting = [
        rate
        for rate in method.rates
        if (not rate.countries or country in rate.countries)
        and (not rate.regions or region in rate.regions)
        and (rate.max_weight_grams is None or weight_grams <= rate.max_weight_grams)
        and rate.price.currency == currency
    ]
    return min(fitting, key=lambda rate: rate.price, default=None)


def cheapest(
    methods: Sequence[ShippingMethod], *, country: str, region: str | None, weight_grams: int, currency: str
) -> tuple[ShippingMethod, ShippingRate] | None:
    """The cheapest way there; of two as cheap, the quicker, then the first by code. None where nothing goes there."""
    choices = [
        (rate.price, rate.max_transit_days, method.code, method, rate)
        for method in methods
        if (rate := rate_for(method, country=country, region=region, weight_grams=weight_grams, currency=currency))
    ]
    if not choices:
        return None
    *_, method, rate = min(choices, key=lambda choice: choice[:3])
    return method, rate
