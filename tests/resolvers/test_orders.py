"""Orders as clients ask for them: who sees which, what bad input is told, and how many statements a list costs."""

from datetime import timedelta

import pytest

from domain.access import ANONYMOUS, Role
from tests.factories import a_viewer, an_order, key

AGENT = a_viewer(Role.AGENT)
ADA, BOB = a_viewer(Role.CUSTOMER, customer_id="cus_ada"), a_viewer(Role.CUSTOMER, customer_id="cus_bob")
MILANESE = a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"}))
ROMAN = a_viewer(Role.ASSOCIATE, locations=frozenset({"rome"}))

PLACE = """
mutation Place($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    accessToken
    order { id number status email totals { subtotal { amount } shipping { amount } total { amount currency } } }
    userErrors { __typename code message path ... on InsufficientStock { sku requested available }
                 ... on PaymentDeclined { declineCode retryable } }
  }
}
"""

WHOLE = """
fragment Whole on Order {
  id number externalReference purchaseOrderNumber email phone taxId language currency
  status fulfillmentStatus paymentStatus metadata placedAt updatedAt
  channel { code } customer { id email }
  totals { subtotal { amount } shipping { amount } total { amount } }
  paid { amount } refunded { amount } authorized { amount } balance { amount }
  shippingAddress { line1 city } billingAddress { line1 }
  holds { id kind reason placedBy placedAt }
  lines { id sku name quantity fulfillment unitPrice { amount } total { amount }
          variant { sku name } quantities { allocated picked shipped delivered canceled } }
  payments { id method provider status authorized { amount } captured { amount } nextAction { redirectUrl }
             transactions { kind status amount { amount } } }
  fulfillmentOrders { id number status location { code } }
  shipments { id } pickups { id }
  actions { kind allowed reason }
  timeline(first: 10) { nodes { kind summary } pageInfo { hasNextPage } }
}
"""


def basket(*lines, **changes):
    values = {
        "idempotencyKey": key(),
        "channel": "web",
        "email": "ada@example.com",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "fulfillment": {"delivery": {"address": {"line1": "Via Brera 1", "city": "Milano", "country": "IT"}}},
        "payments": [{"method": "CARD", "token": "ok"}],
    }
    return {**values, **changes}


async def test_a_guest_places_an_order_and_follows_it_by_its_token(shop):
    await shop.stock(milan={"A": 5})

    placed = (await shop.ask(PLACE, input=basket(("A", 2))))["placeOrder"]
    query = WHOLE + "query($t: String!) { trackOrder(accessToken: $t) { ...Whole } }"
    tracked = (await shop.ask(query, t=placed["accessToken"]))["trackOrder"]

    assert placed["userErrors"] == []
    assert placed["order"]["totals"]["total"] == {"amount": "25.00", "currency": "EUR"}
    assert tracked["shippingAddress"] == {"line1": "Via Brera 1", "city": "Milano"}
    assert tracked["actions"][0] == {"kind": "CANCEL", "allowed": True, "reason": None}
    assert [event["kind"] for event in tracked["timeline"]["nodes"]][:2] == ["order.placed", "payment.authorized"]


async def test_tracking_by_number_and_address_shows_no_address_and_no_actions(shop):
    await shop.stock(milan={"A": 5})
    order = await shop.order((await shop.place(an_order(("A", 1)))).order_id)
    query = WHOLE + "query($n: String!, $e: String!) { trackOrder(number: $n, email: $e) { ...Whole } }"

    right = (await shop.ask(query, n=order.number, e=" ADA@example.com"))["trackOrder"]
    wrong = (await shop.ask(query, n=order.number, e="eve@example.com"))["trackOrder"]

    assert right["number"] == order.number
    assert (right["shippingAddress"], right["email"], right["actions"]) == (None, None, [])
    assert wrong is None


async def test_guessing_at_orders_is_limited(shop):
    query = '{ trackOrder(number: "AAAAA-AAAAA", email: "eve@example.com") { id } }'

    answers = [await shop.answer(query) for _ in range(80)]

    refused = [errors for _, errors in answers if errors]
    assert refused
    assert refused[0][0].extensions["code"] == "NOT_ALLOWED"


