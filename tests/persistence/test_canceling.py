"""Canceling on a real database: exactly what was promised comes back, once, and so does the money."""

import pytest

from domain.access import ANONYMOUS, Role, orders_seen
from domain.errors import ErrorCode, Refused
from domain.money import Money
from domain.orders.canceling import cancel_order
from domain.orders.model import CancelOrder, CancelReason, OrderStatus
from domain.orders.service import settle_action
from domain.payments.model import ACTION_EXPIRES_AFTER, PaymentStatus
from tests.factories import a_channel, a_viewer, an_order, key

AGENT = a_viewer(Role.AGENT)


async def cancel(shop, order_id, *, lines=None, viewer=AGENT, dry_run=False, idempotency_key=None):
    command = CancelOrder(
        order_id=order_id,
        reason=CancelReason.CUSTOMER,
        lines=lines,
        idempotency_key=idempotency_key or key(),
        dry_run=dry_run,
    )
    async with shop.world.work() as work:
        return await cancel_order(work, command, viewer, orders_seen(viewer))


async def test_canceling_gives_back_what_was_allocated_and_lets_go_of_the_money(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 2)))).order_id

    await cancel(shop, order_id)

    order, level = await shop.order(order_id), await shop.level("A", "milan")
    assert (level.on_hand, level.allocated) == (5, 0)
    assert order.status is OrderStatus.CANCELED
    assert order.payment_status is PaymentStatus.VOIDED
    assert order.authorized == Money(0, "EUR")
    assert (await shop.kinds())[-2:] == ["order.canceled", "payment.voided"]


async def test_canceling_twice_under_one_key_gives_back_once(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 2)))).order_id
    (line,) = await shop.lines(order_id)
    same = key()

    first = await cancel(shop, order_id, lines=((line.id, 1),), idempotency_key=same)
    again = await cancel(shop, order_id, lines=((line.id, 1),), idempotency_key=same)

    assert first == again
    assert (await shop.level("A", "milan")).allocated == 1


async def test_part_of_a_line_is_canceled_until_nothing_is_left(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 3)))).order_id
    (line,) = await shop.lines(order_id)

    for left in (2, 1, 0):
        await cancel(shop, order_id, lines=((line.id, 1),))
        assert (await shop.level("A", "milan")).allocated == left
    with pytest.raises(Refused) as refused:
        await cancel(shop, order_id)

    assert refused.value.problems[0].code is ErrorCode.INVALID_TRANSITION
    assert (await shop.order(order_id)).totals.total == Money(0, "EUR")


async def test_more_than_is_left_of_a_line_is_refused_and_changes_nothing(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 2)))).order_id
    (line,) = await shop.lines(order_id)

    with pytest.raises(Refused) as refused:
        await cancel(shop, order_id, lines=((line.id, 1), (line.id, 2)))

    assert refused.value.problems[0].path == ("lines", "1", "quantity")
    assert (await shop.level("A", "milan")).allocated == 2


async def test_a_dry_run_leaves_no_trace_and_reckons_what_the_change_then_costs(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 2)))).order_id
    (line,) = await shop.lines(order_id)
    events, movements = await shop.kinds(), await shop.count("stock_movements")

    reckoned = await cancel(shop, order_id, lines=((line.id, 1),), dry_run=True)

    assert await shop.kinds() == events
    assert await shop.count("stock_movements") == movements
    assert await shop.count("idempotency_keys") == 1
    assert await cancel(shop, order_id, lines=((line.id, 1),)) == reckoned


async def test_another_ones_order_does_not_exist(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 1)))).order_id

    for stranger in (ANONYMOUS, a_viewer(Role.CUSTOMER, customer_id="cus_stranger")):
        with pytest.raises(Refused) as refused:
            await cancel(shop, order_id, viewer=stranger)
        assert refused.value.problems[0].code is ErrorCode.NOT_FOUND


async def test_a_payment_that_needs_a_step_holds_the_order_until_it_is_taken(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 1), token="action-required"))).order_id
    (payment,) = (await shop.world.reads.payments.by_order([order_id]))[order_id]
    waiting = await shop.order(order_id)

    async with shop.world.work() as work:
        await settle_action(work, payment.id, order_id=order_id, reference="3ds", approved=True)

    assert (waiting.status, waiting.payment_status) == (OrderStatus.PENDING, PaymentStatus.ACTION_REQUIRED)
    assert payment.next_action
    assert payment.next_action.redirect_url
    assert (await shop.order(order_id)).status is OrderStatus.CONFIRMED
    assert (await shop.kinds())[-2:] == ["payment.authorized", "order.confirmed"]


@pytest.mark.parametrize("ending", ["declined", "expired"])
async def test_a_step_not_taken_cancels_the_order_and_gives_back_its_stock(shop, ending):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 1), token="action-required"))).order_id
    (payment,) = (await shop.world.reads.payments.by_order([order_id]))[order_id]

    if ending == "expired":
        shop.clock.forward(ACTION_EXPIRES_AFTER)
        await shop.run_jobs()
    else:
        async with shop.world.work() as work:
            await settle_action(work, payment.id, order_id=order_id, reference="3ds", approved=False)

    order = await shop.order(order_id)
    assert (order.status, order.payment_status) == (OrderStatus.CANCELED, PaymentStatus.FAILED)
    assert (await shop.level("A", "milan")).allocated == 0
    assert (await shop.world.reads.orders.holds_by_order([order_id])).get(order_id, []) == []


async def test_second_thoughts_hold_an_order_for_the_channels_minutes(shop):
    await shop.stock(milan={"A": 5})
    async with shop.world.work() as work:
        await work.catalog.save_channel(a_channel(remorse_minutes=30))
    order_id = (await shop.place(an_order(("A", 1)))).order_id
    await shop.run_jobs()
    held = await shop.order(order_id)

    shop.clock.forward(ACTION_EXPIRES_AFTER)
    await shop.run_jobs()

    assert held.status is OrderStatus.PENDING
    assert (await shop.order(order_id)).status is OrderStatus.CONFIRMED
