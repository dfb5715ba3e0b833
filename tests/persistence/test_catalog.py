"""The catalog is kept: what goes in comes back, and an import writes what differs and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.access import Viewer
from domain.catalog import service
from domain.catalog.model import (
    Category,
    Channel,
    ChannelKind,
    Component,
    FulfillmentTrait,
    Imported,
    ImportProduct,
    ImportVariant,
    PaymentMethod,
    Product,
    ProductFilter,
    ProductStatus,
    VariantOption,
)
from domain.clock import SetClock
from domain.errors import ErrorCode, Refused
from domain.events import EventKind
from domain.money import Money
from domain.paging import Page
from persistence.catalog import SqlCatalog
from persistence.database import Database

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
MERCHANDISER = Viewer("mia")
WEB = Channel(
    code="web",
    name="Shop",
    kind=ChannelKind.WEB,
    currency="EUR",
    countries=("IT", "FR"),
    languages=("it", "fr"),
    prices_include_tax=True,
    payment_methods=(PaymentMethod.CARD, PaymentMethod.CASH),
    max_hold_minutes=20,
    remorse_minutes=5,
    incoterm="DDP",
)
POS = replace(WEB, code="pos", kind=ChannelKind.POS, active=False)
WOMEN = Category(code="women", names={"it": "Donna", "en": "Women"})
TOPS = Category(code="tops", names={"en": "Tops"}, parent_code="women")
TEES = Category(code="tees", names={"en": "T-shirts"}, parent_code="tops")
MEDIUM = ImportVariant(
    sku="TEE-M",
    gtin="4006381333931",
    names={"it": "Maglietta, M", "en": "T-shirt, M"},
    options=(VariantOption("color", "white"), VariantOption("size", "M")),
    prices={"web": 1990, "pos": 2190},
    cost=Money(610, "USD"),
    weight_grams=160,
    length_mm=300,
    width_mm=240,
    height_mm=20,
    tax_class="clothing",
    hs_code="610910",
    country_of_origin="PT",
    traits=frozenset({FulfillmentTrait.SHIP_ONLY, FulfillmentTrait.NON_RETURNABLE}),
    lead_time_days=3,
    launch_at=NOW,
)
LARGE = ImportVariant(sku="TEE-L", prices={"web": 1990})
TEE = ImportProduct(
    code="TEE",
    # Keys in an order that JSONB would not keep.
    names={"it": "Maglietta", "de": "T-Shirt", "en": "T-shirt"},
    descriptions={"it": "Di cotone.", "en": "Cotton."},
    brand="Marlenza",
    category_codes=("tees", "women"),
    tags=("organic", "bestseller"),
    attributes={"material": "cotton", "care": ["30", 40, {"z": 1, "a": None}], "fit": 1},
    image_url="https://example.com/tee.jpg",
    variants=(MEDIUM, LARGE),
)


class Counted:
    """A database that counts what is asked of it."""

    def __init__(self, statements) -> None:
        self._statements = statements
        self.is_sqlite = statements.is_sqlite
        self.count = self.writes = 0

    async def fetch(self, statement, parameters=None):
        self.count += 1
        return await self._statements.fetch(statement, parameters)

    async def run(self, statement, parameters=None):
        self.count += 1
        self.writes += parameters is None or isinstance(parameters, list)
        return await self._statements.run(statement, parameters)


class Work:
    """One transaction, as the catalog's services see it."""

    def __init__(self, statements, at: datetime) -> None:
        self.catalog = SqlCatalog(statements)
        self.clock = SetClock(at)
        self.events = []

    def record(self, event) -> None:
        self.events.append(event)


@pytest.fixture
async def database(migrated_database_url) -> AsyncIterator[Database]:
    """Two channels and three categories, and nothing to sell."""
    database = Database(migrated_database_url)
    async with database.transaction() as transaction:
        work = Work(transaction, NOW)
        for channel in (WEB, POS):
            await service.save_channel(work, channel, MERCHANDISER)
        await service.save_categories(work, [TEES, TOPS, WOMEN], MERCHANDISER)
    yield database
    await database.close()


async def imported(database: Database, *products: ImportProduct, at: datetime = NOW) -> Imported:
    async with database.transaction() as transaction:
        return await service.import_products(Work(transaction, at), products, MERCHANDISER)


async def listed(database: Database, **filter) -> list[str]:
    found = await SqlCatalog(database).products(ProductFilter(**filter), Page())
    return [edge.node.code for edge in found.edges]


def simple(code: str, *skus: str, **fields) -> ImportProduct:
    variants = tuple(ImportVariant(sku=sku, prices={"web": 1000}) for sku in skus)
    return replace(ImportProduct(code=code, names={"en": code}, variants=variants), **fields)


# ── Channels and categories ──


