"""A list costs as many statements for many rows as for one: every list and connection of the served schema is asked."""

from datetime import timedelta
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    get_nullable_type,
    is_list_type,
    parse,
    validate,
    visit,
)
from sqlalchemy import text

from domain.access import Role
from domain.inventory.model import InboundSupply, InboundSupplyKind, InboundSupplyStatus
from tests.factories import NOW, a_viewer, key
from tests.journeys.steps import HOME, PICK, PLACE, RECORD, SHIP, basket, collected_at
from tests.shop import Shop, whole_schema

PARTS = ("A", "B", "SET")  # What each product comes in; the last is a kit.
COUNTRIES, LANGUAGES, METHODS = ["IT", "FR", "DE", "ES"], ["en", "it", "fr", "de"], ["CARD", "CASH", "INVOICE"]

FRAGMENTS = """
fragment VariantParts on ProductVariant {
  options { name } traits product { code }
  components { quantity variant { sku product { code } } }
  availability(channel: "web") { locations { location { code } } explanation { location { code } } }
  stockLevels { id location { code } incoming { reference destination { code } } }
}
fragment ProductParts on Product {
  tags categories { code parent { code } } variants { ...VariantParts }
}
fragment LocationParts on StockLocation {
  capabilities tags openingHours { weekday } closures
  levels: stockLevels(first: 3) {
    totalCount edges { node { id } }
    nodes { variant { sku } incoming { variant { sku } origin { code } } }
  }
}
fragment LevelParts on StockLevel {
  incoming { variant { sku } destination { code } }
  movements(first: 3) { edges { node { id } } nodes { variant { sku } location { code } } }
}
fragment ShipmentParts on Shipment {
  packages { weightGrams } lines { orderLine { sku variant { sku } } } order { number }
  events(first: 3) { edges { node { id } } nodes { status } }
  fulfillmentOrder { number }
}
fragment PickupParts on Pickup { location { code } lines { orderLine { sku } } }
fragment WorkParts on FulfillmentOrder {
  lines { orderLine { sku variant { sku } } } order { number } location { code } destination { city }
  shipments { ...ShipmentParts } pickup { ...PickupParts }
}
fragment OrderParts on Order {
  email shippingAddress { city } channel { code } customer { id }
  holds { kind } lines { variant { sku } } payments { transactions { kind } } actions { kind }
  fulfillmentOrders { number shipments { id } } shipments { ...ShipmentParts } pickups { ...PickupParts }
  timeline(first: 3) { edges { node { id } } nodes { kind summary order { number } subject { id } } }
}
fragment QuoteParts on Quote {
  channel { code } lines { variant { sku } availability { sku } } plan { location { code } lines { sku } distanceKm }
}
fragment RuleParts on AvailabilityRules {
  locations { kinds countries tags capabilities include exclude }
  products { categories tags excludeCategories excludeTags excludeSkus }
  keepBack { reason kinds locationTags categories }
}
fragment CustomerParts on Customer {
  addresses { city }
  orders(first: 3) { totalCount edges { node { id } } nodes { number lines { sku } } }
}
"""
# What is asked, and the shapes it answers; together they hold every list there is.
QUERIES = {
    "channels": "{ channels { countries languages paymentMethods } }",
    "categories": "{ categories { code parent { code } } }",
    "products": "{ products(first: 6) { totalCount edges { node { code } } nodes { ...ProductParts } } }",
    "variants": "query ($skus: [String!]!) { variants(skus: $skus) { ...VariantParts } }",
    "shippingMethods": '{ shippingMethods(channel: "web") { countries rates { countries regions } } }',
    "stockLocations": """{ stockLocations(first: 6) {
      totalCount edges { node { code } } nodes { ...LocationParts } } }""",
    "availability": """query ($skus: [String!]!) { availability(skus: $skus, channel: "web") {
      variant { ...VariantParts } locations { location { code } } explanation { location { code } } } }""",
    "availability ahead": """query ($skus: [String!]!) { availability(skus: $skus, view: "view") {
      future { on quantity } } }""",
    "availabilityViews": """{ availabilityViews { locations { ...LocationParts } rules { ...RuleParts }
      scheduled { version rules { ...RuleParts } } history { version rules { ...RuleParts } } } }""",
    "previewAvailability": """{ previewAvailability(view: "view", rules: {}) {
      becomeAvailable becomeUnavailable locationsAdded { ...LocationParts } locationsRemoved { code } } }""",
    "pickupOptions": """{ pickupOptions(
      channel: "web", lines: [{sku: "A-0", quantity: 1}], near: {country: "IT"}, first: 6) {
      lines { sku } location { ...LocationParts } } }""",
    "inboundSupply": """query ($skus: [String!]!) { inboundSupply(skus: $skus) {
      variant { ...VariantParts } destination { ...LocationParts } origin { code } } }""",
    "orders": "{ orders(first: 6) { totalCount edges { node { id } } nodes { ...OrderParts } } }",
    "orders of customers": "{ orders(first: 6) { nodes { customer { ...CustomerParts } } } }",
    "fulfillmentOrders": """{ fulfillmentOrders(first: 6) {
      totalCount edges { node { id } } nodes { ...WorkParts } } }""",
    "eventFeed": """{ eventFeed(first: 250) {
      edges { node { id } } nodes { kind order { number } subject { id ... on Order { lines { sku } } } } } }""",
    "viewer": "{ viewer { roles scopes locations { ...LocationParts } } }",
    "quotes by id": "query ($quotes: [ID!]!) { nodes(ids: $quotes) { id ... on Quote { ...QuoteParts } } }",
    "goods by id": """query ($goods: [ID!]!) { nodes(ids: $goods) { id
      ... on Product { tags variants { sku } } ... on ProductVariant { traits }
      ... on StockLocation { tags } ... on StockLevel { ...LevelParts } } }""",
    "orders by id": """query ($subjects: [ID!]!) { nodes(ids: $subjects) { id
      ... on Order { lines { sku } customer { addresses { city } } payments { transactions { kind } } }
      ... on FulfillmentOrder { ...WorkParts } ... on Shipment { ...ShipmentParts } } }""",
}


