"""Feeds of stock, through GraphQL: what they bring into line, what they leave alone, and when they are refused."""

import asyncio
from datetime import timedelta

import pytest

from domain.access import Role
from domain.fulfillment import handover, service
from domain.fulfillment.model import PickFulfillmentOrder, ShipFulfillmentOrder
from domain.fulfillment.opening import open_work
from domain.inventory.model import Movement, StockCounter, StockMovementReason
from tests.factories import NOW, a_location, a_product, a_viewer, an_order, key
from tests.resolvers.stock import MILANESE, OPERATIONS, SHOPPER, answer, ask

SYNC = """mutation ($input: SyncStockInput!) { syncStock(input: $input) {
  levels { variant { sku } onHand allocated bin } userErrors { code message path } } }"""
LINES_MAX = 10_000


def at(minutes):
    """Minutes before (or after) ten o'clock."""
    return (NOW + timedelta(minutes=minutes)).isoformat()


async def sync(shop, *lines, as_of=0, viewer=OPERATIONS, **more):
    told = [dict(zip(("sku", "quantity", "bin"), line, strict=False)) for line in lines]
    asked = {"location": "milan", "mode": "DELTA", "includesAllocated": False, "idempotencyKey": key()}
    return (await ask(shop, SYNC, viewer, input={**asked, "asOf": at(as_of), "lines": told, **more}))["syncStock"]


def on_hand(payload):
    assert payload["userErrors"] == []
    return {level["variant"]["sku"]: level["onHand"] for level in payload["levels"]}


def refusals(payload):
    assert payload["levels"] == []
    return [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]]


async def hand_over(shop, order):
    """Place, pick and ship, at the clock's time."""
    staff = a_viewer(Role.OPERATIONS)
    order_id = (await shop.place(order)).order_id
    async with shop.world.work() as work:
        await open_work(work, {"orderId": order_id})
    task = (await shop.world.reads.fulfillment.by_order([order_id]))[order_id][0]
    pick = PickFulfillmentOrder(fulfillment_order_id=task.id, lines=None, idempotency_key=key())
    async with shop.world.work() as work:
        await service.pick_fulfillment_order(work, pick, staff)
    ship = {"fulfillment_order_id": task.id, "tracking_number": None, "packages": (), "lines": None}
    async with shop.world.work() as work:
        await handover.ship_fulfillment_order(work, ShipFulfillmentOrder(idempotency_key=key(), **ship), staff)


# ── What a feed does ──


async def test_a_delta_tells_of_what_it_lists_and_leaves_the_rest(shop):
    await shop.stock(milan={"A": 5, "B": 5, "C": 0}, rome={"A": 9})

    payload = await sync(shop, ("A", 7, "R12-3"), ("C", 2))

    assert on_hand(payload) == {"A": 7, "C": 2}
    assert [level["bin"] for level in payload["levels"]] == ["R12-3", None]
    assert ((await shop.level("B", "milan")).on_hand, (await shop.level("A", "rome")).on_hand) == (5, 9)
    (*_, event) = await shop.world.reads.log.after(0, 10)
    assert (event.kind, event.subject, event.data["mode"], event.data["count"]) == (
        "stock.synced",
        "loc_milan",
        "DELTA",
        2,
    )
    (movement,) = (await shop.world.reads.inventory.movements_by_number([5])).values()
    assert (movement.sku, movement.reason.value, movement.actor, movement.reference) == (
        "A",
        "FEED",
        "operations",
        "2026-05-05T10:00:00Z",
    )
    assert await shop.broken_laws() == []


async def test_a_snapshot_zeroes_what_it_does_not_list_and_keeps_what_is_allocated(shop):
    await shop.stock(milan={"A": 5, "B": 5, "C": 0}, rome={"B": 0})
    await shop.place(an_order(("B", 2)))

    payload = await sync(shop, ("A", 6), mode="SNAPSHOT")

    assert on_hand(payload) == {"A": 6, "B": 0}
    level = await shop.level("B", "milan")
    assert (level.on_hand, level.allocated, level.available) == (0, 2, 0)
    assert await shop.broken_laws() == []


async def test_a_feed_that_nets_allocations_is_not_netted_twice(shop):
    await shop.stock(milan={"A": 10})
    await shop.place(an_order(("A", 3)))

    assert on_hand(await sync(shop, ("A", 7), includesAllocated=True)) == {"A": 10}
    assert on_hand(await sync(shop, ("A", 7), includesAllocated=False)) == {"A": 7}


