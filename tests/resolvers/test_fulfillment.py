"""Fulfillment through GraphQL: the straight path as clients walk it, and who sees what of it."""

from typing import Any

import pytest

from domain.access import ANONYMOUS, EVERY_ORDER, Role, Viewer
from domain.fulfillment.opening import open_work
from domain.orders.model import FulfillmentChoice
from gateway.serving import Asked, Roots, build_schema
from gateway.settings import Settings
from resolvers.context import Context
from schema.root import TYPES, Mutation, Query
from tests.factories import NOW, a_viewer, an_order, key
from tests.shop import SECRET, Shop

OPERATIONS = a_viewer(Role.OPERATIONS)
ADA = a_viewer(Role.CUSTOMER, customer_id="cus_ada")
BOB = a_viewer(Role.CUSTOMER, customer_id="cus_bob")
IN_MILAN = a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"}))
IN_ROME = a_viewer(Role.ASSOCIATE, locations=frozenset({"rome"}))
SCHEMA = build_schema(Roots(Query, Mutation, types=TYPES), Settings(secret_key=SECRET))

ERRORS = "userErrors { code path message ... on InvalidTransition { from allowed } }"
WORK = f"""
fulfillmentOrder {{
  id number method status dueAt createdAt updatedAt
  order {{ id number }} location {{ code }} destination {{ line1 city }}
  lines {{ quantity picked short orderLine {{ sku name }} }}
  pickup {{ id status readyAt expiresAt code qr collectedAt collectedBy location {{ code }} lines {{ quantity }} }}
  shipments {{ id }}
}} {ERRORS}
"""
ACCEPT = f"mutation ($id: ID!) {{ done: acceptFulfillmentOrder(id: $id) {{ {WORK} }} }}"
READY = f"mutation ($id: ID!) {{ done: markReadyForPickup(id: $id) {{ {WORK} }} }}"
PICK = f"mutation ($input: PickFulfillmentOrderInput!) {{ done: pickFulfillmentOrder(input: $input) {{ {WORK} }} }}"
REJECT = (
    f"mutation ($input: RejectFulfillmentOrderInput!) {{ done: rejectFulfillmentOrder(input: $input) {{ {WORK} }} }}"
)
SHIP = f"""
mutation ($input: ShipFulfillmentOrderInput!) {{
  done: shipFulfillmentOrder(input: $input) {{
    shipment {{
      id number status carrier service trackingNumber shippedAt deliveredAt
      order {{ number }} fulfillmentOrder {{ number }}
      packages {{ weightGrams lengthMm widthMm heightMm }} lines {{ quantity orderLine {{ sku }} }}
    }} {ERRORS}
  }}
}}
"""
COLLECT = f"""
mutation ($input: CollectPickupInput!) {{
  done: collectPickup(input: $input) {{ order {{ id fulfillmentStatus }} {ERRORS} }}
}}
"""
TRACK = f"""
mutation ($events: [TrackingEventInput!]!) {{
  done: recordTracking(events: $events) {{ accepted duplicates {ERRORS} }}
}}
"""
OF_ORDER = """
query ($id: ID!) {
  order(id: $id) {
    fulfillmentOrders { id location { code } destination { line1 } }
    pickups { code qr location { code } }
    shipments { number lines { orderLine { name } } events(first: 2) { nodes { status } pageInfo { hasNextPage } } }
  }
}
"""
WORK_LIST = """
{
  fulfillmentOrders {
    totalCount
    nodes {
      id order { number } location { code } destination { city } lines { orderLine { sku } }
      pickup { code lines { quantity } } shipments { lines { orderLine { sku } } events { nodes { status } } }
    }
  }
}
"""


async def ask(shop: Shop, query: str, viewer: Viewer = OPERATIONS, **variables: Any) -> Any:
    context = Context(shop.world, viewer, address="203.0.113.7")
    result = await SCHEMA.execute(Asked(query, variables), context)
    assert not result.errors, result.errors
    return result.data


async def do(shop: Shop, mutation: str, viewer: Viewer = OPERATIONS, **variables: Any) -> Any:
    return (await ask(shop, mutation, viewer, **variables))["done"]


async def placed(shop: Shop, *lines: tuple[str, int], viewer: Viewer = ANONYMOUS, **changes: Any) -> tuple[str, str]:
    """An order with its work opened: the order's id and its first work's."""
    order_id = (await shop.place(an_order(*lines, **changes), viewer)).order_id
    async with shop.world.work() as work:
        await open_work(work, {"orderId": order_id})
    tasks = (await shop.world.reads.fulfillment.by_order([order_id]))[order_id]
    return order_id, tasks[0].id


async def shipped(shop: Shop, task_id: str, **changes: Any) -> Any:
    await do(shop, PICK, input={"fulfillmentOrderId": task_id, "idempotencyKey": key()})
    command = {"fulfillmentOrderId": task_id, "idempotencyKey": key(), **changes}
    return (await do(shop, SHIP, input=command))["shipment"]


