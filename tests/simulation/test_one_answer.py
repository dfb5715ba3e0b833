"""One function answers list, detail, basket and allocation: over random networks, views and histories they agree."""

from random import Random

import pytest

from domain.access import Role
from domain.errors import Refused
from domain.orders.placing import Request, place_order
from domain.orders.ports import Overtaken
from persistence import availability
from tests.factories import a_quote, a_viewer, an_order
from tests.shop import Shop
from tests.simulation.chance import KITS, SKUS, rules, saved_rules
from tests.simulation.day import Day

NETWORKS, NETWORKS_IN_LARGE = 3, 60
HISTORY = 40  # Operations that make one.
GOODS = [*SKUS, *KITS]
TO_BE_HAD = {"IN_STOCK", "LOW_STOCK", "BACKORDER", "PREORDER"}
AGENT = a_viewer(Role.AGENT)

ASK = """
query ($skus: [String!]!) {
  listed: availability(skus: $skus, channel: "web") { ...answer }
  variants(skus: $skus) { availability(channel: "web") { ...answer } }
  products(filter: { availableIn: "web" }, first: 250) { nodes { code } }
}
fragment answer on Availability {
  sku status quantity future { on quantity } locations(first: 250) { location { code capabilities } quantity } }
"""
BASKET = """
query ($sku: String!) {
  pickupOptions(channel: "web", lines: [{ sku: $sku, quantity: 1 }], near: { country: "IT" }, first: 100) {
    location { code } complete lines { available } } }
"""
QUOTED = """query ($id: ID!) { quote(id: $id) { lines { availability { quantity status } } } }"""


class Undone(Exception):  # noqa: N818
    """What was tried went well, and is not kept."""


async def is_placed(shop: Shop, sku: str, units: int) -> bool:
    """Whether an order for so many would be taken; nothing of it is kept."""
    try:
        async with shop.world.work() as work:
            await place_order(work, Request(an_order((sku, units)), AGENT))
            raise Undone  # noqa: TRY301  (it leaves the unit of work)
    except Undone:
        return True
    except (Refused, Overtaken):
        return False


async def most(shop: Shop, sku: str) -> int:
    """The most that an order is taken for, found by trying."""
    least, beyond = 0, 200
    while beyond - least > 1:
        middle = (least + beyond) // 2
        least, beyond = (middle, beyond) if await is_placed(shop, sku, middle) else (least, middle)
    return least


async def agree(shop: Shop) -> None:
    found = await shop.ask(ASK, AGENT, skus=GOODS)
    assert [each["availability"] for each in found["variants"]] == found["listed"]
    to_be_had = {each["sku"] for each in found["listed"] if each["status"] in TO_BE_HAD}
    assert {product["code"] for product in found["products"]["nodes"]} == to_be_had
    for answer in found["listed"]:
        await _basket_agrees(shop, answer)
        await _allocation_agrees(shop, answer)


async def _basket_agrees(shop: Shop, answer) -> None:
    there = {place["location"]["code"]: place["quantity"] for place in answer["locations"]}
    options = (await shop.ask(BASKET, AGENT, sku=answer["sku"]))["pickupOptions"]
    at_places = {option["location"]["code"]: option["lines"][0]["available"] for option in options}
    assert {code: units for code, units in at_places.items() if units} == there
    assert all(option["complete"] == (at_places[option["location"]["code"]] >= 1) for option in options)
    assert sum(there.values()) == answer["quantity"]


async def _allocation_agrees(shop: Shop, answer) -> None:
    taken = await most(shop, answer["sku"])
    assert (taken > 0) == (answer["status"] in TO_BE_HAD), (answer, taken)
    assert taken >= answer["quantity"], (answer, taken)
    if answer["quantity"]:
        quote = await shop.quote(a_quote((answer["sku"], answer["quantity"]), hold_minutes=None), AGENT)
        assert sum(part.units for line in quote.lines for part in line.sourced) == answer["quantity"]
        (line,) = (await shop.ask(QUOTED, AGENT, id=quote.id))["quote"]["lines"]
        assert line["availability"] == {"quantity": answer["quantity"], "status": answer["status"]}
    expected = max([answer["quantity"], *(each["quantity"] for each in answer["future"])])
    assert taken >= expected or answer["sku"] in KITS, (answer, taken)


async def _agree_over(shop: Shop, random: Random, networks: int) -> None:
    day = Day(shop, random)
    await day.run(HISTORY)
    for _ in range(networks):
        await saved_rules(shop, rules(random))
        await day.go_on(HISTORY)
        await agree(shop)
    assert await shop.broken_laws() == []


@pytest.fixture(autouse=True)
def _load_is_read_each_time(monkeypatch):
    monkeypatch.setattr(availability, "LOAD_S", 0.0)


async def test_list_detail_basket_and_allocation_agree(shop, seed):
    await _agree_over(shop, Random(seed), NETWORKS)


@pytest.mark.soak
async def test_list_detail_basket_and_allocation_agree_over_many_networks(shop, seed):
    await _agree_over(shop, Random(seed), NETWORKS_IN_LARGE)
