"""A merchandiser's change, a shopper's hold and an order, seen by those who follow in another process."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from domain.access import Role
from tests.factories import key
from tests.journeys.steps import Guest
from tests.running import serving
from tests.shop import a_shop

FOLLOW = """
subscription ($after: String) { availabilityChanged(channel: "web", skus: ["A"], after: $after) {
  cursor availability { status quantity } } }
"""
ASK = 'query { availability(skus: ["A"], channel: "web") { quantity } }'
SAVE = """
mutation ($rules: AvailabilityRulesInput!) {
  saveAvailabilityView(input: { code: "on-hand", name: "On hand", rules: $rules }) {
    view { version } userErrors { message } } }
"""
QUOTE = """
mutation ($key: String!, $units: Int!) {
  createQuote(input: {
      idempotencyKey: $key, channel: "web", lines: [{ sku: "A", quantity: $units }], holdMinutes: 5
      fulfillment: { delivery: { address: { line1: "Via Roma 1", city: "Milano", country: "IT" } } } }) {
    quote { id heldUntil } userErrors { message } } }
"""
PLACE = """
mutation ($key: String!, $quote: ID!) {
  placeOrder(input: { idempotencyKey: $key, channel: "web", quoteId: $quote, email: "ada@example.com"
                      payments: [{ method: CARD, token: "ok" }] }) {
    order { id } userErrors { message } } }
"""


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("migrated_database_url", ["postgresql"], indirect=True)
async def test_what_one_process_changes_another_answers_and_tells_at_once(migrated_database_url, redis_url, tmp_path):
    settings = {"database_url": migrated_database_url, "redis_url": redis_url}
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(a_shop(migrated_database_url))
        await shop.stock(milan={"A": 20})
        (one, _), (other, _) = await asyncio.gather(
            *(stack.enter_async_context(serving(tmp_path, **settings)) for _ in range(2))
        )
        told = await stack.enter_async_context(other.anybody.follow(FOLLOW))
        merchandiser = one.caller(Role.MERCHANDISER)

        async def next_quantity() -> int:
            (change,) = await told.until(lambda _: True)
            return change["availability"]["quantity"]

        async def answered() -> int:
            return (await other.anybody.ask(ASK))["availability"][0]["quantity"]

        assert await next_quantity() == 20
        await merchandiser.do(SAVE, rules={"keepBack": [{"reason": "display", "units": 5}]})
        assert (await answered(), await next_quantity()) == (15, 15)
        held = await one.anybody.do(QUOTE, key=key(), units=6)
        assert (await answered(), await next_quantity()) == (9, 9)
        await one.anybody.do(PLACE, key=key(), quote=held["quote"]["id"])
        await Guest.placing(one, ("A", 9))
        assert (await answered(), await next_quantity()) == (0, 0)
        assert await shop.broken_laws() == []
