"""Stock through GraphQL: who sees which, what an adjustment does, and what it leaves alone."""

import asyncio
from datetime import UTC, datetime

import pytest

from domain.calendar import opens_next
from tests.resolvers.stock import MILANESE, OPERATIONS, SHOPPER, answer, ask, furnish, statements

ADJUST = """
mutation ($key: String!, $changes: [StockChangeInput!]!) {
  adjustStock(input: {idempotencyKey: $key, changes: $changes}) {
    levels { id variant { sku } location { code } onHand damaged available }
    userErrors { code path message }
  }
}
"""
SAVE = """
mutation ($input: StockLocationInput!) {
  saveStockLocation(input: $input) {
    location { id code openingHours { weekday opens } active }
    userErrors { code path }
  }
}
"""
TURIN = {
    "code": "turin",
    "name": "Turin",
    "kind": "STORE",
    "address": {"line1": " Via Po 1 ", "city": "Torino", "country": "IT", "phone": " "},
    "timezone": "Europe/Rome",
    "capabilities": ["PICKUP", "SHIP"],
    "openingHours": [{"weekday": "MONDAY", "opens": "09:00", "closes": "13:00"}],
    "handlingCost": {"amount": "2.50", "currency": "EUR"},
}


@pytest.fixture(autouse=True)
async def furnished(shop):
    await furnish(shop)


def counted(sku, location, quantity, **more):
    return {"sku": sku, "location": location, "setTo": quantity, "reason": "COUNT", **more}


async def adjust(shop, *changes, key="k1", viewer=OPERATIONS):
    return (await ask(shop, ADJUST, viewer, key=key, changes=list(changes)))["adjustStock"]


async def events(shop):
    """But for those that tell of every movement."""
    return [event for event in await shop.world.reads.log.after(0, 100) if event.kind != "stock.moved"]


def refusals(payload):
    return [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]]


# ── Locations ──


async def test_a_location_is_closed_on_the_public_holidays_of_a_country_or_region_that_there_is(shop):
    always_open = {**TURIN, "openingHours": []}
    for code, expected in (("IT-TO", []), ("XX", [("INVALID", "holidays")])):
        saved = (await ask(shop, SAVE, input={**always_open, "holidays": code}))["saveStockLocation"]
        assert refusals(saved) == expected

    found = await ask(shop, '{ stockLocation(code: "turin") { holidays } }')
    assert found["stockLocation"] == {"holidays": "IT-TO"}
    (turin,) = (await shop.world.reads.inventory.locations_by_code(["turin"])).values()
    on_saint_johns, midnight_in_turin = (datetime(2026, 6, 24, hour, tzinfo=UTC) for hour in (10, 22))
    assert opens_next(turin.calendar, on_saint_johns) == midnight_in_turin


async def test_a_location_is_saved_whole_and_read_back(shop):
    saved = (await ask(shop, SAVE, input=TURIN))["saveStockLocation"]

    assert saved["userErrors"] == []
    assert saved["location"]["openingHours"] == [{"weekday": "MONDAY", "opens": "09:00"}]
    found = await ask(
        shop,
        """{ stockLocation(code: "turin") {
               address { line1 phone } capabilities cutoff handlingCost { amount currency } active } }""",
    )
    assert found["stockLocation"] == {
        "address": {"line1": "Via Po 1", "phone": None},
        "capabilities": ["SHIP", "PICKUP"],
        "cutoff": "23:59",
        "handlingCost": {"amount": "2.50", "currency": "EUR"},
        "active": True,
    }
    (event,) = await events(shop)
    assert (event.kind, event.subject, event.actor) == ("stock_location.saved", "loc_turin", "operations")


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"code": "a/b"}, "code"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"address": {"line1": " ", "city": "Torino", "country": "IT"}}, "address.line1"),
        ({"address": {"line1": "1", "city": "Torino", "country": "Italy"}}, "address.country"),
        ({"handlingCost": {"amount": "2.505", "currency": "EUR"}}, "handlingCost.amount"),
        ({"handlingCost": {"amount": "2.50", "currency": "XXX"}}, "handlingCost.currency"),
        ({"stockAccuracy": 1.5}, "stockAccuracy"),
    ],
)
async def test_a_location_that_cannot_be_is_refused_and_not_kept(shop, wrong, path):
    payload = (await ask(shop, SAVE, input=TURIN | wrong))["saveStockLocation"]

    assert (payload["location"], refusals(payload)) == (None, [("INVALID", path)])
    assert (await ask(shop, '{ stockLocation(code: "turin") { code } }'))["stockLocation"] is None
    assert await events(shop) == []


