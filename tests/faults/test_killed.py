"""A server killed in the middle of its work: what it confirmed is there, what it did not is whole or absent."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
import pytest

from persistence.jobs import LEASE
from tests.journeys.steps import PLACE, basket
from tests.running import serving
from tests.shop import a_shop

BUYERS = 6
ORDERS_EACH = 8
STOCK = 10_000


@dataclass
class Buyer:
    """Sends one order after the other, each under its key until it is answered: as a shop's checkout does."""

    baskets: list
    confirmed: dict = field(default_factory=dict)
    sent: int = 0

    async def buy(self, caller, heard: asyncio.Semaphore) -> None:
        """Until all are confirmed, or the server is gone; each confirmation is heard."""
        for each in self.baskets[len(self.confirmed) :]:
            self.sent += 1
            try:
                payload = (await caller.ask(PLACE, input=each))["placeOrder"]
            except httpx2.HTTPError:
                return
            assert payload["userErrors"] == []
            self.confirmed[each["idempotencyKey"]] = payload["order"]["id"]
            heard.release()


@pytest.mark.parametrize("kills", [1, pytest.param(15, marks=pytest.mark.soak)])
async def test_a_server_killed_while_orders_are_placed_loses_none_and_makes_none_twice(
    migrated_database_url, tmp_path, seed, kills
):
    drawn = random.Random(seed)
    buyers = [Buyer([basket(("A", 1)) for _ in range(ORDERS_EACH * kills)]) for _ in range(BUYERS)]
    async with a_shop(migrated_database_url) as shop:
        await shop.stock(milan={"A": STOCK})
        for kill in range(kills):
            wanted = BUYERS * ORDERS_EACH * kill + drawn.randrange(1, BUYERS * (ORDERS_EACH - 1))
            heard = asyncio.Semaphore(0)
            async with serving(tmp_path, database_url=migrated_database_url) as (server, running):
                buying = [asyncio.create_task(buyer.buy(server.anybody, heard)) for buyer in buyers]
                for _ in range(wanted - sum(len(buyer.confirmed) for buyer in buyers)):
                    await heard.acquire()
                await running.kill()  # As one answer comes, with the others' orders under way.
                await asyncio.gather(*buying)
            await _whole_or_absent(shop, buyers)

        async with serving(tmp_path, database_url=migrated_database_url) as (server, _):
            await asyncio.gather(*(buyer.buy(server.anybody, heard) for buyer in buyers))

        shop.clock.set(datetime.now(UTC) + LEASE)  # What the dead were doing is free to be done.
        await shop.run_jobs()
        orders = BUYERS * ORDERS_EACH * kills
        confirmed = {order for buyer in buyers for order in buyer.confirmed.values()}
        assert len(confirmed) == await shop.count("orders") == orders
        assert await shop.count("payment_transactions") == orders
        assert await shop.count("fulfillment_orders") == orders
        assert (await shop.level("A", "milan")).allocated == orders
        assert await shop.broken_laws() == []


async def _whole_or_absent(shop, buyers) -> None:
    """No more orders than were sent, and all that were confirmed; each with its stock, its money and its key."""
    sent = sum(buyer.sent for buyer in buyers)
    confirmed = [order for buyer in buyers for order in buyer.confirmed.values()]
    orders = await shop.count("orders")
    assert len(confirmed) <= orders <= sent
    for order_id in confirmed:
        assert (await shop.order(order_id)).id == order_id
    assert await shop.count("payment_transactions") == await shop.count("idempotency_keys") == orders
    assert (await shop.level("A", "milan")).allocated == orders
    assert await shop.broken_laws() == []
