"""The work of fulfillment on a real database: whole or in part, guarded, and each unit in one place."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import ANONYMOUS, EVERY_ORDER, Role
from domain.errors import ErrorCode, InvalidTransition, Refused
from domain.events import EventKind
from domain.fulfillment import handover, service
from domain.fulfillment.model import (
    PICKUP_KEPT_FOR,
    CollectPickup,
    FulfillmentOrderFilter,
    FulfillmentOrderStatus,
    PickFulfillmentOrder,
    PickLine,
    PickupStatus,
    RejectFulfillmentOrder,
    RejectReason,
    ShipFulfillmentOrder,
    ShipmentStatus,
    TrackingReport,
)
from domain.fulfillment.opening import close_canceled_work, open_work
from domain.fulfillment.tracking import record_tracking
from domain.orders.canceling import cancel_order
from domain.orders.model import (
    CancelOrder,
    CancelReason,
    FulfillmentChoice,
    OrderFulfillmentStatus,
    OrderStatus,
)
from domain.paging import page
from domain.payments.model import PaymentStatus
from persistence.audit import audit
from tests.factories import NOW, a_product, a_viewer, an_order, key

OPERATIONS = a_viewer(Role.OPERATIONS)
WORKERS = 8


@pytest.fixture(autouse=True)
async def every_law_holds_afterwards(shop):
    yield
    verdicts = [verdict async for verdict in audit(shop.world.database)]
    assert [verdict for verdict in verdicts if verdict.rows] == []


class Floor:
    """One order's work, as people at benches see it; each step is a transaction of its own."""

    def __init__(self, shop, order_id):
        self.shop, self.order_id = shop, order_id

    async def opened(self):
        async with self.shop.world.work() as work:
            await open_work(work, {"orderId": self.order_id})
        return await self.tasks()

    async def tasks(self):
        return (await self.shop.world.reads.fulfillment.by_order([self.order_id])).get(self.order_id, [])

    async def shipments(self):
        return (await self.shop.world.reads.fulfillment.shipments_by_order([self.order_id])).get(self.order_id, [])

    async def accept(self, task, viewer=OPERATIONS):
        async with self.shop.world.work() as work:
            return await service.accept_fulfillment_order(work, task.id, viewer)

    async def reject(self, task, reason, lines=None, viewer=OPERATIONS):
        command = RejectFulfillmentOrder(
            fulfillment_order_id=task.id, lines=lines, reason=reason, idempotency_key=key()
        )
        async with self.shop.world.work() as work:
            return await service.reject_fulfillment_order(work, command, viewer)

    async def pick(self, task, *lines, viewer=OPERATIONS, **changes):
        command = PickFulfillmentOrder(fulfillment_order_id=task.id, lines=lines or None, idempotency_key=key())
        async with self.shop.world.work() as work:
            return await service.pick_fulfillment_order(work, replace(command, **changes), viewer)

    async def ship(self, task, lines=None, viewer=OPERATIONS, **changes):
        command = ShipFulfillmentOrder(
            fulfillment_order_id=task.id, tracking_number=None, packages=(), lines=lines, idempotency_key=key()
        )
        async with self.shop.world.work() as work:
            return await handover.ship_fulfillment_order(work, replace(command, **changes), viewer)

    async def make_ready(self, task):
        async with self.shop.world.work() as work:
            return await handover.mark_ready_for_pickup(work, task.id, OPERATIONS)

    async def collect(self, viewer=ANONYMOUS, **changes):
        command = CollectPickup(code=None, pickup_id=None, lines=None, collected_by=None, idempotency_key=key())
        async with self.shop.world.work() as work:
            return await handover.collect_pickup(work, replace(command, **changes), viewer)

    async def pickup(self, task):
        return (await self.shop.world.reads.fulfillment.pickups_by_fulfillment_order([task.id]))[task.id]

    async def track(self, *reports):
        async with self.shop.world.work() as work:
            return await record_tracking(work, reports, OPERATIONS)

    async def cancel(self, *lines):
        command = CancelOrder(
            order_id=self.order_id, reason=CancelReason.CUSTOMER, lines=lines or None, idempotency_key=key()
        )
        async with self.shop.world.work() as work:
            await cancel_order(work, command, OPERATIONS, EVERY_ORDER)

    async def close(self):
        async with self.shop.world.work() as work:
            await close_canceled_work(work, {"orderId": self.order_id})

    async def line(self):
        (line,) = await self.shop.lines(self.order_id)
        return line

    async def order(self):
        return await self.shop.order(self.order_id)


