"""Orders are placed through their channel's view: what it does not promise is not sold, what it lets wait may wait."""

import asyncio
from datetime import date, timedelta

import pytest

from domain.access import EVERY_ORDER, Role
from domain.availability.model import Question
from domain.availability.service import answers
from domain.availability.views import FinanceRule, KeepBackRule, LocationRule, ProductRule, StoreRule, SupplyRule
from domain.errors import ErrorCode, InsufficientStock, Refused
from domain.events import EventKind
from domain.inventory.model import StockLocationKind
from domain.money import Money
from domain.orders.canceling import cancel_order
from domain.orders.model import CancelOrder, CancelReason, FulfillmentChoice, LineQuantities
from domain.orders.ports import Overtaken
from domain.places import Address
from tests.domain.stock import MILAN, ROME, a_location_at
from tests.factories import NOW, a_location, a_product, a_viewer, an_order, key

OPERATIONS = a_viewer(Role.OPERATIONS)


@pytest.fixture
async def goods(shop):
    """Ten of A and of B in Milan and in Rome."""
    await shop.stock(milan={"A": 10, "B": 10}, rome={"A": 10, "B": 10})
    return shop


async def shortage(shop, *lines, **changes) -> InsufficientStock:
    with pytest.raises(Refused) as refused:
        await shop.place(an_order(*lines, **changes))
    (problem,) = refused.value.problems
    assert isinstance(problem, InsufficientStock), problem
    return problem


async def allocated(shop) -> dict[str, int]:
    """Of A, by place."""
    return {code: (await shop.level("A", code)).allocated for code in ("milan", "rome")}


async def answer(shop, sku: str = "A"):
    return (await answers(shop.world.reads, Question(channel="web"), [sku], shop.clock.now()))[sku]


# ── What a view does not promise ──


@pytest.mark.parametrize(
    ("rules", "available"),
    [
        ({"locations": LocationRule(exclude=("milan",))}, 10),
        ({"locations": LocationRule(kinds=(StockLocationKind.STORE,))}, 0),
        ({"keep_back": (KeepBackRule(reason="display", units=3),)}, 14),
        ({"keep_back": (KeepBackRule(reason="a share", percent=45),)}, 10),
        ({"finance": FinanceRule(max_handling_cost=Money(1, "EUR"))}, 20),
        ({"finance": FinanceRule(min_margin_percent=1)}, 0),
        ({"supply": SupplyRule(on_hand=False, on_order=True)}, 0),
    ],
)
async def test_an_order_gets_what_its_view_promises_and_not_a_unit_more(goods, rules, available):
    await goods.sell_through(**rules)

    short = await shortage(goods, ("A", available + 1))
    if available:
        await goods.place(an_order(("A", available)))

    assert short.available == available == sum((await allocated(goods)).values())
    assert (await answer(goods)).units == 0
    assert await goods.broken_laws() == []


async def test_what_a_view_does_not_offer_is_not_for_sale(goods):
    await goods.sell_through(products=ProductRule(exclude_skus=("A",)))

    with pytest.raises(Refused) as refused:
        await goods.place(an_order(("A", 1), ("B", 1)))

    assert [(each.code, each.path) for each in refused.value.problems] == [
        (ErrorCode.NOT_SELLABLE, ("lines", "0", "sku"))
    ]


async def test_what_is_sold_before_its_launch_is_sold_where_the_view_does_not_mind(goods):
    async with goods.world.work() as work:
        await work.catalog.import_products([a_product("A", launch_at=NOW + timedelta(days=9))], NOW)
    with pytest.raises(Refused):
        await goods.place(an_order(("A", 1)))

    await goods.sell_through(products=ProductRule(respect_launch_date=False))

    assert (await answer(goods)).status.value == "PREORDER"
    await goods.place(an_order(("A", 1)))


async def test_a_store_that_has_enough_to_do_is_not_asked_for_more(goods):
    async with goods.world.work() as work:
        await work.inventory.save_location(a_location("milan", kind=StockLocationKind.STORE))
    await goods.sell_through(locations=LocationRule(include=("milan",)), store=StoreRule(max_open_units=3))

    await goods.place(an_order(("A", 4)))

    assert (await shortage(goods, ("A", 1))).available == 0


async def test_an_order_comes_from_places_near_enough_to_its_address_whether_that_says_its_point_or_its_city(goods):
    async with goods.world.work() as work:
        for code, point in (("milan", MILAN), ("rome", ROME)):
            await work.inventory.save_location(a_location_at(point, code))
    await goods.sell_through(locations=LocationRule(max_distance_km=50))
    nowhere = Address(line1="-", city="Nowhere at all", country="IT")

    assert (await shortage(goods, ("A", 11))).available == 10
    assert (await shortage(goods, ("A", 1), fulfillment=FulfillmentChoice(address=nowhere))).available == 0
    await goods.place(an_order(("A", 10)))

    assert await allocated(goods) == {"milan": 10, "rome": 0}