async def test_channels_come_back_as_they_were_saved_and_are_replaced_whole(database):
    catalog = SqlCatalog(database)

    await catalog.save_channel(replace(POS, payment_methods=(), name="Stores"))

    assert await catalog.channels() == [replace(POS, payment_methods=(), name="Stores"), WEB]
    assert await catalog.channels_by_code(["web", "none", "\0", "\ud83d"]) == {"web": WEB}


async def test_categories_come_back_as_they_were_saved_whatever_their_order(database):
    kept = await SqlCatalog(database).categories()

    assert kept == [TEES, TOPS, WOMEN]
    assert list(kept[-1].names) == ["it", "en"]


async def test_a_category_may_move_under_one_that_is_saved_with_it(database):
    async with database.transaction() as transaction:
        moved = replace(WOMEN, parent_code="all")
        await service.save_categories(
            Work(transaction, NOW), [moved, Category(code="all", names={"en": "All"})], MERCHANDISER
        )

    assert (await SqlCatalog(database).categories_by_code(["women"]))["women"] == moved


async def test_categories_that_would_lie_under_each_other_are_refused(database):
    async with database.transaction() as transaction:
        with pytest.raises(Refused) as refusal:
            await service.save_categories(Work(transaction, NOW), [replace(WOMEN, parent_code="tees")], MERCHANDISER)

    assert refusal.value.problems[0].path == ("categories", "0", "parent")


# ── Importing ──


async def test_a_product_comes_back_as_it_was_imported(database):
    await imported(database, TEE)

    catalog = SqlCatalog(database)
    product = (await catalog.products_by_code(["TEE"]))["TEE"]
    medium, large = (await catalog.variants_by_product(["TEE"]))["TEE"]
    assert product == Product(
        code=TEE.code,
        names=TEE.names,
        descriptions=TEE.descriptions,
        brand=TEE.brand,
        category_codes=TEE.category_codes,
        tags=TEE.tags,
        attributes=TEE.attributes,
        image_url=TEE.image_url,
        status=ProductStatus.ACTIVE,
        created_at=NOW,
        updated_at=NOW,
    )
    assert list(product.names) == ["it", "de", "en"]
    for field in set(ImportVariant.__slots__):
        assert getattr(medium, field) == getattr(MEDIUM, field), field
    assert (medium.product_code, medium.product_names) == ("TEE", TEE.names)
    assert (medium.product_status, large.sku, large.cost) == (ProductStatus.ACTIVE, "TEE-L", None)
    assert await catalog.variants_by_sku(["TEE-L", "none"]) == {"TEE-L": large}
    assert await catalog.variants_by_gtin(["4006381333931"]) == {"4006381333931": medium}


async def test_an_import_told_twice_changes_nothing(database):
    first = await imported(database, TEE)

    second = await imported(database, TEE, at=LATER)

    assert first == Imported(created=("TEE",))
    assert second == Imported(unchanged=1)
    assert (await SqlCatalog(database).products_by_code(["TEE"]))["TEE"].updated_at == NOW


@pytest.mark.parametrize(
    "changed",
    [
        replace(TEE, brand=None),
        replace(TEE, names={"en": "T-shirt", "it": "Maglietta", "de": "T-Shirt"}),
        replace(TEE, attributes={**TEE.attributes, "fit": True}),
        replace(TEE, category_codes=("women", "tees")),
        replace(TEE, category_codes=("tees",)),
        replace(TEE, tags=("bestseller", "organic")),
        replace(TEE, status=ProductStatus.ARCHIVED),
        replace(TEE, variants=(LARGE, MEDIUM)),
        replace(TEE, variants=(MEDIUM, replace(LARGE, prices={"web": 1991}))),
        replace(TEE, variants=(replace(MEDIUM, prices={"web": 1990}), LARGE)),
        replace(TEE, variants=(MEDIUM, replace(LARGE, components=(Component("TEE-M", 2),)))),
        replace(TEE, variants=(replace(MEDIUM, launch_at=LATER), LARGE)),
        replace(TEE, variants=(MEDIUM, LARGE, ImportVariant(sku="TEE-S"))),
    ],
)
async def test_whatever_differs_is_an_update_and_is_kept(database, changed):
    await imported(database, TEE, simple("CAP", "CAP-1"))

    result = await imported(database, changed, simple("CAP", "CAP-1"), at=LATER)

    assert result == Imported(updated=("TEE",), unchanged=1)
    assert await imported(database, changed) == Imported(unchanged=1)
    product = (await SqlCatalog(database).products_by_code(["TEE"]))["TEE"]
    assert (product.created_at, product.updated_at) == (NOW, LATER)


async def test_variants_that_are_not_listed_stay_and_are_found(database):
    await imported(database, TEE)

    result = await imported(database, replace(TEE, variants=(MEDIUM,)))

    assert result == Imported(unchanged=1)
    assert [one.sku for one in (await SqlCatalog(database).variants_by_product(["TEE"]))["TEE"]] == ["TEE-M", "TEE-L"]
    assert await listed(database, words=("tee-l",)) == ["TEE"]