async def a_floor(shop, *lines, **changes) -> Floor:
    return Floor(shop, (await shop.place(an_order(*lines, **changes))).order_id)


def to_collect(location="milan") -> FulfillmentChoice:
    return FulfillmentChoice(pickup_location=location)


def told(event_id, status, at, shipment, **changes) -> TrackingReport:
    values = {"description": None, "place": None, "point": None, "readings": None}
    return TrackingReport(
        event_id=event_id,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        status=status,
        at=at,
        **{**values, **changes},
    )


# ── Opening ──


async def test_a_confirmed_order_opens_work_where_its_stock_is_and_only_once(shop):
    await shop.stock(milan={"A": 5}, rome={"B": 5})
    floor = await a_floor(shop, ("A", 2), ("B", 3))

    first, again = await floor.opened(), await floor.opened()

    number = (await floor.order()).number
    assert first == again
    assert [(task.number, task.location_code, task.status.value) for task in first] == [
        (f"{number}-F1", "milan", "OPEN"),
        (f"{number}-F2", "rome", "OPEN"),
    ]
    assert [[line.quantity for line in task.lines] for task in first] == [[2], [3]]


async def test_while_a_hold_stands_no_work_is_opened(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2), token="action-required")

    assert await floor.opened() == []


async def test_a_kit_is_worked_in_its_own_units_and_leaves_with_its_components(shop):
    await shop.stock(milan={"TOWEL": 9, "SOAP": 9})
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("SET", components={"TOWEL": 2, "SOAP": 1})], shop.clock.now())
    floor = await a_floor(shop, ("SET", 3))
    (task,) = await floor.opened()

    await floor.pick(task)
    await floor.ship(task)

    assert [line.quantity for line in task.lines] == [3]
    towels, soap = await shop.level("TOWEL", "milan"), await shop.level("SOAP", "milan")
    assert (towels.on_hand, towels.allocated, soap.on_hand, soap.allocated) == (3, 0, 6, 0)


# ── The straight path ──


async def test_an_order_is_accepted_picked_shipped_and_delivered(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2))
    (task,) = await floor.opened()

    await floor.accept(task)
    picked = await floor.pick(task)
    shipment = await floor.ship(task, tracking_number="CV1")
    await floor.track(told("1", ShipmentStatus.DELIVERED, NOW + timedelta(days=1), shipment))

    order, line, level = await floor.order(), await floor.line(), await shop.level("A", "milan")
    assert picked.status is FulfillmentOrderStatus.PACKED
    assert (shipment.number, shipment.carrier, shipment.service) == (f"{order.number}-S1", "carovia", "STANDARD")
    assert (order.status, order.payment_status) == (OrderStatus.COMPLETED, PaymentStatus.PAID)
    assert line.quantities.delivered == 2
    assert (level.on_hand, level.allocated) == (3, 0)
    assert [kind for kind in await shop.kinds() if not kind.startswith("stock.")][3:] == [
        "fulfillment_order.opened",
        "fulfillment_order.accepted",
        "fulfillment_order.picked",
        "shipment.dispatched",
        "payment.captured",
        "shipment.tracked",
        "shipment.delivered",
        "order.completed",
    ]


async def test_a_step_that_the_status_does_not_allow_is_refused_and_says_what_is(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2))
    (task,) = await floor.opened()
    await floor.accept(task)

    with pytest.raises(Refused) as refused:
        await floor.accept(task)

    (problem,) = refused.value.problems
    assert isinstance(problem, InvalidTransition)
    assert (problem.from_, problem.allowed) == ("ACCEPTED", ("PICKING", "PACKED", "REJECTED", "CANCELED"))


async def test_shipping_a_subset_leaves_the_rest_open_and_captures_what_left(shop):
    await shop.stock(milan={"A": 5, "B": 5})
    floor = await a_floor(shop, ("A", 2), ("B", 1))
    (task,) = await floor.opened()
    first_line, _ = await shop.lines(floor.order_id)
    await floor.pick(task)

    shipment = await floor.ship(task, lines=((first_line.id, 1),))

    order, (left,) = await floor.order(), await floor.tasks()
    assert [(line.line_id, line.quantity) for line in shipment.lines] == [(first_line.id, 1)]
    assert order.captured.amount_minor == 1000 + 500  # The unit, and shipping with the first of them.
    assert order.fulfillment_status is OrderFulfillmentStatus.PARTIALLY_SHIPPED
    assert left.status is FulfillmentOrderStatus.PACKED
    await floor.ship(task)
    assert (await floor.order()).captured == order.totals.total
    assert [each.number[-2:] for each in await floor.shipments()] == ["S1", "S2"]