async def test_who_sees_an_order_and_by_which_way(shop):
    """Another's order does not exist: by id, by number, as a node, in a list, or through a line of it."""
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 1)), ADA)).order_id
    order = await shop.order(order_id)
    (line,) = await shop.lines(order_id)
    query = """query($id: ID!, $number: String!, $line: ID!) {
      byId: order(id: $id) { id } byNumber: order(number: $number) { id }
      node(id: $id) { id } line: node(id: $line) { id } orders { nodes { id } totalCount } }"""

    for viewer in (ADA, AGENT, MILANESE):
        data = await shop.ask(query, viewer, id=order_id, number=order.number, line=line.id)
        assert data["byId"] == data["byNumber"] == data["node"] == {"id": order_id}, viewer
        assert (data["line"], data["orders"]["totalCount"]) == ({"id": line.id}, 1)
    for viewer in (BOB, ROMAN, ANONYMOUS, a_viewer(Role.STOREFRONT), a_viewer(Role.MERCHANDISER)):
        data = await shop.ask(query, viewer, id=order_id, number=order.number, line=line.id)
        nothing = {"byId": None, "byNumber": None, "node": None, "line": None}
        assert data == {**nothing, "orders": {"nodes": [], "totalCount": 0}}, viewer


async def test_the_same_statements_run_whether_an_order_is_anothers_or_none(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 1)), ADA)).order_id
    query = "query($id: ID!) { order(id: $id) { id lines { sku } } }"

    with shop.counting_statements() as of_anothers:
        await shop.ask(query, BOB, id=order_id)
    with shop.counting_statements() as of_none:
        await shop.ask(query, BOB, id="ord_00000000000000000000000000")

    assert of_anothers == of_none


async def test_a_list_of_orders_costs_as_many_statements_for_many_as_for_one(shop):
    await shop.stock(milan={"A": 50, "B": 50})
    query = WHOLE + "{ orders(first: 50) { nodes { ...Whole } pageInfo { hasNextPage } totalCount } }"
    counts = []
    for orders in (1, 12):
        for _ in range(orders):
            await shop.place(an_order(("A", 1), ("B", 2)), ADA)
        await shop.run_jobs()
        for _ in range(2):  # The first time there is no plan yet.
            with shop.counting_statements() as statements:
                found = await shop.ask(query, AGENT)
        counts.append(len(statements))

    assert len(found["orders"]["nodes"]) == 13
    assert counts[0] == counts[1], statements


async def test_orders_are_found_by_what_is_known_of_them(shop):
    await shop.stock(milan={"A": 50}, rome={"B": 50})
    first = await shop.order((await shop.place(an_order(("A", 1)))).order_id)
    shop.clock.forward(timedelta(hours=1))
    second = await shop.order((await shop.place(an_order(("B", 1), email="bob@example.com"))).order_id)
    query = "query($filter: OrderFilter) { orders(filter: $filter, sort: OLDEST) { nodes { number } } }"

    async def found(**filter):
        data = await shop.ask(query, AGENT, filter=filter)
        return [node["number"] for node in data["orders"]["nodes"]]

    assert await found() == [first.number, second.number]
    assert await found(email="Bob@Example.com") == [second.number]
    assert await found(search=first.number.lower()) == [first.number]
    assert await found(search="bob@example.com") == [second.number]
    assert await found(locations=["rome"]) == [second.number]
    assert await found(skus=["A"]) == [first.number]
    assert await found(status=["CANCELED"]) == await found(holds=["PAYMENT"]) == await found(channels=["app"]) == []
    assert await found(countries=["IT"], paymentStatus=["AUTHORIZED"]) == [first.number, second.number]


async def test_pages_of_orders_go_both_ways_and_miss_none(shop):
    await shop.stock(milan={"A": 50})
    for _ in range(5):
        await shop.place(an_order(("A", 1)))
    query = """query($first: Int, $after: String, $last: Int, $before: String) {
      orders(first: $first, after: $after, last: $last, before: $before) {
        nodes { number } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }"""

    async def page(**pages):
        return (await shop.ask(query, AGENT, **pages))["orders"]

    whole = await page()
    one = await page(first=2)
    two = await page(first=2, after=one["pageInfo"]["endCursor"])
    back = await page(last=2, before=two["pageInfo"]["startCursor"])

    assert one["nodes"] + two["nodes"] == whole["nodes"][:4]
    assert back["nodes"] == one["nodes"]
    assert (one["pageInfo"]["hasNextPage"], one["pageInfo"]["hasPreviousPage"]) == (True, False)


