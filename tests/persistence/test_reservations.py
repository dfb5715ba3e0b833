"""Quotes that hold stock, on a real database: what they hold is theirs until its instant, once, and not for ever."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.access import ANONYMOUS, Role
from domain.errors import ErrorCode, InsufficientStock, Refused
from domain.inventory.model import StockCounter, StockMovementReason
from domain.money import Money
from domain.orders.model import FulfillmentChoice, LineRequest
from domain.orders.placing import Placed
from domain.orders.ports import Overtaken
from domain.orders.quotes import HOLDS_PER_ADDRESS_MAX, HOLDS_PER_CUSTOMER_MAX, Quote, UpdateQuote
from domain.paging import page
from domain.places import Destination
from persistence.inventory import SqlInventory
from persistence.quotes import forget_quotes
from tests.factories import (
    NOW,
    a_channel,
    a_location,
    a_product,
    a_quote,
    a_viewer,
    an_order,
    an_order_of,
    to_milan,
)
from tests.shop import a_shop

BUYERS = 64
SECOND = timedelta(seconds=1)
ADA = a_viewer(Role.CUSTOMER, customer_id="cus_ada")
AGENT = a_viewer(Role.AGENT)


def changed(quote, *lines, **changes) -> UpdateQuote:
    return UpdateQuote(quote_id=quote.id, asked=a_quote(*lines, **changes))


async def refusal(asked):
    with pytest.raises(Refused) as refused:
        await asked
    (problem,) = refused.value.problems
    return problem


async def movements(shop, sku="A", location="milan"):
    found = await shop.world.reads.inventory.movements_by_key([(sku, location)], page(50))
    return [(each.node.counter.value, each.node.delta, each.node.reason.value) for each in found[sku, location].edges]


# ── Holding ──


async def test_a_quote_holds_its_stock_and_leaves_it_on_the_shelf(shop):
    await shop.stock(milan={"A": 5})

    quote = await shop.quote(a_quote(("A", 2)))

    level = await shop.level("A", "milan")
    assert (level.on_hand, level.reserved, level.allocated, level.available) == (5, 2, 0, 3)
    assert quote.held_until == quote.expires_at == NOW + timedelta(minutes=10)
    assert quote.totals.total == Money(2 * 1000 + 500, "EUR")
    assert (await movements(shop))[0] == ("RESERVED", 2, "RESERVATION")
    assert await shop.broken_laws() == []


async def test_a_quote_without_a_hold_takes_no_stock_and_wakes_nobody(shop):
    await shop.stock(milan={"A": 5})

    quote = await shop.quote(a_quote(("A", 2), hold_minutes=None))

    assert (quote.held_until, (await shop.level("A", "milan")).reserved) == (None, 0)
    assert quote.expires_at > NOW
    assert await shop.count("jobs") == 0


async def test_what_is_kept_of_a_quote_is_what_it_was(shop):
    await shop.stock(milan={"A": 5, "B": 5})
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("KIT", components={"A": 1, "B": 2})], NOW)
    pickup = FulfillmentChoice(pickup_location="milan", collector_name="Bea")
    lines = (
        LineRequest(sku="KIT", quantity=2, fulfillment=pickup),
        LineRequest(sku="A", quantity=1, unit_price=Money(900, "EUR")),
    )
    personal = {"email": "ada@example.com", "tax_id": "IT123", "destination": Destination(country="IT", city="Milano")}

    quote = await shop.quote(a_quote(lines=lines, language="it", **personal), AGENT)

    assert tuple(line.request for line in quote.lines) == lines
    assert [line.choice for line in quote.lines] == [pickup, to_milan()]
    assert [line.unit_price for line in quote.lines] == [Money(1000, "EUR"), Money(900, "EUR")]
    assert {name: getattr(quote, name) for name in personal} == personal
    assert [(each.location_code, [line.sku for line in each.lines]) for each in quote.plan] == [
        ("milan", ["KIT"]),
        ("milan", ["A"]),
    ]
    assert ((await shop.level("A", "milan")).reserved, (await shop.level("B", "milan")).reserved) == (3, 4)


async def test_demand_is_summed_before_it_is_held(shop):
    await shop.stock(milan={"A": 5})

    problem = await refusal(shop.quote(a_quote(("A", 3), ("A", 3))))

    assert isinstance(problem, InsufficientStock)
    assert await shop.count("quotes") == (await shop.level("A", "milan")).reserved == 0


async def test_two_simultaneous_first_calls_under_one_key_make_one_quote(shop):
    await shop.stock(milan={"A": 50})
    command = a_quote(("A", 1))

    quotes = await asyncio.gather(*(shop.quote(command) for _ in range(8)))

    assert len({quote.id for quote in quotes}) == 1
    assert (await shop.level("A", "milan")).reserved == 1


async def test_a_key_is_used_up_by_what_was_done_alone(shop):
    await shop.stock(milan={"A": 5})
    await refusal(shop.quote(refused := a_quote(("A", 9))))

    quote = await shop.quote(a_quote(("A", 1), idempotency_key=refused.idempotency_key))
    reused = await refusal(shop.quote(a_quote(("A", 2), idempotency_key=refused.idempotency_key)))

    assert quote.held_until
    assert reused.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_of_many_parallel_buyers_of_the_last_ten_units_exactly_ten_hold_one_and_get_it(shop):
    await shop.stock(milan={"A": 10})
    who = [a_viewer(Role.CUSTOMER, customer_id=f"cus_{i}") for i in range(BUYERS)]

    quotes = await asyncio.gather(*(shop.quote(a_quote(("A", 1)), each) for each in who), return_exceptions=True)
    held = [(quote, each) for quote, each in zip(quotes, who, strict=True) if isinstance(quote, Quote)]
    level = await shop.level("A", "milan")
    placed = await asyncio.gather(*(shop.place(an_order_of(quote.id), each) for quote, each in held))

    assert all(isinstance(each, Quote | Refused) for each in quotes), [repr(each) for each in quotes]
    assert (len(held), level.reserved, level.available) == (10, 10, 0)
    assert all(isinstance(each, Placed) for each in placed)
    level = await shop.level("A", "milan")
    assert (level.reserved, level.allocated) == (0, 10)
    assert await shop.broken_laws() == []


# ── Extending and moving ──


async def test_reserving_again_for_one_quote_many_times_at_once_gives_one_reservation_that_lasts_longer(shop):
    await shop.stock(milan={"A": 5})
    quote = await shop.quote(a_quote(("A", 4)))

    await asyncio.gather(*(shop.quote(changed(quote, ("A", 4), hold_minutes=10 + i)) for i in range(20)))

    reservations = (await shop.world.reads.reservations.by_quote([quote.id]))[quote.id]
    assert [(each.units, each.expires_at) for each in reservations] == [(4, NOW + timedelta(minutes=29))]
    assert (await shop.quoted(quote.id)).held_until == NOW + timedelta(minutes=29)
    assert (await movements(shop))[0] == ("RESERVED", 4, "RESERVATION")  # Of the first: to last longer moves nothing.
    assert await shop.broken_laws() == []


async def test_a_quotes_own_reservation_does_not_count_against_it_and_anothers_does(shop):
    await shop.stock(milan={"A": 10})
    await shop.place(an_order(("A", 3)))
    mine, other = await shop.quote(a_quote(("A", 4))), await shop.quote(a_quote(("A", 1)))

    more = await shop.quote(changed(mine, ("A", 6)))
    too_many = await refusal(shop.quote(changed(mine, ("A", 7))))
    by_another = await refusal(shop.quote(changed(other, ("A", 2))))
    by_an_order = await refusal(shop.place(an_order(("A", 1))))

    assert more.held_until
    assert (too_many.available, by_another.available, by_an_order.available) == (6, 1, 0)
    level = await shop.level("A", "milan")
    assert (level.allocated, level.reserved, level.available) == (3, 7, 0)


async def test_a_hold_moves_with_what_the_quote_has(shop):
    await shop.stock(milan={"A": 5, "B": 5})
    quote = await shop.quote(a_quote(("A", 4)))

    await shop.quote(changed(quote, ("A", 1), ("B", 2), hold_minutes=None))

    assert ((await shop.level("A", "milan")).reserved, (await shop.level("B", "milan")).reserved) == (1, 2)
    assert (await shop.quoted(quote.id)).held_until == quote.held_until
    assert (await movements(shop))[0] == ("RESERVED", -3, "RESERVATION_RELEASE")
    assert await shop.broken_laws() == []


async def test_parallel_quotes_of_crossing_baskets_and_orders_do_not_deadlock(shop):
    await shop.stock(milan={"A": 40, "B": 40})
    quote = await shop.quote(a_quote(("A", 1), ("B", 1)))

    results = await asyncio.gather(
        *(shop.quote(changed(quote, ("B", 1 + i % 3), ("A", 1 + i % 2))) for i in range(8)),
        *(shop.place(an_order(("B", 1), ("A", 1))) for _ in range(8)),
        *(shop.quote(a_quote(("A", 1), ("B", 1)), AGENT) for _ in range(8)),
        return_exceptions=True,
    )

    assert not [result for result in results if isinstance(result, BaseException)]
    assert (await shop.level("A", "milan")).allocated == 8
    assert await shop.broken_laws() == []


async def test_a_hold_lasts_at_most_as_long_as_its_channel_allows_from_its_first_moment(shop):
    await shop.stock(milan={"A": 5})
    too_long = await refusal(shop.quote(a_quote(("A", 1), hold_minutes=31)))
    for_nothing = await refusal(shop.quote(a_quote(("A", 1), hold_minutes=0)))
    quote = await shop.quote(a_quote(("A", 1), hold_minutes=20))

    shop.clock.forward(timedelta(minutes=19))
    extended = await shop.quote(changed(quote, ("A", 1), hold_minutes=2_000_000_000))
    shop.clock.set(NOW + timedelta(minutes=30))
    over = await refusal(shop.quote(changed(quote, ("A", 1), hold_minutes=1)))

    assert [problem.path for problem in (too_long, for_nothing, over)] == [("holdMinutes",)] * 3
    assert extended.held_until == NOW + timedelta(minutes=30)
    assert "1 to 30" in too_long.message


async def test_a_channel_may_hold_nothing_at_all(shop):
    await shop.stock(milan={"A": 5})
    async with shop.world.work() as work:
        await work.catalog.save_channel(a_channel(max_hold_minutes=0))

    problem = await refusal(shop.quote(a_quote(("A", 1), hold_minutes=1)))

    assert (problem.code, problem.path) == (ErrorCode.INVALID, ("holdMinutes",))


@pytest.mark.parametrize(
    ("viewer", "address", "most"),
    [
        pytest.param(ADA, "192.0.2.1", HOLDS_PER_CUSTOMER_MAX, id="a customer"),
        pytest.param(ANONYMOUS, "2001:db8::1", HOLDS_PER_ADDRESS_MAX, id="an address"),
        pytest.param(a_viewer(Role.STOREFRONT), "192.0.2.1", HOLDS_PER_ADDRESS_MAX, id="a storefront's shopper"),
    ],
)
async def test_one_caller_holds_few_quotes_however_many_are_asked_for_at_once(shop, viewer, address, most):
    await shop.stock(milan={"A": 90})

    asked = (shop.quote(a_quote(("A", 1)), viewer, address) for _ in range(most + 5))
    quotes = await asyncio.gather(*asked, return_exceptions=True)

    held = [quote for quote in quotes if isinstance(quote, Quote)]
    assert len(held) == (await shop.level("A", "milan")).reserved == most
    await shop.quote(changed(held[0], ("A", 2)), viewer, address)  # Its own is none of the others.
    await shop.release(held[0].id, viewer)
    await shop.quote(a_quote(("A", 1)), viewer, address)
    assert (await refusal(shop.quote(a_quote(("A", 1)), viewer, address))).code is ErrorCode.NOT_ALLOWED
    shop.clock.set(NOW + timedelta(minutes=10))  # What has lapsed is held no longer.
    await shop.quote(a_quote(("A", 1)), viewer, address)


async def test_one_caller_holds_few_units_of_a_sku_in_all_their_quotes_and_staff_as_many_as_they_need(shop):
    await shop.stock(milan={"A": 500})
    await shop.quote(a_quote(("A", 60)), ADA)

    problem = await refusal(shop.quote(a_quote(("A", 41)), ADA))

    assert (problem.code, problem.path) == (ErrorCode.NOT_ALLOWED, ("holdMinutes",))
    assert (await shop.quote(a_quote(("A", 40)), ADA)).held_until
    assert (await shop.quote(a_quote(("A", 300)), AGENT)).held_until


# ── Giving back, and lapsing ──


async def test_what_is_released_is_free_and_the_quote_stays(shop):
    await shop.stock(milan={"A": 5})
    quote = await shop.quote(a_quote(("A", 5)))

    await shop.release(quote.id)
    await shop.release(quote.id)

    assert (await shop.level("A", "milan")).reserved == 0
    assert (await shop.quoted(quote.id)).held_until is None
    assert [reason for counter, _, reason in await movements(shop) if counter == "RESERVED"] == [
        "RESERVATION_RELEASE",
        "RESERVATION",
    ]
    assert (await shop.place(an_order_of(quote.id))).order_id
    assert await shop.broken_laws() == []


@pytest.mark.parametrize(("after", "is_free"), [(-SECOND, False), (timedelta(0), True), (SECOND, True)])
async def test_a_reservation_stops_counting_at_its_instant_before_any_sweep(shop, after, is_free):
    await shop.stock(milan={"A": 5})
    quote = await shop.quote(a_quote(("A", 5)))

    shop.clock.set(quote.held_until + after)
    other = await asyncio.gather(shop.quote(a_quote(("A", 5), hold_minutes=None)), return_exceptions=True)
    order = await asyncio.gather(shop.place(an_order(("A", 5))), return_exceptions=True)

    assert [isinstance(each, Quote | Placed) for each in (*other, *order)] == [is_free, is_free]
    level = await shop.level("A", "milan")
    assert (level.reserved, level.allocated) == ((0, 5) if is_free else (5, 0))
    assert await shop.broken_laws() == []


async def test_placing_sweeps_only_what_has_lapsed_and_only_of_its_own_skus(shop):
    await shop.stock(milan={"A": 9, "B": 9}, rome={"A": 9})
    await shop.quote(a_quote(("A", 1), ("B", 1)))
    await shop.quote(a_quote(("A", 3), fulfillment=FulfillmentChoice(pickup_location="rome")))
    shop.clock.forward(timedelta(minutes=5))
    live = await shop.quote(a_quote(("A", 2), ("B", 2)))
    shop.clock.set(NOW + timedelta(minutes=10))

    await shop.place(an_order(("A", 1)))

    levels = [await shop.level(*key) for key in (("A", "milan"), ("A", "rome"), ("B", "milan"))]
    assert [level.reserved for level in levels] == [2, 0, 3]
    assert len((await shop.world.reads.reservations.by_quote([live.id]))[live.id]) == 2
    assert await shop.broken_laws() == []


async def test_a_job_gives_back_what_lapsed_when_it_is_due_and_none_else(shop):
    await shop.stock(milan={"A": 9})
    short = await shop.quote(a_quote(("A", 1), hold_minutes=5))
    extended = await shop.quote(a_quote(("A", 2), hold_minutes=5))
    await shop.quote(changed(extended, ("A", 2), hold_minutes=8))

    reserved = []
    for instant in (short.held_until - SECOND, short.held_until, NOW + timedelta(minutes=8) - SECOND):
        shop.clock.set(instant)
        await shop.run_jobs()
        reserved.append((await shop.level("A", "milan")).reserved)
    shop.clock.set(NOW + timedelta(minutes=8))
    await shop.run_jobs()

    assert reserved == [3, 2, 2]
    assert (await shop.level("A", "milan")).reserved == await shop.count("stock_reservations") == 0
    assert await shop.count("jobs") == 0
    assert await shop.broken_laws() == []


async def test_a_sweep_and_buyers_of_what_lapsed_at_once_give_it_back_once(shop):
    await shop.stock(milan={"A": 10})
    for _ in range(5):
        await shop.quote(a_quote(("A", 2)), AGENT)
    shop.clock.set(NOW + timedelta(minutes=10))

    results = await asyncio.gather(
        shop.run_jobs(), *(shop.place(an_order(("A", 1))) for _ in range(20)), return_exceptions=True
    )

    level = await shop.level("A", "milan")
    assert (level.reserved, level.allocated) == (0, 10)
    assert sum(isinstance(result, Placed) for result in results) == 10
    assert await shop.broken_laws() == []


@pytest.mark.postgres
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("step", ["place", "quote"])
async def test_stock_that_somebody_with_a_later_clock_swept_and_sold_is_not_had_again(
    shop, migrated_database_url, monkeypatch, step
):
    """On PostgreSQL: the writers of SQLite wait for each other from their beginning."""
    await shop.stock(milan={"A": 5})
    quote = await shop.quote(a_quote(("A", 5)))
    shop.clock.set(quote.held_until - SECOND)
    lock = SqlInventory.lock_levels

    async def overtaken(inventory, keys):
        monkeypatch.setattr(SqlInventory, "lock_levels", lock)
        async with a_shop(migrated_database_url) as later:
            later.clock.set(quote.held_until)
            await later.place(an_order(("A", 1)))
        return await lock(inventory, keys)

    monkeypatch.setattr(SqlInventory, "lock_levels", overtaken)
    asked = shop.place(an_order_of(quote.id)) if step == "place" else shop.quote(changed(quote, ("A", 5)))
    with pytest.raises((Refused, Overtaken)):
        await asked

    level = await shop.level("A", "milan")
    assert (level.reserved, level.allocated) == (0, 1)
    assert await shop.broken_laws() == []


async def test_an_old_quote_is_forgotten_and_one_that_still_has_stock_is_not(shop):
    await shop.stock(milan={"A": 9})
    for hold in (None, 10):
        await shop.quote(a_quote(("A", 1), hold_minutes=hold))

    await forget_quotes(shop.world.database, NOW + timedelta(days=2))
    unswept = await shop.count("quotes")
    shop.clock.forward(timedelta(minutes=10))
    await shop.run_jobs()
    await forget_quotes(shop.world.database, NOW + timedelta(days=2))

    assert (unswept, await shop.count("quotes")) == (1, 0)


# ── Taking up ──


async def test_an_order_gets_exactly_the_plan_and_the_prices_of_the_quote_that_holds_them(shop):
    await shop.stock(bari={"A": 2}, rome={"A": 9})
    quote = await shop.quote(a_quote(("A", 2)))
    (planned,) = quote.plan
    async with shop.world.work() as work:  # Another place would be chosen now, and another price.
        await work.inventory.save_location(a_location(planned.location_code, capabilities="PICKUP"))
        await work.catalog.import_products([a_product("A", price=5000)], NOW)

    order = await shop.order((await shop.place(an_order_of(quote.id))).order_id)

    level = await shop.level("A", planned.location_code)
    assert (level.allocated, level.reserved) == (2, 0)
    assert order.totals == quote.totals
    told = (await movements(shop, "A", planned.location_code))[:2]
    assert set(told) == {
        (StockCounter.RESERVED.value, -2, StockMovementReason.RESERVATION_RELEASE.value),
        (StockCounter.ALLOCATED.value, 2, StockMovementReason.ALLOCATION.value),
    }
    assert (await shop.quoted(quote.id)).order_id == order.id
    assert await shop.broken_laws() == []


async def test_a_quote_is_taken_up_once(shop):
    await shop.stock(milan={"A": 9})
    quote = await shop.quote(a_quote(("A", 2)))
    commands = [an_order_of(quote.id) for _ in range(8)]

    answers = await asyncio.gather(*(shop.place(each) for each in commands), return_exceptions=True)
    (first,) = [command for command, answer in zip(commands, answers, strict=True) if isinstance(answer, Placed)]
    again = await shop.place(first)

    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 7
    assert {(each.problems[0].code, each.problems[0].path) for each in refused} == {(ErrorCode.CONFLICT, ("quoteId",))}
    assert again in answers
    assert (await shop.level("A", "milan")).allocated == 2
    assert (await refusal(shop.quote(changed(quote, ("A", 1))))).code is ErrorCode.CONFLICT
    assert (await refusal(shop.release(quote.id))).code is ErrorCode.CONFLICT


async def test_an_order_whose_payment_is_declined_leaves_the_quote_its_stock(shop):
    await shop.stock(milan={"A": 2})
    quote = await shop.quote(a_quote(("A", 2)))

    declined = await refusal(shop.place(an_order_of(quote.id, token="declined")))

    assert declined.code is ErrorCode.PAYMENT_DECLINED
    assert (await shop.level("A", "milan")).reserved == 2
    assert (await shop.place(an_order_of(quote.id))).order_id
    assert await shop.broken_laws() == []


@pytest.mark.parametrize("hold", [None, 10])
async def test_a_quote_that_holds_nothing_any_more_is_planned_again_and_never_costs_more(shop, hold):
    await shop.stock(milan={"A": 9})
    quote = await shop.quote(a_quote(("A", 2), hold_minutes=hold))
    shop.clock.set(NOW + timedelta(minutes=10))

    await _price(shop, 1001)
    dearer = await refusal(shop.place(an_order_of(quote.id)))
    kept = await shop.count("orders") + await shop.count("payments") + (await shop.level("A", "milan")).allocated
    await _price(shop, 900)
    cheaper = await shop.order((await shop.place(an_order_of(quote.id))).order_id)

    assert (dearer.code, dearer.path) == (ErrorCode.PRICE_CHANGED, ("quoteId",))
    assert kept == 0
    assert cheaper.totals.subtotal == Money(1800, "EUR")
    assert (await shop.level("A", "milan")).reserved == 0
    assert await shop.broken_laws() == []


async def _price(shop, price):
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("A", price=price)], NOW)


async def test_an_order_says_what_its_quote_says_or_leaves_it_out(shop):
    await shop.stock(milan={"A": 9})
    quote = await shop.quote(a_quote(("A", 2)), ADA)
    wrong = {
        ("lines",): {"lines": (LineRequest(sku="A", quantity=3),)},
        ("fulfillment",): {"fulfillment": FulfillmentChoice(pickup_location="milan")},
        ("channel",): {"channel": "another"},
        ("shippingPrice",): {"shipping_price": Money(0, "EUR")},
    }

    for path, changes in wrong.items():
        problem = await refusal(shop.place(an_order_of(quote.id, **changes), ADA))
        assert (problem.code, problem.path) == (ErrorCode.INVALID, path)
    other_total = await refusal(shop.place(an_order_of(quote.id, expected_total=Money(1, "EUR")), ADA))
    alike = {"lines": (LineRequest(sku="A", quantity=2),), "fulfillment": to_milan()}
    placed = await shop.place(an_order_of(quote.id, expected_total=quote.totals.total, **alike), ADA)

    assert (other_total.code, other_total.path) == (ErrorCode.PRICE_CHANGED, ("expectedTotal",))
    assert (await shop.order(placed.order_id)).customer_id == "cus_ada"


async def test_an_order_takes_up_no_quote_that_does_not_say_how_it_reaches_the_customer(shop):
    await shop.stock(milan={"A": 9})
    quote = await shop.quote(a_quote(("A", 2), fulfillment=None, destination=Destination(country="FR")))

    problem = await refusal(shop.place(an_order_of(quote.id)))
    await shop.quote(changed(quote, ("A", 2), hold_minutes=None))

    assert (problem.code, problem.path) == (ErrorCode.INVALID, ("quoteId",))
    assert (await shop.place(an_order_of(quote.id))).order_id


async def test_a_destination_where_nothing_goes_is_named(shop):
    await shop.stock(milan={"A": 9})

    problem = await refusal(shop.quote(a_quote(("A", 2), fulfillment=None, destination=Destination(country="US"))))

    assert (problem.code, problem.path) == (ErrorCode.INVALID, ("destination", "country"))


async def test_anothers_quote_cannot_be_taken_up_changed_or_released(shop):
    await shop.stock(milan={"A": 9})
    quote = await shop.quote(a_quote(("A", 2)), ADA)
    eve = a_viewer(Role.CUSTOMER, customer_id="cus_eve")

    for viewer in (eve, ANONYMOUS, a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"}))):
        problems = [
            await refusal(shop.place(an_order_of(quote.id), viewer)),
            await refusal(shop.quote(changed(quote, ("A", 1)), viewer)),
            await refusal(shop.release(quote.id, viewer)),
            await refusal(shop.place(an_order_of("quo_unknown"), viewer)),
        ]
        assert [problem.code for problem in problems] == [ErrorCode.NOT_FOUND] * 4
    assert (await shop.quoted(quote.id)).held_until


async def test_an_agent_takes_up_a_customers_quote_for_them(shop):
    await shop.stock(milan={"A": 9})
    quote = await shop.quote(a_quote(("A", 2)), ADA)

    order = await shop.order((await shop.place(an_order_of(quote.id), AGENT)).order_id)

    assert (order.customer_id, order.is_guest) == ("cus_ada", False)


async def test_a_guest_who_signs_in_takes_their_quote_up(shop):
    await shop.stock(milan={"A": 9})
    quote = await shop.quote(a_quote(("A", 2), email="ada@example.com"))

    order = await shop.order((await shop.place(an_order_of(quote.id, email=None), ADA)).order_id)

    assert order.customer_id == "cus_ada"
    assert (await shop.world.reads.orders.contacts_by_order([order.id]))[order.id].email == "ada@example.com"


async def test_nothing_personal_of_a_quote_stands_in_a_row_as_text_and_the_ledger_does_not_open_it(shop):
    await shop.stock(milan={"A": 5})
    quote = await shop.quote(a_quote(("A", 1), email="ada@example.com", tax_id="IT123"), ANONYMOUS, "192.0.2.77")

    for table in ("quotes", "stock_reservations", "events", "idempotency_keys", "stock_movements"):
        rows = await shop.world.database.fetch(text(f"SELECT * FROM {table}"))
        kept = " ".join(repr(tuple(row)) for row in rows).lower()
        assert not [word for word in ("ada@", "rossi", "brera", "it123", "192.0.2") if word in kept], table
        assert quote.id.lower() not in kept or table in ("quotes", "stock_reservations", "idempotency_keys")


async def test_the_statements_of_a_quote_and_of_taking_it_up_do_not_grow_with_its_lines(shop):
    skus = [f"S{i:02d}" for i in range(20)]
    await shop.stock(milan=dict.fromkeys(skus, 50))

    counts = []
    for lines in (1, 20):
        with shop.counting_statements() as statements:
            quote = await shop.quote(a_quote(*((sku, 1) for sku in skus[:lines])))
            await shop.place(an_order_of(quote.id))
        counts.append(len(statements))

    assert counts[0] == counts[1], counts


async def test_what_an_order_took_up_is_not_given_back_when_the_hold_would_have_ended(shop):
    await shop.stock(milan={"A": 5})
    quote = await shop.quote(a_quote(("A", 2)))
    await shop.place(an_order_of(quote.id))

    shop.clock.set(NOW + timedelta(hours=1))
    await shop.run_jobs()

    level = await shop.level("A", "milan")
    assert (level.reserved, level.allocated) == (0, 2)
    assert await shop.broken_laws() == []
