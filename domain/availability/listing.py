"""Products with something to sell: a page of the catalog's list, of those that availability has something of."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from domain.availability.model import Question
from domain.availability.ports import AvailabilityReads
from domain.availability.rules import availability
from domain.availability.service import weighed
from domain.availability.weighing import Weighing
from domain.catalog.model import Product, ProductFilter
from domain.catalog.ports import CatalogReads
from domain.errors import Refused, invalid
from domain.paging import PAGE_SIZE_MAX, Edge, Page, Slice

# Looked through for one page: some ten seconds. Of those with a price and stock nearly all are to be sold, so that
# whoever gets there asks for what hardly any product is.
PRODUCTS_LOOKED_AT_MAX = 25_000


class ListingReads(Protocol):
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def catalog(self) -> CatalogReads: ...


async def products_to_sell(
    reads: ListingReads, filter: ProductFilter, channel: str, page: Page, now: datetime
) -> Slice[Product]:
    """A page of the products of which an order in a channel may ask for at least one unit; by code, not counted.

    As many statements for a page as for one product, where nearly all that could be sold are to be sold.
    Raises Refused where too many would have to be looked at.
    """
    goods = await reads.availability.goods([])
    if channel not in goods.channels:
        return Slice([], has_next=False, has_previous=False)
    question = Question(channel=channel)
    likely = replace(filter, priced_in=channel, stocked=_only_stock_counts(weighed(question, goods, now)))
    found: list[Edge[Product]] = []
    ahead = replace(page, size=min(page.size + 1, PAGE_SIZE_MAX))
    for _ in range(PRODUCTS_LOOKED_AT_MAX // PAGE_SIZE_MAX):
        part = await reads.catalog.products(likely, ahead)
        to_sell = await _to_sell(reads, [edge.node.code for edge in part.edges], question, now)
        edges = [edge for edge in part.edges if edge.node.code in to_sell]
        found = [*edges, *found] if page.backward else [*found, *edges]
        is_more = part.has_previous if page.backward else part.has_next
        if len(found) > page.size or not is_more or not part.edges:
            return _page_of(found, page)
        ahead = _further(ahead, part.edges)
    raise Refused(invalid("Hardly any of these products is to be sold. Narrow the filter.", "filter", "availableIn"))


def _only_stock_counts(weighing: Weighing) -> bool:
    """Whether nothing is to be sold that no place has a unit of."""
    rule = weighing.rules.supply
    return rule.on_hand and not (rule.in_transit or rule.on_order or rule.production or rule.backorder_limit)


async def _to_sell(reads: ListingReads, codes: Sequence[str], question: Question, now: datetime) -> frozenset[str]:
    """Those of the products that have something to sell."""
    variants = await reads.catalog.variants_by_product(codes)
    goods = await reads.availability.goods([variant.sku for of_one in variants.values() for variant in of_one])
    weighing = weighed(question, goods, now)
    return frozenset(
        code
        for code, of_one in variants.items()
        if any(availability(variant, weighing, goods).orderable > 0 for variant in of_one)
    )


def _further(ahead: Page, edges: Sequence[Edge[Product]]) -> Page:
    if ahead.backward:
        return replace(ahead, before=edges[0].cursor, size=PAGE_SIZE_MAX)
    return replace(ahead, after=edges[-1].cursor, size=PAGE_SIZE_MAX)


def _page_of(found: Sequence[Edge[Product]], page: Page) -> Slice[Product]:
    """What is beyond the page is there, and not shown."""
    is_more = len(found) > page.size
    kept = found[len(found) - page.size :] if page.backward and is_more else found[: page.size]
    return Slice(
        kept,
        has_next=page.before is not None or (is_more and not page.backward),
        has_previous=page.after is not None or (is_more and page.backward),
    )
