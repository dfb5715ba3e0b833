"""The catalog through GraphQL: who sees what, in which language, and in how many statements."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from domain.access import ANONYMOUS, SCOPES, Role, Viewer
from domain.clock import SetClock
from persistence.availability import SqlAvailability
from persistence.catalog import SqlCatalog
from persistence.database import Database
from persistence.inventory import SqlInventory
from persistence.promising import SqlPromising
from persistence.views import SqlViews
from resolvers.context import Context
from schema.catalog import CatalogMutations, CatalogQueries
from schema.common import InputError
from schema.promising import PromisingMutations, PromisingQueries
from schema.scalars import SCALARS
from tests.factories import WEB

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
ADMIN = Viewer("ada", frozenset({Role.ADMIN}), SCOPES[Role.ADMIN])


@strawberry.type
class Query(CatalogQueries, PromisingQueries):
    pass


@strawberry.type
class Mutation(CatalogMutations, PromisingMutations):
    pass


SCHEMA = strawberry.Schema(Query, Mutation, types=[InputError], config=StrawberryConfig(scalar_map=SCALARS))

SAVE_CHANNEL = """mutation($input: ChannelInput!) {
  saveChannel(input: $input) { channel { id code } userErrors { code path } } }"""

SAVE_CATEGORIES = """mutation($categories: [CategoryInput!]!) {
  saveCategories(categories: $categories) { categories { id } userErrors { code path } } }"""
IMPORT = """mutation($products: [ProductImportInput!]!) {
  importProducts(products: $products) { created updated unchanged userErrors { code path message } } }"""
SAVE_METHOD = """mutation($input: ShippingMethodInput!) {
  saveShippingMethod(input: $input) { method { id name(language: "it") active rates { price { amount } } }
    userErrors { code path } } }"""
TOKYO = WEB | {"code": "tokyo", "currency": "JPY", "countries": ["JP"], "languages": ["ja"]}
METHOD = {
    "code": "standard",
    "name": [{"language": "en", "text": "Standard"}, {"language": "it", "text": "Normale"}],
    "carrier": "carovia",
    "serviceLevel": "STANDARD",
    "countries": ["IT", "FR"],
    "rates": [
        {"countries": [], "price": {"amount": "4.90", "currency": "EUR"}, "minTransitDays": 1, "maxTransitDays": 3}
    ],
}


class Counted:
    """A database that counts what is asked of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_sqlite = database.is_sqlite
        self.count = 0

    async def fetch(self, statement, parameters=None):
        self.count += 1
        return await self._database.fetch(statement, parameters)

    async def fetch_directly(self, statement, parameters=None):
        self.count += 1
        return await self._database.fetch_directly(statement, parameters)


