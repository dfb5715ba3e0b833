"""A payer with a step to take, over HTTP: the page the order's nextAction leads to."""

import pytest

from domain.orders.model import OrderStatus
from tests.factories import an_order


async def waiting_order(shop):
    await shop.stock(milan={"A": 5})
    order_id = (await shop.place(an_order(("A", 1), token="action-required"))).order_id
    (payment,) = (await shop.world.reads.payments.by_order([order_id]))[order_id]
    return order_id, payment.next_action.redirect_url


@pytest.mark.parametrize(("answer", "status"), [("approve", OrderStatus.CONFIRMED), ("decline", OrderStatus.CANCELED)])
async def test_the_payer_approves_or_declines_and_the_order_goes_on_or_ends(shop, answer, status):
    order_id, url = await waiting_order(shop)
    async with shop.http() as client:
        page = await client.get(url)
        answered = await client.post(url, data={"answer": answer})
        again = await client.post(url, data={"answer": "approve"})

    assert "15.00 EUR" in page.text
    assert (answered.status_code, again.status_code) == (200, 200)
    assert (await shop.order(order_id)).status is status


async def test_a_link_with_another_proof_finds_nothing(shop):
    order_id, url = await waiting_order(shop)
    async with shop.http() as client:
        forged = await client.post(url.split("?")[0] + "?proof=00", data={"answer": "approve"})

    assert forged.status_code == 404
    assert (await shop.order(order_id)).status is OrderStatus.PENDING