async def test_of_many_workers_who_ship_the_same_units_one_succeeds(shop):
    await shop.stock(milan={"A": 5, "B": 5})
    floor = await a_floor(shop, ("A", 2), ("B", 2))
    (task,) = await floor.opened()
    await floor.pick(task)
    line_id = task.lines[0].line_id

    results = await asyncio.gather(
        *(floor.ship(task, lines=((line_id, 2),)) for _ in range(WORKERS)), return_exceptions=True
    )

    refusals = [result.problems[0].code for result in results if isinstance(result, Refused)]
    assert refusals == [ErrorCode.INVALID_TRANSITION] * (WORKERS - 1)
    assert len(await floor.shipments()) == 1


async def test_of_many_workers_who_pick_the_same_work_one_succeeds(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2))
    (task,) = await floor.opened()

    results = await asyncio.gather(*(floor.pick(task) for _ in range(WORKERS)), return_exceptions=True)

    refusals = [result.problems[0].code for result in results if isinstance(result, Refused)]
    assert refusals == [ErrorCode.INVALID_TRANSITION] * (WORKERS - 1)
    assert (await floor.line()).quantities.picked == 2


async def test_the_same_key_ships_once_and_gives_the_same_shipment(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2))
    (task,) = await floor.opened()
    await floor.pick(task)
    one_key = key()

    shipments = await asyncio.gather(*(floor.ship(task, idempotency_key=one_key) for _ in range(WORKERS)))

    assert len({shipment.id for shipment in shipments}) == 1
    assert (await shop.level("A", "milan")).on_hand == 3


async def test_what_is_wrong_with_a_shipment_is_named_line_by_line(shop):
    await shop.stock(milan={"A": 5, "B": 5})
    floor = await a_floor(shop, ("A", 2), ("B", 2))
    (task,) = await floor.opened()
    one, other = (line.line_id for line in task.lines)
    await floor.pick(task, PickLine(one, 1))

    with pytest.raises(Refused) as refused:
        await floor.ship(task, lines=((one, 2), (other, 0), ("oln_unknown", 1)))

    assert [(problem.code.value, problem.path) for problem in refused.value.problems] == [
        ("INVALID", ("lines", "0", "quantity")),
        ("INVALID", ("lines", "1", "quantity")),
        ("NOT_FOUND", ("lines", "2", "lineId")),
    ]


async def test_a_carrier_carries_a_tracking_number_once(shop):
    await shop.stock(milan={"A": 5})
    floors = [await a_floor(shop, ("A", 1)) for _ in range(2)]
    tasks = [(await floor.opened())[0] for floor in floors]
    for floor, task in zip(floors, tasks, strict=True):
        await floor.pick(task)

    results = await asyncio.gather(
        *(floor.ship(task, tracking_number="CV1") for floor, task in zip(floors, tasks, strict=True)),
        return_exceptions=True,
    )

    (refused,) = [result for result in results if isinstance(result, Refused)]
    assert [(p.code, p.path) for p in refused.problems] == [(ErrorCode.CONFLICT, ("trackingNumber",))]
    assert (await shop.level("A", "milan")).on_hand == 4


# ── Coming up short ──


async def test_rejected_work_corrects_the_stock_and_is_sourced_elsewhere(shop):
    await shop.stock(milan={"A": 5}, rome={"A": 5})
    floor = await a_floor(shop, ("A", 2))
    (task,) = await floor.opened()

    rejected = await floor.reject(task, RejectReason.NOT_FOUND)
    _, elsewhere = await floor.opened()

    there, here = await shop.level("A", task.location_code), await shop.level("A", elsewhere.location_code)
    assert rejected.status is FulfillmentOrderStatus.REJECTED
    assert elsewhere.location_code != task.location_code
    assert (there.on_hand, there.allocated, here.on_hand, here.allocated) == (3, 0, 5, 2)
    assert "order.resourced" in await shop.kinds()


