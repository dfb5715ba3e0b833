"""The stock ledger followed live: every movement once and in order, whatever caused it, and to nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from domain.access import EVERY_ORDER
from domain.errors import Refused
from domain.events import cursor_of
from domain.inventory.feeds import sync_stock
from domain.inventory.ledger import runs
from domain.inventory.model import FeedLine, StockFeedMode, SyncStock
from domain.orders.canceling import cancel_order
from domain.orders.model import CancelOrder, CancelReason
from resolvers import stock_changes
from resolvers.context import Context
from resolvers.stock_changes import stock_changed
from tests.factories import NOW, a_count, an_order, key
from tests.resolvers.stock import MILANESE, OPERATIONS
from tests.shop import Shop, a_shop, whole_schema

SOON_S = 5  # What a quiet machine does in milliseconds.


@pytest.fixture
async def shop(migrated_database_url) -> AsyncIterator[Shop]:
    async with a_shop(migrated_database_url, is_live=True) as opened:
        await opened.stock(milan={"A": 10, "B": 10}, rome={"A": 1})
        yield opened


@asynccontextmanager
async def following(shop, after=None, *, locations=None, skus=None, viewer=OPERATIONS):
    async with aclosing(await stock_changed(Context(shop.world, viewer), locations, skus, after)) as changes:
        yield changes


async def told(changes, count):
    """The next changes."""
    async with asyncio.timeout(SOON_S):
        return [await anext(changes) for _ in range(count)]


def figures(changes):
    return [
        (each.movement.sku, each.movement.location, each.movement.reason.value, each.movement.delta) for each in changes
    ]


async def move(shop, *movements):
    async with shop.world.work() as work:
        await work.inventory.open_levels([each.key for each in movements], NOW)
        await work.inventory.move(movements)


async def feed(shop, **units):
    lines = tuple(FeedLine(sku, quantity) for sku, quantity in units.items())
    told = {"location": "milan", "mode": StockFeedMode.DELTA, "as_of": NOW, "includes_allocated": False}
    async with shop.world.work() as work:
        await sync_stock(work, SyncStock(idempotency_key=key(), lines=lines, **told), OPERATIONS)


async def test_an_orders_movements_are_told_as_a_persons_and_a_feeds_are(shop):
    async with following(shop) as changes:
        next_four = asyncio.ensure_future(told(changes, 4))
        order_id = (await shop.place(an_order(("A", 2)))).order_id
        whole = CancelOrder(order_id=order_id, reason=CancelReason.OTHER, lines=None, idempotency_key=key())
        async with shop.world.work() as work:
            await cancel_order(work, whole, OPERATIONS, EVERY_ORDER)
        await feed(shop, B=7)
        await move(shop, a_count("A", "rome", 3))

        seen = await next_four

    assert figures(seen) == [
        ("A", "milan", "ALLOCATION", 2),
        ("A", "milan", "DEALLOCATION", -2),
        ("B", "milan", "FEED", -3),
        ("A", "rome", "COUNT", 3),
    ]
    assert [(each.level.sku, each.level.on_hand) for each in seen][2:] == [("B", 7), ("A", 4)]


async def test_who_resumes_at_any_movement_misses_none_and_sees_none_twice(shop, monkeypatch):
    monkeypatch.setattr(stock_changes, "BATCH", 2)
    await move(shop, *(a_count(sku, "milan", n) for n in (1, 2, 3) for sku in "AB"))
    await move(shop, a_count("A", "rome", 4))
    async with following(shop, "") as changes:
        whole = await told(changes, 10)

    for seen, change in enumerate(whole[:-1], start=1):
        async with following(shop, change.cursor) as rest:
            assert await told(rest, 10 - seen) == whole[seen:]
    assert len({change.cursor for change in whole}) == 10
    assert whole[-1].cursor == cursor_of(await shop.world.reads.log.end())


async def test_changes_of_many_at_once_are_all_told_once(shop):
    async with following(shop) as changes:
        begun = asyncio.ensure_future(told(changes, 40))
        await asyncio.gather(*(move(shop, a_count("A", "milan", 1), a_count("B", "milan", 1)) for _ in range(20)))
        seen = await begun

    assert len({change.movement.number for change in seen}) == 40
    assert max(change.level.on_hand for change in seen) == 30


async def test_only_the_places_and_skus_asked_for_are_told(shop):
    async with following(shop, "", locations=["milan"], skus=["B"]) as changes:
        begun = asyncio.ensure_future(told(changes, 2))
        await move(shop, a_count("A", "milan", 1), a_count("B", "rome", 1), a_count("B", "milan", 2))

        assert figures(await begun) == [("B", "milan", "COUNT", 10), ("B", "milan", "COUNT", 2)]


async def test_an_associate_follows_their_own_places(shop):
    async with following(shop, viewer=MILANESE) as changes:
        begun = asyncio.ensure_future(told(changes, 1))
        await move(shop, a_count("A", "rome", 1))
        await move(shop, a_count("A", "milan", 2))

        assert figures(await begun) == [("A", "milan", "COUNT", 2)]


@pytest.mark.parametrize("after", ["nonsense", "e1.x", "e1.-5", "e1." + "9" * 19, "e999"])
async def test_what_is_no_cursor_is_refused(shop, after):
    with pytest.raises(Refused) as refused:
        await stock_changed(Context(shop.world, OPERATIONS), None, None, after)

    assert [problem.path for problem in refused.value.problems] == [("after",)]


async def test_following_stock_needs_the_right_to_read_it():
    field = whole_schema().as_str().split("stockChanged(")[1].splitlines()[0]

    assert '@needs(scope: "inventory:read")' in field


def test_numbers_are_told_as_runs():
    assert runs([5, 3, 4, 9, 11, 10]) == [[3, 5], [9, 11]]
    assert runs([]) == []


async def test_the_event_of_a_feed_is_small_and_names_every_movement(shop):
    await move(shop, *(a_count("A", "milan", 1) for _ in range(300)))

    (*_, event) = await shop.world.reads.log.after(0, 10)

    ((first, last),) = event.data["movements"]
    assert (event.kind, event.data["count"], last - first) == ("stock.moved", 300, 299)
