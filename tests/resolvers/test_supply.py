"""Goods on their way, through GraphQL: announced, received in part and damaged, called off, and seen by whom."""

import asyncio

import pytest

from tests.resolvers.stock import MILANESE, OPERATIONS, SHOPPER, answer, ask, furnish

LINE = "id reference kind variant { sku } destination { code } origin { code } ordered received expectedAt status"
ERRORS = "userErrors { code message path ... on InvalidTransition { from allowed } }"
ANSWER = f"{{ supply {{ {LINE} }} {ERRORS} }}"
SAVE = f"mutation ($supply: [InboundSupplyInput!]!) {{ saveInboundSupply(supply: $supply) {ANSWER} }}"
RECEIVE = f"mutation ($input: ReceiveSupplyInput!) {{ receiveSupply(input: $input) {ANSWER} }}"
CANCEL = f"mutation ($input: CancelSupplyInput!) {{ cancelSupply(input: $input) {ANSWER} }}"
TRANSFER = f"mutation ($input: TransferStockInput!) {{ transferStock(input: $input) {ANSWER} }}"
ADJUST = """mutation ($changes: [StockChangeInput!]!) {
  adjustStock(input: {idempotencyKey: "counted", changes: $changes}) { userErrors { message } } }"""
DUE = "query ($skus: [String!]!, $at: [String!]) { inboundSupply(skus: $skus, locations: $at) { reference received } }"
LEVEL = """query ($id: ID!) { node(id: $id) { ... on StockLevel { onHand damaged available incoming { reference }
  movements { nodes { counter delta reason reference actor } } } } }"""


@pytest.fixture(autouse=True)
async def furnished(shop):
    await furnish(shop)


def purchase(sku="SHIRT", destination="milan", *, reference="PO-1", quantity=10, day=9, **more):
    expected = f"2026-05-{day:02}T08:00:00Z"
    kind = {"kind": "PURCHASE_ORDER", "reference": reference, "sku": sku, "destination": destination}
    return {**kind, "quantity": quantity, "expectedAt": expected, **more}


async def save(shop, *lines, viewer=OPERATIONS):
    return (await ask(shop, SAVE, viewer, supply=list(lines)))["saveInboundSupply"]


async def saved(shop, *lines):
    payload = await save(shop, *lines)
    assert payload["userErrors"] == []
    return [line["id"] for line in payload["supply"]]


async def receive(shop, *lines, key="r1", viewer=OPERATIONS):
    named = [dict(zip(("supplyId", "quantity", "damaged"), line, strict=False)) for line in lines]
    return (await ask(shop, RECEIVE, viewer, input={"idempotencyKey": key, "lines": named}))["receiveSupply"]


async def cancel(shop, id, *, key="c1", restore=False, viewer=OPERATIONS):
    asked = {"supplyId": id, "restore": restore, "idempotencyKey": key}
    return (await ask(shop, CANCEL, viewer, input=asked))["cancelSupply"]


async def transfer(shop, *lines, key="t1", reference="TR-1", origin="milan", destination="rome", viewer=OPERATIONS):
    named = [{"sku": sku, "quantity": quantity} for sku, quantity in lines]
    paper = {"reference": reference, "origin": origin, "destination": destination, "lines": named}
    asked = {**paper, "idempotencyKey": key, "expectedAt": "2026-05-07T08:00:00Z"}
    return (await ask(shop, TRANSFER, viewer, input=asked))["transferStock"]


async def count(shop, **counters):
    """Of SHIRT and SKIRT in Milan, alike."""
    changes = [
        {"sku": sku, "location": "milan", "counter": counter.upper(), "setTo": units, "reason": "COUNT"}
        for sku in ("SHIRT", "SKIRT")
        for counter, units in counters.items()
    ]
    assert (await ask(shop, ADJUST, changes=changes))["adjustStock"]["userErrors"] == []


async def level(shop, sku="SHIRT", location="milan"):
    return (await ask(shop, LEVEL, id=f"lvl_{location}/{sku}"))["node"]


def refusals(payload):
    return [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]]


def figures(payload):
    return [(line["ordered"], line["received"], line["status"]) for line in payload["supply"]]


# ── Announcing ──


