"""Availability: what may be sold, where, and why the answer is what it is."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.access import Scope
from domain.availability import model
from domain.availability.model import AvailabilityStatus
from resolvers import availability
from schema.common import DestinationInput, Info
from schema.inventory import StockLocation
from schema.shapes import answered_by, asked, shape_of, shown, worked_out

if TYPE_CHECKING:
    from schema.catalog import ProductVariant

strawberry.enum(AvailabilityStatus)


@shape_of(model.LocationAvailability)
class LocationAvailability:
    location: StockLocation
    status: AvailabilityStatus
    quantity: int | None
    distance_km: float | None


@shape_of(model.AvailabilityReason)
class AvailabilityReason:
    location: StockLocation
    counted: bool
    on_hand: int
    allocated: int
    reserved: int
    kept_back: int
    quantity: int
    because: str = strawberry.field(description="The rule that excluded the location or kept units back, in words.")


@shape_of(model.Availability)
class Availability:
    sku: str
    variant: Annotated["ProductVariant", strawberry.lazy("schema.catalog")]
    view: str
    status: AvailabilityStatus
    quantity: int | None = strawberry.field(description="To sell now, from supply on hand.")
    locations: list[LocationAvailability] = worked_out(
        availability.locations,
        description="Largest first, or nearest first where the request names a destination.",
    )
    explanation: list[AvailabilityReason] | None = answered_by(
        availability.explanation,
        needs=Scope.INVENTORY_READ,
        description="Why the quantity is what it is: every location weighed, and the rule that decided. For staff.",
    )
    as_of: datetime


@strawberry.type
class AvailabilityQueries:
    @asked(description="For each SKU, in the order asked. Without a view, the channel's; at most 250 SKUs.")
    async def availability(
        self,
        info: Info,
        skus: list[str],
        channel: str | None = None,
        view: str | None = None,
        destination: DestinationInput | None = None,
    ) -> list[Availability | None]:
        return shown(await availability.availability(info.context, skus, channel, view, destination))