async def test_two_orders_of_one_batch_do_not_get_what_the_view_keeps_back(goods):
    await goods.sell_through(keep_back=(KeepBackRule(reason="display", units=9),))

    results = await asyncio.gather(*(goods.place(an_order(("A", 1))) for _ in range(6)), return_exceptions=True)

    assert sum(not isinstance(result, Exception) for result in results) == 2
    assert await goods.broken_laws() == []


# ── What may be waited for ──


async def test_a_backorder_limit_admits_so_many_units_beyond_supply_and_refuses_the_next(goods):
    """ACCEPTANCE 9."""
    await goods.sell_through(supply=SupplyRule(backorder_limit=3))

    placed = await goods.place(an_order(("A", 22)))
    await goods.place(an_order(("A", 1)))
    short = await shortage(goods, ("A", 1))

    (line,) = await goods.lines(placed.order_id)
    assert line.quantities == LineQuantities(allocated=20, backordered=2)
    assert (short.requested, short.available) == (1, 0)
    assert (await answer(goods)).orderable == 0
    assert EventKind.ORDER_BACKORDERED.value in await goods.kinds()
    assert await goods.broken_laws() == []


async def test_many_at_once_never_pass_the_backorder_limit(goods):
    await goods.sell_through(locations=LocationRule(include=("rome",)), supply=SupplyRule(backorder_limit=5))
    await goods.place(an_order(("A", 10)))

    results = await asyncio.gather(*(goods.place(an_order(("A", 1))) for _ in range(16)), return_exceptions=True)

    assert sum(not isinstance(result, Exception) for result in results) == 5
    assert all(isinstance(result, Refused | Overtaken) for result in results if isinstance(result, Exception))
    assert (await answer(goods)).orderable == 0
    assert await goods.broken_laws() == []


async def test_dated_supply_is_promised_once(goods):
    await goods.expect("A", "milan", 5, days=9)
    await goods.expect("A", "rome", 5, days=400)
    await goods.sell_through(supply=SupplyRule(on_order=True))

    short = await shortage(goods, ("A", 26))
    await goods.place(an_order(("A", 23)))
    left = await answer(goods)

    assert short.available == 20
    assert short.next_available_on is None
    assert (left.units, left.orderable, [tuple(each) for each in left.future]) == (0, 2, [(date(2026, 5, 14), 2)])
    assert left.next_available_on == date(2026, 5, 14)
    assert (await shortage(goods, ("A", 3))).next_available_on is None


async def test_a_shortage_says_when_all_of_it_could_be_had(goods):
    await goods.expect("A", "milan", 5, days=9)
    await goods.sell_through(supply=SupplyRule(on_order=True))

    short = await shortage(goods, ("A", 12), fulfillment=FulfillmentChoice(pickup_location="milan"))

    assert (short.available, short.next_available_on) == (10, date(2026, 5, 14))


async def test_what_came_for_those_who_wait_is_not_sold_to_others(goods):
    await goods.sell_through(supply=SupplyRule(backorder_limit=5))
    await goods.place(an_order(("A", 24)))

    await goods.stock(milan={"A": 6})

    assert (await answer(goods)).units == 2
    short = await shortage(goods, ("A", 8))
    assert short.available == 2


async def test_what_waits_is_canceled_first_and_gives_its_place_to_others(goods):
    await goods.sell_through(supply=SupplyRule(backorder_limit=3))
    placed = await goods.place(an_order(("A", 23)))
    (line,) = await goods.lines(placed.order_id)

    async with goods.world.work() as work:
        command = CancelOrder(
            order_id=placed.order_id, reason=CancelReason.CUSTOMER, lines=((line.id, 4),), idempotency_key=key()
        )
        await cancel_order(work, command, OPERATIONS, EVERY_ORDER)

    (line,) = await goods.lines(placed.order_id)
    assert line.quantities == LineQuantities(allocated=19, canceled=4)
    assert await goods.count("backorders") == 0
    assert (await answer(goods)).orderable == 1 + 3
    assert await goods.broken_laws() == []


async def test_a_kit_waits_for_what_it_is_made_up_of(goods):
    async with goods.world.work() as work:
        await work.catalog.import_products([a_product("KIT", components={"A": 1, "B": 2})], NOW)
    await goods.sell_through(supply=SupplyRule(backorder_limit=4))

    placed = await goods.place(an_order(("KIT", 12)))

    (line,) = await goods.lines(placed.order_id)
    assert line.quantities == LineQuantities(allocated=10, backordered=2)
    assert (await answer(goods, "B")).orderable == 0
    assert (await answer(goods, "A")).orderable == 12
    assert await goods.broken_laws() == []


async def test_an_order_that_waits_is_worked_as_far_as_there_is_something(goods):
    await goods.sell_through(supply=SupplyRule(backorder_limit=3))
    placed = await goods.place(an_order(("A", 22)))

    await goods.run_jobs()

    order = await goods.order(placed.order_id)
    assert (order.status.value, order.fulfillment_status.value) == ("CONFIRMED", "BACKORDERED")
    assert await goods.broken_laws() == []