async def test_supply_is_announced_and_told_soonest_first_by_sku_place_and_level(shop):
    payload = await save(
        shop,
        purchase(day=19, reference="PO-2"),
        purchase(day=9),
        purchase(destination="rome", kind="PRODUCTION", status="IN_TRANSIT"),
    )

    assert payload["userErrors"] == []
    assert [(line["reference"], line["status"], line["received"]) for line in payload["supply"]] == [
        ("PO-2", "ON_ORDER", 0),
        ("PO-1", "ON_ORDER", 0),
        ("PO-1", "IN_TRANSIT", 0),
    ]
    due = await ask(shop, DUE, skus=["SHIRT", "SKIRT"], at=["milan"])
    assert [line["reference"] for line in due["inboundSupply"]] == ["PO-1", "PO-2"]
    assert len((await ask(shop, DUE, skus=["SHIRT"]))["inboundSupply"]) == 3
    events = await shop.world.reads.log.after(0, 10)
    assert [(event.kind, event.subject, event.data["count"]) for event in events] == [
        ("supply.saved", "loc_milan", 2),
        ("supply.saved", "loc_rome", 1),
    ]


async def test_saying_it_again_changes_nothing_and_saying_it_otherwise_changes_it(shop):
    (first,) = await saved(shop, purchase())

    again = await save(shop, purchase())
    other = await save(shop, purchase(quantity=6, day=12, status="IN_TRANSIT"))

    assert [line["id"] for line in (*again["supply"], *other["supply"])] == [first, first]
    assert figures(other) == [(6, 0, "IN_TRANSIT")]
    assert other["supply"][0]["expectedAt"] == "2026-05-12T08:00:00Z"
    assert await shop.kinds() == ["supply.saved", "supply.saved"]


async def test_a_quantity_falls_to_what_arrived_and_no_further_and_rises_again(shop):
    (line,) = await saved(shop, purchase())
    await receive(shop, (line, 4))

    too_few, enough = await save(shop, purchase(quantity=3)), await save(shop, purchase(quantity=4))
    more = await save(shop, purchase(quantity=7))

    assert refusals(too_few) == [("INVALID", "supply.0.quantity")]
    assert (figures(enough), figures(more)) == ([(4, 4, "RECEIVED")], [(7, 4, "ON_ORDER")])


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        (purchase("NONE"), ("NOT_FOUND", "supply.0.sku")),
        (purchase("SET"), ("INVALID", "supply.0.sku")),
        (purchase(destination="nowhere"), ("NOT_FOUND", "supply.0.destination")),
        (purchase(reference=" "), ("INVALID", "supply.0.reference")),
        (purchase(quantity=0), ("INVALID", "supply.0.quantity")),
        (purchase(quantity=1_000_001), ("INVALID", "supply.0.quantity")),
        (purchase(status="RECEIVED"), ("INVALID", "supply.0.status")),
    ],
)
async def test_a_line_that_cannot_be_is_refused_at_its_path_and_none_is_kept(shop, line, refusal):
    payload = await save(shop, line, purchase("SKIRT"))

    assert (payload["supply"], refusals(payload)) == ([], [refusal])
    assert (await ask(shop, DUE, skus=["SHIRT", "SKIRT"]))["inboundSupply"] == []
    assert await shop.kinds() == []


async def test_no_line_too_many_and_one_twice_are_refused(shop):
    assert refusals(await save(shop)) == [("INVALID", "supply")]
    assert refusals(await save(shop, *[purchase()] * 1001)) == [("INVALID", "supply")]
    assert refusals(await save(shop, purchase(), purchase(day=12))) == [("INVALID", "supply.1")]


# ── Receiving ──


async def test_a_part_arrives_some_of_it_damaged_and_the_rest_stays_on_its_way(shop):
    shirts, skirts = await saved(shop, purchase(), purchase("SKIRT"))

    part = await receive(shop, (shirts, 6, 2), (skirts, 10))
    rest = await receive(shop, (shirts, 4), key="r2")

    assert figures(part) == [(10, 6, "ON_ORDER"), (10, 10, "RECEIVED")]
    assert figures(rest) == [(10, 10, "RECEIVED")]
    found = await level(shop)
    assert (found["onHand"], found["damaged"], found["available"], found["incoming"]) == (10, 2, 8, [])
    assert [tuple(each.values()) for each in found["movements"]["nodes"]] == [
        ("ON_HAND", 4, "RECEIPT", "PO-1", "operations"),
        ("DAMAGED", 2, "RECEIPT", "PO-1", "operations"),
        ("ON_HAND", 6, "RECEIPT", "PO-1", "operations"),
    ]
    assert [kind for kind in await shop.kinds() if kind.startswith("supply")] == [
        "supply.saved",
        "supply.received",
        "supply.received",
    ]
    assert await shop.broken_laws() == []


