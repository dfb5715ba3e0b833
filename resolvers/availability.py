"""What may be sold: every question of an operation answered together."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import strawberry
from strawberry import Parent

from domain.access import locations_stocked
from domain.availability import service
from domain.availability.model import (
    SKUS_PER_QUESTION_MAX,
    Availability,
    AvailabilityReason,
    LocationAvailability,
    Question,
)
from domain.catalog.model import Variant
from domain.errors import Refused, invalid, not_found
from domain.paging import page
from resolvers import catalog, inputs
from resolvers.context import Context

if TYPE_CHECKING:
    from schema.common import DestinationInput

Info = strawberry.Info[Context, None]

PLACES = 10  # What a product page shows before "more".


async def answers(context: Context, questions: Sequence[Question]) -> Mapping[Question, Availability]:
    context.prime(catalog.any_variants_by_sku, {question.sku: question.variant for question in questions})
    return await service.answers(context.world.reads, questions, context.world.clock.now())


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
    about = await _about(context, channel, view, destination)
    variants: list[Variant | None] = await context.load_many(catalog.variants_by_sku, skus)
    found = await context.load_many(answers, [about(variant) for variant in variants if variant])
    by_sku = {answer.sku: answer for answer in found}
    return [by_sku.get(sku) for sku in skus]


async def variant_availability(
    context: Context,
    variant: Variant,
    channel: str | None = None,
    view: str | None = None,
    destination: "DestinationInput | None" = None,
) -> Availability:
    about = await _about(context, channel, view, destination)
    answer: Availability = await context.load(answers, about(variant))
    return answer


async def _about(
    context: Context, channel: str | None, view: str | None, destination: "DestinationInput | None"
) -> Callable[[Variant], Question]:
    """Questions that differ in their variant alone. Raises Refused for a view, channel or country there is not."""
    named = service.view_named(view)
    place = None if destination is None else inputs.destination(destination, "destination")
    if channel is not None and await context.load(catalog.channels_by_code, channel) is None:
        raise Refused(not_found(f"There is no channel {channel!r:.80}.", "channel"))

    def about(variant: Variant) -> Question:
        return Question(sku=variant.sku, variant=variant, channel=channel, view=named, destination=place)

    return about


# ── Fields ──


def locations(availability: Parent[Availability], first: int | None = PLACES) -> list[LocationAvailability]:
    return list(availability.places[: page(PLACES if first is None else first).size])


def explanation(availability: Parent[Availability], info: Info) -> list[AvailabilityReason]:
    """At the locations whose stock the caller may see."""
    seen = locations_stocked(info.context.viewer)
    return [reason for reason in availability.reasons if seen.includes(reason.location_code)]
