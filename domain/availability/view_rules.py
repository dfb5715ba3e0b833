"""What a view's rules must look like: each problem at its path in the input."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from math import isfinite

from domain.availability.views import (
    AvailabilityRules,
    AvailabilityViewStatus,
    FinanceRule,
    KeepBackRule,
    KeptView,
    LocationRule,
    ProductRule,
    SaveAvailabilityView,
    StoreRule,
    SupplyRule,
)
from domain.catalog.rules import (
    amount_problems,
    code_problems,
    country_problems,
    range_problems,
    repeated_problems,
    text_problems,
)
from domain.errors import InvalidTransition, Problem, conflict, invalid, not_found
from domain.inventory.model import QUANTITY_MAX

LIST_LENGTH_MAX = (
    1_000  # Places, tags, categories or SKUs of one rule: what is longer belongs into a tag or a category.
)
KEEP_BACK_RULES_MAX = 50  # Each is looked at for each place; a merchandiser keeps fewer apart.
HORIZON_DAYS_MAX = 730  # Supply dated further ahead than two years is a wish.
EARTH_HALFWAY_KM = 20_040  # No two places are further apart.
MINUTES_BEFORE_CLOSING_MAX = 1_440
SCHEDULED_AHEAD_DAYS_MAX = 730  # What is planned further ahead is forgotten before it comes.


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is of what rules name."""

    locations: Collection[str]
    categories: Collection[str]
    skus: Collection[str]


def view_problems(
    view: SaveAvailabilityView, before: KeptView | None, now: datetime, known: Known
) -> Iterator[Problem]:
    """Of a view as it is to be; `before` is what it was, None where it is new."""
    yield from code_problems(view.code, "code")
    yield from text_problems(view.name, "name")
    version = before.version if before else 0
    if view.expected_version is not None and view.expected_version != version:
        yield conflict(f"The view is at version {version}, not {view.expected_version}.", "expectedVersion")
    if view.effective_from is not None:
        days = (view.effective_from - now).days
        if view.effective_from < now:
            yield invalid("What was sold is sold: a revision takes over now or later.", "effectiveFrom")
        elif days > SCHEDULED_AHEAD_DAYS_MAX:
            yield invalid(f"A revision is planned at most {SCHEDULED_AHEAD_DAYS_MAX} days ahead.", "effectiveFrom")
    if view.status is not None and before is not None:
        yield from _status_problems(before.at(now).status, view.status)
    yield from rules_problems(view.rules, known, "rules")


# A view is drafted, used, and put away; what was put away is made anew under another code, for its history is its own.
_NEXT = {
    AvailabilityViewStatus.DRAFT: (
        AvailabilityViewStatus.DRAFT,
        AvailabilityViewStatus.ACTIVE,
        AvailabilityViewStatus.ARCHIVED,
    ),
    AvailabilityViewStatus.ACTIVE: (AvailabilityViewStatus.ACTIVE, AvailabilityViewStatus.ARCHIVED),
    AvailabilityViewStatus.ARCHIVED: (),
}


def _status_problems(before: AvailabilityViewStatus, after: AvailabilityViewStatus) -> Iterator[Problem]:
    allowed = tuple(status.value for status in _NEXT[before])
    if after.value not in allowed:
        yield InvalidTransition(
            message=f"The view is {before.value}; from there it may become {' or '.join(allowed) or 'nothing'}.",
            path=("status",),
            from_=before.value,
            allowed=allowed,
        )


def rules_problems(rules: AvailabilityRules, known: Known, *path: str) -> Iterator[Problem]:
    yield from _location_problems(rules.locations, known, *path, "locations")
    yield from _product_problems(rules.products, known, *path, "products")
    yield from _supply_problems(rules.supply, *path, "supply")
    if len(rules.keep_back) > KEEP_BACK_RULES_MAX:
        yield invalid(f"A view has at most {KEEP_BACK_RULES_MAX} rules that keep back.", *path, "keepBack")
    for place, rule in enumerate(rules.keep_back):
        yield from _keep_back_problems(rule, known, *path, "keepBack", place)
    yield from _store_problems(rules.store, *path, "store")
    yield from _finance_problems(rules.finance, *path, "finance")
    yield from range_problems(rules.low_stock_threshold, 0, QUANTITY_MAX, *path, "lowStockThreshold")


