"""The list of products to sell holds what availability has something of, page by page, and nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.availability import listing
from domain.availability.listing import products_to_sell
from domain.availability.views import KeepBackRule, LocationRule, ProductRule, SupplyRule
from domain.catalog.model import ProductFilter, ProductStatus
from domain.errors import Refused
from domain.paging import Page
from tests.factories import NOW, a_location, a_product


@pytest.fixture
async def goods(shop):
    """CAP and BELT, and SET of two caps and a belt; six more that have ten each: P0 to P5."""
    await shop.stock(
        milan={"CAP": 1, "BELT": 9} | {f"P{number}": 10 for number in range(6)},
        rome={"CAP": 5},
    )
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("SET", components={"CAP": 2, "BELT": 1})], NOW)
    return shop


async def page(shop, channel="web", **asked):
    return await products_to_sell(shop.world.reads, ProductFilter(words=()), channel, Page(**asked), shop.clock.now())


async def listed(shop, channel="web", **asked) -> list[str]:
    return [edge.node.code for edge in (await page(shop, channel, **asked)).edges]


PLAIN = [f"P{number}" for number in range(6)]


async def test_a_kit_is_listed_where_one_place_has_all_that_is_in_it(goods):
    assert await listed(goods) == ["BELT", "CAP", *PLAIN]

    await goods.stock(milan={"CAP": 1})

    assert await listed(goods) == ["BELT", "CAP", *PLAIN, "SET"]


async def test_what_has_no_price_there_no_launch_yet_or_no_place_that_counts_is_not_listed(goods):
    unpriced = replace(a_product("P0"), variants=(replace(a_product("P0").variants[0], prices={}),))
    async with goods.world.work() as work:
        await work.catalog.import_products([unpriced, a_product("P1", launch_at=NOW + timedelta(days=1))], NOW)
        await work.catalog.import_products([replace(a_product("P2"), status=ProductStatus.DRAFT)], NOW)
        await work.inventory.save_location(a_location("rome", active=False))

    assert await listed(goods) == ["BELT", "CAP", "P3", "P4", "P5"]
    assert await listed(goods, "nowhere") == []


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        ({"locations": LocationRule(include=("rome",))}, ["CAP"]),
        ({"keep_back": (KeepBackRule(reason="display", units=6),)}, ["BELT", *PLAIN]),
        ({"products": ProductRule(exclude_skus=("BELT", "P3"))}, ["CAP", "P0", "P1", "P2", "P4", "P5"]),
        ({"supply": SupplyRule(backorder_limit=1)}, ["BELT", "CAP", "NEW", *PLAIN, "SET"]),
        ({"supply": SupplyRule(on_hand=False, on_order=True)}, ["NEW"]),
    ],
)
async def test_the_list_is_of_what_the_channels_view_has_something_of(goods, rules, codes):
    async with goods.world.work() as work:
        await work.catalog.import_products([a_product("NEW")], NOW)
    await goods.expect("NEW", "rome", 1, days=3)

    await goods.sell_through(**rules)

    assert await listed(goods) == codes


async def test_pages_go_on_where_they_ended_over_what_is_not_listed_forward_and_back(goods, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_SIZE_MAX", 2)
    await goods.sell_through(products=ProductRule(exclude_skus=("P1", "P2", "P3")))

    first = await page(goods, size=3)
    second = await page(goods, size=3, after=first.edges[-1].cursor)
    back = await page(goods, size=2, before=second.edges[-1].cursor, backward=True)

    assert [edge.node.code for edge in first.edges] == ["BELT", "CAP", "P0"]
    assert [edge.node.code for edge in second.edges] == ["P4", "P5"]
    assert [edge.node.code for edge in back.edges] == ["P0", "P4"]
    assert (first.has_next, second.has_next, second.has_previous, back.has_previous) == (True, False, True, True)


async def test_who_looks_for_what_hardly_anything_is_is_told_so(goods, monkeypatch):
    monkeypatch.setattr(listing, "PRODUCTS_LOOKED_AT_MAX", 250)
    monkeypatch.setattr(listing, "PAGE_SIZE_MAX", 250)
    await goods.sell_through(products=ProductRule(exclude_skus=tuple(PLAIN)))

    with pytest.raises(Refused):
        await listed(goods, size=1, after=(await page(goods, size=1)).edges[-1].cursor)
