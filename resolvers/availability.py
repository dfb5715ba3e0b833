"""What may be sold: every question of an operation answered together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import strawberry
from strawberry import Parent

from domain.access import Scope, locations_stocked
from domain.availability import service
from domain.availability.model import (
    SKUS_PER_QUESTION_MAX,
    Availability,
    AvailabilityReason,
    LocationAvailability,
    Question,
)
from domain.catalog.model import Variant
from domain.errors import Refused, invalid
from domain.paging import size_of
from resolvers import inputs
from resolvers.catalog import is_seen
from resolvers.context import Context
from resolvers.places import located

if TYPE_CHECKING:
    from schema.common import DestinationInput

Info = strawberry.Info[Context, None]

PLACES = 10  # What a product page shows before "more".


class Asked(NamedTuple):
    """What a variant that the caller sees already is asked."""

    question: Question
    sku: str


async def answers(context: Context, asked: Sequence[Asked]) -> Mapping[Asked, Availability | Refused]:
    """One read for each different question: siblings ask the same one."""
    found: dict[Asked, Availability | Refused] = {}
    for question in dict.fromkeys(each.question for each in asked):
        skus = [each.sku for each in asked if each.question == question]
        try:
            of_question = await service.answers(context.world.reads, question, skus, context.world.clock.now())
            found |= {Asked(question, sku): answer for sku, answer in of_question.items()}
        except Refused as refusal:
            found |= {Asked(question, sku): refusal for sku in skus}
    return found


async def availability(
    context: Context,
    skus: Sequence[str],
    channel: str | None = None,
    view: str | None = None,
    destination: "DestinationInput | None" = None,
) -> list[Availability | None]:
    """For each SKU in the order asked; None for one that is not there for the caller."""
    if len(skus) > SKUS_PER_QUESTION_MAX:
        raise Refused(invalid(f"At most {SKUS_PER_QUESTION_MAX} SKUs are asked for at a time.", "skus"))
    question, world = await _question(context, channel, view, destination), context.world
    found = await service.answers(
        world.reads, question, skus, world.clock.now(), seen=lambda variant: is_seen(context, variant.product_status)
    )
    return [found.get(sku) for sku in skus]


async def variant_availability(
    context: Context,
    variant: Variant,
    channel: str | None = None,
    view: str | None = None,
    destination: "DestinationInput | None" = None,
) -> Availability:
    answer: Availability = await context.load(
        answers, Asked(await _question(context, channel, view, destination), variant.sku)
    )
    return answer


async def _question(
    context: Context, channel: str | None, view: str | None, destination: "DestinationInput | None"
) -> Question:
    """Raises Refused for a country there is not, and for a destination that nobody knows."""
    place = None
    if destination is not None:
        place = await located(context, inputs.destination(destination, "destination"), "destination")
    return Question(channel=channel, view=view, destination=place, for_staff=context.has(Scope.INVENTORY_READ))


# ── Fields ──


def locations(availability: Parent[Availability], first: int | None = PLACES) -> Sequence[LocationAvailability]:
    return availability.places[: size_of(PLACES if first is None else first)]


def explanation(availability: Parent[Availability], info: Info) -> list[AvailabilityReason]:
    """At the locations whose stock the caller may see."""
    seen = locations_stocked(info.context.viewer)
    return [reason for reason in availability.explain() if seen.includes(reason.location.code)]