async def ready(shop: Shop, viewer: Viewer = ANONYMOUS) -> tuple[str, str, str]:
    """A pickup in Milan that is ready: the ids of its order and of itself, and its code."""
    order_id, task_id = await placed(
        shop, ("A", 2), viewer=viewer, fulfillment=FulfillmentChoice(pickup_location="milan")
    )
    await do(shop, PICK, input={"fulfillmentOrderId": task_id, "idempotencyKey": key()})
    pickup_id = (await do(shop, READY, id=task_id))["fulfillmentOrder"]["pickup"]["id"]
    return order_id, pickup_id, shop.world.digests.pickup_code(pickup_id)


@pytest.fixture(autouse=True)
async def stocked(shop):
    await shop.stock(milan={"A": 20}, rome={"B": 20})


# ── The straight path ──


async def test_a_delivery_is_accepted_picked_shipped_and_tracked(shop):
    order_id, task_id = await placed(shop, ("A", 2))

    accepted = (await do(shop, ACCEPT, id=task_id))["fulfillmentOrder"]
    shipment = await shipped(shop, task_id, trackingNumber=" CV1 ", packages=[{"weightGrams": 900, "lengthMm": 300}])
    event = {"carrier": "carovia", "trackingNumber": "CV1", "at": NOW.isoformat()}
    recorded = await do(
        shop,
        TRACK,
        events=[
            {
                **event,
                "eventId": "1",
                "status": "OUT_FOR_DELIVERY",
                "place": "Milano",
                "point": {"latitude": 45.4, "longitude": 9.2},
            },
            {**event, "eventId": "2", "readings": {"celsius": 4.5}},
            {**event, "eventId": "3", "status": "DELIVERED", "trackingNumber": "CV2"},
        ],
    )

    number = (await shop.order(order_id)).number
    assert (accepted["number"], accepted["status"], accepted["destination"]["line1"]) == (
        f"{number}-F1",
        "ACCEPTED",
        "Via Brera 1",
    )
    assert accepted["lines"] == [{"quantity": 2, "picked": 0, "short": 0, "orderLine": {"sku": "A", "name": "The A"}}]
    assert (shipment["number"], shipment["status"], shipment["trackingNumber"]) == (f"{number}-S1", "IN_TRANSIT", "CV1")
    assert shipment["packages"] == [{"weightGrams": 900, "lengthMm": 300, "widthMm": None, "heightMm": None}]
    assert (recorded["accepted"], recorded["duplicates"]) == (2, 0)
    assert [(e["code"], e["path"]) for e in recorded["userErrors"]] == [
        ("NOT_FOUND", ["events", "2", "trackingNumber"])
    ]
    found = await ask(
        shop,
        """{ shipment(trackingNumber: "CV1") {
               status events { edges { cursor node { status place point { latitude } readings at } } } } }""",
    )
    assert found["shipment"]["status"] == "OUT_FOR_DELIVERY"
    events = [edge["node"] for edge in found["shipment"]["events"]["edges"]]
    assert sorted((event["status"] or "", event["place"], event["readings"]) for event in events) == [
        ("", None, {"celsius": 4.5}),
        ("OUT_FOR_DELIVERY", "Milano", None),
    ]


async def test_a_step_out_of_turn_is_told_with_where_it_may_go(shop):
    _, task_id = await placed(shop, ("A", 2))

    answer = await do(shop, SHIP, input={"fulfillmentOrderId": task_id, "idempotencyKey": key()})

    (error,) = answer["userErrors"]
    assert answer["shipment"] is None
    assert (error["code"], error["path"], error["from"]) == ("INVALID_TRANSITION", ["fulfillmentOrderId"], "OPEN")
    assert "PICKING" in error["allowed"]


async def test_part_of_the_work_is_rejected_and_the_rest_stays(shop):
    order_id, task_id = await placed(shop, ("A", 2))
    (line,) = await shop.lines(order_id)

    lines = [{"lineId": line.id, "quantity": 1}]
    command = {"fulfillmentOrderId": task_id, "lines": lines, "reason": "DAMAGED", "idempotencyKey": key()}
    work = (await do(shop, REJECT, input=command))["fulfillmentOrder"]

    assert (work["status"], work["lines"][0]["short"]) == ("OPEN", 1)


async def test_a_pickup_is_made_ready_and_collected_by_its_code(shop):
    order_id, _, code = await ready(shop, ADA)

    shown = (await ask(shop, OF_ORDER, ADA, id=order_id))["order"]["pickups"][0]
    collected = await do(shop, COLLECT, ADA, input={"code": shown["code"].lower(), "idempotencyKey": key()})

    assert shown["code"] == code
    assert shown["qr"].startswith("data:image/svg+xml")
    assert collected["order"] == {"id": order_id, "fulfillmentStatus": "DELIVERED"}


# ── Who may see what ──