async def test_locations_come_page_by_page_and_only_active_ones_unless_asked(shop):
    await ask(shop, SAVE, input=TURIN | {"active": False})
    query = """query ($after: String, $filter: StockLocationFilter) {
      stockLocations(first: 2, after: $after, filter: $filter) {
        nodes { code } totalCount pageInfo { hasNextPage endCursor } } }"""

    first = (await ask(shop, query))["stockLocations"]
    rest = (await ask(shop, query, after=first["pageInfo"]["endCursor"], filter={"activeOnly": False}))[
        "stockLocations"
    ]

    assert ([node["code"] for node in first["nodes"]], first["totalCount"]) == (["milan", "paris"], 3)
    assert ([node["code"] for node in rest["nodes"]], rest["totalCount"]) == (["rome", "turin"], 4)


async def test_shoppers_see_places_and_neither_costs_accuracy_nor_stock(shop):
    query = '{ stockLocation(code: "milan") { name stockAccuracy handlingCost { amount } stockLevels { totalCount } } }'

    seen = (await ask(shop, query, SHOPPER))["stockLocation"]

    assert seen == {"name": "milan", "stockAccuracy": None, "handlingCost": None, "stockLevels": None}
    assert (await ask(shop, query))["stockLocation"]["stockAccuracy"] == 0.9


# ── Adjusting ──


async def test_adjusting_moves_levels_writes_the_ledger_and_tells_it(shop):
    payload = await adjust(
        shop,
        counted("SHIRT", "milan", 7),
        counted("SKIRT", "rome", 2),
        {"sku": "SHIRT", "location": "milan", "delta": -2, "reason": "WRITE_OFF", "reference": "moths"},
        {"sku": "SHIRT", "location": "milan", "delta": 1, "counter": "DAMAGED", "reason": "INSPECTION"},
    )

    assert payload == {
        "levels": [
            {
                "id": "lvl_milan/SHIRT",
                "variant": {"sku": "SHIRT"},
                "location": {"code": "milan"},
                "onHand": 5,
                "damaged": 1,
                "available": 4,
            },
            {
                "id": "lvl_rome/SKIRT",
                "variant": {"sku": "SKIRT"},
                "location": {"code": "rome"},
                "onHand": 2,
                "damaged": 0,
                "available": 2,
            },
        ],
        "userErrors": [],
    }
    level = await ask(
        shop,
        """{ node(id: "lvl_milan/SHIRT") { ... on StockLevel { movements(first: 2) {
             nodes { counter delta reason reference } pageInfo { hasNextPage } } } } }""",
    )
    movements = level["node"]["movements"]
    assert [(node["counter"], node["delta"], node["reason"], node["reference"]) for node in movements["nodes"]] == [
        ("DAMAGED", 1, "INSPECTION", None),
        ("ON_HAND", -2, "WRITE_OFF", "moths"),
    ]
    assert movements["pageInfo"]["hasNextPage"]
    assert [(event.subject, event.data["movements"]) for event in await events(shop)] == [
        (
            "loc_milan",
            [
                ["SHIRT", "milan", "ON_HAND", 7],
                ["SHIRT", "milan", "ON_HAND", -2],
                ["SHIRT", "milan", "DAMAGED", 1],
            ],
        ),
        ("loc_rome", [["SKIRT", "rome", "ON_HAND", 2]]),
    ]


async def test_one_change_that_is_refused_leaves_all_undone_and_the_key_free(shop):
    await adjust(shop, counted("SHIRT", "milan", 5), key="first")

    payload = await adjust(shop, counted("SKIRT", "milan", 9), counted("SHIRT", "milan", 1, expected=4), key="second")

    assert (payload["levels"], refusals(payload)) == ([], [("CONFLICT", "changes.1.expected")])
    levels = await ask(shop, '{ stockLocation(code: "milan") { stockLevels { nodes { variant { sku } onHand } } } }')
    assert levels["stockLocation"]["stockLevels"]["nodes"] == [{"variant": {"sku": "SHIRT"}, "onHand": 5}]
    assert refusals(await adjust(shop, counted("SHIRT", "milan", 1, expected=5), key="second")) == []
    assert len(await events(shop)) == 2


async def test_setting_what_already_is_changes_nothing_and_says_nothing(shop):
    await adjust(shop, counted("SHIRT", "milan", 5), key="first")

    payload = await adjust(shop, counted("SHIRT", "milan", 5), key="second")

    assert payload["levels"][0]["onHand"] == 5
    assert len(await events(shop)) == 1