async def test_one_wrong_product_keeps_the_whole_import_out(database):
    with pytest.raises(Refused) as refusal:
        await imported(database, TEE, simple("CAP", "TEE-M"))

    assert [problem.path for problem in refusal.value.problems] == [("products", "1", "variants", "0", "sku")]
    assert await SqlCatalog(database).products_by_code(["TEE", "CAP"]) == {}


async def test_text_that_no_database_keeps_is_refused_and_not_a_fault(database):
    variant = replace(MEDIUM, sku="A\0", gtin="\ud83d", components=(Component("\0", 1),), prices={"\0": 1})

    with pytest.raises(Refused) as refusal:
        await imported(database, replace(TEE, code="\ud83d", category_codes=("\0",), variants=(variant,)))

    assert {problem.path[-1] for problem in refusal.value.problems} >= {"code", "sku", "gtin", "channel"}


async def test_a_kit_is_made_up_of_what_is_stated_with_it_or_was_there(database):
    await imported(database, TEE)
    kit = ImportVariant(sku="SET", components=(Component("CAP-1", 1), Component("TEE-M", 2)))

    await imported(database, simple("SET", variants=(kit,)), simple("CAP", "CAP-1"))

    assert (await SqlCatalog(database).variants_by_sku(["SET"]))["SET"].components == kit.components
    with pytest.raises(Refused) as refusal:
        await imported(database, replace(TEE, variants=(replace(MEDIUM, components=(Component("TEE-L", 1),)),)))
    assert refusal.value.problems[0].code is ErrorCode.INVALID


async def test_an_import_says_what_happened_once(database):
    async with database.transaction() as transaction:
        work = Work(transaction, NOW)
        await service.import_products(work, [TEE], MERCHANDISER)
        await service.import_products(work, [TEE], MERCHANDISER)

    (event,) = work.events
    assert (event.kind, event.actor, event.at) == (EventKind.PRODUCTS_IMPORTED, "mia", NOW)
    assert event.data == {"created": 1, "updated": 0, "unchanged": 0, "codes": ["TEE"]}


async def test_an_import_of_many_takes_as_many_statements_as_of_one(database):
    counts = []
    for times in (1, 100):
        products = [
            simple(f"P{times}-{n}", f"A{times}-{n}", f"B{times}-{n}", category_codes=("tees",)) for n in range(times)
        ]
        async with database.transaction() as transaction:
            counted = Counted(transaction)
            await service.import_products(Work(counted, NOW), products, MERCHANDISER)
            counts.append(counted.count)

    assert counts[0] == counts[1]


async def test_an_import_that_changes_nothing_writes_nothing(database):
    await imported(database, TEE)

    async with database.transaction() as transaction:
        counted = Counted(transaction)
        await service.import_products(Work(counted, LATER), [TEE], MERCHANDISER)

    assert counted.writes == 0


async def test_parallel_imports_of_one_product_make_it_once(database):
    results = await asyncio.gather(*(imported(database, TEE) for _ in range(5)))

    assert sorted(len(result.created) for result in results) == [0, 0, 0, 0, 1]


# ── Finding ──


async def test_products_are_found_by_words_in_names_brand_tags_and_skus(database):
    other = simple("CAP", "CAP-100%", names={"en": "Straße_cap"}, status=ProductStatus.DRAFT)
    await imported(database, TEE, other)

    assert await listed(database) == ["CAP", "TEE"]
    assert await listed(database, words=("magliet", "marlenza", "organic", "tee-l")) == ["TEE"]
    assert await listed(database, words=("magliet", "cap")) == []
    assert await listed(database, words=("strasse",)) == ["CAP"]
    assert await listed(database, words=("100%",)) == ["CAP"]
    assert await listed(database, words=("a_l",)) == []
    assert await listed(database, words=("\0",)) == []
    assert await listed(database, statuses=frozenset({ProductStatus.DRAFT})) == ["CAP"]
    assert await listed(database, brands=("Gralto", "Marlenza")) == ["TEE"]
    assert await listed(database, tags=("bestseller", "none")) == ["TEE"]
    assert await listed(database, tags=()) == []


async def test_products_of_a_category_are_those_of_all_under_it_too(database):
    await imported(database, simple("A", category_codes=("tees",)), simple("B", category_codes=("women",)), simple("C"))

    assert await listed(database, categories=("women",)) == ["A", "B"]
    assert await listed(database, categories=("tops",)) == ["A"]
    assert await listed(database, categories=("hats",)) == []


async def test_a_category_that_lies_under_itself_ends_no_search(database):
    await SqlCatalog(database).save_categories([replace(WOMEN, parent_code="tees")])

    assert await listed(database, categories=("women",)) == []
