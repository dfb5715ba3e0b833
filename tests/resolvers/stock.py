"""Three places and a few goods, and the part of the schema that tells of stock, asked as clients ask."""

from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import strawberry

from domain.access import ANONYMOUS, Role, Viewer
from domain.catalog.model import ProductStatus
from gateway.serving import Asked, Roots, build_schema
from gateway.settings import Settings
from resolvers.context import Context
from schema.availability import AvailabilityQueries
from schema.catalog import CatalogQueries
from schema.common import InputError, InvalidTransition
from schema.inventory import InventoryMutations, InventoryQueries
from schema.nodes import NodeQueries
from schema.orders import InsufficientStock
from tests.domain.stock import MILAN, PARIS, ROME, a_location_at
from tests.factories import NOW, a_channel, a_product, a_viewer
from tests.shop import Shop

OPERATIONS = a_viewer(Role.OPERATIONS)
MILANESE = a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"}))
SHOPPER = ANONYMOUS


@strawberry.type
class Query(NodeQueries, CatalogQueries, InventoryQueries, AvailabilityQueries): ...


async def furnish(shop: Shop) -> None:
    """Milan, Paris and Rome; the SKUs SHIRT, SKIRT and their kit SET, and HIDDEN of a draft; priced in `web`."""
    products = [
        a_product("SHIRT"),
        a_product("SKIRT"),
        a_product("SET", components={"SHIRT": 1, "SKIRT": 1}),
        replace(a_product("HIDDEN"), status=ProductStatus.DRAFT),
    ]
    async with shop.world.work() as work:
        await work.catalog.save_channel(a_channel())
        await work.catalog.import_products(products, NOW)
        for code, point in (("milan", MILAN), ("paris", PARIS), ("rome", ROME)):
            await work.inventory.save_location(a_location_at(point, code, stock_accuracy=0.9))


SCHEMA = build_schema(
    Roots(Query, InventoryMutations, types=[InputError, InsufficientStock, InvalidTransition]),
    Settings(secret_key="a secret that only the tests know"),
)


async def answer(shop: Shop, query: str, viewer: Viewer = OPERATIONS, **variables: Any) -> Any:
    """The data and the errors of one operation."""
    result = await SCHEMA.execute(Asked(query, variables), Context(shop.world, viewer))
    return result.data, result.errors


async def ask(shop: Shop, query: str, viewer: Viewer = OPERATIONS, **variables: Any) -> Any:
    data, errors = await answer(shop, query, viewer, **variables)
    assert not errors, errors
    return data


async def statements(shop: Shop, question: Awaitable[Any]) -> int:
    """How many statements a question takes, beside those with which the process follows its log meanwhile."""
    with shop.counting_statements() as run:
        await question
    return len([statement for statement in run if statement.startswith("SELECT") and "FROM events" not in statement])