# ── Which lists there are, and which are asked ──


def test_every_list_of_the_schema_is_asked_by_one_of_these_queries():
    schema = whole_schema().graphql
    asked = set().union(*(_lists_asked(schema, _document(name)) for name in QUERIES))

    assert _lists(schema) - asked == set()


def _lists(schema: GraphQLSchema) -> set[str]:
    """Every list and connection that a query can reach, as `Type.field`."""
    query = schema.query_type
    assert query
    found, seen, waiting = set[str](), {query.name}, [query]
    while waiting:
        of = waiting.pop()
        for name, field in of.fields.items():
            named = get_named_type(field.type)
            if _is_many(field):
                found.add(f"{of.name}.{name}")
            possible = schema.get_possible_types(named) if isinstance(named, GraphQLInterfaceType) else [named]
            for each in possible:
                if isinstance(each, GraphQLObjectType) and each.name not in seen:
                    seen.add(each.name)
                    waiting.append(each)
    return found


def _is_many(field: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(field.type)) or get_named_type(field.type).name.endswith("Connection")


def _lists_asked(schema: GraphQLSchema, document: str) -> set[str]:
    parsed, found, types = parse(document), set[str](), TypeInfo(schema)
    assert not validate(schema, parsed)

    class Fields(Visitor):
        def enter_field(self, node: Any, *_: Any) -> None:
            field, parent = types.get_field_def(), types.get_parent_type()
            if field and parent and _is_many(field):
                found.add(f"{parent.name}.{node.name.value}")

    visit(parsed, TypeInfoVisitor(types, Fields()))
    return found


def _document(name: str) -> str:
    """The query with the fragments it uses, and those that these use."""
    document = QUERIES[name]
    fragments = {each.split()[0]: "fragment " + each for each in FRAGMENTS.split("fragment ")[1:]}
    while missing := [each for each in fragments if f"...{each}" in document and f"fragment {each} " not in document]:
        document += fragments[missing[0]]
    return document


# ── How much they cost ──


async def test_a_list_costs_as_many_statements_for_many_rows_as_for_one(shop):
    costs = []
    for rows in ([0], [1, 2]):
        for row in rows:
            await _furnish(shop, row)
        costs.append({name: await _cost(shop, name, rows[-1] + 1) for name in QUERIES})

    for_one, for_many = costs
    assert for_many == for_one