async def test_damaged_units_are_set_aside_and_what_no_one_has_is_backordered(shop):
    await shop.stock(milan={"A": 2})
    floor = await a_floor(shop, ("A", 2))
    (task,) = await floor.opened()

    left = await floor.reject(task, RejectReason.DAMAGED, lines=((task.lines[0].line_id, 1),))

    level, line = await shop.level("A", "milan"), await floor.line()
    assert left.status is FulfillmentOrderStatus.OPEN
    assert (level.on_hand, level.allocated, level.damaged) == (2, 1, 1)
    assert (line.quantities.allocated, line.quantities.backordered) == (1, 1)
    assert "order.backordered" in await shop.kinds()


async def test_a_short_pick_gives_up_what_is_missing_and_packs_what_was_found(shop):
    await shop.stock(milan={"A": 5}, rome={"A": 5})
    floor = await a_floor(shop, ("A", 3))
    (task,) = await floor.opened()

    picked = await floor.pick(task, PickLine(task.lines[0].line_id, 1, RejectReason.NOT_FOUND))

    line = await floor.line()
    assert (picked.status, picked.lines[0].picked, picked.lines[0].short) == (FulfillmentOrderStatus.PACKED, 1, 2)
    assert (line.quantities.picked, line.quantities.allocated) == (1, 2)
    assert (await shop.level("A", task.location_code)).on_hand == 3


async def test_a_line_picked_in_part_without_a_reason_is_picked_on_later(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 3))
    (task,) = await floor.opened()
    line_id = task.lines[0].line_id

    part = await floor.pick(task, PickLine(line_id, 1))
    whole = await floor.pick(task, PickLine(line_id, 2))

    assert (part.status, whole.status) == (FulfillmentOrderStatus.PICKING, FulfillmentOrderStatus.PACKED)


async def test_a_place_that_gave_units_up_is_not_asked_for_them_again(shop):
    await shop.stock(milan={"A": 5}, rome={"A": 5})
    floor = await a_floor(shop, ("A", 2))
    (first,) = await floor.opened()
    await floor.reject(first, RejectReason.NO_CAPACITY)
    _, second = await floor.opened()

    await floor.reject(second, RejectReason.NO_CAPACITY)

    assert (await floor.line()).quantities.backordered == 2


async def test_places_that_reject_in_parallel_do_not_deadlock_and_lose_no_unit(shop):
    await shop.stock(milan={"A": 8, "B": 8}, rome={"A": 8, "B": 8})
    floors = [await a_floor(shop, *lines) for lines in [(("A", 1), ("B", 1)), (("B", 1), ("A", 1))] * (WORKERS // 2)]
    tasks = [(await floor.opened())[0] for floor in floors]

    await asyncio.gather(
        *(floor.reject(task, RejectReason.CLOSED) for floor, task in zip(floors, tasks, strict=True)),
        *(shop.place(an_order(("B", 1), ("A", 1))) for _ in range(WORKERS)),
    )

    levels = [await shop.level(sku, place) for sku in ("A", "B") for place in ("milan", "rome")]
    lines = [line for floor in floors for line in await shop.lines(floor.order_id)]
    backordered = sum(line.quantities.backordered for line in lines)
    assert all(level.on_hand == 8 and 0 <= level.allocated <= 8 for level in levels)
    assert sum(level.allocated for level in levels) == 2 * 2 * WORKERS - backordered


# ── Canceled meanwhile ──


async def test_work_that_is_canceled_is_closed_and_its_pickup_with_it(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2), fulfillment=to_collect())
    (task,) = await floor.opened()
    await floor.cancel()

    await floor.close()

    (closed,) = await floor.tasks()
    assert closed.status is FulfillmentOrderStatus.CANCELED
    assert (await floor.pickup(task)).status is PickupStatus.CANCELED
    assert (await shop.kinds())[-1] == EventKind.FULFILLMENT_ORDER_CANCELED.value


async def test_units_canceled_meanwhile_are_not_picked_even_before_the_work_is_closed(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 3))
    (task,) = await floor.opened()
    line_id = task.lines[0].line_id
    await floor.cancel((line_id, 2))

    with pytest.raises(Refused) as refused:
        await floor.pick(task, PickLine(line_id, 3))
    picked = await floor.pick(task)

    assert refused.value.problems[0].code is ErrorCode.INVALID
    assert (picked.lines[0].picked, picked.lines[0].canceled) == (1, 2)
    assert (await floor.line()).quantities.picked == 1


