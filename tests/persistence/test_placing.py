"""Placing orders on a real database: whole or not at all, once, and never more than there is."""

import asyncio

import pytest
from sqlalchemy import text

from domain.access import ANONYMOUS, Role
from domain.catalog.model import PaymentMethod
from domain.errors import ErrorCode, InsufficientStock, PaymentDeclined, Refused
from domain.money import Money
from domain.orders.model import FulfillmentChoice, LineRequest, OrderStatus
from domain.orders.placing import Placed
from domain.payments.model import PaymentRequest, PaymentStatus
from tests.factories import a_location, a_product, a_viewer, an_order, key, to_milan

BUYERS = 64


async def test_an_order_allocates_its_stock_and_leaves_it_on_the_shelf(shop):
    await shop.stock(milan={"A": 5})

    placed = await shop.place(an_order(("A", 2)))

    order, level = await shop.order(placed.order_id), await shop.level("A", "milan")
    assert (level.on_hand, level.allocated) == (5, 2)
    assert order.status is OrderStatus.CONFIRMED
    assert order.payment_status is PaymentStatus.AUTHORIZED
    assert order.totals.total == Money(2 * 1000 + 500, "EUR")
    told = ["order.placed", "payment.authorized", "order.confirmed"]
    assert await shop.kinds() == ["stock.moved", "stock.moved", *told]  # The goods came, and were allocated.


async def test_two_lines_of_one_sku_are_summed_and_refused_together_with_nothing_kept(shop):
    await shop.stock(milan={"A": 5})

    with pytest.raises(Refused) as refused:
        await shop.place(an_order(("A", 3), ("A", 3)))

    (problem,) = refused.value.problems
    assert isinstance(problem, InsufficientStock)
    assert (problem.path, problem.requested, problem.available) == (("lines", "1", "quantity"), 3, 2)
    assert (await shop.level("A", "milan")).allocated == 0
    for table in ("orders", "customers", "payments", "jobs", "idempotency_keys"):
        assert await shop.count(table) == 0
    assert await shop.kinds() == ["stock.moved"]  # The goods came.


async def test_kits_take_their_components_and_share_them(shop):
    await shop.stock(milan={"TOWEL": 5})
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("SET", components={"TOWEL": 2})], shop.clock.now())

    await shop.place(an_order(("SET", 2)))

    assert (await shop.level("TOWEL", "milan")).allocated == 4
    with pytest.raises(Refused):
        await shop.place(an_order(("SET", 1)))


@pytest.mark.parametrize("buyers", [BUYERS])
async def test_of_many_parallel_buyers_of_the_last_ten_units_exactly_ten_get_one(shop, buyers):
    await shop.stock(milan={"A": 10})

    results = await asyncio.gather(*(shop.place(an_order(("A", 1))) for _ in range(buyers)), return_exceptions=True)

    placed = [result for result in results if isinstance(result, Placed)]
    others = [result for result in results if not isinstance(result, Placed)]
    assert all(isinstance(other, Refused) for other in others), [repr(other) for other in others]
    level = await shop.level("A", "milan")
    assert (len(placed), level.allocated, level.available) == (10, 10, 0)
    assert await shop.count("orders") == 10


async def test_parallel_buyers_of_crossing_baskets_do_not_deadlock(shop):
    await shop.stock(milan={"A": 20, "B": 20})

    there = (shop.place(an_order(("A", 1), ("B", 1))) for _ in range(16))
    back = (shop.place(an_order(("B", 1), ("A", 1))) for _ in range(16))
    results = await asyncio.gather(*there, *back, return_exceptions=True)

    assert sum(isinstance(result, Placed) for result in results) == 20
    assert (await shop.level("B", "milan")).allocated == 20


async def test_the_same_key_and_input_give_the_first_answer_again(shop):
    await shop.stock(milan={"A": 5})
    command = an_order(("A", 1))

    first, again = await shop.place(command), await shop.place(command)

    assert first == again
    assert await shop.count("orders") == 1


async def test_two_simultaneous_first_calls_under_one_key_run_once(shop):
    await shop.stock(milan={"A": 50})
    command = an_order(("A", 1))

    answers = await asyncio.gather(*(shop.place(command) for _ in range(8)))

    assert len(set(answers)) == 1
    assert (await shop.level("A", "milan")).allocated == 1


async def test_a_key_used_with_another_input_is_refused(shop):
    await shop.stock(milan={"A": 5})
    command = an_order(("A", 1))
    await shop.place(command)

    with pytest.raises(Refused) as refused:
        await shop.place(an_order(("A", 2), idempotency_key=command.idempotency_key))

    assert refused.value.problems[0].code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_a_declined_shopper_tries_another_card_under_the_same_key(shop):
    await shop.stock(milan={"A": 5})
    with pytest.raises(Refused) as refused:
        await shop.place(declined := an_order(("A", 1), token="declined"))

    await shop.place(an_order(("A", 1), idempotency_key=declined.idempotency_key))

    assert isinstance(refused.value.problems[0], PaymentDeclined)
    assert (await shop.level("A", "milan")).allocated == 1


async def test_an_anonymous_key_is_too_long_to_guess(shop):
    await shop.stock(milan={"A": 5})

    with pytest.raises(Refused) as refused:
        await shop.place(an_order(("A", 1), idempotency_key="short"))

    assert refused.value.problems[0].path == ("idempotencyKey",)