async def test_a_kit_may_be_sold_once_its_scarcest_component_has_arrived(shop):
    shirts, skirts = await saved(shop, purchase(), purchase("SKIRT"))
    kit = '{ availability(skus: ["SET"], channel: "web") { quantity explanation { because } } }'

    await receive(shop, (shirts, 5))
    without = (await ask(shop, kit))["availability"][0]
    await receive(shop, (skirts, 3, 1), key="r2")

    assert (without["quantity"], without["explanation"][0]["because"][:30]) == (0, "Of its parts SKIRT allows fewe")
    assert (await ask(shop, kit))["availability"][0]["quantity"] == 2


async def test_more_than_is_due_is_refused_and_nothing_of_the_receipt_is_kept(shop):
    shirts, skirts = await saved(shop, purchase(), purchase("SKIRT"))
    await receive(shop, (shirts, 6))

    payload = await receive(shop, (skirts, 1), (shirts, 5), key="r2")

    assert refusals(payload) == [("INVALID", "lines.1.quantity")]
    assert payload["userErrors"][0]["message"].startswith("4 of SHIRT are due under PO-1; 5 were told.")
    assert (await ask(shop, DUE, skus=["SKIRT"]))["inboundSupply"] == [{"reference": "PO-1", "received": 0}]
    assert refusals(await receive(shop, (shirts, 4), key="r2")) == []


async def test_receipts_that_cannot_be_are_refused_at_their_paths(shop):
    (line,) = await saved(shop, purchase())

    assert refusals(await receive(shop, ("sup_none", 1))) == [("NOT_FOUND", "lines.0.supplyId")]
    assert refusals(await receive(shop, (line, 0))) == [("INVALID", "lines.0.quantity")]
    assert refusals(await receive(shop, (line, 2, 3))) == [("INVALID", "lines.0.damaged")]
    assert refusals(await receive(shop, (line, 2, -1))) == [("INVALID", "lines.0.damaged")]
    assert refusals(await receive(shop, (line, 1), (line, 1))) == [
        ("INVALID", "lines.0.supplyId"),
        ("INVALID", "lines.1.supplyId"),
    ]
    assert refusals(await receive(shop)) == [("INVALID", "lines")]


async def test_what_has_arrived_or_was_canceled_takes_no_further_step(shop):
    arrived, canceled = await saved(shop, purchase(), purchase("SKIRT"))
    await receive(shop, (arrived, 10))
    await cancel(shop, canceled)

    error = (await receive(shop, (arrived, 1), key="r2"))["userErrors"][0]

    assert (error["code"], error["from"], error["allowed"]) == ("INVALID_TRANSITION", "RECEIVED", [])
    assert refusals(await cancel(shop, arrived, key="c2")) == [("INVALID_TRANSITION", "supplyId")]
    assert refusals(await receive(shop, (canceled, 1), key="r2")) == [("INVALID_TRANSITION", "lines.0.supplyId")]
    assert refusals(await save(shop, purchase("SKIRT"))) == [("INVALID_TRANSITION", "supply.0")]


async def test_the_same_key_receives_once_and_another_input_under_it_is_refused(shop):
    (line,) = await saved(shop, purchase())

    first, again = await asyncio.gather(receive(shop, (line, 3)), receive(shop, (line, 3)))
    other = await receive(shop, (line, 4))

    assert first == again
    assert figures(first) == [(10, 3, "ON_ORDER")]
    assert refusals(other) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]


async def test_parallel_receipts_never_take_in_more_than_was_ordered(shop):
    ids = await saved(shop, purchase(), purchase("SKIRT"))

    payloads = await asyncio.gather(
        *(receive(shop, *[(line, 3) for line in (ids if n % 2 else ids[::-1])], key=f"k{n}") for n in range(8))
    )

    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0, 0, 0, 2, 2, 2, 2, 2]
    assert [(await level(shop, sku))["onHand"] for sku in ("SHIRT", "SKIRT")] == [9, 9]
    assert await shop.broken_laws() == []


async def test_receiving_many_lines_takes_as_many_statements_as_receiving_one(shop):
    async def counted(*lines):
        with shop.counting_statements() as run:
            ids = await saved(shop, *lines)
            await receive(shop, *((line, 1) for line in ids), key=lines[0]["reference"])
        return len(run)

    await counted(purchase(reference="first"))
    for_one = await counted(purchase(reference="one"))
    for_many = await counted(*(purchase(reference=f"many-{n}") for n in range(200)))

    assert for_many == for_one


