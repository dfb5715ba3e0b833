"""An order's whole way, over HTTP and WebSocket on both databases: asked about, placed, followed, worked, delivered."""

from domain.access import Role
from tests.factories import key
from tests.journeys.steps import CANCEL, Carrier, Guest, Store, collected_at

AVAILABLE = '{ availability(skus: ["LAMP"], channel: "web") { status quantity } }'


async def test_a_guests_order_is_followed_from_click_to_door_and_through_a_lost_connection(served):
    shop, server = served.shop, served.server
    await shop.stock(lampstore={"LAMP": 9})
    store, carrier = Store(server, "lampstore"), Carrier(server)
    before = (await server.anybody.ask(AVAILABLE))["availability"]

    guest = await Guest.placing(server, ("LAMP", 2))
    async with guest.follows() as steps:
        seen = await steps.until(lambda step: step["event"]["kind"] == "fulfillment_order.opened")
        (work,) = seen[-1]["order"]["fulfillmentOrders"]
        await store.accepts(work["id"])
        seen += await steps.next(1)
        steps.cut()
    await store.picks(work["id"])
    shipment = await store.ships(work["id"])
    async with guest.follows(after=seen[-1]["cursor"]) as steps:
        told = await carrier.tells(shipment, "OUT_FOR_DELIVERY", "DELIVERED")
        seen += await steps.until(lambda step: step["event"]["kind"] == "order.completed")

    order = await guest.sees()
    assert before == [{"status": "IN_STOCK", "quantity": 9}]
    assert [step["event"]["kind"] for step in seen] == [
        "order.placed",
        "payment.authorized",
        "order.confirmed",
        "fulfillment_order.opened",
        "fulfillment_order.accepted",
        "fulfillment_order.picked",
        "shipment.dispatched",
        "payment.captured",
        "shipment.tracked",
        "shipment.tracked",
        "shipment.delivered",
        "order.completed",
    ]
    assert [step["event"] for step in seen] == order["timeline"]["nodes"]
    assert (told["accepted"], told["duplicates"]) == (0, 2)
    assert (order["status"], order["fulfillmentStatus"]) == ("COMPLETED", "DELIVERED")
    assert order["paid"] == order["totals"]["total"] == {"amount": "25.00"}
    level = await shop.level("LAMP", "lampstore")
    assert (level.on_hand, level.allocated) == (7, 0)
    assert await shop.broken_laws() == []


async def test_a_mixed_basket_is_half_delivered_and_half_collected_with_its_code(served):
    shop, server = served.shop, served.server
    await shop.stock(vasehouse={"VASE": 5}, vasestore={"BOWL": 5})
    house, store, carrier = Store(server, "vasehouse"), Store(server, "vasestore"), Carrier(server)
    lines = [{"sku": "VASE", "quantity": 1}, {"sku": "BOWL", "quantity": 2, "fulfillment": collected_at("vasestore")}]

    guest = await Guest.placing(server, lines=lines)
    work = await guest.sees_work(places=2)
    await store.picks(work["vasestore"])
    await store.makes_ready(work["vasestore"])
    (pickup,) = (await guest.sees())["pickups"]
    elsewhere = await house.hands_over(pickup["code"])
    handed_over = await store.hands_over(pickup["code"])
    again = await store.hands_over(pickup["code"])
    half_way = await guest.sees()
    await house.picks(work["vasehouse"])
    await carrier.tells(await house.ships(work["vasehouse"]), "DELIVERED")

    order = await guest.sees()
    assert (pickup["status"], half_way["pickups"][0]["status"]) == ("READY", "COLLECTED")
    assert elsewhere["userErrors"][0]["code"] == "NOT_FOUND"
    assert handed_over["order"]["fulfillmentStatus"] == "PARTIALLY_DELIVERED"
    assert again["userErrors"][0]["code"] in {"NOT_FOUND", "INVALID_TRANSITION"}
    assert half_way["paid"] == {"amount": "25.00"}  # Two bowls, and the shipping that is owed once anything left.
    assert order["status"] == "COMPLETED"
    assert order["paid"] == order["totals"]["total"] == {"amount": "35.00"}
    assert (await shop.level("BOWL", "vasestore")).on_hand == 3
    assert await shop.broken_laws() == []


async def test_work_that_a_place_rejects_is_done_by_another_part_is_sent_and_the_rest_is_canceled(served):
    shop, server = served.shop, served.server
    await shop.stock(rugnorth={"RUG": 5})
    carrier, agent = Carrier(server), server.caller(Role.AGENT)

    guest = await Guest.placing(server, ("RUG", 5))
    await shop.stock(rugsouth={"RUG": 9})
    await Store(server, "rugnorth").rejects((await guest.sees_work())["rugnorth"])
    work = (await guest.sees_work())["rugsouth"]
    south, (line,) = Store(server, "rugsouth"), guest.order["lines"]
    await south.picks(work, lines=[{"lineId": line["id"], "quantity": 3}])
    shipment = await south.ships(work)
    part_sent = await guest.sees()
    rest = {"orderId": guest.order["id"], "reason": "CUSTOMER", "idempotencyKey": key()}
    await agent.do(CANCEL, input=rest)
    await carrier.tells(shipment, "DELIVERED")

    order = await guest.sees()
    assert part_sent["paid"] == {"amount": "35.00"}  # Three rugs and the shipping; not what has not left.
    assert (part_sent["lines"][0]["quantities"]["shipped"], part_sent["fulfillmentStatus"]) == (3, "PARTIALLY_SHIPPED")
    assert (order["lines"][0]["quantities"]["delivered"], order["lines"][0]["quantities"]["canceled"]) == (3, 2)
    assert (order["status"], order["balance"]) == ("COMPLETED", {"amount": "0.00"})
    assert order["paid"] == order["authorized"] == order["totals"]["total"] == {"amount": "35.00"}
    north, left = await shop.level("RUG", "rugnorth"), await shop.level("RUG", "rugsouth")
    assert (north.on_hand, north.allocated) == (0, 0)  # What could not be found there is not there.
    assert (left.on_hand, left.allocated) == (6, 0)
    assert await shop.broken_laws() == []