async def test_a_unit_handed_over_after_the_feeds_moment_stays_gone_when_it_arrives(shop):
    await shop.stock(milan={"A": 10})
    shop.clock.forward(timedelta(minutes=2))
    await hand_over(shop, an_order(("A", 1)))
    shop.clock.forward(timedelta(minutes=3))

    assert on_hand(await sync(shop, ("A", 10))) == {"A": 9}
    assert on_hand(await sync(shop, ("A", 10), includesAllocated=True)) == {"A": 9}
    assert await shop.broken_laws() == []


async def test_the_same_feed_twice_changes_nothing_under_the_same_key_or_another(shop):
    await shop.stock(milan={"A": 10, "B": 4})
    shop.clock.forward(timedelta(minutes=2))
    await hand_over(shop, an_order(("A", 1)))

    first, again = await asyncio.gather(
        *(sync(shop, ("A", 8), mode="SNAPSHOT", idempotencyKey="the same") for _ in range(2))
    )
    movements = await shop.count("stock_movements")
    another = await sync(shop, ("A", 8), mode="SNAPSHOT")
    reused = await sync(shop, ("A", 9), mode="SNAPSHOT", idempotencyKey="the same")

    assert first == again
    assert (on_hand(first), on_hand(another)) == ({"A": 7, "B": 0}, {"A": 7})
    assert await shop.count("stock_movements") == movements
    assert (await shop.kinds()).count("stock.synced") == 1
    assert refusals(reused) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]


async def test_what_was_counted_after_the_feeds_moment_stays_as_it_was_found(shop):
    await shop.stock(milan={"A": 5, "B": 5})

    assert on_hand(await sync(shop, ("A", 9), as_of=-1, mode="SNAPSHOT")) == {"A": 5}
    assert (await shop.level("B", "milan")).on_hand == 5


async def test_a_feed_older_than_the_last_one_of_its_location_is_refused_and_of_another_is_not(shop):
    await shop.stock(milan={"A": 5}, rome={"A": 5})
    shop.clock.forward(timedelta(minutes=20))
    await sync(shop, ("A", 7), as_of=10)

    older = await sync(shop, ("A", 3), as_of=9)

    assert refusals(older) == [("CONFLICT", "asOf")]
    assert "10:10:00Z" in older["userErrors"][0]["message"]
    assert on_hand(await sync(shop, ("A", 3), as_of=9, location="rome")) == {"A": 3}
    assert on_hand(await sync(shop, ("A", 8), as_of=11)) == {"A": 8}


async def test_a_feed_that_is_refused_was_not_taken(shop):
    await shop.stock(milan={"A": 5})

    wrong = await sync(shop, ("A", 7), ("NONE", 1), as_of=2)

    assert refusals(wrong) == [("NOT_FOUND", "lines.1.sku")]
    assert (await shop.level("A", "milan")).on_hand == 5
    assert on_hand(await sync(shop, ("A", 7), as_of=1)) == {"A": 7}


async def test_where_its_sender_asks_for_it_lines_that_cannot_be_taken_are_left_out_and_told(shop):
    await shop.stock(milan={"A": 5, "B": 6, "C": 7})
    lines = (("A", 1), ("NONE", 1), ("B", -1))
    asked = {"as_of": 1, "mode": "SNAPSHOT", "skipInvalidLines": True, "idempotencyKey": key()}

    first, again = [await sync(shop, *lines, **asked) for _ in range(2)]

    assert [(level["variant"]["sku"], level["onHand"]) for level in first["levels"]] == [("A", 1), ("C", 0)]
    assert [(error["code"], error["path"]) for error in first["userErrors"]] == [
        ("NOT_FOUND", ["lines", "1", "sku"]),
        ("INVALID", ["lines", "2", "quantity"]),
    ]
    assert (await shop.level("B", "milan")).on_hand == 6
    assert again == first


@pytest.mark.parametrize(
    ("feed", "refusal"),
    [
        ({"location": "nowhere"}, ("NOT_FOUND", "location")),
        ({"as_of": 6}, ("INVALID", "asOf")),
        ({"lines": []}, ("INVALID", "lines")),
        ({"lines": [{"sku": "A", "quantity": 1}] * (LINES_MAX + 1), "mode": "SNAPSHOT"}, ("INVALID", "lines")),
        ({"lines": [{"sku": "A", "quantity": 1}] * 2}, ("INVALID", "lines.1")),
        ({"lines": [{"sku": "A", "quantity": -1}]}, ("INVALID", "lines.0.quantity")),
        ({"lines": [{"sku": "A", "quantity": 1_000_001}]}, ("INVALID", "lines.0.quantity")),
    ],
)
async def test_a_feed_that_cannot_be_is_refused(shop, feed, refusal):
    await shop.stock(milan={"A": 5})

    assert refusals(await sync(shop, ("A", 1), **feed)) == [refusal]