# ── Transferring ──


async def test_units_leave_one_place_at_once_and_arrive_at_the_other_in_part_and_then_whole(shop):
    await count(shop, on_hand=10)

    sent = await transfer(shop, ("SHIRT", 6), ("SKIRT", 2))
    shirts, skirts = (line["id"] for line in sent["supply"])
    left = await level(shop)
    await receive(shop, (shirts, 4, 1), viewer=OPERATIONS)
    part = await level(shop, location="rome")
    await receive(shop, (shirts, 2), (skirts, 2), key="r2")

    assert [(line["kind"], line["origin"]["code"], line["status"]) for line in sent["supply"]] == [
        ("TRANSFER", "milan", "IN_TRANSIT")
    ] * 2
    assert (left["onHand"], left["incoming"]) == (4, [])
    assert [each["reason"] for each in left["movements"]["nodes"]] == ["TRANSFER_OUT", "COUNT"]
    assert (part["onHand"], part["damaged"], part["incoming"]) == (4, 1, [{"reference": "TR-1"}])
    whole = await level(shop, location="rome")
    assert (whole["onHand"], whole["incoming"]) == (6, [])
    assert {each["reason"] for each in whole["movements"]["nodes"]} == {"TRANSFER_IN"}
    assert [kind for kind in await shop.kinds() if kind == "stock.transferred"] == ["stock.transferred"]
    assert await shop.broken_laws() == []


async def test_only_what_is_whole_and_promised_to_nobody_leaves_safety_stock_too(shop):
    await count(shop, on_hand=10, damaged=2, inspection=1, safety_stock=5)

    payload = await transfer(shop, ("SHIRT", 8), ("SKIRT", 7))

    assert refusals(payload) == [("INSUFFICIENT_STOCK", "lines.0.quantity")]
    assert (await ask(shop, DUE, skus=["SHIRT", "SKIRT"]))["inboundSupply"] == []
    assert refusals(await transfer(shop, ("SHIRT", 7), ("SKIRT", 7))) == []
    assert (await level(shop))["onHand"] == 3


async def test_a_transfer_that_cannot_be_is_refused_at_its_paths(shop):
    await count(shop, on_hand=10)

    assert refusals(await transfer(shop, ("NONE", 1), ("SET", 1), ("SHIRT", 0), ("SHIRT", 1))) == [
        ("NOT_FOUND", "lines.0.sku"),
        ("INVALID", "lines.1.sku"),
        ("INVALID", "lines.2.quantity"),
        ("INVALID", "lines.3.sku"),
    ]
    assert refusals(await transfer(shop, ("SHIRT", 1), destination="milan")) == [("INVALID", "destination")]
    assert refusals(await transfer(shop, ("SHIRT", 1), destination="nowhere")) == [("NOT_FOUND", "destination")]
    assert refusals(await transfer(shop, ("SHIRT", 1), reference="")) == [("INVALID", "reference")]
    assert refusals(await transfer(shop)) == [("INVALID", "lines")]


async def test_the_same_key_sends_once_and_a_reference_stands_for_one_transfer(shop):
    await count(shop, on_hand=10)

    first, again = await asyncio.gather(transfer(shop, ("SHIRT", 3)), transfer(shop, ("SHIRT", 3)))
    other = await transfer(shop, ("SHIRT", 3), key="t2")

    assert first == again
    assert refusals(other) == [("CONFLICT", "lines.0.sku")]
    assert (await level(shop))["onHand"] == 7


async def test_of_parallel_transfers_of_the_same_units_as_many_leave_as_there_are(shop):
    await count(shop, on_hand=10)
    lines = [("SHIRT", 3), ("SKIRT", 3)]

    payloads = await asyncio.gather(
        *(transfer(shop, *lines[:: 1 - 2 * (n % 2)], key=f"k{n}", reference=f"TR-{n}") for n in range(8))
    )

    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0, 0, 0, 2, 2, 2, 2, 2]
    assert (await level(shop))["onHand"] == 1
    assert await shop.broken_laws() == []


async def test_of_a_transfer_on_the_road_only_the_date_changes(shop):
    await count(shop, on_hand=10)
    await transfer(shop, ("SHIRT", 3))
    told = {"kind": "TRANSFER", "reference": "TR-1", "destination": "rome"}

    more = await save(shop, purchase(quantity=4, **told))
    late = await save(shop, purchase(quantity=3, day=20, status="ON_ORDER", **told))

    assert refusals(more) == [("CONFLICT", "supply.0")]
    assert figures(late) == [(3, 0, "IN_TRANSIT")]
    assert late["supply"][0]["expectedAt"] == "2026-05-20T08:00:00Z"


