"""Availability followed live: the present first, then every answer that differs, whatever caused it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import time, timedelta

import pytest

from domain.access import ANONYMOUS, EVERY_ORDER, SYSTEM, Role
from domain.availability.views import KeepBackRule, LocationRule, StoreRule, SupplyRule
from domain.calendar import OpeningHours, Weekday
from domain.catalog.model import ProductStatus
from domain.catalog.service import import_products, save_channel
from domain.errors import Refused
from domain.events import cursor_of
from domain.inventory.feeds import sync_stock
from domain.inventory.model import (
    AdjustableCounter,
    AdjustmentReason,
    AdjustStock,
    FeedLine,
    StockChange,
    StockFeedMode,
    StockLocationKind,
    SyncStock,
)
from domain.inventory.service import adjust_stock, save_stock_location
from domain.orders.canceling import cancel_order
from domain.orders.model import CancelOrder, CancelReason
from gateway.serving import Asked
from resolvers import watching
from resolvers.availability_changes import availability_changed
from resolvers.context import Context
from resolvers.sharing import Shared
from tests.factories import NOW, a_channel, a_location, a_product, a_quote, a_viewer, an_order, key
from tests.shop import Shop, a_shop, whole_schema

OPERATIONS = a_viewer(Role.OPERATIONS)
SOON_S = 20  # What a quiet machine does in some hundredths, and the clock's tick in a second.
QUIET_S = 0.5  # Longer than a burst.


@pytest.fixture
async def shop(migrated_database_url) -> AsyncIterator[Shop]:
    """Ten of A and of B in Milan, KIT of one A and two B; C is not to be had."""
    async with a_shop(migrated_database_url, is_live=True) as opened:
        await opened.stock(milan={"A": 10, "B": 10}, rome={"C": 0})
        async with opened.world.work() as work:
            await work.catalog.import_products([a_product("KIT", components={"A": 1, "B": 2})], NOW)
        yield opened


@pytest.fixture
def shared() -> Shared:
    return Shared()


@asynccontextmanager
async def following(shop, shared, *skus, channel="web", view=None, after=None, viewer=OPERATIONS):
    context = Context(shop.world, viewer, shared=shared)
    async with aclosing(await availability_changed(context, channel, view, list(skus) or None, after)) as changes:
        yield changes


async def told(changes) -> tuple[str, int | None]:
    """The next change: its SKU, and how many there are."""
    async with asyncio.timeout(SOON_S):
        answer = (await anext(changes)).availability
    return answer.sku, answer.quantity


async def is_quiet(changes) -> bool:
    """Whether nothing more comes; the stream is of no use afterwards."""
    try:
        async with asyncio.timeout(QUIET_S):
            await anext(changes)
    except TimeoutError:
        return True
    return False


async def written(shop, service, *command) -> None:
    async with shop.world.work() as work:
        await service(work, *command)


async def count(shop, sku: str, units: int, counter=AdjustableCounter.ON_HAND) -> None:
    change = StockChange(sku=sku, location="milan", counter=counter, reason=AdjustmentReason.COUNT, set_to=units)
    await written(shop, adjust_stock, AdjustStock(idempotency_key=key(), changes=(change,)), OPERATIONS)


# ── What is told ──


async def test_the_present_comes_first_and_then_only_what_is_answered_otherwise(shop, shared):
    async with following(shop, shared, "A") as changes:
        assert await told(changes) == ("A", 10)
        await count(shop, "B", 3)
        await count(shop, "A", 7)

        assert await told(changes) == ("A", 7)
        await count(shop, "A", 7)
        assert await is_quiet(changes)


async def test_an_order_a_cancellation_a_feed_and_a_kits_part_are_all_causes(shop, shared):
    async with following(shop, shared, "KIT") as changes:
        assert await told(changes) == ("KIT", 5)
        order_id = (await shop.place(an_order(("B", 2)))).order_id
        assert await told(changes) == ("KIT", 4)
        whole = CancelOrder(order_id=order_id, reason=CancelReason.OTHER, lines=None, idempotency_key=key())
        await written(shop, cancel_order, whole, OPERATIONS, EVERY_ORDER)
        assert await told(changes) == ("KIT", 5)

        feed = SyncStock(
            idempotency_key=key(),
            location="milan",
            mode=StockFeedMode.DELTA,
            as_of=shop.clock.now() + timedelta(seconds=1),
            includes_allocated=False,
            lines=(FeedLine("A", 1),),
        )
        await written(shop, sync_stock, feed, OPERATIONS)
        assert await told(changes) == ("KIT", 1)


async def test_a_view_a_place_a_product_and_a_channel_are_causes(shop, shared):
    async with following(shop, shared, "A") as changes:
        assert await told(changes) == ("A", 10)
        await shop.sell_through(keep_back=(KeepBackRule(reason="display", units=4),))
        async with shop.world.work() as work:
            await save_channel(work, a_channel(availability_view="view"), SYSTEM)
        assert await told(changes) == ("A", 6)
        await written(shop, save_stock_location, a_location("milan", active=False), OPERATIONS)
        assert await told(changes) == ("A", 0)
        await written(shop, save_stock_location, a_location("milan"), OPERATIONS)
        assert await told(changes) == ("A", 6)
        await written(shop, import_products, [replace(a_product("A"), status=ProductStatus.ARCHIVED)], SYSTEM)
        async with asyncio.timeout(SOON_S):
            assert (await anext(changes)).availability.status.value == "NOT_SELLABLE"


async def test_what_is_due_and_what_others_wait_for_are_causes(shop, shared):
    await shop.sell_through(supply=SupplyRule(on_order=True, backorder_limit=2))
    async with following(shop, shared, "C") as changes:
        async with asyncio.timeout(SOON_S):
            assert (await anext(changes)).availability.orderable == 2
            await shop.expect("C", "rome", 5, days=3)
            assert (await anext(changes)).availability.orderable == 7
            order_id = (await shop.place(an_order(("C", 4)))).order_id
            assert [each.quantity for each in (await anext(changes)).availability.future] == [1]
            whole = CancelOrder(order_id=order_id, reason=CancelReason.OTHER, lines=None, idempotency_key=key())
            await written(shop, cancel_order, whole, OPERATIONS, EVERY_ORDER)
            assert [each.quantity for each in (await anext(changes)).availability.future] == [5]


# ── What time does ──


async def test_a_launch_is_told_when_it_comes(shop, shared):
    launch = NOW + timedelta(hours=2)
    await written(shop, import_products, [a_product("A", launch_at=launch)], SYSTEM)
    async with following(shop, shared, "A", viewer=ANONYMOUS) as changes:
        assert await told(changes) == ("A", 0)

        shop.clock.set(launch)

        assert await told(changes) == ("A", 10)


async def test_a_store_that_closes_and_a_planned_revision_are_told_when_they_come(shop, shared):
    hours = (OpeningHours(Weekday.TUESDAY, time(9), time(13)),)
    store = a_location("milan", kind=StockLocationKind.STORE, opening_hours=hours)
    await written(shop, save_stock_location, store, OPERATIONS)
    await shop.sell_through(store=StoreRule(open_only=True, minutes_before_closing=15))
    async with following(shop, shared, "A") as changes:
        assert await told(changes) == ("A", 10)

        shop.clock.set(NOW + timedelta(minutes=45))  # 12:45 in Rome.

        assert await told(changes) == ("A", 0)


async def test_supply_is_told_of_when_it_comes_within_the_horizon_and_when_it_is_late(shop, shared):
    await shop.expect("C", "rome", 5, days=12)
    await shop.sell_through(supply=SupplyRule(on_order=True, horizon_days=10))
    async with following(shop, shared, "C") as changes, asyncio.timeout(SOON_S):
        assert list((await anext(changes)).availability.future) == []
        shop.clock.set(NOW + timedelta(days=2))
        assert [each.on.day for each in (await anext(changes)).availability.future] == [17]
        shop.clock.set(NOW + timedelta(days=13))
        assert [each.on.day for each in (await anext(changes)).availability.future] == [19]


async def test_a_hold_counts_until_it_lapses_whether_anybody_sweeps_it_or_not(shop, shared):
    async with following(shop, shared, "A") as changes:
        assert await told(changes) == ("A", 10)
        await shop.quote(a_quote(("A", 4), hold_minutes=10))
        assert await told(changes) == ("A", 6)

        shop.clock.set(NOW + timedelta(minutes=10))

        assert await told(changes) == ("A", 10)


# ── Resuming, and whole views ──


async def test_who_resumes_is_told_what_may_have_changed_since_and_nothing_else(shop, shared):
    async with following(shop, shared, "A", "B") as changes:
        async with asyncio.timeout(SOON_S):
            cursor = (await anext(changes)).cursor
    await count(shop, "B", 3)

    async with following(shop, shared, "A", "B", after=cursor) as changes:
        assert await told(changes) == ("B", 3)
        assert await is_quiet(changes)


async def test_a_whole_view_tells_of_every_change_and_of_nothing_else(shop, shared):
    async with following(shop, shared) as changes:
        first = asyncio.ensure_future(told(changes))
        async with following(shop, shared, "A") as one:
            assert await told(one) == ("A", 10)  # By now the whole was looked at.
        await count(shop, "B", 1)

        assert await first == ("B", 1)
        assert await told(changes) == ("KIT", 0)
        await shop.sell_through(locations=LocationRule(exclude=("milan",)))
        assert {await told(changes), await told(changes)} == {("A", 0), ("B", 0)}


async def test_a_whole_view_is_resumed_from_a_cursor(shop, shared):
    cursor = cursor_of(await shop.world.reads.log.end())
    await count(shop, "B", 1)

    async with following(shop, shared, after=cursor) as changes:
        assert {await told(changes), await told(changes)} == {("B", 1), ("KIT", 0)}


async def test_as_many_whole_views_are_watched_as_a_process_can_and_no_more(shop, shared, monkeypatch):
    monkeypatch.setattr(watching, "WHOLE_WATCHES_MAX", 1)
    async with following(shop, shared) as changes, following(shop, shared, channel=None) as others:
        first = asyncio.ensure_future(told(changes))
        async with following(shop, shared, "A") as one:
            await told(one)
        with pytest.raises(Refused):
            await told(others)
        await count(shop, "A", 1)
        assert (await first)[0] in {"A", "KIT"}


# ── Who is told ──


async def test_what_is_not_there_for_the_caller_cannot_be_followed(shop, shared):
    await written(shop, import_products, [replace(a_product("A"), status=ProductStatus.DRAFT)], SYSTEM)
    context = Context(shop.world, ANONYMOUS, shared=shared)

    for asked in (("web", None, ["A"], None), ("none", None, ["B"], None), (None, "none", ["B"], None)):
        with pytest.raises(Refused):
            await availability_changed(context, *asked)
    with pytest.raises(Refused):
        await availability_changed(context, "web", None, ["B"], "e9zzzz")
    with pytest.raises(Refused):
        await availability_changed(context, "web", None, [], None)


async def test_shoppers_are_told_no_quantities_where_the_channel_shows_none(shop, shared):
    async with shop.world.work() as work:
        await save_channel(work, a_channel(shows_quantities=False), SYSTEM)
    async with following(shop, shared, "A", viewer=ANONYMOUS) as changes:
        assert await told(changes) == ("A", None)
        await count(shop, "A", 9)
        await count(shop, "A", 2)

        async with asyncio.timeout(SOON_S):
            assert (await anext(changes)).availability.status.value == "LOW_STOCK"


async def test_a_stream_ends_with_its_token(shop, shared):
    viewer = replace(OPERATIONS, expires_at=shop.clock.now() + timedelta(seconds=0.2))
    async with following(shop, shared, "A", viewer=viewer) as changes:
        assert await told(changes) == ("A", 10)

        with pytest.raises(StopAsyncIteration):
            async with asyncio.timeout(SOON_S):
                await anext(changes)


async def test_who_asks_alike_is_answered_by_one_watch_and_none_is_left_when_all_are_gone(shop, shared):
    async with following(shop, shared, "A") as one, following(shop, shared, "A", "B") as two:
        assert await told(one) == ("A", 10)
        assert {await told(two), await told(two)} == {("A", 10), ("B", 10)}
        assert len(shared.watches) == 1
        await count(shop, "A", 4)
        async with asyncio.timeout(SOON_S):
            assert await anext(one) is await anext(two)

    assert len(shared.watches) == 0
    assert shop.process.live.follower_count == 0


async def test_when_the_process_stops_its_streams_end(migrated_database_url, shared):
    async with a_shop(migrated_database_url, is_live=True) as shop:
        await shop.stock(milan={"A": 1})
        async with following(shop, shared, "A") as changes:
            await told(changes)
            await shop.process.live.stop()

            with pytest.raises(StopAsyncIteration):
                async with asyncio.timeout(SOON_S):
                    await anext(changes)


async def test_it_is_asked_as_the_contract_says(shop):
    document = (
        'subscription { availabilityChanged(channel: "web", skus: ["A"]) { cursor availability { sku quantity } } }'
    )

    answers = await whole_schema().follow(Asked(document, {}), Context(shop.world, OPERATIONS))
    async with aclosing(answers) as stream, asyncio.timeout(SOON_S):
        assert b'"availability":{"sku":"A","quantity":10}' in await anext(stream)