ADDRESS = {"line1": "Via Brera 1", "city": "Milano", "country": "IT"}


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"channel": "nowhere"}, "NOT_FOUND", ["channel"]),
        ({"lines": []}, "INVALID", ["lines"]),
        ({"lines": [{"sku": "NONE", "quantity": 1}]}, "NOT_FOUND", ["lines", "0", "sku"]),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "INVALID", ["lines", "0", "quantity"]),
        ({"lines": [{"sku": "A", "quantity": -1}]}, "INVALID", ["lines", "0", "quantity"]),
        ({"lines": [{"sku": "A", "quantity": 2_000_000_000}]}, "INVALID", ["lines", "0", "quantity"]),
        ({"lines": [{"sku": "A", "quantity": 6}]}, "INSUFFICIENT_STOCK", ["lines", "0", "quantity"]),
        ({"lines": [{"sku": "A", "quantity": 1}] * 1001}, "INVALID", ["lines"]),
        ({"expectedTotal": {"amount": "1.00", "currency": "EUR"}}, "PRICE_CHANGED", ["expectedTotal"]),
        ({"expectedTotal": {"amount": "1.001", "currency": "EUR"}}, "INVALID", ["expectedTotal", "amount"]),
        ({"expectedTotal": {"amount": "15.00", "currency": "XXX"}}, "INVALID", ["expectedTotal", "currency"]),
        ({"payments": []}, "INVALID", ["payments"]),
        (
            {"payments": [{"method": "CARD", "token": "ok", "amount": {"amount": "1", "currency": "EUR"}}]},
            "INVALID",
            ["payments"],
        ),
        (
            {"payments": [{"method": "CARD", "token": "ok", "amount": {"amount": "15", "currency": "USD"}}]},
            "INVALID",
            ["payments", "0", "amount", "currency"],
        ),
        ({"payments": [{"method": "GIFT_CARD", "token": "x"}]}, "NOT_ALLOWED", ["payments", "0", "method"]),
        ({"payments": [{"method": "CARD", "token": "declined"}]}, "PAYMENT_DECLINED", ["payments", "0"]),
        ({"email": "no address"}, "INVALID", ["email"]),
        ({"fulfillment": None}, "INVALID", ["lines", "0", "fulfillment"]),
        ({"fulfillment": {"pickup": {"location": "nowhere"}}}, "NOT_FOUND", ["fulfillment", "pickup", "location"]),
        (
            {"fulfillment": {"delivery": {"address": {**ADDRESS, "country": "US"}}}},
            "INVALID",
            ["fulfillment", "delivery", "address", "country"],
        ),
        (
            {"fulfillment": {"delivery": {"address": ADDRESS, "method": "drone"}}},
            "NOT_FOUND",
            ["fulfillment", "delivery", "method"],
        ),
        ({"metadata": ["a list"]}, "INVALID", ["metadata"]),
        ({"idempotencyKey": ""}, "INVALID", ["idempotencyKey"]),
    ],
)
async def test_bad_input_is_told_by_its_code_and_path_and_changes_nothing(shop, changes, code, path):
    await shop.stock(milan={"A": 5})

    payload = (await shop.ask(PLACE, input=basket(("A", 1)) | changes))["placeOrder"]

    assert payload["order"] is None
    assert (payload["userErrors"][0]["code"], payload["userErrors"][0]["path"]) == (code, path)
    assert payload["userErrors"][0]["message"].endswith((".", "?"))
    assert await shop.count("orders") == await shop.count("idempotency_keys") == 0
    assert await shop.kinds() == ["stock.moved"]  # The goods came.


async def test_a_malformed_id_is_nobodys(shop):
    data = await shop.ask(
        """mutation($key: String!) { cancelOrder(input: {orderId: "%$!", reason: CUSTOMER, idempotencyKey: $key}) {
             order { id } userErrors { code path } } }""",
        AGENT,
        key=key(),
    )

    assert data["cancelOrder"] == {"order": None, "userErrors": [{"code": "NOT_FOUND", "path": ["orderId"]}]}
    assert await shop.ask('{ node(id: "%$!") { id } nodes(ids: ["", "ord_", "x_1"]) { id } }') == {
        "node": None,
        "nodes": [None, None, None],
    }


async def test_a_guest_cancels_with_the_token_and_not_without(shop):
    await shop.stock(milan={"A": 5})
    placed = (await shop.ask(PLACE, input=basket(("A", 2))))["placeOrder"]
    cancel = """mutation($input: CancelOrderInput!) { cancelOrder(input: $input) {
      order { status fulfillmentStatus } before { total { amount } } after { total { amount } } balance { amount }
      userErrors { code path } } }"""
    asked = {"orderId": placed["order"]["id"], "reason": "CUSTOMER", "idempotencyKey": key()}

    without = (await shop.ask(cancel, input=asked))["cancelOrder"]
    with_token = (await shop.ask(cancel, input={**asked, "accessToken": placed["accessToken"]}))["cancelOrder"]

    assert without["userErrors"] == [{"code": "NOT_FOUND", "path": ["orderId"]}]
    assert with_token == {
        "order": {"status": "CANCELED", "fulfillmentStatus": "CANCELED"},
        "before": {"total": {"amount": "25.00"}},
        "after": {"total": {"amount": "0.00"}},
        "balance": {"amount": "-25.00"},
        "userErrors": [],
    }
