"""Quotes through GraphQL: what they show, who sees them, and an order that takes one up."""

import asyncio
from datetime import timedelta

import pytest

from domain.access import ANONYMOUS, Role
from domain.places import Address, GeoPoint
from persistence.quotes import forget_quotes
from tests.factories import NOW, a_location, a_product, a_viewer, key
from tests.journeys.steps import HOME, basket, collected_at

QUOTE = """
fragment Whole on Quote {
  id currency heldUntil expiresAt fulfillment channel { code }
  totals { subtotal { amount } shipping { amount } total { amount currency } }
  lines { sku quantity fulfillment unitPrice { amount } total { amount } variant { sku } availability { sku quantity } }
  plan { location { code } lines { sku quantity } distanceKm }
}
"""
ERRORS = "userErrors { code path message }"
CREATE = QUOTE + f"mutation ($input: QuoteInput!) {{ createQuote(input: $input) {{ quote {{ ...Whole }} {ERRORS} }} }}"
UPDATE = (
    QUOTE
    + "mutation ($id: ID!, $input: QuoteInput!) "
    + f"{{ updateQuote(id: $id, input: $input) {{ quote {{ ...Whole }} {ERRORS} }} }}"
)
RELEASE = QUOTE + f"mutation ($id: ID!) {{ releaseQuote(id: $id) {{ quote {{ ...Whole }} {ERRORS} }} }}"
READ = QUOTE + "query ($id: ID!) { quote(id: $id) { ...Whole } node(id: $id) { ... on Quote { id } } }"
PLACE = f"""
mutation ($input: PlaceOrderInput!) {{
  placeOrder(input: $input) {{ order {{ id totals {{ total {{ amount }} }} lines {{ sku quantity }} }} {ERRORS} }}
}}
"""
LEVEL = """
query ($sku: String!) {
  variant(sku: $sku) { stockLevels { reserved available movements { nodes { counter reference } } } }
}
"""
ADA, EVE = (a_viewer(Role.CUSTOMER, customer_id=f"cus_{name}") for name in ("ada", "eve"))
AGENT = a_viewer(Role.AGENT)
MERCHANDISER = a_viewer(Role.MERCHANDISER)


def asked(*lines, **changes):
    return {
        "idempotencyKey": key(),
        "channel": "web",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "fulfillment": HOME,
        "holdMinutes": 10,
        **changes,
    }


def order_of(quote, **changes):
    left_out = {"lines": None, "fulfillment": None}
    return basket(quoteId=quote["id"], **{**left_out, **changes})


async def made(shop, *lines, viewer=ANONYMOUS, **changes):
    payload = (await shop.ask(CREATE, viewer, input=asked(*lines, **changes)))["createQuote"]
    assert payload["userErrors"] == []
    return payload["quote"]


def refusals(payload):
    return [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]]


async def test_a_quote_shows_what_an_order_would_cost_and_where_it_would_come_from(shop):
    await shop.stock(milan={"A": 5})
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("SET", components={"A": 2})], NOW)

    quote = await made(shop, ("A", 2), ("SET", 1))

    assert (quote["currency"], quote["fulfillment"], quote["channel"]["code"]) == ("EUR", "DELIVERY", "web")
    assert quote["totals"] == {
        "subtotal": {"amount": "30.00"},
        "shipping": {"amount": "5.00"},
        "total": {"amount": "35.00", "currency": "EUR"},
    }
    assert quote["heldUntil"] == quote["expiresAt"] == "2026-05-05T10:10:00Z"
    lines = [{"sku": "A", "quantity": 2}, {"sku": "SET", "quantity": 1}]
    assert quote["plan"] == [{"location": {"code": "milan"}, "lines": lines, "distanceKm": None}]
    assert quote["lines"][0] == {
        "sku": "A",
        "quantity": 2,
        "fulfillment": "DELIVERY",
        "unitPrice": {"amount": "10.00"},
        "total": {"amount": "20.00"},
        "variant": {"sku": "A"},
        "availability": {"sku": "A", "quantity": 1},
    }