async def test_callers_do_not_share_keys(shop):
    await shop.stock(milan={"A": 5})
    shared = key()
    one, other = a_viewer(Role.CUSTOMER, customer_id="cus_1"), a_viewer(Role.CUSTOMER, customer_id="cus_2")

    first = await shop.place(an_order(("A", 1), idempotency_key=shared), one)
    second = await shop.place(an_order(("A", 1), idempotency_key=shared), other)

    assert first.order_id != second.order_id


async def test_the_same_external_reference_gives_the_first_order_whoever_sends_it(shop):
    await shop.stock(milan={"A": 5})
    integration, storefront = a_viewer(Role.INTEGRATION), a_viewer(Role.STOREFRONT)

    answers = await asyncio.gather(
        *(shop.place(an_order(("A", 1), external_reference="M-1"), who) for who in (integration, storefront) * 4)
    )

    assert len({answer.order_id for answer in answers}) == 1
    assert (await shop.level("A", "milan")).allocated == 1


@pytest.mark.parametrize(
    ("token", "code", "retryable"),
    [
        ("declined", "do_not_honor", False),
        ("insufficient-funds", "insufficient_funds", True),
        ("timeout", "provider_unavailable", True),
    ],
)
async def test_a_payment_declined_at_once_leaves_nothing(shop, token, code, retryable):
    await shop.stock(milan={"A": 5})

    with pytest.raises(Refused) as refused:
        await shop.place(an_order(("A", 1), token=token))

    (problem,) = refused.value.problems
    assert isinstance(problem, PaymentDeclined)
    assert (problem.decline_code, problem.retryable) == (code, retryable)
    assert (await shop.level("A", "milan")).allocated == 0
    assert await shop.count("orders") == await shop.count("payments") == 0


async def test_an_authorization_whose_answer_was_lost_is_found_and_not_made_twice(shop):
    await shop.stock(milan={"A": 5})

    placed = await shop.place(an_order(("A", 1), token="error-after-success"))

    assert (await shop.order(placed.order_id)).payment_status is PaymentStatus.AUTHORIZED
    assert await shop.count("payment_transactions") == 1


async def test_a_basket_may_mix_delivery_and_pickup(shop):
    await shop.stock(warehouse={"A": 5}, store={"B": 5})
    pickup = FulfillmentChoice(pickup_location="store")
    lines = (LineRequest(sku="A", quantity=1), LineRequest(sku="B", quantity=1, fulfillment=pickup))

    placed = await shop.place(an_order(lines=lines, fulfillment=to_milan()))

    delivered, collected = await shop.lines(placed.order_id)
    assert (delivered.pickup_location, collected.pickup_location) == (None, "store")
    assert (await shop.level("B", "store")).allocated == 1


async def test_an_expected_total_other_than_the_total_is_refused(shop):
    await shop.stock(milan={"A": 5})

    with pytest.raises(Refused) as refused:
        await shop.place(an_order(("A", 1), expected_total=Money(1000, "EUR")))

    assert refused.value.problems[0].code is ErrorCode.PRICE_CHANGED
    assert await shop.count("orders") == 0


async def test_goods_are_not_had_for_nothing(shop):
    """Cash and invoices, agreed prices, sales of the past and money taken elsewhere are not for just anyone."""
    await shop.stock(milan={"A": 5})
    free = LineRequest(sku="A", quantity=1, unit_price=Money(0, "EUR"))
    attempts = {
        ("lines", "0", "unitPrice"): an_order(lines=(free,)),
        ("shippingPrice",): an_order(("A", 1), shipping_price=Money(0, "EUR")),
        ("customerId",): an_order(("A", 1), customer_id="cus_other"),
        ("payments", "0", "method"): an_order(("A", 1), payments=(_pays("CASH"),)),
        ("payments", "0", "captured"): an_order(("A", 1), payments=(_pays("CARD", captured=True),)),
        ("placedAt",): an_order(("A", 1), placed_at=shop.clock.now()),
    }

    for path, command in attempts.items():
        with pytest.raises(Refused) as refused:
            await shop.place(command, ANONYMOUS)
        assert (refused.value.problems[0].code, refused.value.problems[0].path) == (ErrorCode.NOT_ALLOWED, path)
    assert await shop.count("orders") == 0


def _pays(method, **changes):
    return PaymentRequest(method=PaymentMethod(method), token="ok", **changes)


async def test_personal_data_stands_in_no_row_as_text(shop):
    await shop.stock(milan={"A": 5})
    await shop.place(an_order(("A", 1), phone="+39 02 1234567"))

    for table in ("orders", "customers", "events", "jobs", "idempotency_keys", "order_lines", "payments"):
        rows = await shop.world.database.fetch(text(f"SELECT * FROM {table}"))
        kept = " ".join(repr(tuple(row)) for row in rows).lower()
        assert not [word for word in ("ada@", "rossi", "brera", "1234567") if word in kept], table


async def test_the_statements_of_an_order_do_not_grow_with_its_lines(shop):
    skus = [f"S{i:02d}" for i in range(20)]
    await shop.stock(milan=dict.fromkeys(skus, 50))
    await shop.place(an_order((skus[0], 1)))

    counts = []
    for lines in (1, 20):
        with shop.counting_statements() as statements:
            await shop.place(an_order(*((sku, 1) for sku in skus[:lines])))
        counts.append(len(statements))

    assert counts[0] == counts[1], counts
    assert counts[0] <= 26, statements


async def test_an_inactive_place_gives_nothing(shop):
    await shop.stock(milan={"A": 5})
    async with shop.world.work() as work:
        await work.inventory.save_location(a_location("milan", active=False))

    with pytest.raises(Refused):
        await shop.place(an_order(("A", 1)))