async def _cost(shop: Shop, name: str, rows: int) -> int:
    """How many statements a query runs where there are so many rows."""
    happened = await shop.world.reads.log.after(0, 1000)
    known = {
        "skus": [_sku(row, part) for row in range(rows) for part in PARTS],
        "goods": [f"{prefix}_{code}" for row in range(rows) for prefix, code in _goods(row).items()],
        "quotes": [row.id for row in await shop.world.database.fetch(text("SELECT id FROM quotes"))],
        "subjects": list({event.subject: None for event in happened if event.order_id}),
    }
    document, viewer = _document(name), a_viewer(Role.ADMIN, locations=frozenset(map(_place, range(rows))))
    asked = {each: values for each, values in known.items() if f"${each}:" in document}
    for _ in range(2):  # The first time there is no plan yet.
        with shop.counting_statements() as statements:
            await shop.ask(document, viewer, **asked)
    return len(statements)


# ── What there is to list ──

ERRORS = "userErrors { code path message }"
CATEGORIES = f"mutation ($categories: [CategoryInput!]!) {{ saveCategories(categories: $categories) {{ {ERRORS} }} }}"
IMPORT = f"mutation ($products: [ProductImportInput!]!) {{ importProducts(products: $products) {{ {ERRORS} }} }}"
CHANNEL = f"mutation ($input: ChannelInput!) {{ saveChannel(input: $input) {{ {ERRORS} }} }}"
VIEW = f"mutation ($input: AvailabilityViewInput!) {{ saveAvailabilityView(input: $input) {{ {ERRORS} }} }}"
METHOD = f"mutation ($input: ShippingMethodInput!) {{ saveShippingMethod(input: $input) {{ {ERRORS} }} }}"
LOCATION = f"mutation ($input: StockLocationInput!) {{ saveStockLocation(input: $input) {{ {ERRORS} }} }}"
ADJUST = f"mutation ($input: AdjustStockInput!) {{ adjustStock(input: $input) {{ {ERRORS} }} }}"
QUOTE = f"mutation ($input: QuoteInput!) {{ createQuote(input: $input) {{ {ERRORS} }} }}"
WORK = "query ($id: ID!) { order(id: $id) { fulfillmentOrders { id method } } }"

NAME = [{"language": "en", "text": "A name"}]
EURO = {"amount": "1.00", "currency": "EUR"}


def _place(row: int) -> str:
    return f"place-{row}"


def _sku(row: int, part: str) -> str:
    return f"{part}-{row}"


def _goods(row: int) -> dict[str, str]:
    """What has an id that is not drawn: prefix and code."""
    return {"prd": f"P-{row}", "var": _sku(row, "A"), "loc": _place(row), "lvl": f"{_place(row)}/{_sku(row, 'A')}"}


async def _furnish(shop: Shop, row: int) -> None:
    """One more of everything, each bigger than the one before, so that its own lists grow too."""
    await _furnish_settings(shop, row)
    await _furnish_catalog(shop, row)
    await _furnish_stock(shop, row)
    await _furnish_order(shop, row)
    waiting = [{"method": "CARD", "token": "action-required"}]
    await _do(shop, PLACE, input=basket((_sku(row, "A"), 1), payments=waiting))
    lines = [{"sku": _sku(row, "B"), "quantity": 1} for _ in range(row + 1)]
    lines += [{"sku": _sku(row, "B"), "quantity": 1, "fulfillment": collected_at(_place(row))}]
    quoted = {"idempotencyKey": key(), "channel": "web", "lines": lines, "fulfillment": HOME, "holdMinutes": 5}
    await _do(shop, QUOTE, input=quoted)


async def _furnish_settings(shop: Shop, row: int) -> None:
    more = range(row + 1)
    channel = {
        "code": f"channel-{row}" if row else "web",
        "name": "A channel",
        "kind": "WEB",
        "currency": "EUR",
        "countries": COUNTRIES[: row + 1],
        "languages": LANGUAGES[: row + 1],
        "pricesIncludeTax": True,
        "availabilityView": "on-hand",
        "sourcingStrategy": "nearest",
        "paymentMethods": METHODS[: row + 1],
    }
    method = {
        "code": f"method-{row}",
        "name": NAME,
        "carrier": "carovia",
        "serviceLevel": "STANDARD",
        "countries": COUNTRIES[: row + 1],
        "rates": [
            {"countries": [country], "regions": [], "price": EURO, "minTransitDays": 1, "maxTransitDays": 3}
            for country in COUNTRIES[: row + 1]
        ],
    }
    rules = {
        "locations": {"countries": COUNTRIES[: row + 1]},
        "keepBack": [{"reason": f"reason {i}", "units": i} for i in more],
        "supply": {"onOrder": True},
    }
    location = {
        "code": _place(row),
        "name": "A place",
        "kind": "STORE",
        "address": HOME["delivery"]["address"],
        "timezone": "Europe/Rome",
        "capabilities": ["SHIP", "PICKUP"],
        "tags": [f"tag{i}" for i in more],
        "openingHours": [{"weekday": "MONDAY", "opens": f"{9 + i:02}:00", "closes": f"{9 + i:02}:30"} for i in more],
        "closures": [f"2026-08-{15 + i}" for i in more],
    }
    await _do(shop, VIEW, input={"code": f"view-{row}" if row else "view", "name": "A view", "rules": rules})
    await _do(shop, CHANNEL, input=channel)
    await _do(shop, METHOD, input=method)
    await _do(shop, LOCATION, input=location)


