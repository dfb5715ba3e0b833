"""The last units of a running shop, and many who want them at the same moment."""

import asyncio

import pytest

from tests.journeys.steps import PLACE, basket

UNITS = 10


@pytest.mark.parametrize("buyers", [64, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_of_many_buyers_at_one_moment_exactly_as_many_get_an_order_as_there_are_units(served, buyers):
    shop, anybody, sku = served.shop, served.server.anybody, f"LAST-{buyers}"
    await shop.stock(lastplace={sku: UNITS})

    answers = await asyncio.gather(*(anybody.ask(PLACE, input=basket((sku, 1))) for _ in range(buyers)))

    payloads = [answer["placeOrder"] for answer in answers]
    placed = {payload["order"]["id"] for payload in payloads if payload["order"]}
    refusals = {error["code"] for payload in payloads for error in payload["userErrors"]}
    level = await shop.level(sku, "lastplace")
    assert (len(placed), refusals) == (UNITS, {"INSUFFICIENT_STOCK"})
    assert (level.on_hand, level.allocated, level.available) == (UNITS, UNITS, 0)
    assert await shop.broken_laws() == []
