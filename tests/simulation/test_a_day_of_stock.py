"""A random day of stock traffic: whatever comes in whatever order, every law holds and every answer can be believed."""

from random import Random

import pytest

from persistence import availability
from tests.shop import a_shop
from tests.simulation.day import WEIGHTS, Day

IN_SMALL, IN_LARGE = 150, 20_000


@pytest.fixture(autouse=True)
def _load_is_read_each_time(monkeypatch):
    """So that answers can be compared to the unit."""
    monkeypatch.setattr(availability, "LOAD_S", 0.0)


async def test_after_a_random_day_every_law_holds(shop, seed):
    day = Day(shop, Random(seed))

    await day.run(IN_SMALL)

    assert await shop.broken_laws() == []
    assert day.done["place"] > 0, (day.done, day.refused)


@pytest.mark.soak
async def test_after_a_long_random_day_every_law_holds(migrated_database_url, seed):
    async with a_shop(migrated_database_url, is_alone=True) as shop:
        day = Day(shop, Random(seed))

        await day.run(IN_LARGE)

        assert await shop.broken_laws() == []
        assert set(day.done) == set(WEIGHTS)
