"""A server killed while quotes are taken up: the stock of each is held, allocated or free, and never two of them."""

import asyncio
import random
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.factories import key
from tests.journeys.steps import HOME, PLACE, basket
from tests.running import serving
from tests.shop import a_shop

BUYERS = 4
ORDERS_EACH = 6
QUOTE = """
mutation ($input: QuoteInput!) { createQuote(input: $input) { quote { id } userErrors { code path message } } }
"""


def quoted():
    lines = [{"sku": "A", "quantity": 2}]
    return {"idempotencyKey": key(), "channel": "web", "lines": lines, "fulfillment": HOME, "holdMinutes": 10}


@dataclass
class Buyer:
    """Holds stock, then buys it; sends each step under its key until it is answered."""

    wanted: list = field(default_factory=lambda: [(quoted(), basket()) for _ in range(ORDERS_EACH)])
    orders: list = field(default_factory=list)

    async def buy(self, caller, heard: asyncio.Semaphore) -> None:
        """Until all are bought, or the server is gone; each answer is heard."""
        for quote, order in self.wanted[len(self.orders) :]:
            try:
                held = (await caller.ask(QUOTE, input=quote))["createQuote"]
                assert held["userErrors"] == []
                heard.release()
                taking = {**order, "lines": None, "fulfillment": None, "quoteId": held["quote"]["id"]}
                placed = (await caller.ask(PLACE, input=taking))["placeOrder"]
            except httpx2.HTTPError:
                return
            assert placed["userErrors"] == []
            self.orders.append(placed["order"]["id"])
            heard.release()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.soak)])
async def test_a_server_killed_while_quotes_are_taken_up_holds_no_unit_twice_and_loses_none(
    migrated_database_url, tmp_path, seed, kills
):
    drawn = random.Random(seed)
    buyers = [Buyer() for _ in range(BUYERS)]
    async with a_shop(migrated_database_url) as shop:
        await shop.stock(milan={"A": 10_000})
        for _ in range(kills):
            heard = asyncio.Semaphore(0)
            async with serving(tmp_path, database_url=migrated_database_url) as (server, running):
                buying = [asyncio.create_task(buyer.buy(server.anybody, heard)) for buyer in buyers]
                left = sum(len(buyer.wanted) - len(buyer.orders) for buyer in buyers)
                for _ in range(drawn.randrange(1, max(2, left))):
                    await heard.acquire()
                await running.kill()  # As one answer comes, with the others' quotes and orders under way.
                await asyncio.gather(*buying)
            level = await shop.level("A", "milan")
            assert level.allocated == 2 * await shop.count("orders")
            assert level.reserved == 2 * await shop.count("stock_reservations WHERE units = 2")
            assert await shop.broken_laws() == []
            for buyer in buyers:
                if len(buyer.orders) == len(buyer.wanted):
                    buyer.wanted += [(quoted(), basket())]

        async with serving(tmp_path, database_url=migrated_database_url) as (server, _):
            await asyncio.gather(*(buyer.buy(server.anybody, heard) for buyer in buyers))

        bought = {order for buyer in buyers for order in buyer.orders}
        level = await shop.level("A", "milan")
        assert len(bought) == await shop.count("orders") == sum(len(buyer.wanted) for buyer in buyers)
        assert (level.allocated, level.reserved) == (2 * len(bought), 0)
        assert await shop.broken_laws() == []
