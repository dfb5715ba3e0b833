"""What a feed comes to: its figures as of its moment, and on top of them what moved since."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.inventory.feeds import fed, line_problems
from domain.inventory.model import FeedLine, Since, StockCounter, StockFeedMode, SyncStock
from tests.domain.stock import a_level
from tests.factories import NOW

KEY = ("A", "milan")


def feed(*lines, nets=False, mode=StockFeedMode.DELTA):
    return SyncStock(
        idempotency_key="k",
        location="milan",
        mode=mode,
        as_of=NOW - timedelta(minutes=5),
        includes_allocated=nets,
        lines=tuple(FeedLine(*line) for line in lines),
    )


def on_hand_after(told, *, nets=False, on_hand_moved=0, allocated_moved=0, **counters):
    since = Since({(KEY, StockCounter.ON_HAND): on_hand_moved, (KEY, StockCounter.ALLOCATED): allocated_moved})
    level = a_level(*KEY, **counters)
    return level.on_hand + sum(
        each.delta for each in fed(feed(("A", told), nets=nets), {KEY: level}, since, "wms", NOW)
    )


def test_on_hand_becomes_what_the_feed_says():
    assert on_hand_after(7, on_hand=10, allocated=2) == 7


def test_what_a_feed_took_off_for_orders_is_added_again_and_only_that():
    assert on_hand_after(7, on_hand=10, allocated=2, nets=True) == 9
    assert on_hand_after(7, on_hand=10, reserved=2, nets=True) == 7


def test_what_left_since_stays_gone_and_what_came_since_stays_there():
    assert on_hand_after(10, on_hand=9, on_hand_moved=-1) == 9
    assert on_hand_after(10, on_hand=13, on_hand_moved=3) == 13


def test_an_order_placed_since_was_not_taken_off_by_a_feed_that_nets():
    assert on_hand_after(8, on_hand=10, allocated=3, allocated_moved=1, nets=True) == 10


def test_a_handover_since_of_what_was_allocated_then_is_told_right_by_a_feed_that_nets():
    assert on_hand_after(8, on_hand=9, allocated=1, on_hand_moved=-1, allocated_moved=-1, nets=True) == 9


def test_nothing_falls_below_zero_where_more_left_than_the_feed_knew_of():
    assert on_hand_after(1, on_hand=0, on_hand_moved=-3) == 0


@given(
    then=st.integers(0, 50),
    allocated_then=st.integers(0, 50),
    came=st.integers(0, 20),
    left=st.integers(0, 20),
    ordered=st.integers(0, 20),
    drift=st.integers(-30, 30),
    nets=st.booleans(),
)
def test_a_feed_that_tells_the_truth_of_its_moment_leaves_the_truth_of_now(
    then, allocated_then, came, left, ordered, drift, nets
):
    """drift: how far our books had been off."""
    handed_over = min(left, allocated_then, then)
    now = then + came - handed_over
    allocated_now = allocated_then + ordered - handed_over

    found = on_hand_after(
        then - allocated_then if nets else then,
        nets=nets,
        on_hand=max(0, now + drift),
        allocated=allocated_now,
        on_hand_moved=came - handed_over,
        allocated_moved=ordered - handed_over,
    )

    assert found == now


def test_a_snapshot_zeroes_what_it_does_not_list_but_for_what_came_since():
    levels = {(sku, "milan"): a_level(sku, "milan", on_hand=5, allocated=1) for sku in "ABC"}
    since = Since({(("C", "milan"), StockCounter.ON_HAND): 2})

    movements = fed(feed(("A", 5), mode=StockFeedMode.SNAPSHOT), levels, since, "wms", NOW)

    assert [(each.sku, each.delta, each.reason.value) for each in movements] == [("B", -5, "FEED"), ("C", -3, "FEED")]


def test_what_was_counted_since_is_left_as_it_was_found():
    level = a_level(*KEY, on_hand=4)

    assert (
        fed(feed(("A", 9)), {KEY: level}, Since({(KEY, StockCounter.ON_HAND): -1}, frozenset({KEY})), "wms", NOW) == []
    )


def test_a_level_that_is_not_listed_never_gains():
    level = a_level("B", "milan", on_hand=1, allocated=3)

    assert fed(feed(nets=True, mode=StockFeedMode.SNAPSHOT), {level.key: level}, Since({}), "wms", NOW) == []


def test_all_that_is_wrong_with_lines_is_said_at_once():
    lines = [FeedLine("A", 1), FeedLine("B", 1), FeedLine("SET", 1), FeedLine("A", -1), FeedLine("A", 1, "x" * 65)]

    found = [
        (problem.code.value, ".".join(problem.path)) for problem in line_problems(lines, {"A": False, "SET": True})
    ]

    assert found == [
        ("NOT_FOUND", "lines.1.sku"),
        ("INVALID", "lines.2.sku"),
        ("INVALID", "lines.3.quantity"),
        ("INVALID", "lines.4.bin"),
        ("INVALID", "lines.3"),
        ("INVALID", "lines.4"),
    ]
