"""Availability followed live: the present first, then each answer that differs from the last one told."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from domain.access import Scope
from domain.availability.model import SKUS_PER_QUESTION_MAX, Question
from domain.availability.service import weighed
from domain.catalog.model import ProductStatus
from domain.errors import Refused, conflict, invalid, not_found, refuse_all
from resolvers.catalog import is_seen
from resolvers.context import Context
from resolvers.events import has_expired, position_after, seconds_left
from resolvers.watching import AvailabilityChange, TooManyWatches


async def availability_changed(
    context: Context, channel: str | None, view: str | None, skus: Sequence[str] | None, after: str | None
) -> AsyncGenerator[AvailabilityChange, None]:
    """The answers about some SKUs, or of a whole view those that change; after a cursor, those that may have changed.

    Raises Refused, before anything is sent, where there is no such channel, view, SKU or cursor for the caller.
    """
    if skus is not None and not 1 <= len(skus) <= SKUS_PER_QUESTION_MAX:
        raise Refused(invalid(f"1 to {SKUS_PER_QUESTION_MAX} SKUs are followed by name; left out, all are.", "skus"))
    question = Question(channel=channel, view=view, for_staff=context.has(Scope.INVENTORY_READ))
    goods = await context.world.reads.availability.goods(skus or [])
    weighed(question, goods, context.world.clock.now())
    refuse_all(
        [
            not_found(f"There is no SKU {sku!r:.80}.", "skus", place)
            for place, sku in enumerate(skus or ())
            if sku not in goods.variants or not is_seen(context, goods.variants[sku].product_status)
        ]
    )
    since = None if after is None else await position_after(context, after)
    return _changes(context, question, skus, since)


async def _changes(
    context: Context, question: Question, skus: Sequence[str] | None, since: int | None
) -> AsyncGenerator[AvailabilityChange, None]:
    watches, left_s = context.shared.watches, seconds_left(context)
    try:
        async with aclosing(watches.follow(context.world, question, skus, since=since, for_s=left_s)) as changes:
            async for change in changes:
                if has_expired(context):
                    return
                if skus is not None or _is_for(context, change):
                    yield change
    except TooManyWatches:
        raise Refused(
            conflict("Too many follow whole views here. Name the SKUs, or come again later.", "skus")
        ) from None


def _is_for(context: Context, change: AvailabilityChange) -> bool:
    """Of a whole view, drafts are for those who write the catalog."""
    status = change.availability.variant.product_status
    return status is not ProductStatus.DRAFT or is_seen(context, status)
