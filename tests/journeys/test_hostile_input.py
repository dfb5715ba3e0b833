"""Whatever is sent, the answer is an answer: no fault, no status of 500, and nothing of our inside in it."""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx2
import pytest
from graphql import OperationType, build_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from domain.access import Role
from domain.catalog.model import Category
from tests.factories import NOW, key
from tests.journeys.steps import CANCEL, COLLECT, PICK, PLACE, RECORD, SHIP, Guest, Store, basket
from tests.shop import whole_schema

EXAMPLES = [60, pytest.param(1_000, marks=pytest.mark.soak)]  # Documents drawn for each root.
# Of the values at hand each argument gets some, in turn; every argument gets every value in `make soak`.
SHARES = [0.25, pytest.param(1, marks=pytest.mark.soak)]
AT_ONCE = 16
INSIDE = ("Traceback", "sqlalchemy", "asyncpg", "sqlite3", "[SQL", "site-packages", "domain.", "persistence.")

SCHEMA = build_schema(whole_schema().as_str())


def judged(answer: httpx2.Response) -> dict[str, Any]:
    """The body of an answer that is one: to a request of whatever kind."""
    assert answer.status_code < 500, answer.text[:2000]
    body: dict[str, Any] = answer.json()
    codes = [error.get("extensions", {}).get("code") for error in body.get("errors", ())]
    assert "INTERNAL" not in codes, body["errors"]
    assert None not in codes, body["errors"]
    said = [error["message"] for error in body.get("errors", ())]
    assert not [word for word in INSIDE if any(word in sentence for sentence in said)], said
    return body


# ── Drawn from the schema ──

