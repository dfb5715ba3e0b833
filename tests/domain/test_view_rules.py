"""What an availability view must look like: each thing that is wrong is told at its place."""

from datetime import timedelta

import pytest

from domain.availability.view_rules import KEEP_BACK_RULES_MAX, Known, rules_problems, view_problems
from domain.availability.views import (
    AvailabilityRules,
    FinanceRule,
    KeepBackRule,
    LocationRule,
    ProductRule,
    SaveAvailabilityView,
    StoreRule,
    SupplyRule,
)
from domain.errors import ErrorCode
from domain.money import Money
from tests.factories import NOW

KNOWN = Known(locations={"milan"}, categories={"toys"}, skus={"A"})
INVALID, NOT_FOUND = ErrorCode.INVALID, ErrorCode.NOT_FOUND


def test_rules_that_name_what_there_is_are_right():
    rules = AvailabilityRules(
        locations=LocationRule(include=("milan",), countries=("IT",), tags=("large",), max_distance_km=0.1),
        products=ProductRule(categories=("toys",), exclude_skus=("A",), exclude_tags=("outlet",)),
        supply=SupplyRule(on_hand=False, backorder_limit=1, horizon_days=0),
        keep_back=(KeepBackRule(reason="display", units=0), KeepBackRule(reason="share", percent=100.0)),
        store=StoreRule(min_stock_accuracy=1.0, max_open_units=0, minutes_before_closing=0),
        finance=FinanceRule(min_margin_percent=-100, max_handling_cost=Money(0, "EUR")),
        low_stock_threshold=0,
    )

    assert list(rules_problems(rules, KNOWN)) == []


@pytest.mark.parametrize(
    ("rules", "path", "code"),
    [
        ({"locations": LocationRule(include=("nowhere",))}, "locations.include.0", NOT_FOUND),
        ({"locations": LocationRule(exclude=("nowhere",))}, "locations.exclude.0", NOT_FOUND),
        ({"locations": LocationRule(include=("milan",), exclude=("milan",))}, "locations.exclude.0", INVALID),
        ({"locations": LocationRule(countries=("XX",))}, "locations.countries.0", INVALID),
        ({"locations": LocationRule(tags=("a", "a"))}, "locations.tags.1", INVALID),
        ({"locations": LocationRule(tags=(" ",))}, "locations.tags.0", INVALID),
        ({"locations": LocationRule(max_distance_km=0)}, "locations.maxDistanceKm", INVALID),
        ({"locations": LocationRule(max_distance_km=float("nan"))}, "locations.maxDistanceKm", INVALID),
        ({"products": ProductRule(categories=("none",))}, "products.categories.0", NOT_FOUND),
        ({"products": ProductRule(exclude_skus=("NONE",))}, "products.excludeSkus.0", NOT_FOUND),
        (
            {"products": ProductRule(categories=("toys",), exclude_categories=("toys",))},
            "products.excludeCategories.0",
            INVALID,
        ),
        ({"products": ProductRule(tags=("x",), exclude_tags=("x",))}, "products.excludeTags.0", INVALID),
        ({"supply": SupplyRule(on_hand=False)}, "supply", INVALID),
        ({"supply": SupplyRule(horizon_days=-1)}, "supply.horizonDays", INVALID),
        ({"supply": SupplyRule(horizon_days=731)}, "supply.horizonDays", INVALID),
        ({"supply": SupplyRule(backorder_limit=-1)}, "supply.backorderLimit", INVALID),
        ({"keep_back": (KeepBackRule(reason="display"),)}, "keepBack.0", INVALID),
        ({"keep_back": (KeepBackRule(reason=" ", units=1),)}, "keepBack.0.reason", INVALID),
        ({"keep_back": (KeepBackRule(reason="x", units=-1),)}, "keepBack.0.units", INVALID),
        ({"keep_back": (KeepBackRule(reason="x", percent=100.5),)}, "keepBack.0.percent", INVALID),
        ({"keep_back": (KeepBackRule(reason="x", units=1, categories=("no",)),)}, "keepBack.0.categories.0", NOT_FOUND),
        ({"keep_back": (KeepBackRule(reason="x", units=1),) * (KEEP_BACK_RULES_MAX + 1)}, "keepBack", INVALID),
        ({"store": StoreRule(min_stock_accuracy=1.1)}, "store.minStockAccuracy", INVALID),
        ({"store": StoreRule(max_open_units=-1)}, "store.maxOpenUnits", INVALID),
        ({"store": StoreRule(minutes_before_closing=2000)}, "store.minutesBeforeClosing", INVALID),
        ({"finance": FinanceRule(min_margin_percent=101)}, "finance.minMarginPercent", INVALID),
        ({"finance": FinanceRule(min_margin_percent=float("inf"))}, "finance.minMarginPercent", INVALID),
        ({"finance": FinanceRule(max_handling_cost=Money(-1, "EUR"))}, "finance.maxHandlingCost.amount", INVALID),
        ({"low_stock_threshold": -1}, "lowStockThreshold", INVALID),
    ],
)
def test_what_cannot_be_is_told_at_its_place(rules, path, code):
    found = list(rules_problems(AvailabilityRules(**rules), KNOWN))

    assert [(problem.code, ".".join(problem.path)) for problem in found] == [(code, path)]


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"code": "no spaces"}, "code", INVALID),
        ({"name": ""}, "name", INVALID),
        ({"effective_from": NOW - timedelta(seconds=1)}, "effectiveFrom", INVALID),
        ({"effective_from": NOW + timedelta(days=732)}, "effectiveFrom", INVALID),
        ({"expected_version": 1}, "expectedVersion", ErrorCode.CONFLICT),
    ],
)
def test_a_new_view_that_cannot_be_is_told_why(changes, path, code):
    view = SaveAvailabilityView(**{"code": "outlet", "name": "Outlet", "rules": AvailabilityRules()} | changes)

    found = list(view_problems(view, None, NOW, KNOWN))

    assert [(problem.code, ".".join(problem.path)) for problem in found] == [(code, path)]