async def test_a_plan_says_how_far_it_has_to_go_where_both_places_are_known(shop):
    await shop.stock(milan={"A": 5})
    async with shop.world.work() as work:
        there = Address(line1="Via Roma 1", city="Milano", country="IT", point=GeoPoint(45.46, 9.19))
        await work.inventory.save_location(a_location("milan", address=there))
    rome = {"country": "IT", "point": {"latitude": 41.9, "longitude": 12.5}}

    sent = await made(shop, ("A", 1), fulfillment=None, destination=rome)
    collected = await made(shop, ("A", 1), fulfillment=collected_at("milan"), destination=rome)

    assert 470 < sent["plan"][0]["distanceKm"] < 490
    assert (sent["fulfillment"], sent["lines"][0]["fulfillment"]) == (None, None)
    assert (collected["fulfillment"], collected["plan"][0]["distanceKm"]) == ("PICKUP", None)
    assert collected["totals"]["shipping"]["amount"] == "0.00"


async def test_a_quote_is_made_changed_released_and_taken_up(shop):
    await shop.stock(milan={"A": 5})
    quote = await made(shop, ("A", 1))

    moved = asked(("A", 3), holdMinutes=20)
    changed = (await shop.ask(UPDATE, id=quote["id"], input=moved))["updateQuote"]["quote"]
    released = (await shop.ask(RELEASE, id=quote["id"]))["releaseQuote"]["quote"]
    placed = (await shop.ask(PLACE, input=order_of(quote)))["placeOrder"]
    again = (await shop.ask(PLACE, input=order_of(quote)))["placeOrder"]
    after = (await shop.ask(UPDATE, id=quote["id"], input=asked(("A", 1))))["updateQuote"]

    assert (changed["id"], changed["heldUntil"]) == (quote["id"], "2026-05-05T10:20:00Z")
    assert released["heldUntil"] is None
    assert placed["userErrors"] == []
    assert placed["order"]["lines"] == [{"sku": "A", "quantity": 3}]
    assert placed["order"]["totals"] == {"total": {"amount": "35.00"}}
    assert (refusals(again), refusals(after)) == ([("CONFLICT", "quoteId")], [("CONFLICT", "id")])