async def test_the_same_key_answers_again_and_does_nothing_and_another_input_is_refused(shop):
    change = {"sku": "SHIRT", "location": "milan", "delta": 3, "reason": "RECEIPT"}

    first, again = await asyncio.gather(adjust(shop, change), adjust(shop, change))
    other = await adjust(shop, {**change, "delta": 4})

    assert first == again
    assert first["levels"][0]["onHand"] == 3
    assert refusals(other) == [("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (counted("NONE", "milan", 1), ("NOT_FOUND", "changes.0.sku")),
        (counted("SHIRT\0", "milan", 1), ("NOT_FOUND", "changes.0.sku")),
        (counted("SHIRT", "nowhere", 1), ("NOT_FOUND", "changes.0.location")),
        (counted("SET", "milan", 1), ("INVALID", "changes.0.sku")),
        (counted("SHIRT", "milan", -1), ("INVALID", "changes.0.setTo")),
        (counted("SHIRT", "milan", 1_000_001), ("INVALID", "changes.0.setTo")),
        (counted("SHIRT", "milan", 1, delta=1), ("INVALID", "changes.0")),
        ({"sku": "SHIRT", "location": "milan", "delta": -1, "reason": "COUNT"}, ("INVALID", "changes.0.delta")),
    ],
)
async def test_a_change_that_cannot_be_is_refused_at_its_path(shop, change, refusal):
    assert refusals(await adjust(shop, change)) == [refusal]


async def test_no_change_and_too_many_are_refused(shop):
    assert refusals(await adjust(shop)) == [("INVALID", "changes")]
    assert refusals(await adjust(shop, *[counted("SHIRT", "milan", 1)] * 1001)) == [("INVALID", "changes")]


async def test_parallel_adjustments_of_the_same_levels_all_count(shop):
    def change(sku):
        return {"sku": sku, "location": "milan", "delta": 1, "reason": "RECEIPT"}

    both = [change("SHIRT"), change("SKIRT")]
    payloads = await asyncio.gather(*(adjust(shop, *(both[:: 1 - 2 * (n % 2)]), key=f"k{n}") for n in range(12)))

    assert [refusals(payload) for payload in payloads] == [[]] * 12
    (level,) = (await adjust(shop, counted("SHIRT", "milan", 0, expected=12), key="end"))["levels"]
    assert level["onHand"] == 0


# ── Who sees whose ──


async def test_an_associate_adjusts_and_sees_the_stock_of_their_own_places_only(shop):
    await adjust(shop, counted("SHIRT", "milan", 5), counted("SHIRT", "rome", 6), key="first")

    own = await adjust(shop, counted("SHIRT", "milan", 4), viewer=MILANESE)
    others = await adjust(shop, counted("SHIRT", "rome", 4), viewer=MILANESE, key="k2")
    seen = await ask(
        shop,
        """{ variant(sku: "SHIRT") { stockLevels { location { code } } named: stockLevels(locations: ["rome"]) { id } }
             milan: stockLocation(code: "milan") { stockLevels { nodes { onHand } } }
             rome: stockLocation(code: "rome") { stockLevels { nodes { onHand } } }
             nodes(ids: ["lvl_milan/SHIRT", "lvl_rome/SHIRT", "mov_1", "mov_2", "mov_x", "lvl_"]) { id } }""",
        MILANESE,
    )

    assert refusals(own) == []
    assert refusals(others) == [("NOT_FOUND", "changes.0.location")]
    assert seen["variant"] == {"stockLevels": [{"location": {"code": "milan"}}], "named": []}
    assert seen["milan"]["stockLevels"] == {"nodes": [{"onHand": 4}]}
    assert seen["rome"]["stockLevels"] is None
    assert seen["nodes"] == [{"id": "lvl_milan/SHIRT"}, None, {"id": "mov_1"}, None, None, None]


async def test_shoppers_see_no_level_by_any_way(shop):
    await adjust(shop, counted("SHIRT", "milan", 5))

    seen = await ask(
        shop,
        '{ nodes(ids: ["lvl_milan/SHIRT", "mov_1"]) { id } variant(sku: "SHIRT") { stockLevels { id } } }',
        SHOPPER,
    )

    assert seen == {"nodes": [None, None], "variant": {"stockLevels": None}}
    _, errors = await answer(shop, ADJUST, SHOPPER, key="k" * 22, changes=[counted("SHIRT", "milan", 1)])
    assert [error.extensions["code"] for error in errors] == ["FORBIDDEN"]


async def test_reading_levels_and_ledgers_takes_as_many_statements_for_many_as_for_one(shop):
    query = """query ($first: Int) { stockLocations(first: $first) { nodes { stockLevels { totalCount nodes {
      variant { sku } location { code } incoming { id } movements { nodes { variant { sku } } } } } } } }"""
    await adjust(shop, *(counted(sku, place, 9) for sku in ("SHIRT", "SKIRT") for place in ("milan", "paris", "rome")))

    for_one = await statements(shop, ask(shop, query, first=1))
    assert await statements(shop, ask(shop, query, first=3)) == for_one
