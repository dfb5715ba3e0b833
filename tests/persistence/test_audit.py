"""The audit finds each of a list of planted breaks, and names the row; of a healthy database it says nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from domain.access import EVERY_ORDER, Role
from domain.availability.views import SupplyRule
from domain.fulfillment import handover, service
from domain.fulfillment.model import CollectPickup, PickFulfillmentOrder, ShipFulfillmentOrder, TrackingReport
from domain.fulfillment.model import ShipmentStatus as Told
from domain.fulfillment.opening import open_work
from domain.fulfillment.tracking import record_tracking
from domain.inventory.model import CancelSupply, ReceiveLine, ReceiveSupply, TransferLine, TransferStock
from domain.inventory.supply import cancel_supply, receive_supply
from domain.inventory.transfers import transfer_stock
from domain.orders.canceling import cancel_order
from domain.orders.model import NO_FILTER, CancelOrder, CancelReason, FulfillmentChoice, OrderSort, OrderStatus
from domain.paging import page
from gateway import audit as command
from gateway.settings import read_settings
from persistence.audit import audit, verdicts
from persistence.database import Transaction
from tests.factories import NOW, a_location, a_product, a_quote, a_viewer, an_order, key

OPERATIONS = a_viewer(Role.OPERATIONS)


@dataclass(frozen=True)
class Planted:
    """A break. row: a query for the name that the audit must give it; found: what else it must say."""

    check: str
    row: str
    found: str
    sql: str


FIRST_LINE = "SELECT min(id) FROM order_lines WHERE allocated > 0"
PICKED_LINE = "SELECT min(id) FROM order_lines WHERE picked > 0"
DONE = "SELECT min(id) FROM orders WHERE status = 'COMPLETED'"
CANCELED = "SELECT min(id) FROM orders WHERE status = 'CANCELED'"
LEVEL = "sku = 'A' AND location_code = 'milan'"
LEVEL_NAME = "SELECT sku || ' ' || location_code FROM stock_levels WHERE sku = 'A' AND location_code = 'milan'"
RESERVATION = "SELECT quote_id || ' ' || sku || ' ' || location_code FROM stock_reservations"

PLANTED = {
    "a unit in no place": Planted(
        "units of order lines", FIRST_LINE, "not 3", f"UPDATE order_lines SET quantity = 3 WHERE id = ({FIRST_LINE})"
    ),
    "a place below zero": Planted(
        "units of order lines",
        FIRST_LINE,
        "pending is -1, not at least 0",
        f"UPDATE order_lines SET pending = -1, allocated = allocated + 1 WHERE id = ({FIRST_LINE})",
    ),
    "a status": Planted(
        "statuses",
        DONE,
        "status is CONFIRMED, not COMPLETED",
        f"UPDATE orders SET status = 'CONFIRMED' WHERE id = ({DONE})",
    ),
    "a fulfillment status": Planted(
        "statuses",
        DONE,
        "fulfillment_status is SHIPPED, not DELIVERED",
        f"UPDATE orders SET fulfillment_status = 'SHIPPED' WHERE id = ({DONE})",
    ),
    "a payment status": Planted(
        "statuses", DONE, "not PAID", f"UPDATE orders SET payment_status = 'AUTHORIZED' WHERE id = ({DONE})"
    ),
    "a payment's own status": Planted(
        "statuses",
        f"SELECT id FROM payments WHERE order_id = ({DONE})",
        "status is FAILED, not PAID",
        f"UPDATE payments SET status = 'FAILED' WHERE order_id = ({DONE})",
    ),
    "picked units in nobody's hands": Planted(
        "picked units",
        PICKED_LINE,
        "picked and ready is 2, not 1",
        f"UPDATE fulfillment_order_lines SET picked = picked - 1 WHERE line_id = ({PICKED_LINE})",
    ),
    "work for more than is allocated": Planted(
        "open work",
        f"{PICKED_LINE}",
        "asked for is 3, not at most 2",
        f"UPDATE fulfillment_order_lines SET quantity = quantity + 1 WHERE line_id = ({PICKED_LINE})",
    ),
    "a movement": Planted(
        "stock levels are the sums",
        LEVEL_NAME,
        "on_hand is",
        f"UPDATE stock_movements SET delta = delta + 1 WHERE {LEVEL} AND counter = 'ON_HAND'",
    ),
    "a level": Planted(
        "stock levels are the sums",
        LEVEL_NAME,
        "damaged is 4, not 0",
        f"UPDATE stock_levels SET damaged = 4 WHERE {LEVEL}",
    ),
    "a movement without a level": Planted(
        "movements are of a level",
        "SELECT 'movement ' || max(number) FROM stock_movements",
        "levels it moves is 0, not 1",
        "UPDATE stock_movements SET sku = 'nowhere' WHERE number = (SELECT max(number) FROM stock_movements)",
    ),
    "a level below zero": Planted(
        "no counter",
        LEVEL_NAME,
        "reserved is -2, not at least 0",
        f"UPDATE stock_levels SET reserved = -2 WHERE {LEVEL}",
    ),
    "supply that is all there and still on its way": Planted(
        "supply follows",
        "SELECT id FROM inbound_supply WHERE sku = 'A'",
        "status is IN_TRANSIT, not RECEIVED",
        "UPDATE inbound_supply SET received = ordered WHERE sku = 'A'",
    ),
    "more received than ordered": Planted(
        "supply follows",
        "SELECT id FROM inbound_supply WHERE sku = 'A'",
        "received is 9, not at most 5",
        "UPDATE inbound_supply SET received = 9 WHERE sku = 'A'",
    ),
    "supply promised that was canceled": Planted(
        "supply follows",
        "SELECT id FROM inbound_supply WHERE sku = 'B'",
        "promised of what is due is 1, not at most 0",
        "UPDATE inbound_supply SET allocated = 1 WHERE sku = 'B'",
    ),
    "a transfer that lost a unit": Planted(
        "units of transfers",
        "SELECT reference || ' ' || sku FROM inbound_supply WHERE sku = 'A'",
        "due is 2, not 3",
        "UPDATE inbound_supply SET received = received + 1 WHERE sku = 'A'",
    ),
    "a transfer that never left": Planted(
        "units of transfers",
        "SELECT reference || ' ' || sku FROM inbound_supply WHERE sku = 'A'",
        "due is 3, not -2",
        "UPDATE stock_movements SET reason = 'COUNT' WHERE reason = 'TRANSFER_OUT' AND sku = 'A'",
    ),
    "allocated by the level alone": Planted(
        "what levels have allocated",
        LEVEL_NAME,
        "allocated is",
        f"UPDATE stock_levels SET allocated = 99 WHERE {LEVEL}",
    ),
    "reserved by the level alone": Planted(
        "what levels have reserved",
        LEVEL_NAME,
        "reserved is 99, not 1",
        f"UPDATE stock_levels SET reserved = 99 WHERE {LEVEL}",
    ),
    "a reservation of a quote that holds nothing": Planted(
        "reservations are of quotes",
        RESERVATION,
        "its end is",
        "UPDATE quotes SET held_until = NULL",
    ),
    "a reservation that lasts longer than its quote": Planted(
        "reservations are of quotes",
        RESERVATION,
        "not 2026-05-05 10:10",
        "UPDATE stock_reservations SET expires_at = '2026-05-06 10:00:00+00:00'",
    ),
    "an allocation": Planted(
        "allocations are of units",
        FIRST_LINE,
        "allocated units is",
        f"UPDATE allocations SET quantity = quantity + per_unit WHERE line_id = ({FIRST_LINE})",
    ),
    "a backorder": Planted(
        "backorders are of units",
        "SELECT line_id || ' ' || sku FROM backorders",
        "quantity is 4, not 3",
        "UPDATE backorders SET quantity = 4",
    ),
    "a lost backorder": Planted(
        "units that wait are backorders",
        "SELECT line_id FROM backorders",
        "units without a backorder is 3, not 0",
        "DELETE FROM backorders",
    ),
    "a lost allocation": Planted(
        "units not yet sent",
        FIRST_LINE,
        "units without an allocation is",
        f"DELETE FROM allocations WHERE line_id = ({FIRST_LINE})",
    ),
    "part of a kit's component": Planted(
        "allocations are of units",
        "SELECT min(line_id) FROM allocations WHERE per_unit = 2",
        "allocated parts of a unit is 1, not 0",
        "UPDATE allocations SET quantity = quantity + 1 WHERE per_unit = 2",
    ),
    "a subtotal": Planted(
        "totals",
        DONE,
        "subtotal is",
        f"UPDATE orders SET subtotal_minor = subtotal_minor + 1, total_minor = total_minor + 1 WHERE id = ({DONE})",
    ),
    "a total": Planted(
        "totals", DONE, "total is", f"UPDATE orders SET total_minor = total_minor + 1 WHERE id = ({DONE})"
    ),
    "a transaction": Planted(
        "payments are the sums",
        f"SELECT id FROM payments WHERE order_id = ({DONE})",
        "captured_minor is",
        f"UPDATE payment_transactions SET amount_minor = 1 WHERE kind = 'CAPTURE' AND order_id = ({DONE})",
    ),
    "a failed transaction that counts": Planted(
        "payments are the sums",
        f"SELECT id FROM payments WHERE order_id = ({DONE})",
        "captured_minor is",
        f"UPDATE payment_transactions SET status = 'FAILED' WHERE kind = 'CAPTURE' AND order_id = ({DONE})",
    ),
    "an order's own sum of what was paid": Planted(
        "what orders were paid",
        DONE,
        "captured_minor is 0",
        f"UPDATE orders SET captured_minor = 0 WHERE id = ({DONE})",
    ),
    "more captured than authorized": Planted(
        "captured ≤ authorized and refunded ≤ captured, of payments",
        f"SELECT id FROM payments WHERE order_id = ({DONE})",
        "not at most 0",
        f"UPDATE payments SET authorized_minor = 0 WHERE order_id = ({DONE})",
    ),
    "more refunded than captured": Planted(
        "captured ≤ authorized and refunded ≤ captured, of orders",
        DONE,
        "refunded is 999999",
        f"UPDATE orders SET refunded_minor = 999999 WHERE id = ({DONE})",
    ),
    "a finished order with a balance": Planted(
        "the balance", DONE, "money kept is 0", f"UPDATE orders SET refunded_minor = captured_minor WHERE id = ({DONE})"
    ),
    "a canceled order that keeps money": Planted(
        "a canceled order",
        CANCELED,
        "authorized is 5, not 0",
        f"UPDATE orders SET authorized_minor = 5 WHERE id = ({CANCELED})",
    ),
    "a gap in the log": Planted(
        "the log",
        "SELECT id FROM events WHERE position = 6",
        "position is 6, not 5",
        "DELETE FROM events WHERE position = 5",
    ),
    "an order nobody announced": Planted(
        "every order",
        "SELECT max(id) FROM orders",
        "order.placed events is 0, not 1",
        "UPDATE events SET kind = 'order.put' WHERE kind = 'order.placed' AND order_id = (SELECT max(id) FROM orders)",
    ),
    "an event before its time": Planted(
        "events of an order",
        "SELECT id FROM events WHERE order_id IS NOT NULL ORDER BY position DESC LIMIT 1",
        "sequence, of its order's versions, is 99",
        "UPDATE events SET sequence = 99"
        " WHERE position = (SELECT max(position) FROM events WHERE order_id IS NOT NULL)",
    ),
    "a shipment of more than left": Planted(
        "units that left",
        "SELECT min(line_id) FROM shipment_lines",
        "shipped, delivered and returned is 1, not 3",
        "UPDATE shipment_lines SET quantity = 3",
    ),
    "a handover that was never": Planted(
        "units that left",
        "SELECT min(id) FROM order_lines WHERE method = 'PICKUP'",
        "is 1, not 0",
        "UPDATE fulfillment_order_lines SET handed_over = 0 WHERE line_id IN"
        " (SELECT id FROM order_lines WHERE method = 'PICKUP')",
    ),
}


@pytest.fixture
async def busy(shop) -> AsyncIterator[object]:
    """Orders delivered, collected, picked, canceled, of a kit, and that waits; a quote that holds, a transfer."""
    await shop.stock(milan={"A": 20, "B": 20, "C": 1})
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("KIT", components={"A": 1, "B": 2})], NOW)
    await deliver(shop, await picked(shop, an_order(("A", 1))))
    await collect(shop, await picked(shop, an_order(("A", 1), fulfillment=FulfillmentChoice(pickup_location="milan"))))
    await picked(shop, an_order(("A", 2)))
    await cancel(shop, await placed(shop, an_order(("A", 1), ("B", 1))))
    await placed(shop, an_order(("KIT", 2), ("B", 1)))
    await shop.quote(a_quote(("A", 1)))
    await transfer(shop)
    await shop.sell_through(supply=SupplyRule(backorder_limit=3))
    await placed(shop, an_order(("C", 4)))
    return shop


@pytest.fixture
async def lenient(busy):
    """A transaction that is rolled back, in which the database itself keeps no law but its keys."""
    async with busy.world.database.writer.connect() as connection:
        await connection.begin()
        if connection.dialect.name == "sqlite":
            await connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        else:
            checks = await connection.execute(
                text(
                    "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"
                )
            )
            for table, name in checks.all():
                await connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
        yield connection
        await connection.rollback()


async def transfer(shop) -> None:
    """Of A, two of five arrived; of B, all were lost on the road."""
    async with shop.world.work() as work:
        await work.inventory.save_location(a_location("rome"))
        lines = (TransferLine("A", 5), TransferLine("B", 3))
        paper = {"reference": "TR-1", "origin": "milan", "destination": "rome", "expected_at": NOW}
        command = TransferStock(idempotency_key=key(), lines=lines, **paper)
        some, lost = await transfer_stock(work, command, OPERATIONS)
    async with shop.world.work() as work:
        receipt = ReceiveSupply(idempotency_key=key(), lines=(ReceiveLine(some.id, 2, 1),))
        await receive_supply(work, receipt, OPERATIONS)
        await cancel_supply(work, CancelSupply(idempotency_key=key(), supply_id=lost.id, restore=False), OPERATIONS)


async def placed(shop, order) -> str:
    return (await shop.place(order)).order_id


async def picked(shop, order) -> str:
    """Placed, and picked at its place."""
    order_id = await placed(shop, order)
    async with shop.world.work() as work:
        await open_work(work, {"orderId": order_id})
    task = await task_of(shop, order_id)
    pick = PickFulfillmentOrder(fulfillment_order_id=task.id, lines=None, idempotency_key=key())
    async with shop.world.work() as work:
        await service.pick_fulfillment_order(work, pick, OPERATIONS)
    return order_id


async def task_of(shop, order_id):
    return (await shop.world.reads.fulfillment.by_order([order_id]))[order_id][0]


async def deliver(shop, order_id) -> None:
    ship = ShipFulfillmentOrder(
        fulfillment_order_id=(await task_of(shop, order_id)).id,
        tracking_number=None,
        packages=(),
        lines=None,
        idempotency_key=key(),
    )
    async with shop.world.work() as work:
        shipment = await handover.ship_fulfillment_order(work, ship, OPERATIONS)
    report = TrackingReport(
        event_id="1",
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        status=Told.DELIVERED,
        description=None,
        place=None,
        point=None,
        readings=None,
        at=NOW,
    )
    async with shop.world.work() as work:
        await record_tracking(work, [report], OPERATIONS)


async def collect(shop, order_id) -> None:
    task = await task_of(shop, order_id)
    async with shop.world.work() as work:
        await handover.mark_ready_for_pickup(work, task.id, OPERATIONS)
    pickup = (await shop.world.reads.fulfillment.pickups_by_fulfillment_order([task.id]))[task.id]
    by_id = CollectPickup(code=None, pickup_id=pickup.id, lines=None, collected_by=None, idempotency_key=key())
    async with shop.world.work() as work:
        await handover.collect_pickup(work, by_id, OPERATIONS)


async def cancel(shop, order_id) -> None:
    whole = CancelOrder(order_id=order_id, reason=CancelReason.CUSTOMER, lines=None, idempotency_key=key())
    async with shop.world.work() as work:
        await cancel_order(work, whole, OPERATIONS, EVERY_ORDER)


async def test_a_healthy_database_breaks_no_law(busy):
    statuses = {
        order.node.status
        for order in (await busy.world.reads.orders.page(NO_FILTER, OrderSort.NEWEST, page(10), EVERY_ORDER)).edges
    }
    assert statuses == {OrderStatus.COMPLETED, OrderStatus.CONFIRMED, OrderStatus.CANCELED}

    broken = [verdict async for verdict in audit(busy.world.database) if verdict.rows]

    assert broken == []


async def test_every_planted_break_is_found_and_its_row_named(lenient):
    missed = {}
    for name, planted in PLANTED.items():
        async with lenient.begin_nested() as undone:
            ((row,),) = (await lenient.execute(text(planted.row))).all()
            await lenient.execute(text(planted.sql))
            found = {v.check: [*map(str, v.breaks)] async for v in verdicts(Transaction(lenient)) if v.rows}
            await undone.rollback()
        said = [each for check, breaks in found.items() if check.startswith(planted.check) for each in breaks]
        if not any(each.startswith(row) and planted.found in each for each in said):
            missed[name] = found

    assert missed == {}


async def test_what_is_canceled_while_in_somebodys_hands_is_no_break_until_the_work_should_know(busy):
    await cancel(
        busy, (await busy.world.database.fetch(text("SELECT order_id FROM order_lines WHERE picked > 0")))[0][0]
    )

    waiting = [verdict async for verdict in audit(busy.world.database) if verdict.rows]
    await busy.world.database.run(text("DELETE FROM jobs"))
    forgotten = [verdict async for verdict in audit(busy.world.database) if verdict.rows]

    assert waiting == []
    assert [verdict.check for verdict in forgotten] == [
        "picked units are in the hands of work",
        "open work is allocated where it is done",
    ]


async def test_the_command_names_what_is_broken_counts_the_rest_and_says_so_by_its_exit_code(
    busy, migrated_database_url, capsys
):
    settings = read_settings(database_url=migrated_database_url)
    clean = await command.run(settings)
    await busy.world.database.run(text("UPDATE orders SET payment_status = 'PENDING'"))

    broken = await command.run(settings)

    said = capsys.readouterr().out
    assert (clean, broken) == (command.CLEAN, command.BROKEN)
    assert "Every law holds." in said
    assert "statuses follow from units and money: BROKEN by 6" in said
    assert "6 rows break a law." in said
