"""How questions about availability are answered: all of them together, in two reads."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.availability.model import PLAIN_VIEW, Availability, Question
from domain.availability.rules import availability
from domain.errors import Refused, not_found
from domain.inventory.ports import InventoryReads


class AvailabilityReads(Protocol):
    @property
    def inventory(self) -> InventoryReads: ...


async def answers(
    reads: AvailabilityReads, questions: Sequence[Question], now: datetime
) -> Mapping[Question, Availability]:
    """Every question's answer, in as many statements for 250 as for one."""
    skus = {part.sku for question in questions for part in question.variant.demand(1)}
    levels = await reads.inventory.levels_by_sku(sorted(skus))
    codes = {level.location for each in levels.values() for level in each}
    locations = await reads.inventory.locations_by_code(sorted(codes))
    return {question: availability(question, levels, locations, now) for question in questions}


def view_named(view: str | None) -> str:
    """The view a caller names, or the plain one. Raises Refused where there is none of that name."""
    if view not in (None, PLAIN_VIEW):
        raise Refused(not_found(f"There is no availability view {view!r:.80}. There is {PLAIN_VIEW!r}.", "view"))
    return PLAIN_VIEW