async def test_a_pickup_code_is_shown_to_its_customer_and_to_no_one_else(shop):
    _, pickup_id, _ = await ready(shop, ADA)
    query = "query ($id: ID!) { node(id: $id) { ... on Pickup { code qr } } }"

    seen = {
        viewer.subject: (await ask(shop, query, viewer, id=pickup_id))["node"]
        for viewer in (ADA, BOB, OPERATIONS, IN_MILAN, IN_ROME)
    }

    assert seen["cus_ada"]["code"]
    assert seen["cus_bob"] is None
    assert seen["operations"] == {"code": None, "qr": None}
    assert (await ask(shop, query, IN_MILAN, id=pickup_id))["node"] == {"code": None, "qr": None}
    assert (await ask(shop, query, IN_ROME, id=pickup_id))["node"] is None


async def test_who_shows_a_code_at_a_counter_sees_nothing_of_the_order(shop):
    _, _, code = await ready(shop)

    answer = await do(shop, COLLECT, ANONYMOUS, input={"code": code, "idempotencyKey": key()})

    assert answer == {"order": None, "userErrors": []}


async def test_guesses_at_codes_are_limited(shop):
    answers = [await do(shop, COLLECT, BOB, input={"code": f"{i:08}", "idempotencyKey": key()}) for i in range(80)]

    codes = [answer["userErrors"][0]["code"] for answer in answers]
    assert codes[0] == "NOT_FOUND"
    assert set(codes) == {"NOT_FOUND", "NOT_ALLOWED"}


async def test_the_pickups_id_opens_it_for_staff_alone(shop):
    _, pickup_id, _ = await ready(shop, ADA)
    command = {"pickupId": pickup_id, "idempotencyKey": key()}

    refusals = [(await do(shop, COLLECT, viewer, input=command))["userErrors"][0]["code"] for viewer in (ADA, IN_ROME)]
    collected = await do(shop, COLLECT, IN_MILAN, input=command)

    assert refusals == ["NOT_ALLOWED", "NOT_FOUND"]
    assert collected["order"]["fulfillmentStatus"] == "DELIVERED"


async def test_an_associate_sees_their_own_places_part_of_an_order(shop):
    order_id, _ = await placed(shop, ("A", 1), ("B", 1))

    (work,) = (await ask(shop, OF_ORDER, IN_ROME, id=order_id))["order"]["fulfillmentOrders"]
    listed = (await ask(shop, WORK_LIST, IN_ROME))["fulfillmentOrders"]

    assert work["location"]["code"] == "rome"
    assert [node["id"] for node in listed["nodes"]] == [work["id"]]
    assert listed["totalCount"] == 1


async def test_a_shipment_is_found_by_those_who_may_see_its_order(shop):
    _, task_id = await placed(shop, ("A", 1), viewer=ADA)
    await shipped(shop, task_id, trackingNumber="CV1")
    query = '{ shipment(trackingNumber: "CV1", carrier: "carovia") { number } }'

    found = [
        (await ask(shop, query, viewer))["shipment"] for viewer in (ADA, OPERATIONS, IN_MILAN, BOB, IN_ROME, ANONYMOUS)
    ]

    assert [bool(shipment) for shipment in found] == [True, True, True, False, False, False]


async def test_who_tracks_by_number_sees_shipments_but_neither_address_nor_code(shop):
    order_id, task_id = await placed(shop, ("A", 1))
    await shipped(shop, task_id)
    number = (await shop.world.reads.orders.by_id([order_id], EVERY_ORDER))[order_id].number
    query = """query ($number: String!) { trackOrder(number: $number, email: "ada@example.com") {
      shipments { trackingNumber lines { orderLine { name } } }
      fulfillmentOrders { destination { line1 } order { number shippingAddress { line1 } } }
      pickups { code }
    } }"""

    tracked = (await ask(shop, query, ANONYMOUS, number=number))["trackOrder"]

    assert tracked["shipments"][0]["lines"] == [{"orderLine": {"name": "The A"}}]
    assert tracked["fulfillmentOrders"] == [{"destination": None, "order": {"number": number, "shippingAddress": None}}]


async def test_a_search_longer_than_any_number_finds_nothing(shop):
    await placed(shop, ("A", 1))
    query = "query ($search: String!) { fulfillmentOrders(filter: {search: $search}) { totalCount } }"

    assert (await ask(shop, query, search="9" * 60_000))["fulfillmentOrders"] == {"totalCount": 0}


# ── How many statements ──


async def test_a_work_list_costs_as_many_statements_for_many_as_for_one(shop):
    for i in range(2):
        _, task_id = await placed(shop, ("A", 1))
        await shipped(shop, task_id)
        await ready(shop)
        for _ in range(2):  # The first time there is no plan yet.
            with shop.counting_statements() as statements:
                await ask(shop, WORK_LIST)
        if i == 0:
            for_few = len(statements)

    assert len(statements) == for_few


async def test_an_orders_parts_cost_as_many_statements_for_many_orders_as_for_one(shop):
    query = OF_ORDER.replace("query ($id: ID!) {\n  order(id: $id) {", "query { orders { nodes {").rstrip() + "}"
    counts = []
    for _ in range(2):
        _, task_id = await placed(shop, ("A", 1))
        await shipped(shop, task_id)
        await ready(shop)
        for _ in range(2):  # The first time there is no plan yet.
            with shop.counting_statements() as statements:
                await ask(shop, query)
        counts.append(len(statements))

    assert counts[0] == counts[1]
