"""How questions about availability are answered: one for many SKUs, in one read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.availability.model import PLAIN_VIEW, Availability, Question
from domain.availability.ports import AvailabilityReads
from domain.availability.rules import availability
from domain.catalog.model import Variant
from domain.errors import Refused, not_found


class GoodsReads(Protocol):
    @property
    def availability(self) -> AvailabilityReads: ...


def _anything(_variant: Variant) -> bool:
    return True


async def answers(
    reads: GoodsReads,
    question: Question,
    skus: Sequence[str],
    now: datetime,
    *,
    seen: Callable[[Variant], bool] = _anything,
) -> Mapping[str, Availability]:
    """The answer for each SKU that there is and that is `seen`. Raises Refused where there is no such channel."""
    goods = await reads.availability.goods(skus)
    if question.channel is not None and question.channel not in goods.channels:
        raise Refused(not_found(f"There is no channel {question.channel!r:.80}.", "channel"))
    return {
        sku: availability(variant, question, goods, now) for sku, variant in goods.variants.items() if seen(variant)
    }


def view_named(view: str | None) -> str:
    """The view a caller names, or the plain one. Raises Refused where there is none of that name."""
    if view not in (None, PLAIN_VIEW):
        raise Refused(not_found(f"There is no availability view {view!r:.80}. There is {PLAIN_VIEW!r}.", "view"))
    return PLAIN_VIEW