_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
DRAWING = settings(deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
SCALARS = {
    "CurrencyCode": st.sampled_from(["EUR", "JPY", "", "€"]).map(nodes.String),
    "CountryCode": st.sampled_from(["IT", "FR", "", "zz"]).map(nodes.String),
    "LanguageTag": st.sampled_from(["en", "it", "", "x_y"]).map(nodes.String),
    "DateTime": st.datetimes().map(lambda instant: nodes.String(f"{instant.isoformat()}+02:00")),
    "Date": st.dates().map(str).map(nodes.String),
    "Time": st.times().map(str).map(nodes.String),
    "Decimal": st.decimals().map(str).map(nodes.String),
    "JSON": st.one_of(_texts.map(nodes.String), st.integers().map(nodes.Int), st.floats().map(nodes.Float)),
}


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("kind", [OperationType.QUERY, OperationType.MUTATION])
def test_what_is_drawn_from_the_schema_is_answered(kind, examples, served):
    root = SCHEMA.get_root_type(kind)
    documents = st.sampled_from(list(root.fields)).flatmap(
        lambda field: from_schema(SCHEMA, fields=[field], custom_scalars=SCALARS, allow_x00=False)
    )
    tokens = [{}, {"authorization": f"Bearer {served.server.caller(Role.ADMIN).token}"}]

    with httpx2.Client(base_url=served.server.url) as http:

        @settings(DRAWING, max_examples=examples)
        @given(documents, st.sampled_from(tokens))
        def ask(document, headers):
            judged(http.post("/graphql", json={"query": document}, headers=headers))

        ask()


# ── Said on purpose ──

TEXTS = {
    "nothing": "",
    "a blank": " \n\t",
    "a NUL": "a\0b",
    "half a character": "\ud800",
    "a million characters": "x" * 10**6,
    "a family": "👩‍👩‍👧‍👦",
    "right to left": "\u202eabc\u200f",
    "SQL": "'; DROP TABLE orders; --",
    "wildcards": "%_\\%$!*?[a-z]{}",
    "a path": "../../etc/passwd",
    "no number": "NaN",
    "too big a number": "1e999999999",
    "many digits": "9" * 5000,
    "other digits": "٣٤",
    "an id with nothing behind it": "ord_",
    "an id of numbers": "mov_99999999999999999999999",
    "a cursor": "WyIyMDI2IiwieCJd",
}
NUMBERS = (0, -1, 2**31 - 1, -(2**31), 2**31, 2**63, 10**30, 0.5, "1")

ERRORS = "userErrors { code message path }"
TEN, TWENTY = ({"amount": amount, "currency": "EUR"} for amount in ("10.00", "20.00"))
ADDRESS = {
    "name": "Ada",
    "company": "Rossi",
    "line1": "Via Brera 1",
    "line2": "2",
    "city": "Milano",
    "region": "MI",
    "postalCode": "20121",
    "country": "IT",
    "phone": "+39 02 1234567",
    "point": {"latitude": 45, "longitude": 9},
}
ORDER = basket(
    ("HOSTILE", 1),
    fulfillment={"delivery": {"address": ADDRESS, "method": "standard"}},
    billingAddress={"line1": "Via Roma 1", "city": "Milano", "country": "IT"},
    payments=[{"method": "CARD", "token": "ok", "provider": "test", "providerReference": "r", "amount": TWENTY}],
    phone="+39 02 1234567",
    taxId="IT123",
    customerId="cus_hostile",
    externalReference="",
    purchaseOrderNumber="PO-1",
    language="it",
    expectedTotal=TWENTY,
    shippingPrice=TEN,
    metadata={"a": "b"},
    placedAt=NOW.isoformat(),
)
PICKED_UP = basket(("HOSTILE", 1), fulfillment={"pickup": {"location": "hostile", "collectorName": "Ada"}})
LOCATION = {
    "code": "hostile-2",
    "name": "A place",
    "kind": "STORE",
    "address": ADDRESS,
    "timezone": "Europe/Rome",
    "capabilities": ["SHIP"],
    "tags": ["a"],
    "openingHours": [{"weekday": "MONDAY", "opens": "09:00", "closes": "18:00"}],
    "closures": ["2026-08-15"],
    "cutoff": "14:00",
    "processingMinutes": 10,
    "dailyCapacity": 10,
    "handlingCost": TEN,
    "stockAccuracy": 1,
}
PRODUCT = {
    "code": "HOSTILE-P",
    "name": [{"language": "en", "text": "A name"}],
    "description": [{"language": "en", "text": "A text"}],
    "brand": "b",
    "categories": ["hostile"],
    "tags": ["t"],
    "attributes": {"a": "b"},
    "imageUrl": "https://example.com/a.png",
    "variants": [
        {
            "sku": "HOSTILE-V",
            "gtin": "4006381333931",
            "options": [{"name": "color", "value": "red"}],
            "prices": [{"channel": "web", "amount": "10.00"}],
            "cost": TEN,
            "weightGrams": 1,
            "taxClass": "standard",
            "hsCode": "610910",
            "countryOfOrigin": "IT",
            "leadTimeDays": 0,
            "components": [{"sku": "HOSTILE", "quantity": 1}],
            "launchAt": NOW.isoformat(),
        }
    ],
}
PLACES = {"country": "IT", "region": "MI", "postalCode": "20121", "city": "Milano"}
STOCK = {"sku": "HOSTILE", "location": "hostile", "reason": "ADJUSTMENT", "reference": "r", "delta": 1}
HEARD = {
    "eventId": "1",
    "carrier": "carovia",
    "trackingNumber": "HOSTILE-1",
    "at": NOW.isoformat(),
    "description": "d",
    "place": "p",
    "readings": {"a": "b"},
}
# What is asked, and the arguments of which one after the other is spoiled.
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "placeOrder": (PLACE, {"input": ORDER}),
    "placeOrder for pickup": (PLACE, {"input": PICKED_UP}),
    "cancelOrder": (
        CANCEL,
        {
            "input": {
                "orderId": "ord_1",
                "reason": "CUSTOMER",
                "idempotencyKey": "",
                "accessToken": "t",
                "lines": [{"lineId": "oln_1", "quantity": 1}],
            }
        },
    ),
    "trackOrder": (
        """query ($token: String, $number: String, $email: String) {
             byToken: trackOrder(accessToken: $token) { id } byNumber: trackOrder(number: $number, email: $email) { id }
           }""",
        {"token": "t", "number": "AAAAA-AAAAA", "email": "a@example.com"},
    ),
    "products": (
        """query ($filter: ProductFilter, $first: Int, $after: String, $language: LanguageTag, $skus: [String!]) {
             products(filter: $filter, first: $first, after: $after) { totalCount nodes { name(language: $language) } }
             stockLocations { nodes { stockLevels(skus: $skus, first: $first, after: $after) { totalCount } } } }""",
        {
            "filter": {"search": "s", "categories": ["c"], "brands": ["b"], "tags": ["t"], "availableIn": "web"},
            "first": 5,
            "after": "",
            "language": "it",
            "skus": ["HOSTILE"],
        },
    ),
    "orders": (
        """query ($filter: OrderFilter, $last: Int, $before: String) {
             orders(filter: $filter, last: $last, before: $before) { totalCount nodes { id } } }""",
        {
            "filter": {
                "search": "s",
                "email": "a@example.com",
                "customerId": "cus_1",
                "channels": ["web"],
                "skus": ["HOSTILE"],
                "countries": ["IT"],
                "locations": ["hostile"],
                "placed": {"from": NOW.isoformat(), "until": NOW.isoformat()},
            },
            "last": 5,
            "before": "",
        },
    ),
    "one thing": (
        """query ($id: ID!, $code: String!, $reference: String!) {
             node(id: $id) { id } nodes(ids: [$id]) { id } order(id: $id) { id } byNumber: order(number: $code) { id }
             byReference: order(channel: $code, externalReference: $reference) { id } product(code: $code) { id }
             variant(sku: $code) { id } byGtin: variant(gtin: $code) { id } variants(skus: [$code]) { id }
             stockLocation(code: $code) { id } shipment(trackingNumber: $code, carrier: $reference) { id }
             fulfillmentOrder(number: $code) { id } shippingMethods(channel: $code) { id } }""",
        {"id": "ord_1", "code": "c", "reference": "r"},
    ),
    "availability": (
        """query ($skus: [String!]!, $channel: String, $view: String, $destination: DestinationInput) {
             availability(skus: $skus, channel: $channel, view: $view, destination: $destination) { quantity } }""",
        {"skus": ["HOSTILE"], "channel": "web", "view": "on-hand", "destination": PLACES},
    ),
    "fulfillmentOrders": (
        """query ($filter: FulfillmentOrderFilter, $after: String) {
             fulfillmentOrders(filter: $filter, after: $after) { totalCount nodes { id } } }""",
        {"filter": {"search": "s", "location": "hostile", "pickupLocation": "hostile"}, "after": ""},
    ),
    "eventFeed": (
        "query ($after: String, $kinds: [String!]) { eventFeed(after: $after, kinds: $kinds) { nodes { id } } }",
        {"after": "", "kinds": ["order.placed"]},
    ),
    "adjustStock": (
        f"mutation ($input: AdjustStockInput!) {{ adjustStock(input: $input) {{ levels {{ id }} {ERRORS} }} }}",
        {"input": {"idempotencyKey": "", "changes": [STOCK]}},
    ),
    "saveStockLocation": (
        f"mutation ($input: StockLocationInput!) {{ saveStockLocation(input: $input) {{ {ERRORS} }} }}",
        {"input": LOCATION},
    ),
    "importProducts": (
        f"mutation ($products: [ProductImportInput!]!) {{ importProducts(products: $products) {{ {ERRORS} }} }}",
        {"products": [PRODUCT]},
    ),
    "recordTracking": (RECORD, {"events": [HEARD]}),
    "pickFulfillmentOrder": (
        PICK,
        {"input": {"fulfillmentOrderId": "f", "idempotencyKey": "", "lines": [{"lineId": "l", "quantity": 1}]}},
    ),
    "shipFulfillmentOrder": (
        SHIP,
        {"input": {"fulfillmentOrderId": "f", "idempotencyKey": "", "trackingNumber": "T"}},
    ),
    "collectPickup": (COLLECT, {"input": {"idempotencyKey": "", "code": "c", "pickupId": "p", "collectedBy": "me"}}),
}