async def test_who_sees_a_quote(shop):
    """A customer's is theirs and staff's, by every way there; a guest's is theirs who know its id."""
    await shop.stock(milan={"A": 5})
    adas, guests = await made(shop, ("A", 1), viewer=ADA), await made(shop, ("A", 1))

    for viewer in (ADA, AGENT):
        seen = await shop.ask(READ, viewer, id=adas["id"])
        assert (seen["quote"]["id"], seen["quote"]["totals"]) == (adas["id"], adas["totals"])
        assert seen["node"] == {"id": adas["id"]}
    for viewer in (EVE, ANONYMOUS, a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"})), MERCHANDISER):
        with shop.counting_statements() as for_anothers:
            assert await shop.ask(READ, viewer, id=adas["id"]) == {"quote": None, "node": None}
        with shop.counting_statements() as for_none:
            assert await shop.ask(READ, viewer, id="quo_there-is-none") == {"quote": None, "node": None}
        assert len(for_anothers) == len(for_none)
        update = await shop.ask(UPDATE, viewer, id=adas["id"], input=asked(("A", 1), idempotencyKey=key()))
        release = await shop.ask(RELEASE, viewer, id=adas["id"])
        assert refusals(update["updateQuote"]) == refusals(release["releaseQuote"]) == [("NOT_FOUND", "id")]
    assert (await shop.ask(READ, EVE, id=guests["id"]))["quote"]["id"] == guests["id"]


async def test_the_id_of_a_guests_quote_is_beyond_guessing_and_stands_in_nothing_that_others_read(shop):
    await shop.stock(milan={"A": 5})
    one, other = await made(shop, ("A", 1)), await made(shop, ("A", 1))

    (level,) = (await shop.ask(LEVEL, MERCHANDISER, sku="A"))["variant"]["stockLevels"]
    references = {each["reference"] for each in level["movements"]["nodes"] if each["counter"] == "RESERVED"}

    common = [a for a, b in zip(one["id"], other["id"], strict=True) if a == b]
    assert len(one["id"]) - len("quo_") >= 26 + 26  # Of five bits each: 130 of them are not in the ledger.
    assert len(common) < 30
    assert references == {one["id"][:-26], other["id"][:-26]}


async def test_what_has_lapsed_is_shown_as_free_before_any_sweep(shop):
    await shop.stock(milan={"A": 5})
    quote = await made(shop, ("A", 2))
    end = NOW + timedelta(minutes=10)

    seen = []
    for instant in (end - timedelta(seconds=1), end, end + timedelta(seconds=1)):
        shop.clock.set(instant)
        (level,) = (await shop.ask(LEVEL, AGENT, sku="A"))["variant"]["stockLevels"]
        held = (await shop.ask(READ, id=quote["id"]))["quote"]["heldUntil"]
        seen.append((level["reserved"], level["available"], held is not None))

    assert seen == [(2, 3, True), (0, 5, False), (0, 5, False)]
    assert (await shop.level("A", "milan")).reserved == 2


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"channel": "nowhere"}, "channel"),
        ({"lines": []}, "lines"),
        ({"lines": [{"sku": "NONE", "quantity": 1}]}, "lines.0.sku"),
        ({"lines": [{"sku": "A", "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "A", "quantity": 6}]}, "lines.0.quantity"),
        ({"lines": [{"sku": "A", "quantity": 1, "unitPrice": {"amount": 1, "currency": "EUR"}}]}, "lines.0.unitPrice"),
        ({"fulfillment": collected_at("nowhere")}, "fulfillment.pickup.location"),
        ({"fulfillment": None, "destination": {"country": "US"}}, "destination.country"),
        ({"fulfillment": None, "destination": {"country": "XX"}}, "destination.country"),
        ({"customerId": "cus_ada"}, "customerId"),
        ({"email": "nobody"}, "email"),
        ({"holdMinutes": 0}, "holdMinutes"),
        ({"holdMinutes": 31}, "holdMinutes"),
        ({"holdMinutes": -5}, "holdMinutes"),
        ({"idempotencyKey": "short"}, "idempotencyKey"),
    ],
)
async def test_what_is_wrong_with_a_quote_is_said_at_its_place_and_nothing_is_kept(shop, changes, path):
    await shop.stock(milan={"A": 5})

    payload = (await shop.ask(CREATE, input={**asked(("A", 1)), **changes}))["createQuote"]

    assert [found for _, found in refusals(payload)] == [path]
    assert payload["quote"] is None
    for table in ("quotes", "stock_reservations", "jobs", "idempotency_keys"):
        assert await shop.count(table) == 0


async def test_a_key_that_outlives_its_quote_says_so(shop):
    await shop.stock(milan={"A": 5})
    command = asked(("A", 1), holdMinutes=None)
    await shop.ask(CREATE, input=command)
    await forget_quotes(shop.world.database, NOW + timedelta(days=2))

    payload = (await shop.ask(CREATE, input=command))["createQuote"]

    assert refusals(payload) == [("CONFLICT", "idempotencyKey")]


async def test_many_quotes_are_read_in_as_many_statements_as_one(shop):
    await shop.stock(milan={"A": 50, "B": 50})
    ids = [(await made(shop, ("A", 1), ("B", 1), viewer=AGENT))["id"] for _ in range(3)]
    query = QUOTE + "query ($ids: [ID!]!) { nodes(ids: $ids) { ...Whole } }"

    counts = []
    for some in (ids[:1], ids[:1], ids):
        with shop.counting_statements() as statements:
            await shop.ask(query, AGENT, ids=some)
        counts.append(len(statements))

    assert counts[1] == counts[2]


async def test_parallel_orders_take_one_quote_up_once(shop):
    await shop.stock(milan={"A": 5})
    quote = await made(shop, ("A", 2), viewer=ADA)

    answers = await asyncio.gather(*(shop.ask(PLACE, ADA, input=order_of(quote)) for _ in range(8)))

    refused = [refusals(answer["placeOrder"]) for answer in answers if answer["placeOrder"]["userErrors"]]
    assert refused == [[("CONFLICT", "quoteId")]] * 7
    assert await shop.count("orders") == 1
    assert await shop.broken_laws() == []
