"""Supply is kept once under its reference, SKU and destination, and told soonest first until it is all there."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from domain.inventory.model import InboundSupply, InboundSupplyKind, InboundSupplyStatus
from tests.factories import NOW

ON_ORDER, RECEIVED = InboundSupplyStatus.ON_ORDER, InboundSupplyStatus.RECEIVED


def a_supply(id, sku="A", destination="milan", *, days=9, reference=None, **changes):
    values = {
        "id": id,
        "reference": reference or id,
        "kind": InboundSupplyKind.PURCHASE_ORDER,
        "sku": sku,
        "destination": destination,
        "origin": None,
        "ordered": 10,
        "received": 0,
        "allocated": 0,
        "expected_at": NOW + timedelta(days=days),
        "status": ON_ORDER,
    }
    return InboundSupply(**{**values, **changes})


async def opened(shop, *supply):
    async with shop.world.work() as work:
        return await work.supply.open(supply)


async def test_supply_comes_back_as_it_went_in_soonest_first_while_it_is_on_its_way(shop):
    await shop.stock(milan={"A": 0, "B": 0}, rome={"A": 0})
    late, soon = a_supply("sup_1", days=9), a_supply("sup_2", days=1, origin="rome", received=3)
    rome, other = a_supply("sup_3", destination="rome", days=2), a_supply("sup_4", "B")
    done = a_supply("sup_5", status=RECEIVED, received=10)

    await opened(shop, late, soon, rome, other, done, a_supply("sup_6", status=InboundSupplyStatus.CANCELED))

    supply = shop.world.reads.supply
    assert await supply.by_level([("A", "milan"), ("B", "rome")]) == {("A", "milan"): [soon, late]}
    assert await supply.due(["A", "B"]) == [soon, rome, late, other]
    assert await supply.due(["A"], ["rome"]) == [rome]
    assert await supply.by_id(["sup_5", "sup_9"]) == {"sup_5": done}


async def test_supply_announced_by_two_at_once_is_there_once_and_the_second_learns_of_the_first(shop):
    await shop.stock(milan={"A": 0, "B": 0})
    there = [a_supply(f"sup_{n}", reference="PO 1") for n in range(6)]

    answers = await asyncio.gather(
        *(opened(shop, each, a_supply(f"sup_b{n}", "B", reference="PO 1")) for n, each in enumerate(there))
    )

    (first,) = await shop.world.reads.supply.due(["A"])
    assert sorted(len(answer) for answer in answers) == [0, 2, 2, 2, 2, 2]
    assert all(answer[first.key] == first for answer in answers if answer)


async def test_changing_many_lines_of_supply_takes_one_statement(shop):
    await shop.stock(milan={"A": 0})
    supply = [a_supply(f"sup_{n:03}") for n in range(300)]
    await opened(shop, *supply)
    changed = [replace(each, expected_at=NOW, ordered=12, received=12, status=RECEIVED) for each in supply]

    async with shop.world.work() as work:
        with shop.counting_statements() as run:
            await work.supply.update(changed)

    assert len(run) == 1
    assert list((await shop.world.reads.supply.by_id(["sup_000", "sup_299"])).values()) == [changed[0], changed[299]]