class Shop:
    """A catalog behind GraphQL; `statements` counts those of the last question."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock(NOW)
        self.statements = 0

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SimpleNamespace]:
        async with self.database.transaction() as transaction:
            yield SimpleNamespace(
                catalog=SqlCatalog(transaction),
                promising=SqlPromising(transaction),
                views=SqlViews(transaction, self.clock),
                clock=self.clock,
                record=lambda event: None,
            )

    async def ask(self, query: str, viewer: Viewer = ANONYMOUS, language: str | None = None, **variables):
        counted = Counted(self.database)
        self.reads = SimpleNamespace(
            catalog=SqlCatalog(counted),
            promising=SqlPromising(counted),
            inventory=SqlInventory(counted),
            views=SqlViews(counted, self.clock),
        )
        self.reads.availability = SqlAvailability(counted, self.reads, self.clock)
        context = Context(world=self, viewer=viewer, language=language)
        result = await SCHEMA.execute(query, variable_values=variables, context_value=context)
        self.statements = counted.count
        assert result.errors is None, result.errors
        return result.data

    async def import_products(self, *products: dict) -> dict:
        return (await self.ask(IMPORT, ADMIN, products=products))["importProducts"]


def a_product(code: str, *variants: dict, **fields) -> dict:
    stated = {"code": code, "name": [{"language": "en", "text": f"The {code}"}], "variants": variants}
    return stated | fields


def a_variant(sku: str, **fields) -> dict:
    return {"sku": sku, "prices": [{"channel": "web", "amount": "19.90"}]} | fields


@pytest.fixture
async def shop(migrated_database_url) -> AsyncIterator[Shop]:
    """Two channels, a category in another, and an active, a draft and an archived product."""
    database = Database(migrated_database_url)
    shop = Shop(database)
    for channel in (WEB, TOKYO):
        await shop.ask(SAVE_CHANNEL, ADMIN, input=channel)
    names = [{"language": "it", "text": "Donna"}, {"language": "en", "text": "Women"}]
    categories = [{"code": "tops", "name": names, "parent": "women"}, {"code": "women", "name": names}]
    await shop.ask(SAVE_CATEGORIES, ADMIN, categories=categories)
    tee = a_product("TEE", a_variant("TEE-M", gtin="4006381333931"), categories=["tops"])
    draft = a_product("HAT", a_variant("HAT-1", gtin="96385074"), status="DRAFT")
    await shop.import_products(tee, draft, a_product("OLD", a_variant("OLD-1"), status="ARCHIVED"))
    yield shop
    await database.close()


# ── Who sees what ──


async def test_shoppers_see_active_products_and_merchandisers_all(shop):
    query = """{ product(code: "HAT") { id } products { nodes { code } totalCount }
      asked: products(filter: {status: [DRAFT, ACTIVE]}) { nodes { code } }
      variant(sku: "HAT-1") { id } gtin: variant(gtin: "96385074") { id }
      variants(skus: ["OLD-1", "TEE-M", "none", "TEE-M"]) { id } }"""

    shopper, merchandiser = await shop.ask(query), await shop.ask(query, ADMIN)

    assert shopper == {
        "product": None,
        "products": {"nodes": [{"code": "TEE"}], "totalCount": 1},
        "asked": {"nodes": [{"code": "TEE"}]},
        "variant": None,
        "gtin": None,
        "variants": [None, {"id": "var_TEE-M"}, None, {"id": "var_TEE-M"}],
    }
    assert merchandiser == {
        "product": {"id": "prd_HAT"},
        "products": {"nodes": [{"code": "HAT"}, {"code": "OLD"}, {"code": "TEE"}], "totalCount": 3},
        "asked": {"nodes": [{"code": "HAT"}, {"code": "TEE"}]},
        "variant": {"id": "var_HAT-1"},
        "gtin": {"id": "var_HAT-1"},
        "variants": [{"id": "var_OLD-1"}, {"id": "var_TEE-M"}, None, {"id": "var_TEE-M"}],
    }


async def test_a_variant_is_found_by_sku_and_gtin_where_both_are_one_variants(shop):
    found = await shop.ask("""{ right: variant(sku: "TEE-M", gtin: "4006381333931") { sku }
      wrong: variant(sku: "TEE-M", gtin: "96385074") { sku } }""")

    assert found == {"right": {"sku": "TEE-M"}, "wrong": None}


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("{ variant { sku } }", ("sku",)),
        (f"{{ variants(skus: {['A'] * 251}) {{ sku }} }}".replace("'", '"'), ("skus",)),
        ('{ products(after: "nonsense") { nodes { code } } }', ("after",)),
        ("{ products(first: 251) { nodes { code } } }", ("first",)),
        (
            f"{{ products(filter: {{tags: {['a'] * 251}}}) {{ nodes {{ code }} }} }}".replace("'", '"'),
            ("filter", "tags"),
        ),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(shop, query, path):
    result = await SCHEMA.execute(query, context_value=Context(world=shop, viewer=ANONYMOUS))

    assert result.errors[0].original_error.problems[0].path == path


async def test_stock_levels_are_for_those_who_may_read_them(shop):
    query = '{ variant(sku: "TEE-M") { stockLevels { onHand } } }'

    assert await shop.ask(query) == {"variant": {"stockLevels": None}}
    assert await shop.ask(query, ADMIN) == {"variant": {"stockLevels": []}}


# ── What is shown ──


async def test_texts_come_in_the_language_asked_for_else_the_requests_else_the_first(shop):
    names = [{"language": "fr", "text": "Chemise"}, {"language": "it", "text": "Camicia"}]
    options = [{"name": "size", "value": "M"}]
    shirt = a_product("SHIRT", a_variant("SHIRT-M", options=options), name=names, description=names)
    await shop.import_products(shirt)
    query = """{ product(code: "SHIRT") { name asked: name(language: "it-CH") unknown: name(language: "de")
      description(language: "it") variants { name asked: name(language: "it") } } categories { name } }"""

    first, italian = await shop.ask(query), await shop.ask(query, language="it-IT")

    variants = [{"name": "Chemise, M", "asked": "Camicia, M"}]
    assert first["product"] == {
        "name": "Chemise",
        "asked": "Camicia",
        "unknown": "Chemise",
        "description": "Camicia",
        "variants": variants,
    }
    assert (italian["product"]["name"], italian["product"]["unknown"]) == ("Camicia", "Camicia")
    assert italian["categories"] == [{"name": "Donna"}, {"name": "Donna"}]


async def test_a_price_is_the_channels_or_none(shop):
    prices = [{"channel": "web", "amount": "19.9"}, {"channel": "tokyo", "amount": "2500"}]
    await shop.import_products(a_product("CAP", a_variant("CAP-1", prices=prices)))

    found = await shop.ask("""{ variant(sku: "CAP-1") { web: price(channel: "web") { amount currency }
      tokyo: price(channel: "tokyo") { amount currency } none: price(channel: "none") { amount } } }""")

    assert found["variant"] == {
        "web": {"amount": "19.90", "currency": "EUR"},
        "tokyo": {"amount": "2500", "currency": "JPY"},
        "none": None,
    }


async def test_every_field_of_a_product_is_shown(shop):
    whole = a_variant(
        "SET-1",
        gtin="614141007349",
        name=[{"language": "en", "text": "A set"}],
        options=[{"name": "color", "value": "sand"}],
        cost={"amount": "6.10", "currency": "USD"},
        weightGrams=160,
        lengthMm=300,
        widthMm=240,
        heightMm=20,
        taxClass="clothing",
        hsCode="610910",
        countryOfOrigin="PT",
        traits=["SHIP_ONLY", "BULKY"],
        leadTimeDays=3,
        components=[{"sku": "TEE-M", "quantity": 2}],
        launchAt="2026-05-01T12:00:00+02:00",
    )
    stated = {"brand": "Marlenza", "tags": ["organic"], "imageUrl": "https://example.com/a.jpg"}
    await shop.import_products(a_product("SET", whole, categories=["tops"], attributes={"fit": {"cut": 1}}, **stated))

    found = await shop.ask("""{ product(code: "SET") { id brand tags imageUrl status attributes createdAt updatedAt
      categories { id code parent { code parent { code } } } variants { id gtin name product { code }
      options { name value }
      weightGrams lengthMm widthMm heightMm taxClass hsCode countryOfOrigin traits leadTimeDays launchAt
      components { quantity variant { sku } } } } }""")

    (variant,) = found["product"].pop("variants")
    assert found["product"] == stated | {
        "id": "prd_SET",
        "status": "ACTIVE",
        "attributes": {"fit": {"cut": 1}},
        "createdAt": "2026-05-01T10:00:00Z",
        "updatedAt": "2026-05-01T10:00:00Z",
        "categories": [{"id": "cat_tops", "code": "tops", "parent": {"code": "women", "parent": None}}],
    }
    assert variant == {
        **{name: whole[name] for name in ("gtin", "options", "weightGrams", "lengthMm", "widthMm", "heightMm")},
        **{name: whole[name] for name in ("taxClass", "hsCode", "countryOfOrigin", "leadTimeDays")},
        "id": "var_SET-1",
        "name": "A set",
        "product": {"code": "SET"},
        "traits": ["BULKY", "SHIP_ONLY"],
        "launchAt": "2026-05-01T10:00:00Z",
        "components": [{"quantity": 2, "variant": {"sku": "TEE-M"}}],
    }


async def test_a_channel_is_shown_as_it_was_saved(shop):
    found = await shop.ask("""{ channels { id name kind currency countries languages pricesIncludeTax active
      paymentMethods maxHoldMinutes remorseMinutes incoterm } }""")

    assert found["channels"][1] == {
        **{name: WEB[name] for name in ("name", "kind", "currency", "countries", "languages", "pricesIncludeTax")},
        "id": "chn_web",
        "active": True,
        "paymentMethods": ["CARD"],
        "maxHoldMinutes": 30,
        "remorseMinutes": 0,
        "incoterm": "DAP",
    }


# ── How much it takes ──

LISTS = {
    "products": """{ products(first: 100) { nodes { name categories { name parent { name parent { name } } }
      variants { name price(channel: "web") { amount } product { code } components { variant { sku product { code } } }
      stockLevels { onHand } availability(channel: "web") { quantity } } } totalCount } }""",
    "variants": """query($skus: [String!]!) { variants(skus: $skus) { name product { name }
      price(channel: "web") { amount } components { variant { sku } } availability { status } } }""",
    "channels": "{ channels { name } }",
    "categories": "{ categories { name parent { name parent { name } } } }",
    "shippingMethods": '{ shippingMethods(channel: "web") { name rates { price { amount } } } }',
}


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_of_many_takes_as_many_statements_as_of_one(shop, name):
    parts = [{"sku": "TEE-M", "quantity": 1}]
    counts = []
    for size in (1, 15):
        numbers = range(size)
        await shop.import_products(
            *(a_product(f"P{n}", a_variant(f"P{n}-1", components=parts), categories=["tops"]) for n in numbers)
        )
        names = [{"language": "en", "text": "x"}]
        categories = [{"code": f"c{n}", "name": names, "parent": "women"} for n in numbers]
        await shop.ask(SAVE_CATEGORIES, ADMIN, categories=categories)
        for n in numbers:
            await shop.ask(SAVE_CHANNEL, ADMIN, input=WEB | {"code": f"web-{n}"})
            await shop.ask(SAVE_METHOD, ADMIN, input=METHOD | {"code": f"method-{n}"})
        variables = {"skus": [f"P{n}-1" for n in numbers]} if name == "variants" else {}
        found = await shop.ask(LISTS[name], ADMIN, **variables)
        counts.append((shop.statements, len(str(found))))

    (few, short), (many, long) = counts
    assert many == few
    assert long > 3 * short


async def test_products_are_counted_only_when_asked(shop):
    await shop.ask("{ products { nodes { code } } }")
    uncounted = shop.statements

    await shop.ask("{ products { totalCount nodes { code } } }")

    assert shop.statements == uncounted + 1


async def test_pages_of_products_meet(shop):
    page = """query($after: String) { products(first: 1, after: $after) { nodes { code }
      pageInfo { endCursor hasNextPage } } }"""
    first = (await shop.ask(page, ADMIN))["products"]

    second = (await shop.ask(page, ADMIN, after=first["pageInfo"]["endCursor"]))["products"]

    last = (await shop.ask("{ products(last: 1) { nodes { code } pageInfo { hasPreviousPage } } }", ADMIN))["products"]
    assert [first["nodes"], second["nodes"]] == [[{"code": "HAT"}], [{"code": "OLD"}]]
    assert first["pageInfo"]["hasNextPage"]
    assert last == {"nodes": [{"code": "TEE"}], "pageInfo": {"hasPreviousPage": True}}


async def test_a_search_looks_for_each_word(shop):
    search = "query($search: String) { products(filter: {search: $search}) { nodes { code } } }"

    assert (await shop.ask(search, search=" the  TEE-m"))["products"]["nodes"] == [{"code": "TEE"}]
    assert (await shop.ask(search, search="the cap"))["products"]["nodes"] == []
    assert (await shop.ask(search, search=""))["products"]["nodes"] == [{"code": "TEE"}]
    assert (await shop.ask(search, search="the " * 10_000 + "\0"))["products"]["nodes"] == [{"code": "TEE"}]


# ── Saving and importing ──


async def test_an_import_counts_what_it_made_changed_and_left(shop):
    cap, tee = a_product("CAP", a_variant("CAP-1")), a_product("TEE", brand="Gralto", variants=[])

    first, second = await shop.import_products(cap, tee), await shop.import_products(cap, tee)

    assert first == {"created": 1, "updated": 1, "unchanged": 0, "userErrors": []}
    assert second == {"created": 0, "updated": 0, "unchanged": 2, "userErrors": []}


async def test_every_problem_of_an_import_is_named_and_nothing_is_kept(shop):
    prices = [
        {"channel": "tokyo", "amount": "10.5"},
        {"channel": "none", "amount": "1"},
        {"channel": "web", "amount": "-1"},
        {"channel": "web", "amount": "1"},
    ]
    cost = {"amount": "1.234", "currency": "EUR"}
    names = [{"language": "en", "text": "Cap"}, {"language": "en", "text": "Hat"}]
    wrong = a_product("CAP", a_variant("CAP-1", prices=prices, cost=cost, hsCode="x"), name=names, attributes=[1])

    answer = await shop.import_products(a_product("BAG", a_variant("BAG-1")), wrong)

    assert answer["created"] == answer["updated"] == answer["unchanged"] == 0
    assert {(error["code"], "/".join(error["path"])) for error in answer["userErrors"]} == {
        ("INVALID", "products/1/name/1"),
        ("INVALID", "products/1/attributes"),
        ("INVALID", "products/1/variants/0/prices/0/amount"),
        ("NOT_FOUND", "products/1/variants/0/prices/1/channel"),
        ("INVALID", "products/1/variants/0/prices/3"),
        ("INVALID", "products/1/variants/0/cost/amount"),
        ("INVALID", "products/1/variants/0/hsCode"),
    }
    assert (await shop.ask('{ product(code: "BAG") { id } }', ADMIN)) == {"product": None}


async def test_an_import_has_at_least_one_product_and_not_too_many(shop):
    for count in (0, 501):
        answer = await shop.import_products(*(a_product(f"P{n}") for n in range(count)))

        assert [error["path"] for error in answer["userErrors"]] == [["products"]]


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"availabilityView": "all"}, {"code": "NOT_FOUND", "path": ["availabilityView"]}),
        ({"sourcingStrategy": "cheapest"}, {"code": "NOT_FOUND", "path": ["sourcingStrategy"]}),
        ({"currency": "USD"}, {"code": "CONFLICT", "path": ["currency"]}),
        ({"countries": ["Italy"]}, {"code": "INVALID", "path": ["countries", "0"]}),
    ],
)
async def test_a_channel_that_is_wrong_is_refused(shop, changed, error):
    answer = await shop.ask(SAVE_CHANNEL, ADMIN, input=WEB | changed)

    assert answer["saveChannel"] == {"channel": None, "userErrors": [error]}


async def test_categories_that_are_wrong_are_refused(shop):
    names = [{"language": "en", "text": "x"}, {"language": "en", "text": "y"}]

    answer = await shop.ask(SAVE_CATEGORIES, ADMIN, categories=[{"code": "hats", "name": names}])

    error = {"code": "INVALID", "path": ["categories", "0", "name", "1"]}
    assert answer["saveCategories"] == {"categories": [], "userErrors": [error]}


async def test_shipping_methods_of_a_channel_go_there_in_its_currency(shop):
    saved = await shop.ask(SAVE_METHOD, ADMIN, input=METHOD)
    await shop.ask(SAVE_METHOD, ADMIN, input=METHOD | {"code": "closed", "active": False})
    await shop.ask(SAVE_METHOD, ADMIN, input=METHOD | {"code": "french", "countries": ["FR"]})

    found = await shop.ask("""{ all: shippingMethods { code } web: shippingMethods(channel: "web") { code }
      tokyo: shippingMethods(channel: "tokyo") { code } none: shippingMethods(channel: "none") { code } }""")

    method = {"id": "shm_standard", "name": "Normale", "active": True, "rates": [{"price": {"amount": "4.90"}}]}
    assert saved["saveShippingMethod"] == {"method": method, "userErrors": []}
    assert [one["code"] for one in found["all"]] == ["closed", "french", "standard"]
    assert (found["web"], found["tokyo"], found["none"]) == ([{"code": "standard"}], [], [])


async def test_a_shipping_method_with_a_price_of_too_many_digits_is_refused(shop):
    rate = METHOD["rates"][0] | {"price": {"amount": "4.905", "currency": "EUR"}}

    answer = await shop.ask(SAVE_METHOD, ADMIN, input=METHOD | {"rates": [rate]})

    error = {"code": "INVALID", "path": ["rates", "0", "price", "amount"]}
    assert answer["saveShippingMethod"] == {"method": None, "userErrors": [error]}
