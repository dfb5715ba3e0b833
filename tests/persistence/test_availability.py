"""What a process remembers of the catalog is never older than the question, whoever wrote, in whatever process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from random import Random
from types import SimpleNamespace

import pytest
from sqlalchemy import delete, insert, select, text, update

from domain.access import SYSTEM
from domain.availability.model import Availability, Question
from domain.availability.service import answers, save_availability_view
from domain.availability.views import ON_HAND, AvailabilityRules, KeepBackRule, SaveAvailabilityView, SupplyRule
from domain.catalog.model import ProductStatus
from persistence import availability
from persistence.availability import SqlAvailability
from persistence.tables.availability import REVISIONS, VIEWS
from persistence.tables.catalog import (
    ASSIGNED,
    CATEGORIES,
    CHANNELS,
    COMPONENTS,
    GENERATION,
    PRICES,
    PRODUCTS,
    VARIANTS,
)
from persistence.tables.inventory import LOCATIONS
from persistence.unit_of_work import SqlUnitOfWork
from tests.factories import NOW, a_channel, a_count, a_location, a_product
from tests.shop import Shop, a_shop

SKUS = ["A", "B", "C", "KIT", "NEW"]
PLACES = ["milan", "rome", "turin"]
RANDOM_WRITES = 60
WRITTEN = 25
READERS = 6

Write = Callable[[SqlUnitOfWork], Awaitable[object]]


@pytest.fixture
async def other(migrated_database_url, shop):
    """Another process on the same database; A, B and C in Milan and Rome, and KIT of an A and two of B."""
    await shop.stock(milan={"A": 4, "B": 7, "C": 1}, rome={"A": 2, "B": 3, "C": 9})
    async with a_shop(migrated_database_url) as opened:
        await _written(opened, _imported(a_product("KIT", components={"A": 1, "B": 2})))
        yield opened


async def _written(shop: Shop, write: Write) -> None:
    async with shop.world.work() as work:
        await write(work)


def _imported(product) -> Write:
    return lambda work: work.catalog.import_products([product], NOW)


async def _told(of: SqlAvailability) -> object:
    """All that is told of all SKUs, with the reasons."""
    found = await answers(SimpleNamespace(availability=of), Question(channel="web"), SKUS, NOW)
    return {sku: (answer, answer.explain()) for sku, answer in found.items()}


async def _remembered(shop: Shop) -> object:
    return await _told(shop.world.reads.availability)


async def _afresh(shop: Shop) -> object:
    reads = shop.world.reads
    return await _told(SqlAvailability(shop.world.database, reads, shop.clock))


# ── After every kind of write ──


def _without_prices(sku: str):
    product = a_product(sku)
    return replace(product, variants=(replace(product.variants[0], prices={}),))


async def _opened(work: SqlUnitOfWork) -> None:
    await work.inventory.save_location(a_location("turin"))
    await work.inventory.move([a_count("A", "turin", 3)])


async def _kept_back(work: SqlUnitOfWork) -> None:
    rules = AvailabilityRules(keep_back=(KeepBackRule(reason="on display", units=1),))
    await save_availability_view(work, SaveAvailabilityView(code=ON_HAND, name="On hand", rules=rules), SYSTEM)


WRITES: dict[str, Write] = {
    "a price": _imported(a_product("A", price=999)),
    "a price that goes": _imported(_without_prices("A")),
    "a product's status": _imported(replace(a_product("B"), status=ProductStatus.ARCHIVED)),
    "a launch": _imported(a_product("C", launch_at=NOW + timedelta(days=1))),
    "a kit's components": _imported(a_product("KIT", components={"C": 1})),
    "a new variant": _imported(a_product("NEW")),
    "a name": _imported(replace(a_product("A"), names={"en": "Another"})),
    "a place that closes": lambda work: work.inventory.save_location(a_location("milan", active=False)),
    "a place's name": lambda work: work.inventory.save_location(a_location("rome", name="Roma")),
    "stock": lambda work: work.inventory.move([a_count("A", "milan", 5)]),
    "stock at a new place": _opened,
    "a view": _kept_back,
}


@pytest.mark.parametrize("what", WRITES)
async def test_what_one_process_wrote_the_other_tells_at_once(shop, other, what):
    before = await _remembered(shop)

    await _written(other, WRITES[what])

    after = await _remembered(shop)
    assert after != before
    assert after == await _afresh(shop) == await _remembered(other)


async def test_a_channel_is_known_as_soon_as_it_is_saved(shop, other):
    await _remembered(shop)

    await _written(other, lambda work: work.catalog.save_channel(a_channel("app")))

    assert "app" in (await shop.world.reads.availability.goods([])).channels


async def test_what_is_not_committed_is_not_told_and_what_is_rolled_back_never(shop, other):
    before = await _remembered(shop)

    async def fail(work: SqlUnitOfWork) -> None:
        await work.catalog.import_products([a_product("NEW")], NOW)
        assert await _remembered(shop) == before
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        await _written(other, fail)

    assert await _remembered(shop) == before == await _afresh(shop)


async def test_more_variants_than_are_remembered_are_answered_all_the_same(shop, other, monkeypatch):
    monkeypatch.setattr(availability, "VARIANTS_MAX", 2)

    assert await _remembered(shop) == await _remembered(shop) == await _afresh(shop)


async def test_what_can_be_no_sku_is_neither_asked_nor_remembered(shop, other):
    found = await shop.world.reads.availability.goods(["A", "A", "\0", "\ud800", "A" * 65])

    assert list(found.variants) == ["A"]


# ── Whoever writes, by whatever statement ──

BY_HAND = {
    "a category inserted": insert(CATEGORIES).values(code="new", names={}),
    "a product put in a category": insert(ASSIGNED).values(product_code="A", category_code="new", position=0),
    "a product's place changed": update(ASSIGNED).values(position=1),
    "a product taken out of a category": delete(ASSIGNED),
    "categories changed": update(CATEGORIES).values(parent_code=None),
    "a category deleted": delete(CATEGORIES).where(CATEGORIES.c.code == "new"),
    "a view inserted": insert(VIEWS).values(code="new", version=1),
    "views changed": update(VIEWS).where(VIEWS.c.code == "new").values(version=2),
    "a view deleted": delete(VIEWS).where(VIEWS.c.code == "new"),
    "revisions changed": update(REVISIONS).values(name="Another"),
    "a channel inserted": text(
        "INSERT INTO channels SELECT 'app', name, kind, currency, countries, languages, prices_include_tax, active,"
        " payment_methods, max_hold_minutes, remorse_minutes, incoterm, availability_view, shows_quantities"
        " FROM channels WHERE code = 'spare'"
    ),
    "channels changed": update(CHANNELS).values(name="Anything"),
    "a channel deleted": delete(CHANNELS).where(CHANNELS.c.code == "app"),
    "locations changed": update(LOCATIONS).values(active=False),
    "a location deleted": delete(LOCATIONS).where(LOCATIONS.c.code == "spare"),
    "products changed": update(PRODUCTS).values(status="DRAFT"),
    "variants changed": update(VARIANTS).values(names={}),
    "a component inserted": insert(COMPONENTS).values(kit_sku="KIT", sku="C", quantity=1, position=3),
    "components changed": update(COMPONENTS).values(quantity=3),
    "components deleted": delete(COMPONENTS),
    "a price inserted": insert(PRICES).values(sku="A", channel_code="spare", amount_minor=1),
    "prices changed": update(PRICES).values(amount_minor=2),
    "prices deleted": delete(PRICES),
    "a variant deleted": delete(VARIANTS).where(VARIANTS.c.sku == "SPARE"),
    "a product deleted": delete(PRODUCTS).where(PRODUCTS.c.code == "SPARE"),
}


async def _generation(shop: Shop) -> int:
    ((number,),) = await shop.world.database.fetch(select(GENERATION.c.number))
    return int(number)


async def test_every_write_to_what_is_remembered_ends_the_generation_and_others_do_not(shop, other):
    await _written(other, lambda work: work.catalog.save_channel(a_channel("spare")))
    await _written(other, lambda work: work.inventory.save_location(a_location("spare")))
    await _written(other, _imported(a_product("SPARE")))

    seen = [await _generation(shop)]
    emptying = {} if shop.world.database.is_sqlite else {"a table emptied": text("TRUNCATE kit_components")}
    for what, statement in (BY_HAND | emptying).items():
        await other.world.database.run(statement)
        seen.append(await _generation(shop))
        assert len(set(seen)) == len(seen), what

    await _written(other, lambda work: work.inventory.move([a_count("A", "milan", 5)]))
    assert await _generation(shop) == seen[-1]


# ── Random writes, and writes while others read ──


def _random_write(random: Random) -> Write:
    sku, place = random.choice(SKUS), random.choice(PLACES)
    parts = {part: random.randint(1, 2) for part in random.sample(["A", "B", "C"], random.randint(1, 3))}
    launch_at = random.choice([None, None, NOW, NOW + timedelta(days=1)])
    product = a_product(
        sku, price=random.randint(1, 9), components=parts if sku == "KIT" else None, launch_at=launch_at
    )
    product = replace(product, status=random.choice([ProductStatus.ACTIVE, *ProductStatus]))

    async def moved(work: SqlUnitOfWork) -> None:
        await work.inventory.save_location(a_location(place))
        await work.inventory.move([a_count(random.choice(["A", "B", "C"]), place, random.randint(1, 5))])

    return random.choice(
        [
            _imported(product),
            _imported(product),
            moved,
            lambda work: work.inventory.save_location(a_location(place, active=random.random() < 0.5)),
        ]
    )


async def test_after_random_writes_in_two_processes_both_tell_what_is_read_afresh(shop, other, seed):
    random = Random(seed)
    for _ in range(RANDOM_WRITES):
        await _written(random.choice([shop, other]), _random_write(random))
        await asyncio.gather(*(_remembered(random.choice([shop, other])) for _ in range(random.randint(0, 2))))

        assert await _remembered(shop) == await _remembered(other) == await _afresh(shop)


async def _priced(shop: Shop, number: int) -> None:
    await _written(shop, _imported(a_product("A", price=1_000 + number)))


async def _counted(shop: Shop, _number: int) -> None:
    await _written(shop, lambda work: work.inventory.move([a_count("A", "milan", 1)]))


async def _viewed(shop: Shop, number: int) -> None:
    await shop.sell_through(supply=SupplyRule(backorder_limit=number))


async def _ordered(shop: Shop, number: int) -> None:
    await shop.expect("A", "milan", number, days=2)


# What makes a figure of A one more each time, and the figure.
RISING: dict[str, tuple[Callable[[Shop, int], Awaitable[None]], Callable[[Availability], int]]] = {
    "a price": (_priced, lambda answer: answer.variant.prices["web"]),
    "stock": (_counted, lambda answer: answer.units),
    "a view": (_viewed, lambda answer: answer.orderable),
    "supply": (_ordered, lambda answer: answer.orderable),
}


@pytest.mark.parametrize("what", RISING)
async def test_while_it_is_written_in_one_process_nobody_is_told_what_is_older_than_their_question(shop, other, what):
    write, figure = RISING[what]
    committed, done = 0, False
    asked = count()

    async def told(by: Shop) -> int:
        found = await answers(by.world.reads, Question(channel="web"), ["A", "KIT"], NOW)
        return figure(found["A"])

    async def keep_writing() -> None:
        nonlocal committed, done
        for number in range(1, WRITTEN + 1):
            await write(other, number)
            committed = number
        done = True

    async def keep_asking(by: Shop) -> None:
        while not done:
            least = committed
            assert await told(by) >= before + least
            next(asked)

    await other.sell_through(supply=SupplyRule(on_order=True))
    before = await told(shop)
    await asyncio.gather(keep_writing(), *(keep_asking(by) for by in (shop, other) for _ in range(READERS)))

    assert await told(shop) == await told(other) == before + WRITTEN
    assert next(asked) > WRITTEN
