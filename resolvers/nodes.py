"""Anything by its id: the prefix says which look-up answers, and its row rule is that of every other way there."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.errors import Refused, invalid
from domain.ids import split
from resolvers import catalog, customers, events, fulfillment, inventory, orders, promising, quotes, views
from resolvers.context import Batch, Context

IDS_MAX = 250  # As many as a page may hold.


def _whole(id: str) -> str:
    return id


def _key(id: str) -> str:
    return split(id)[1]


# By prefix: the batched look-up, and the key in it that an id stands for.
LOOKUPS: Mapping[str, tuple[Batch, Callable[[str], Any]]] = {
    "chn": (catalog.channels_by_code, _key),
    "cat": (catalog.categories_by_code, _key),
    "prd": (catalog.products_by_code, _key),
    "var": (catalog.variants_by_sku, _key),
    "shm": (promising.shipping_methods_by_code, _key),
    "loc": (inventory.locations_by_code, _key),
    "avw": (views.views_by_code_for_staff, _key),
    "lvl": (inventory.levels_by_id, _whole),
    "mov": (inventory.movements_by_id, _whole),
    "sup": (inventory.supply_by_id, _whole),
    "cus": (customers.customers_by_id, _whole),
    "quo": (quotes.quotes_by_id, _whole),
    "ord": (orders.orders_by_id, _whole),
    "oln": (orders.order_lines_by_id, _whole),
    "pay": (orders.payments_by_id, _whole),
    "ful": (fulfillment.fulfillment_orders_by_id, _whole),
    "pck": (fulfillment.pickups_by_id, _whole),
    "shp": (fulfillment.shipments_by_id, _whole),
    "evt": (events.events_by_id, _whole),
}


async def node(context: Context, id: str) -> Any:
    lookup = LOOKUPS.get(split(id)[0])
    if lookup is None:
        return None
    batch, key = lookup
    return await context.load(batch, key(id))


async def nodes(context: Context, ids: Sequence[str]) -> list[Any]:
    """In the order asked; None for what there is not, or is not the caller's."""
    if len(ids) > IDS_MAX:
        raise Refused(invalid(f"At most {IDS_MAX} ids are looked up at once.", "ids"))
    return await asyncio.gather(*(node(context, each) for each in ids))
