"""Subscribers that lose their connection, at any moment and by the thousand, while orders are being placed."""

import asyncio
import gc
import random

import pytest

from domain.access import Role
from persistence import live
from tests.journeys.steps import PLACE, Guest, basket
from tests.running import serving_here, true_within
from tests.shop import a_shop

BUYERS = 6
SUBSCRIBERS = 3
CUTS_MAX = 12  # Of one connection; the next one is cut after as many answers or fewer.
SOCKETS = 1_000
SOCKETS_AT_ONCE = 50
EVENTS_OF_AN_ORDER = 4  # Placed, authorized, confirmed, and its work opened.

FOLLOW_ALL = """
subscription ($filter: OrderFilter, $after: String) {
  orderEvents(filter: $filter, after: $after) { cursor event { id kind } order { id fulfillmentOrders { id } } }
}
"""
FOLLOW_ONE = "subscription ($token: String!) { orderStatusChanged(accessToken: $token) { cursor } }"


@pytest.mark.parametrize("orders", [30, pytest.param(600, marks=pytest.mark.soak)])
async def test_who_is_cut_off_again_and_again_sees_every_event_once_and_in_order(served, seed, orders):
    shop, server, sku = served.shop, served.server, f"CUT-{orders}"
    await shop.stock(cutplace={sku: orders})
    staff = server.caller(Role.OPERATIONS)
    begin = (await staff.ask("{ eventCursor }"))["eventCursor"]

    watching = [
        asyncio.create_task(_watched(staff, sku, begin, orders, random.Random(seed + i))) for i in range(SUBSCRIBERS)
    ]
    turns = asyncio.Semaphore(BUYERS)
    await asyncio.gather(*(_bought(server, sku, turns) for _ in range(orders)))
    seen = await asyncio.gather(*watching)

    log = [event.id for event in await shop.world.reads.log.after(0, 10 * orders + 10_000) if event.order_id]
    assert all(each == seen[0] for each in seen)
    assert len(set(seen[0])) == len(seen[0]) == EVENTS_OF_AN_ORDER * orders
    assert seen[0] == [event for event in log if event in set(seen[0])]
    assert await shop.broken_laws() == []


async def _bought(server, sku, turns) -> None:
    async with turns:
        await server.anybody.do(PLACE, input=basket((sku, 1)))


async def _watched(staff, sku, begin, orders, drawn) -> list[str]:
    """The events of so many orders, seen over one connection after the other, each cut at some moment."""
    seen, cursor = [], begin
    while len(seen) < EVENTS_OF_AN_ORDER * orders:
        async with staff.follow(FOLLOW_ALL, filter={"skus": [sku]}, after=cursor) as steps:
            for _ in range(min(drawn.randint(1, CUTS_MAX), EVENTS_OF_AN_ORDER * orders - len(seen))):
                (step,) = await steps.next(1)
                seen.append(step["event"]["id"])
                cursor = step["cursor"]
            steps.cut()  # What was sent and not yet read is lost.
    return seen


@pytest.mark.parametrize("migrated_database_url", ["sqlite"], indirect=True)  # Sockets know no database.
async def test_a_thousand_sockets_killed_leave_nothing_behind(migrated_database_url):
    async with a_shop(migrated_database_url, is_live=True) as shop, serving_here(shop) as server:
        await shop.stock(milan={"A": 1})
        guest = await Guest.placing(server, ("A", 1))
        tasks_before = len(asyncio.all_tasks())
        for _ in range(SOCKETS // SOCKETS_AT_ONCE):
            await asyncio.gather(*(_cut_off(server, guest) for _ in range(SOCKETS_AT_ONCE)))

        tail = shop.process.live
        await true_within(10, lambda: tail.follower_count == 0)
        await true_within(10, lambda: len(asyncio.all_tasks()) <= tasks_before)
        gc.collect()
        assert not [thing for thing in gc.get_objects() if isinstance(thing, live._Follower)]
        assert await shop.broken_laws() == []


async def _cut_off(server, guest) -> None:
    async with server.anybody.follow(FOLLOW_ONE, token=guest.token) as steps:
        await steps.next(1)
        steps.cut()
