"""What chance makes of a small shop: places, goods, rules and a history, all drawn from one seed."""

from dataclasses import replace
from datetime import time, timedelta
from random import Random

from domain.access import SYSTEM
from domain.availability.service import save_availability_view
from domain.availability.views import (
    AvailabilityRules,
    AvailabilityViewStatus,
    FinanceRule,
    KeepBackRule,
    LocationRule,
    ProductRule,
    SaveAvailabilityView,
    StoreRule,
    SupplyRule,
)
from domain.calendar import OpeningHours, Weekday
from domain.catalog.model import Category
from domain.inventory.model import StockLocation, StockLocationKind
from domain.money import Money
from tests.domain.stock import MILAN, PARIS, ROME, a_location_at
from tests.factories import NOW, a_channel, a_product, a_shipping_method
from tests.shop import Shop

PLACES = ("milan", "paris", "rome", "turin")
SKUS = ("A", "B", "C", "D")
KITS = {"SET": {"A": 1, "B": 2}, "TRIO": {"B": 1, "C": 1, "D": 3}}
CATEGORIES = ("clothes", "shirts", "toys")
TAGS = ("large", "window", "outlet")
VIEW = "view"


async def opened(shop: Shop, random: Random) -> None:
    """Four places, four SKUs and two kits in a channel that sells through a view of its own; nothing in stock."""
    async with shop.world.work() as work:
        await work.promising.save_shipping_methods([a_shipping_method()])
        await work.catalog.save_categories(
            [
                Category(code=code, names={"en": code}, parent_code="clothes" if code == "shirts" else None)
                for code in CATEGORIES
            ]
        )
        await work.catalog.save_channel(a_channel(max_hold_minutes=60))
        await work.catalog.import_products([_product(sku, random) for sku in SKUS], NOW)
        await work.catalog.import_products([_product(sku, random, KITS[sku]) for sku in KITS], NOW)
        for code in PLACES:
            await work.inventory.save_location(a_place(code, random))
    await saved_rules(shop, AvailabilityRules())
    async with shop.world.work() as work:
        await work.catalog.save_channel(a_channel(availability_view=VIEW, max_hold_minutes=60))


async def saved_rules(shop: Shop, rules: AvailabilityRules) -> None:
    command = SaveAvailabilityView(code=VIEW, name=VIEW, rules=rules, status=AvailabilityViewStatus.ACTIVE)
    async with shop.world.work() as work:
        await save_availability_view(work, command, SYSTEM)


def _product(sku: str, random: Random, components: dict[str, int] | None = None):
    product = a_product(sku, components=components, cost=Money(random.randint(300, 1200), "EUR"))
    categories = tuple(random.sample(CATEGORIES, random.randint(0, 2)))
    return replace(product, category_codes=categories, tags=tuple(random.sample(TAGS, random.randint(0, 2))))


def a_place(code: str, random: Random) -> StockLocation:
    hours = tuple(OpeningHours(day, time(9), time(random.randint(12, 20))) for day in Weekday)
    return a_location_at(
        random.choice([MILAN, ROME, PARIS]),
        code,
        kind=random.choice([StockLocationKind.STORE, StockLocationKind.WAREHOUSE]),
        tags=tuple(random.sample(TAGS, random.randint(0, 2))),
        opening_hours=random.choice([(), hours]),
        handling_cost=random.choice([None, Money(random.randint(0, 400), "EUR")]),
        stock_accuracy=random.choice([None, round(random.random(), 2)]),
        active=random.random() < 0.9,
    )


def rules(random: Random) -> AvailabilityRules:
    """Each rule says something half of the time."""

    def maybe(value, otherwise=None):
        return value if random.random() < 0.5 else otherwise

    def some(of, most=2):
        return maybe(tuple(random.sample(of, random.randint(1, most))), ())

    include, exclude = some(PLACES[:2]), some(PLACES[2:], 1)
    return AvailabilityRules(
        locations=LocationRule(tags=maybe(some(TAGS), ()), include=maybe(include, ()), exclude=exclude),
        products=ProductRule(exclude_categories=some(CATEGORIES, 1), exclude_skus=maybe(some([*SKUS, *KITS], 1), ())),
        supply=SupplyRule(
            on_hand=random.random() < 0.9,
            in_transit=True,
            on_order=maybe(True, False),
            horizon_days=random.randint(0, 20),
            backorder_limit=maybe(random.randint(0, 6), 0),
        ),
        keep_back=tuple(
            KeepBackRule(
                reason="kept",
                units=random.randint(0, 3),
                percent=maybe(random.randint(0, 60)),
                kinds=maybe((StockLocationKind.STORE,), ()),
                location_tags=maybe(some(TAGS), ()),
                categories=maybe(some(CATEGORIES), ()),
            )
            for _ in range(random.randint(0, 3))
        ),
        store=StoreRule(
            min_stock_accuracy=maybe(maybe(0.3)),
            max_open_units=maybe(random.randint(0, 30)),
            open_only=maybe(True, False),
        ),
        finance=FinanceRule(
            min_margin_percent=maybe(maybe(random.randint(-20, 40))), max_handling_cost=maybe(maybe(Money(200, "EUR")))
        ),
        low_stock_threshold=random.randint(0, 9),
    )


def a_while(random: Random) -> timedelta:
    return timedelta(minutes=random.choice([0, 1, 7, 45, 300]))