async def test_an_empty_snapshot_says_that_nothing_is_there(shop):
    await shop.stock(milan={"A": 5})

    assert on_hand(await sync(shop, mode="SNAPSHOT")) == {"A": 0}


# ── Many lines, and many at once ──


@pytest.mark.parametrize("count", [LINES_MAX // 5, pytest.param(LINES_MAX, marks=pytest.mark.soak)])
async def test_many_lines_are_taken_in_as_many_statements_as_one(shop, count):
    skus = [f"S{n:05}" for n in range(count)]
    await shop.stock(milan={"A": 1})
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product(sku) for sku in skus], NOW)
        await work.inventory.move([_counted(sku) for sku in skus[::2]])

    async def counted(lines, **more):
        with shop.counting_statements() as run:
            payload = await sync(shop, *lines, mode="SNAPSHOT", **more)
            assert len(on_hand(payload)) >= len(lines)
        return len(run)

    await counted([("A", 1)])
    for_one = await counted([("A", 2, "R1")], as_of=1)
    for_all = await counted([(sku, n % 7, f"R{n}") for n, sku in enumerate(skus)], as_of=2)

    assert for_all == for_one
    assert await shop.broken_laws() == []


def _counted(sku):
    return Movement(
        sku=sku,
        location="milan",
        counter=StockCounter.ON_HAND,
        delta=3,
        reason=StockMovementReason.COUNT,
        actor="test",
        at=NOW,
    )


async def test_feeds_at_once_with_each_other_and_with_receipts_lose_nothing(shop):
    """Each feed tells what was there at ten; each receipt after it comes on top, whichever is first."""
    skus = [f"S{n}" for n in range(20)]
    await shop.stock(milan=dict.fromkeys(skus, 3))
    shop.clock.forward(timedelta(minutes=1))
    adjust = """mutation ($key: String!, $changes: [StockChangeInput!]!) {
      adjustStock(input: {idempotencyKey: $key, changes: $changes}) { userErrors { message } } }"""

    async def receive(n):
        order = skus[:: 1 - 2 * (n % 2)]
        changes = [{"sku": sku, "location": "milan", "delta": 1, "reason": "RECEIPT"} for sku in [*order, "NEW"]]
        assert (await ask(shop, adjust, key=key(), changes=changes))["adjustStock"]["userErrors"] == []

    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("NEW")], NOW)
    lines = [(sku, 10) for sku in ["NEW", *skus]]
    modes = ("SNAPSHOT", "DELTA")
    feeds = [sync(shop, *lines[:: 1 - 2 * (n % 2)], mode=modes[n // 2 % 2]) for n in range(8)]
    payloads = await asyncio.gather(*feeds, *(receive(n) for n in range(8)))

    assert [payload["userErrors"] for payload in payloads[:8]] == [[]] * 8
    assert {(await shop.level(sku, "milan")).on_hand for sku in ["NEW", *skus]} == {18}
    assert await shop.broken_laws() == []


async def test_feeds_beside_orders_leave_the_same_as_one_after_the_other(shop):
    await shop.stock(milan={"A": 50, "B": 50})
    shop.clock.forward(timedelta(minutes=1))

    orders = [shop.place(an_order(*[("A", 1), ("B", 2)][:: 1 - 2 * (n % 2)])) for n in range(10)]
    feeds = [sync(shop, ("B", 40), ("A", 40), mode="SNAPSHOT", includesAllocated=bool(n % 2)) for n in range(4)]
    await asyncio.gather(*orders, *feeds)

    levels = [await shop.level(sku, "milan") for sku in "AB"]
    assert [(level.on_hand, level.allocated) for level in levels] == [(40, 10), (40, 20)]
    assert await shop.broken_laws() == []


# ── Who may ──


async def test_an_associate_feeds_their_own_place_and_shoppers_none(shop):
    await shop.stock(milan={"A": 5}, rome={"A": 5})
    async with shop.world.work() as work:
        await work.inventory.save_location(a_location("rome"))

    assert on_hand(await sync(shop, ("A", 4), viewer=MILANESE)) == {"A": 4}
    assert refusals(await sync(shop, ("A", 4), viewer=MILANESE, location="rome")) == [("NOT_FOUND", "location")]
    feed = {"location": "milan", "mode": "DELTA", "includesAllocated": False, "lines": []}
    _, errors = await answer(shop, SYNC, SHOPPER, input={**feed, "idempotencyKey": "k" * 22, "asOf": at(0)})
    assert [error.extensions["code"] for error in errors] == ["FORBIDDEN"]