@pytest.mark.parametrize(
    ("restore", "on_hand", "reasons"), [(True, 8, ["TRANSFER_IN"]), (False, 4, ["TRANSFER_IN", "WRITE_OFF"])]
)
async def test_what_is_called_off_on_the_road_comes_back_or_is_written_off(shop, restore, on_hand, reasons):
    await count(shop, on_hand=10)
    (line,) = (await transfer(shop, ("SHIRT", 6)))["supply"]
    await receive(shop, (line["id"], 2))

    payload = await cancel(shop, line["id"], restore=restore)

    assert figures(payload) == [(6, 2, "CANCELED")]
    origin, destination = await level(shop), await level(shop, location="rome")
    assert (origin["onHand"], destination["onHand"]) == (on_hand, 2)
    assert [each["reason"] for each in origin["movements"]["nodes"]][::-1] == ["COUNT", "TRANSFER_OUT", *reasons]
    assert await shop.broken_laws() == []


async def test_an_associate_sends_from_their_own_place_and_sees_it_on_its_way(shop):
    await count(shop, on_hand=10)

    sent = await transfer(shop, ("SHIRT", 1), viewer=MILANESE)
    (line,) = sent["supply"]

    assert refusals(
        await transfer(shop, ("SHIRT", 1), origin="rome", destination="milan", key="t2", viewer=MILANESE)
    ) == [("NOT_FOUND", "origin")]
    assert (await ask(shop, DUE, MILANESE, skus=["SHIRT"]))["inboundSupply"] == [{"reference": "TR-1", "received": 0}]
    assert refusals(await receive(shop, (line["id"], 1), viewer=MILANESE)) == [("NOT_FOUND", "lines.0.supplyId")]
    assert refusals(await cancel(shop, line["id"], restore=True, viewer=MILANESE)) == []


# ── Canceling ──


async def test_what_is_canceled_is_due_no_more_and_what_arrived_stays(shop):
    (line,) = await saved(shop, purchase())
    await receive(shop, (line, 4))

    first, again = await cancel(shop, line), await cancel(shop, line)

    assert first == again
    assert figures(first) == [(10, 4, "CANCELED")]
    assert (await level(shop))["onHand"] == 4
    assert (await ask(shop, DUE, skus=["SHIRT"]))["inboundSupply"] == []
    (event,) = [event for event in await shop.world.reads.log.after(0, 10) if event.kind == "supply.canceled"]
    assert (event.subject, event.data["units"]) == (line, 6)


# ── Who sees and does what ──


async def test_an_associate_announces_receives_and_sees_at_their_own_places_only(shop):
    milan, rome = await saved(shop, purchase(), purchase(destination="rome"))

    assert refusals(await save(shop, purchase(destination="rome"), viewer=MILANESE)) == [
        ("NOT_FOUND", "supply.0.destination")
    ]
    assert refusals(await receive(shop, (rome, 1), viewer=MILANESE)) == [("NOT_FOUND", "lines.0.supplyId")]
    assert refusals(await cancel(shop, rome, viewer=MILANESE)) == [("NOT_FOUND", "supplyId")]
    assert refusals(await receive(shop, (milan, 1), viewer=MILANESE)) == []
    seen = await ask(
        shop,
        'query ($ids: [ID!]!) { inboundSupply(skus: ["SHIRT"]) { id } nodes(ids: $ids) { id } }',
        MILANESE,
        ids=[milan, rome],
    )
    assert seen == {"inboundSupply": [{"id": milan}], "nodes": [{"id": milan}, None]}


async def test_shoppers_neither_see_nor_change_supply(shop):
    for document, variables in (
        (DUE, {"skus": ["SHIRT"]}),
        (SAVE, {"supply": [purchase()]}),
        (RECEIVE, {"input": {"idempotencyKey": "k" * 22, "lines": []}}),
        (CANCEL, {"input": {"idempotencyKey": "k" * 22, "supplyId": "sup_1", "restore": True}}),
    ):
        _, errors = await answer(shop, document, SHOPPER, **variables)
        assert [error.extensions["code"] for error in errors] == ["FORBIDDEN"]


async def test_at_most_250_skus_are_asked_for_at_a_time(shop):
    _, errors = await answer(shop, DUE, OPERATIONS, skus=["SHIRT"] * 251)
    assert [error.extensions["code"] for error in errors] == ["INVALID"]