def _location_problems(rule: LocationRule, known: Known, *path: str) -> Iterator[Problem]:
    yield from _list_problems([kind.value for kind in rule.kinds], "The kind", *path, "kinds")
    yield from _list_problems(rule.countries, "The country", *path, "countries")
    for place, country in enumerate(rule.countries):
        yield from country_problems(country, *path, "countries", place)
    yield from _tags_problems(rule.tags, *path, "tags")
    yield from _list_problems([each.value for each in rule.capabilities], "The capability", *path, "capabilities")
    for name, codes in (("include", rule.include), ("exclude", rule.exclude)):
        yield from _list_problems(codes, "The location", *path, name)
        yield from _known_problems(codes, known.locations, "location", *path, name)
    for place, code in enumerate(rule.exclude):
        if code in rule.include:
            yield invalid(f"{code} is included and excluded. It can be one of them.", *path, "exclude", place)
    if rule.max_distance_km is not None and not 0 < rule.max_distance_km <= EARTH_HALFWAY_KM:
        yield invalid(f"A distance is more than 0 and at most {EARTH_HALFWAY_KM} km.", *path, "maxDistanceKm")


def _product_problems(rule: ProductRule, known: Known, *path: str) -> Iterator[Problem]:
    for name, codes in (("categories", rule.categories), ("excludeCategories", rule.exclude_categories)):
        yield from _list_problems(codes, "The category", *path, name)
        yield from _known_problems(codes, known.categories, "category", *path, name)
    yield from _tags_problems(rule.tags, *path, "tags")
    yield from _tags_problems(rule.exclude_tags, *path, "excludeTags")
    yield from _list_problems(rule.exclude_skus, "The SKU", *path, "excludeSkus")
    yield from _known_problems(rule.exclude_skus, known.skus, "SKU", *path, "excludeSkus")
    for admitted, name, excluded in (
        (rule.categories, "excludeCategories", rule.exclude_categories),
        (rule.tags, "excludeTags", rule.exclude_tags),
    ):
        for place, value in enumerate(excluded):
            if value in admitted:
                yield invalid(f"{value} is asked for and excluded. It can be one of them.", *path, name, place)


def _supply_problems(rule: SupplyRule, *path: str) -> Iterator[Problem]:
    yield from range_problems(rule.horizon_days, 0, HORIZON_DAYS_MAX, *path, "horizonDays")
    yield from range_problems(rule.backorder_limit, 0, QUANTITY_MAX, *path, "backorderLimit")
    if not (rule.on_hand or rule.in_transit or rule.on_order or rule.production or rule.backorder_limit):
        yield invalid("No supply counts, so nothing could be sold: name at least one.", *path)


def _keep_back_problems(rule: KeepBackRule, known: Known, *path: str | int) -> Iterator[Problem]:
    yield from text_problems(rule.reason, *path, "reason")
    if rule.units is None and rule.percent is None:
        yield invalid("Say how much is kept back: units, percent, or both.", *path)
    yield from range_problems(rule.units, 0, QUANTITY_MAX, *path, "units")
    yield from range_problems(rule.percent, 0, 100, *path, "percent")
    yield from _list_problems([kind.value for kind in rule.kinds], "The kind", *path, "kinds")
    yield from _tags_problems(rule.location_tags, *path, "locationTags")
    yield from _list_problems(rule.categories, "The category", *path, "categories")
    yield from _known_problems(rule.categories, known.categories, "category", *path, "categories")


def _store_problems(rule: StoreRule, *path: str) -> Iterator[Problem]:
    yield from range_problems(rule.min_stock_accuracy, 0, 1, *path, "minStockAccuracy")
    yield from range_problems(rule.max_open_units, 0, QUANTITY_MAX, *path, "maxOpenUnits")
    yield from range_problems(rule.minutes_before_closing, 0, MINUTES_BEFORE_CLOSING_MAX, *path, "minutesBeforeClosing")


def _finance_problems(rule: FinanceRule, *path: str) -> Iterator[Problem]:
    margin = rule.min_margin_percent
    if margin is not None and not (isfinite(margin) and -100 <= margin <= 100):
        yield invalid(
            f"{margin} is out of range: -100 to 100 percent of the price is right.", *path, "minMarginPercent"
        )
    yield from amount_problems(rule.max_handling_cost, *path, "maxHandlingCost")


def _tags_problems(tags: Sequence[str], *path: str | int) -> Iterator[Problem]:
    yield from _list_problems(tags, "The tag", *path)
    for place, tag in enumerate(tags):
        yield from text_problems(tag, *path, place)


def _list_problems(values: Sequence[str | Enum], what: str, *path: str | int) -> Iterator[Problem]:
    if len(values) > LIST_LENGTH_MAX:
        yield invalid(f"At most {LIST_LENGTH_MAX} are named.", *path)
    yield from repeated_problems(map(str, values), what, *path)


def _known_problems(named: Sequence[str], known: Collection[str], what: str, *path: str | int) -> Iterator[Problem]:
    for place, each in enumerate(named):
        if each not in known:
            yield not_found(f"There is no {what} {each!r:.80}.", *path, place)
