"""Quotes: asked for, changed, released and seen."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import strawberry
from strawberry import Parent

from domain.availability.model import Availability
from domain.catalog.model import Variant
from domain.errors import Refused, conflict
from domain.inventory.model import StockLocation
from domain.orders import quoting
from domain.orders.quotes import CreateQuote, PlannedShipment, Quote, QuoteLine, UpdateQuote, is_seen
from domain.places import distance_km
from resolvers import inputs
from resolvers.availability import variant_availability
from resolvers.catalog import any_variants_by_sku
from resolvers.context import Context
from resolvers.errors import reports
from resolvers.inventory import locations_by_code
from resolvers.orders import fulfillment_choice, order_lines, tried

if TYPE_CHECKING:
    from schema.quotes import QuoteInput

Info = strawberry.Info[Context, None]


async def quotes_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Quote]:
    """Those the caller may see, each as it stands now."""
    found = await context.world.reads.quotes.by_id(ids)
    now = context.world.clock.now()
    return {each.id: each.seen_at(now) for each in found.values() if is_seen(each, context.viewer)}


async def quote(context: Context, id: str) -> Quote | None:
    found: Quote | None = await context.load(quotes_by_id, id)
    return found


# ── Fields ──


async def line_availability(line: Parent[QuoteLine], info: Info) -> Availability:
    """As its channel sees it: what this quote holds is not there for others."""
    context = info.context
    variant: Variant = await context.load(any_variants_by_sku, line.sku)
    return await variant_availability(context, variant, line.channel_code)


async def shipment_distance_km(shipment: Parent[PlannedShipment], info: Info) -> float | None:
    """Where both places are known; what is collected travels nowhere."""
    there = shipment.to.point if shipment.to else None
    if there is None:
        return None
    location: StockLocation = await info.context.load(locations_by_code, shipment.location_code)
    return distance_km(location.address.point, there) if location.address.point else None


# ── Mutations ──


@reports
async def create_quote(context: Context, input: "QuoteInput") -> Quote:
    command = _asked(input)
    return await _shown(
        context, await tried(context, lambda work: quoting.create_quote(work, command, _asker(context)))
    )


@reports
async def update_quote(context: Context, id: str, input: "QuoteInput") -> Quote:
    command = UpdateQuote(quote_id=id, asked=_asked(input))
    return await _shown(
        context, await tried(context, lambda work: quoting.update_quote(work, command, _asker(context)))
    )


@reports
async def release_quote(context: Context, id: str) -> Quote:
    async with context.work() as work:
        await quoting.release_quote(work, id, context.viewer)
    return await _shown(context, id)


async def _shown(context: Context, id: str) -> Quote:
    """The quote as it is now. A key lives longer than its quote: then nothing is left to answer again."""
    context.forget()
    found = (await quotes_by_id(context, [id])).get(id)
    if found is None:
        raise Refused(conflict("What was quoted under this key is over. Ask again under a new one.", "idempotencyKey"))
    return found


def _asker(context: Context) -> quoting.Asker:
    return quoting.Asker(context.viewer, context.address)


def _asked(input: "QuoteInput") -> CreateQuote:
    return CreateQuote(
        idempotency_key=input.idempotency_key,
        channel=input.channel,
        lines=order_lines(input.lines),
        fulfillment=fulfillment_choice(input.fulfillment, "fulfillment") if input.fulfillment else None,
        destination=inputs.destination(input.destination, "destination") if input.destination else None,
        hold_minutes=input.hold_minutes,
        customer_id=input.customer_id,
        email=input.email,
        tax_id=input.tax_id,
        language=input.language,
    )
