"""Availability through GraphQL: in the order asked, in a fixed number of statements, explained to staff alone."""

import pytest

from domain.places import PostalCode
from tests.domain.stock import PARIS
from tests.resolvers import stock
from tests.resolvers.stock import MILANESE, OPERATIONS, SHOPPER, furnish
from tests.shop import a_shop

ASK = """
query ($skus: [String!]!, $channel: String, $view: String, $destination: DestinationInput) {
  availability(skus: $skus, channel: $channel, view: $view, destination: $destination) {
    sku view status quantity asOf variant { sku } locations { location { code } status quantity distanceKm }
    explanation { location { code } onHand quantity because }
  }
}
"""
STOCK = """
mutation ($changes: [StockChangeInput!]!) {
  adjustStock(input: {idempotencyKey: "stock", changes: $changes}) { userErrors { message } }
}
"""


@pytest.fixture(autouse=True)
async def furnished(shop):
    """SHIRT: 20 in Milan, 3 in Paris. SKIRT: 2 in Milan."""
    await furnish(shop)
    counts = [("SHIRT", "milan", 20), ("SHIRT", "paris", 3), ("SKIRT", "milan", 2)]
    changes = [{"sku": sku, "location": place, "setTo": units, "reason": "COUNT"} for sku, place, units in counts]
    await stock.ask(shop, STOCK, changes=changes)


async def ask(shop, skus, viewer=SHOPPER, **arguments):
    return (await stock.ask(shop, ASK, viewer, skus=skus, **arguments))["availability"]


async def refusal(shop, skus, **arguments):
    _, (error,) = await stock.answer(shop, ASK, SHOPPER, skus=skus, **arguments)
    return error.extensions["code"]


async def test_answers_come_in_the_order_asked_with_null_for_what_is_not_there(shop):
    answers = await ask(shop, ["SET", "NONE", "SHIRT", "HIDDEN", "SHIRT"], channel="web")

    assert [answer and (answer["sku"], answer["quantity"], answer["status"]) for answer in answers] == [
        ("SET", 2, "LOW_STOCK"),
        None,
        ("SHIRT", 23, "IN_STOCK"),
        None,
        ("SHIRT", 23, "IN_STOCK"),
    ]
    assert (answers[0]["view"], answers[0]["asOf"], answers[0]["variant"]) == (
        "on-hand",
        "2026-05-05T10:00:00Z",
        {"sku": "SET"},
    )


async def test_a_destination_puts_the_nearest_place_first(shop):
    (answer,) = await ask(shop, ["SHIRT"], destination={"country": "FR", "point": {"latitude": 48.9, "longitude": 2.4}})

    places = [(place["location"]["code"], place["quantity"], place["status"]) for place in answer["locations"]]
    assert places == [("paris", 3, "LOW_STOCK"), ("milan", 20, "IN_STOCK")]
    assert answer["locations"][0]["distanceKm"] == pytest.approx(6, abs=1)


async def test_a_destination_may_be_a_city_or_a_postal_code_and_be_named_beside_each_variant(shop):
    async with shop.world.work() as work:
        await work.places.keep_postal_codes([PostalCode("FR", "75001", PARIS)], "edn_1")
    query = """query ($destination: DestinationInput!) { variants(skus: ["SHIRT", "SKIRT"]) {
      availability(destination: $destination) { locations(first: 1) { location { code } distanceKm } } } }"""

    for destination in ({"country": "FR", "city": "Paris"}, {"country": "FR", "postalCode": "75001"}):
        (answer,) = await ask(shop, ["SHIRT"], destination=destination)
        shirt, _ = (await stock.ask(shop, query, SHOPPER, destination=destination))["variants"]
        for nearest in (answer["locations"][0], shirt["availability"]["locations"][0]):
            assert nearest["location"]["code"] == "paris"
            assert nearest["distanceKm"] < 10


async def test_a_destination_that_is_only_a_country_sorts_nothing_by_distance_and_an_unknown_one_is_refused(shop):
    (answer,) = await ask(shop, ["SHIRT"], destination={"country": "FR"})

    places = [(place["location"]["code"], place["distanceKm"]) for place in answer["locations"]]
    assert places == [("milan", None), ("paris", None)]
    for nowhere in ({"city": "Atlantis"}, {"postalCode": "00000"}):
        assert await refusal(shop, ["SHIRT"], destination={"country": "FR", **nowhere}) == "NOT_FOUND"


async def test_many_variants_seen_from_one_place_locate_it_once(shop):
    query = """query ($skus: [String!]!, $destination: DestinationInput!) { variants(skus: $skus) {
      availability(destination: $destination) { quantity } } }"""
    destination = {"country": "FR", "postalCode": "75001", "city": "Paris"}

    async def cost(*skus):
        asked = stock.ask(shop, query, SHOPPER, skus=skus, destination=destination)
        return await stock.statements(shop, asked)

    await cost("SHIRT", "SKIRT", "SET")
    assert await cost("SHIRT", "SKIRT", "SET") == await cost("SHIRT")


async def test_the_reasons_are_told_to_staff_alone_and_to_associates_of_their_places(shop):
    (shopper,), (associate,), (operations,) = [
        await ask(shop, ["SHIRT"], viewer) for viewer in (SHOPPER, MILANESE, OPERATIONS)
    ]

    assert shopper["explanation"] is None
    assert [reason["location"]["code"] for reason in associate["explanation"]] == ["milan"]
    assert operations["explanation"] == [
        {"location": {"code": code}, "onHand": units, "quantity": units, "because": "All that is not promised counts."}
        for code, units in (("milan", 20), ("paris", 3))
    ]


async def test_an_unknown_view_channel_or_country_is_said_and_too_many_skus_are_refused(shop):
    assert await refusal(shop, ["SHIRT"], view="outlet") == "NOT_FOUND"
    assert await refusal(shop, ["SHIRT"], channel="fax") == "NOT_FOUND"
    assert await refusal(shop, ["SHIRT"], destination={"country": "ZZ"}) == "INVALID"
    assert await refusal(shop, ["SHIRT"] * 251) == "INVALID"


async def test_one_sku_and_many_take_the_same_number_of_statements_in_a_list_and_beside_a_product(
    shop, migrated_database_url
):
    def beside(products):
        query = """query ($first: Int) { products(first: $first) { nodes {
          variants { availability(channel: "web") { quantity variant { sku } } } } } }"""
        return stock.ask(shop, query, SHOPPER, first=products)

    many = ["SET", "HIDDEN", *(f"NONE-{n}" for n in range(240))]
    async with a_shop(migrated_database_url) as one, a_shop(migrated_database_url) as other:
        for_one = await stock.statements(one, ask(one, ["SET"], channel="web"))
        assert await stock.statements(other, ask(other, many, channel="web")) == for_one
    await ask(shop, many)
    assert await stock.statements(shop, ask(shop, many, channel="web")) == 1
    assert await stock.statements(shop, ask(shop, ["SET"], channel="web")) == 1
    found = (await beside(3))["products"]["nodes"]
    assert await stock.statements(shop, beside(3)) == await stock.statements(shop, beside(1))
    assert [product["variants"][0]["availability"]["quantity"] for product in found] == [2, 23, 2]
