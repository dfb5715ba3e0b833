"""How a view weighs: which places count for a question, what is kept back there, which products may be sold at all."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

from domain.availability.model import Counts
from domain.availability.views import AvailabilityRules, AvailabilityView, KeepBackRule
from domain.calendar import closes_at
from domain.catalog.model import Channel, ProductStatus, Variant
from domain.inventory.model import StockLocation, StockLocationKind
from domain.money import Money
from domain.places import Destination, distance_km

# Of each category, itself and all that it lies under.
Families = Mapping[str, frozenset[str]]

# What is kept back at a place: units, and percent of those that are whole.
_Share = tuple[int, float]


class Weighing:
    """One view at one moment, for one channel and destination, as far as a question names them.

    Verdicts on places are found once and kept, for hundreds of SKUs are asked about at the same fifty places.
    open_units: units promised at each place and not yet handed over, where the view looks at it.
    """

    def __init__(
        self,
        view: AvailabilityView,
        now: datetime,
        *,
        channel: Channel | None = None,
        destination: Destination | None = None,
        families: Families | None = None,
        open_units: Mapping[str, int] | None = None,
    ) -> None:
        self.view = view
        self.now = now
        self.channel = channel
        self.destination = destination
        self.rules: AvailabilityRules = view.rules
        self._families = families or {}
        self._open_units = open_units or {}
        self._shut: dict[str, str | None] = {}
        self._leaves_some_out = view.rules.products.leaves_some_out
        self._names_categories = any(rule.categories for rule in self.rules.keep_back)
        self._kept: dict[tuple[tuple[str, ...], str], tuple[int, float, tuple[str, ...]]] = {}
        self._shares: dict[tuple[str, ...], dict[str, _Share | None]] = {}
        supply = view.rules.supply
        self.counts_due = supply.in_transit or supply.on_order or supply.production
        self.looks_at_margin = view.rules.finance.min_margin_percent is not None and channel is not None

    # ── Products ──

    def not_sellable(self, variant: Variant) -> str | None:
        """Why a variant may not be sold through the view at all, in words; None where it may."""
        if variant.product_status is not ProductStatus.ACTIVE:
            return f"The product is {variant.product_status.value.lower()}."
        if self.rules.products.respect_launch_date and not self.is_launched(variant):
            return f"It is not sold before {variant.launch_at:%Y-%m-%d %H:%M} UTC."
        if self.channel is not None and self.channel.code not in variant.prices:
            return f"It has no price in {self.channel.code}."
        return self.not_offered(variant)

    def is_launched(self, variant: Variant) -> bool:
        return variant.launch_at is None or variant.launch_at <= self.now

    def not_offered(self, variant: Variant) -> str | None:
        """Why the product rule keeps a variant out, whatever its price and its launch; None where it does not."""
        if not self._leaves_some_out:
            return None
        rule = self.rules.products
        if rule.exclude_skus and variant.sku in rule.exclude_skus:
            return "The view leaves this SKU out."
        if found := self._within(variant, rule.exclude_categories):
            return f"The view leaves the category {found} out."
        if found := next((tag for tag in rule.exclude_tags if tag in variant.product_tags), None):
            return f"The view leaves products tagged {found} out."
        if rule.categories and not self._within(variant, rule.categories):
            return f"The view offers {_listed(rule.categories)} only."
        if rule.tags and not any(tag in variant.product_tags for tag in rule.tags):
            return f"The view offers products tagged {_listed(rule.tags)} only."
        return None

    def _within(self, variant: Variant, categories: Sequence[str]) -> str | None:
        """The first of the categories that a variant's product is in, or under."""
        if not categories:
            return None
        family = frozenset[str]().union(*(self._families.get(code, frozenset()) for code in variant.category_codes))
        return next((code for code in categories if code in family), None)

    # ── Places ──

    def shut(self, location: StockLocation) -> str | None:
        """Why a place does not count, for any product, in words; None where it does."""
        code = location.code
        if code not in self._shut:
            self._shut[code] = self._found_shut(location)
        return self._shut[code]

    def _found_shut(self, location: StockLocation) -> str | None:
        if not location.active:
            return "The location is not active."
        return (
            self._out_of_place(location)
            or self._too_far(location)
            or self._store_shut(location)
            or self._too_dear(location)
        )

    def _out_of_place(self, location: StockLocation) -> str | None:
        rule = self.rules.locations
        if location.code in rule.exclude:
            return "The view leaves this location out."
        if location.code in rule.include:
            return None
        if rule.include and not (rule.kinds or rule.countries or rule.tags or rule.capabilities):
            return "It is not among the locations of the view."
        if rule.kinds and location.kind not in rule.kinds:
            return (
                f"The view counts {_listed([kind.value for kind in rule.kinds])} only; this is {location.kind.value}."
            )
        if rule.countries and location.address.country not in rule.countries:
            return f"The view counts places in {_listed(rule.countries)} only; this is in {location.address.country}."
        if rule.tags and not any(tag in location.tags for tag in rule.tags):
            return f"The view counts places tagged {_listed(rule.tags)} only."
        lacking = [each.value for each in rule.capabilities if each not in location.capabilities]
        return f"The view counts places with {_listed(lacking)} only." if lacking else None

    def _too_far(self, location: StockLocation) -> str | None:
        most = self.rules.locations.max_distance_km
        if most is None or self.destination is None:
            return None
        km = self.distance_km(location)
        if km is None:
            return f"How far it is from the destination is not known; {most:g} km are allowed."
        return f"It is {km:.0f} km away; {most:g} km are allowed." if km > most else None

    def distance_km(self, location: StockLocation) -> float | None:
        """From the question's destination, where both places are known."""
        there = None if self.destination is None else self.destination.point
        here = location.address.point
        return None if there is None or here is None else distance_km(here, there)

    def _store_shut(self, location: StockLocation) -> str | None:
        rule = self.rules.store
        if location.kind is not StockLocationKind.STORE:
            return None
        if rule.min_stock_accuracy is not None:
            accuracy = location.stock_accuracy
            if accuracy is None:
                return f"How accurate its stock is is not known; {rule.min_stock_accuracy:g} is asked for."
            if accuracy < rule.min_stock_accuracy:
                return f"Its stock accuracy is {accuracy:g}; {rule.min_stock_accuracy:g} is asked for."
        open_units = self._open_units.get(location.code, 0)
        if rule.max_open_units is not None and open_units > rule.max_open_units:
            return f"It has {open_units} units to hand over; {rule.max_open_units} are allowed."
        if not rule.open_only and rule.minutes_before_closing is None:
            return None
        closes = closes_at(location.calendar, self.now)
        if closes is None:
            return "The store is closed now." if rule.open_only else None
        minutes = rule.minutes_before_closing
        if minutes is not None and closes - self.now <= timedelta(minutes=minutes):
            return f"The store closes within {minutes} minutes."
        return None

    def _too_dear(self, location: StockLocation) -> str | None:
        most, cost = self.rules.finance.max_handling_cost, location.handling_cost
        if most is None or cost is None:
            return None
        if cost.currency != most.currency:
            return f"Its handling costs {cost}, which does not compare with {most}."
        return f"Its handling costs {cost}; {most} are allowed." if cost > most else None

    # ── A product at a place ──

    def too_thin(self, variant: Variant, location: StockLocation) -> str | None:
        """Why a variant is not sold from a place for what it would earn; None where it is."""
        least, channel = self.rules.finance.min_margin_percent, self.channel
        if least is None or channel is None:
            return None
        margin = _margin_percent(variant, channel, location)
        if margin is None:
            return f"Its margin from here is not known; {least:g} % are asked for."
        return f"Its margin from here is {margin:.1f} %; {least:g} % are asked for." if margin < least else None

    def free(self, variant: Variant, there: Iterable[Counts], locations: Mapping[str, StockLocation]) -> dict[str, int]:
        """What the places that count have left to promise of a stocked variant, by location code.

        It is `Counts.free` less what is kept back, in one pass: an answer is made of thousands of levels.
        """
        shares = self._shares.setdefault(self._kept_alike(variant), {})
        found = {}
        for _, code, on_hand, allocated, reserved, damaged, inspection, safety_stock in there:
            try:
                share = shares[code]
            except KeyError:
                share = shares[code] = self._share(variant, locations[code])
            if share is not None:
                units, percent = share
                whole = on_hand - damaged - inspection
                kept = units + _share_of(whole, percent) if percent else units
                found[code] = whole - allocated - reserved - safety_stock - kept
        return found

    def _share(self, variant: Variant, location: StockLocation) -> _Share | None:
        """What is kept back of a variant at a place; None where the place does not count."""
        return None if self.shut(location) else self._kept_shares(variant, location)[:2]

    def kept_back(self, variant: Variant, location: StockLocation, counts: Counts) -> int:
        """Units that the view's rules keep back of what a place has of a stocked variant."""
        units, percent, _ = self._kept_shares(variant, location)
        return units + _share_of(counts.on_hand - counts.damaged - counts.inspection, percent)

    def kept_for(self, variant: Variant, location: StockLocation) -> Sequence[str]:
        """Why units are kept back there, in the rules' own words."""
        return self._kept_shares(variant, location)[2]

    def _kept_shares(self, variant: Variant, location: StockLocation) -> tuple[int, float, tuple[str, ...]]:
        key = self._kept_alike(variant), location.code
        if key not in self._kept:
            rules = [rule for rule in self.rules.keep_back if self._is_about(rule, variant, location)]
            self._kept[key] = (
                sum(rule.units or 0 for rule in rules),
                min(100.0, sum(rule.percent or 0.0 for rule in rules)),
                tuple(rule.reason for rule in rules),
            )
        return self._kept[key]

    def _kept_alike(self, variant: Variant) -> tuple[str, ...]:
        """As much is kept back of variants for which this is the same."""
        return variant.category_codes if self._names_categories else ()

    def _is_about(self, rule: KeepBackRule, variant: Variant, location: StockLocation) -> bool:
        return (
            (not rule.kinds or location.kind in rule.kinds)
            and (not rule.location_tags or any(tag in location.tags for tag in rule.location_tags))
            and (not rule.categories or self._within(variant, rule.categories) is not None)
        )


def _share_of(whole: int, percent: float) -> int:
    """Rounded up."""
    return ceil(round(max(0, whole) * percent / 100, 6))


def _margin_percent(variant: Variant, channel: Channel, location: StockLocation) -> float | None:
    """What is left of the price after cost and handling, in percent of it; None where that cannot be told."""
    price, cost = variant.prices.get(channel.code), variant.cost
    handling = location.handling_cost or Money(0, channel.currency)
    if not price or cost is None or {cost.currency, handling.currency} != {channel.currency}:
        return None
    return 100 * (price - cost.amount_minor - handling.amount_minor) / price


def _listed(values: Sequence[str]) -> str:
    return " or ".join(values)