async def test_picked_units_that_are_canceled_twice_go_back_to_the_shelf(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 3))
    (task,) = await floor.opened()
    await floor.pick(task)
    line_id = task.lines[0].line_id

    await floor.cancel((line_id, 1))
    await floor.cancel((line_id, 1))
    await floor.ship(task)

    level, line = await shop.level("A", "milan"), await floor.line()
    assert (level.on_hand, level.allocated) == (4, 0)
    assert (line.quantities.shipped, line.quantities.canceled) == (1, 2)


# ── Pickups ──


async def test_a_pickup_opens_with_its_code_once(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2), fulfillment=to_collect())
    (task,) = await floor.opened()
    await floor.pick(task)
    await floor.make_ready(task)
    pickup = await floor.pickup(task)
    code = shop.world.digests.pickup_code(pickup.id)

    results = await asyncio.gather(
        *(floor.collect(code=code, collected_by="Ada Rossi") for _ in range(WORKERS)), return_exceptions=True
    )

    order, level, done = await floor.order(), await shop.level("A", "milan"), await floor.pickup(task)
    assert sum(result == floor.order_id for result in results) == 1
    assert (pickup.status, pickup.expires_at) == (PickupStatus.READY, NOW + PICKUP_KEPT_FOR)
    assert (done.status, done.collected_by) == (PickupStatus.COLLECTED, "Ada Rossi")
    assert (order.status, order.captured) == (OrderStatus.COMPLETED, order.totals.total)
    assert (level.on_hand, level.allocated) == (3, 0)
    assert (await shop.kinds())[-3:] == ["pickup.collected", "payment.captured", "order.completed"]


async def test_part_of_a_pickup_leaves_the_rest_ready(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2), fulfillment=to_collect())
    (task,) = await floor.opened()
    await floor.pick(task)
    await floor.make_ready(task)
    code = shop.world.digests.pickup_code((await floor.pickup(task)).id)

    await floor.collect(code=code, lines=((task.lines[0].line_id, 1),))

    assert (await floor.pickup(task)).status is PickupStatus.READY
    line = await floor.line()
    assert (line.quantities.ready_for_pickup, line.quantities.delivered) == (1, 1)


async def test_a_wrong_code_and_another_stores_code_answer_alike(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2), fulfillment=to_collect())
    (task,) = await floor.opened()
    await floor.pick(task)
    await floor.make_ready(task)
    code = shop.world.digests.pickup_code((await floor.pickup(task)).id)
    elsewhere = a_viewer(Role.ASSOCIATE, locations=frozenset({"rome"}))

    with pytest.raises(Refused) as wrong:
        await floor.collect(elsewhere, code="00000000")
    with pytest.raises(Refused) as not_theirs:
        await floor.collect(elsewhere, code=code)

    assert wrong.value.problems == not_theirs.value.problems


async def test_what_is_collected_is_not_shipped_and_not_handed_over_before_it_is_ready(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2), fulfillment=to_collect())
    (task,) = await floor.opened()
    await floor.pick(task)
    pickup = await floor.pickup(task)

    with pytest.raises(Refused) as shipped:
        await floor.ship(task)
    with pytest.raises(Refused) as collected:
        await floor.collect(OPERATIONS, pickup_id=pickup.id)

    assert shipped.value.problems[0].code is ErrorCode.NOT_ALLOWED
    assert collected.value.problems[0].code is ErrorCode.INVALID_TRANSITION


# ── Tracking ──


async def a_shipment(shop):
    await shop.stock(milan={"A": 5})
    floor = await a_floor(shop, ("A", 2))
    (task,) = await floor.opened()
    await floor.pick(task)
    return floor, await floor.ship(task, tracking_number="CV1")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 1, 3, 0, 2, 3)])
async def test_late_duplicate_and_out_of_order_tracking_ends_the_same(shop, order):
    floor, shipment = await a_shipment(shop)
    statuses = [
        ShipmentStatus.IN_TRANSIT,
        ShipmentStatus.OUT_FOR_DELIVERY,
        ShipmentStatus.DELIVERED,
        ShipmentStatus.RETURNED_TO_SENDER,
    ]
    reports = [told(f"{i}", status, NOW + timedelta(hours=i), shipment) for i, status in enumerate(statuses)]

    recorded = [await floor.track(reports[i]) for i in order]

    (after,) = await floor.shipments()
    assert (after.status, after.delivered_at) == (ShipmentStatus.DELIVERED, NOW + timedelta(hours=2))
    assert (await floor.order()).status is OrderStatus.COMPLETED
    assert sum(each.accepted for each in recorded) == 4
    assert sum(each.duplicates for each in recorded) == len(order) - 4
    assert (await shop.kinds()).count("shipment.delivered") == 1