async def _furnish_catalog(shop: Shop, row: int) -> None:
    more = range(row + 1)
    variants = [
        {
            "sku": _sku(row, part),
            "prices": [{"channel": "web", "amount": "10.00"}],
            "options": [{"name": f"option {i}", "value": part} for i in more],
            "traits": ["BULKY"],
            "components": [{"sku": _sku(each, "A"), "quantity": 1} for each in more] if part == "SET" else [],
        }
        for part in PARTS
    ]
    product = {
        "code": f"P-{row}",
        "name": NAME,
        "variants": variants,
        "tags": [f"tag{i}" for i in more],
        "categories": [f"category-{i}" for i in more],
    }
    categories = [{"code": "root", "name": NAME}, {"code": f"category-{row}", "name": NAME, "parent": "root"}]
    await _do(shop, CATEGORIES, categories=categories)
    await _do(shop, IMPORT, products=[product])


async def _furnish_stock(shop: Shop, row: int) -> None:
    more = range(row + 1)
    changes = [
        {"sku": _sku(row, part), "location": _place(each), "reason": "COUNT", "delta": 9}
        for part in ("A", "B")
        for each in more
    ]
    supply = [
        InboundSupply(
            id=f"sup_{row}-{i}",
            reference=f"PO-{row}-{i}",
            kind=InboundSupplyKind.TRANSFER,
            sku=_sku(row, "A"),
            destination=_place(i),
            origin=_place(0),
            ordered=5,
            received=0,
            allocated=0,
            expected_at=NOW + timedelta(days=9),
            status=InboundSupplyStatus.ON_ORDER,
        )
        for i in more
    ]
    await _do(shop, ADJUST, input={"idempotencyKey": key(), "changes": changes})
    async with shop.world.work() as work:
        await work.supply.open(supply)


async def _furnish_order(shop: Shop, row: int) -> None:
    """One that is part sent, in several parcels, and part to be collected."""
    more = range(row + 1)
    lines = [{"sku": _sku(each, "A"), "quantity": row + 1} for each in more]
    lines += [{"sku": _sku(row, "B"), "quantity": 1, "fulfillment": collected_at(_place(row))}]
    payments = [{"method": "CARD", "token": "ok", "amount": EURO} for _ in more]
    asked = basket(lines=lines, payments=[*payments, {"method": "CARD", "token": "ok"}])
    order = (await _do(shop, PLACE, input=asked))["order"]
    await shop.run_jobs()
    for task in (await shop.ask(WORK, a_viewer(Role.ADMIN), id=order["id"]))["order"]["fulfillmentOrders"]:
        command = {"fulfillmentOrderId": task["id"]}
        await _do(shop, PICK, input={**command, "idempotencyKey": key()})
        if task["method"] == "DELIVERY":
            await _send(shop, command, order["lines"][0]["id"], parcels=row + 1)


async def _send(shop: Shop, command: dict[str, Any], line_id: str, parcels: int) -> None:
    for _ in range(parcels):
        unit = {"lines": [{"lineId": line_id, "quantity": 1}], "packages": [{"weightGrams": 100}] * parcels}
        sent = await _do(shop, SHIP, input={**command, **unit, "idempotencyKey": key()})
        said = {"status": "IN_TRANSIT", "at": NOW.isoformat(), **sent["shipment"]}
        await _do(shop, RECORD, events=[{**said, "eventId": key()} for _ in range(parcels)])


async def _do(shop: Shop, mutation: str, **variables: Any) -> Any:
    (payload,) = (await shop.ask(mutation, a_viewer(Role.ADMIN), **variables)).values()
    assert not payload["userErrors"], payload
    return payload