# What, unspoiled, is about nothing that there is.
ABOUT_NOTHING = {"cancelOrder", "pickFulfillmentOrder", "shipFulfillmentOrder", "collectPickup"}


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_is_said_on_purpose_is_answered(operation, share, served):
    await _furnish(served)
    document, variables = OPERATIONS[operation]
    admin, turns = served.server.caller(Role.ADMIN), asyncio.Semaphore(AT_ONCE)

    async def asked(spoiled: dict[str, Any]) -> None:
        async with turns:
            answer = await admin.post(document, **spoiled)
        try:
            judged(answer)
        except AssertionError as fault:
            faults.append(f"{spoiled!r:.300}: {fault!s:.300}")

    faults: list[str] = []
    unspoiled = await admin.ask(document, **_fresh(variables))
    await asyncio.gather(*(asked(spoiled) for spoiled in _spoiled(variables, share)))

    assert operation in ABOUT_NOTHING or "'userErrors': [{" not in str(unspoiled), unspoiled
    assert faults == []
    assert await served.shop.broken_laws() == []


async def _furnish(served: Any) -> None:
    """The goods, the place, the customer and the parcel that are spoken of."""
    shop, server = served.shop, served.server
    if await shop.world.reads.customers.existing(["cus_hostile"]):
        return
    await shop.stock(hostile={"HOSTILE": 100_000})
    async with shop.world.work() as work:
        await work.catalog.save_categories([Category(code="hostile", names={"en": "Hostile"})])
    customer = server.caller(Role.CUSTOMER, customer="cus_hostile")
    guest = Guest(customer, await customer.do(PLACE, input=basket(("HOSTILE", 1))))
    store, work = Store(server, "hostile"), (await guest.sees_work())["hostile"]
    await store.picks(work)
    await store.ships(work, trackingNumber=HEARD["trackingNumber"])


def _fresh(variables: dict[str, Any]) -> dict[str, Any]:
    """The same once more, under a key and a reference that nobody used."""
    again = deepcopy(variables)
    for name in ("idempotencyKey", "externalReference"):
        if name in again.get("input", ()):
            again["input"][name] = key()
    return again


def _spoiled(variables: dict[str, Any], share: float) -> Iterator[dict[str, Any]]:
    """The variables, each time with another value at one place."""
    every = round(1 / share)
    for i, (path, value) in enumerate(_leaves(variables)):
        values = list(TEXTS.values()) if isinstance(value, str) else NUMBERS
        for bad in values[i % every :: every]:
            spoiled = _fresh(variables)
            at: Any = spoiled
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = bad
            yield spoiled


def _leaves(value: Any, *path: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, *path, step)
    else:
        yield path, value