async def test_a_delivery_of_a_canceled_parcel_is_recorded_and_not_believed(shop):
    floor, shipment = await a_shipment(shop)
    await floor.track(told("1", ShipmentStatus.CANCELED, NOW + timedelta(hours=1), shipment))

    recorded = await floor.track(told("2", ShipmentStatus.DELIVERED, NOW + timedelta(hours=2), shipment))

    (after,) = await floor.shipments()
    events = await shop.world.reads.fulfillment.tracking_by_shipment([shipment.id], page())
    assert recorded.accepted == 1
    assert after.status is ShipmentStatus.CANCELED
    assert (await floor.line()).quantities.shipped == 2
    assert [edge.node.carrier_event_id for edge in events[shipment.id].edges] == ["2", "1"]


async def test_good_tracking_events_are_taken_and_each_bad_one_is_named(shop):
    floor, shipment = await a_shipment(shop)
    good = told("1", ShipmentStatus.OUT_FOR_DELIVERY, NOW, shipment)

    recorded = await floor.track(
        replace(good, tracking_number="UNKNOWN"),
        good,
        good,
        replace(good, event_id="2", status=None, readings={"celsius": 4.5}),
        replace(good, event_id="3", readings={"celsius": "\0"}),
    )

    assert (recorded.accepted, recorded.duplicates) == (2, 1)
    assert [(problem.code.value, problem.path) for problem in recorded.user_errors] == [
        ("NOT_FOUND", ("events", "0", "trackingNumber")),
        ("INVALID", ("events", "4", "readings")),
    ]


async def test_pages_of_tracking_are_read_for_all_shipments_at_once(shop):
    floor, shipment = await a_shipment(shop)
    reports = [told(f"{i}", ShipmentStatus.IN_TRANSIT, NOW + timedelta(hours=i), shipment) for i in range(5)]
    await floor.track(*reports)
    reads = shop.world.reads.fulfillment

    first = (await reads.tracking_by_shipment([shipment.id, "shp_none"], page(first=3)))[shipment.id]
    rest = (await reads.tracking_by_shipment([shipment.id], page(first=3, after=first.edges[-1].cursor)))[shipment.id]

    seen = [edge.node.carrier_event_id for edge in (*first.edges, *rest.edges)]
    assert seen == ["4", "3", "2", "1", "0"]
    assert (first.has_next, rest.has_next) == (True, False)


# ── Who may see what ──


async def test_an_associate_sees_and_does_their_own_places_work_only(shop):
    await shop.stock(milan={"A": 5}, rome={"B": 5})
    floor = await a_floor(shop, ("A", 1), ("B", 1))
    in_milan, in_rome = await floor.opened()
    associate = a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"}))

    with pytest.raises(Refused) as refused:
        await floor.accept(in_rome, associate)
    accepted = await floor.accept(in_milan, associate)

    assert [(p.code, p.path) for p in refused.value.problems] == [(ErrorCode.NOT_FOUND, ("id",))]
    assert accepted.status is FulfillmentOrderStatus.ACCEPTED


async def test_the_work_list_is_filtered_and_paged_by_when_it_is_due(shop):
    await shop.stock(milan={"A": 9})
    floors = [await a_floor(shop, ("A", 1)), await a_floor(shop, ("A", 1), fulfillment=to_collect())]
    tasks = [(await floor.opened())[0] for floor in floors]
    number = (await floors[0].order()).number
    reads = shop.world.reads.fulfillment

    everything = await reads.page(FulfillmentOrderFilter(), page(), EVERY_ORDER)
    found = await reads.page(FulfillmentOrderFilter(search=number.lower()), page(), EVERY_ORDER)
    collected = await reads.page(FulfillmentOrderFilter(pickup_location="milan"), page(), EVERY_ORDER)
    first = await reads.page(FulfillmentOrderFilter(status=(FulfillmentOrderStatus.OPEN,)), page(1), EVERY_ORDER)

    assert {edge.node.id for edge in everything.edges} == {task.id for task in tasks}
    assert [edge.node for edge in found.edges] == [tasks[0]]
    assert [edge.node for edge in collected.edges] == [tasks[1]]
    assert (len(first.edges), first.has_next, await first.count()) == (1, True, 2)
