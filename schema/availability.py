"""Availability: what may be sold, where, and why the answer is what it is; and the views that say so."""

from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain.access import Scope
from domain.availability import model, preview
from domain.availability import views as model_of_views
from domain.availability.model import AvailabilityStatus
from domain.availability.views import AvailabilityViewStatus
from domain.inventory.model import LocationCapability, StockLocationKind
from resolvers import availability, availability_changes, views, watching
from resolvers.errors import value_of
from schema.common import DestinationInput, Info, Money, MoneyInput, Node, UserError
from schema.inventory import StockLocation
from schema.scalars import CountryCode
from schema.shapes import answered_by, asked, followed, plain, related, shape_of, shown, worked_out

if TYPE_CHECKING:
    from schema.catalog import ProductVariant

strawberry.enum(AvailabilityStatus)
strawberry.enum(AvailabilityViewStatus)


# ── Answers ──


@shape_of(model.LocationAvailability)
class LocationAvailability:
    location: StockLocation
    status: AvailabilityStatus
    quantity: int | None
    distance_km: float | None


@shape_of(model.FutureAvailability)
class FutureAvailability:
    on: date
    quantity: int


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
    quantity: int | None = strawberry.field(
        description="To sell now, from supply on hand; null where the channel does not show how many there are."
    )
    future: list[FutureAvailability] = strawberry.field(
        description="Over time, cumulative: what could be promised by each date within the view's horizon; "
        "the dates on which it becomes more."
    )
    next_available_on: date | None
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


@shape_of(watching.AvailabilityChange)
class AvailabilityChange:
    cursor: str
    availability: Availability


# ── Views ──


@shape_of(
    model_of_views.LocationRule,
    description="Geography and logistics: which locations count. Empty lists admit all. `include` are locations that "
    "count whatever their kind, country, tags and capabilities; where none of those is asked for, no others do.",
)
class LocationRule:
    kinds: list[StockLocationKind]
    countries: list[CountryCode]
    tags: list[str]
    capabilities: list[LocationCapability]
    include: list[str]
    exclude: list[str]
    max_distance_km: float | None = strawberry.field(description="Counted only where the request names a destination.")


@shape_of(
    model_of_views.ProductRule,
    description="Merchandising: which products may be sold through this view. Empty lists admit all.",
)
class ProductRule:
    categories: list[str]
    tags: list[str]
    exclude_categories: list[str]
    exclude_tags: list[str]
    exclude_skus: list[str]
    respect_launch_date: bool


@shape_of(model_of_views.SupplyRule, description="Which supply counts beyond what is on hand, and how far ahead.")
class SupplyRule:
    on_hand: bool
    in_transit: bool
    on_order: bool
    production: bool
    horizon_days: int
    backorder_limit: int = strawberry.field(description="Sell beyond known supply, up to this many a SKU.")


@shape_of(
    model_of_views.KeepBackRule,
    description="Units kept back from sale: safety stock, display pieces, a share ring-fenced for another channel. "
    "At each location that it is about: `units`, and `percent` of those on hand that are whole, rounded up. Several "
    "rules add up, on top of what the level itself keeps back.",
)
class KeepBackRule:
    reason: str
    units: int | None
    percent: float | None
    kinds: list[StockLocationKind]
    location_tags: list[str]
    categories: list[str]


@shape_of(
    model_of_views.StoreRule,
    description="Store operations: when a store's stock is not offered. What is not known is not good enough.",
)
class StoreRule:
    min_stock_accuracy: float | None
    max_open_units: int | None
    open_only: bool
    minutes_before_closing: int | None


@shape_of(
    model_of_views.FinanceRule,
    description="Finance: places whose stock is too dear to sell from here. The margin is what is left of the "
    "channel's price after the variant's cost and the location's handling; what is not known is not good enough.",
)
class FinanceRule:
    min_margin_percent: float | None
    max_handling_cost: Money | None


@shape_of(model_of_views.AvailabilityRules)
class AvailabilityRules:
    locations: LocationRule
    products: ProductRule
    supply: SupplyRule
    keep_back: list[KeepBackRule]
    store: StoreRule
    finance: FinanceRule
    low_stock_threshold: int = strawberry.field(description="At or under this many, the status is LOW_STOCK.")


@shape_of(model_of_views.AvailabilityViewRevision)
class AvailabilityViewRevision:
    version: int
    rules: AvailabilityRules
    changed_by: str
    changed_at: datetime
    effective_from: datetime


@shape_of(
    model_of_views.AvailabilityView,
    description="A named, versioned way of saying what may be sold: which places and supplies count, and how much is "
    "kept back.",
)
class AvailabilityView(Node):
    code: str
    name: str
    status: AvailabilityViewStatus
    version: int = strawberry.field(description="Of the last revision saved, whether its time has come or not.")
    rules: AvailabilityRules
    scheduled: list[AvailabilityViewRevision] = strawberry.field(description="Saved revisions whose time has not come.")
    locations: list[StockLocation] = related(views.locations_by_view, key="code")
    history: list[AvailabilityViewRevision] = related(
        views.histories, key="code", description="Newest first; the last 250."
    )


@shape_of(preview.AvailabilityPreview, description="What a change to a view would do, before anyone makes it.")
class AvailabilityPreview:
    skus_compared: int
    units_before: int
    units_after: int
    become_available_count: int
    become_unavailable_count: int
    locations_added: list[StockLocation]
    locations_removed: list[StockLocation]

    become_available: list[str] = worked_out(views.become_available)
    become_unavailable: list[str] = worked_out(views.become_unavailable)


# ── Inputs and payloads ──


@strawberry.input
class LocationRuleInput:
    kinds: list[StockLocationKind] | None = None
    countries: list[CountryCode] | None = None
    tags: list[str] | None = None
    capabilities: list[LocationCapability] | None = None
    include: list[str] | None = None
    exclude: list[str] | None = None
    max_distance_km: float | None = None


@strawberry.input
class ProductRuleInput:
    categories: list[str] | None = None
    tags: list[str] | None = None
    exclude_categories: list[str] | None = None
    exclude_tags: list[str] | None = None
    exclude_skus: list[str] | None = None
    respect_launch_date: bool | None = None


@strawberry.input
class SupplyRuleInput:
    on_hand: bool | None = None
    in_transit: bool | None = None
    on_order: bool | None = None
    production: bool | None = None
    horizon_days: int | None = None
    backorder_limit: int | None = None


@strawberry.input
class KeepBackRuleInput:
    reason: str
    units: int | None = None
    percent: float | None = None
    kinds: list[StockLocationKind] | None = None
    location_tags: list[str] | None = None
    categories: list[str] | None = None


@strawberry.input
class StoreRuleInput:
    min_stock_accuracy: float | None = None
    max_open_units: int | None = None
    open_only: bool | None = None
    minutes_before_closing: int | None = None


@strawberry.input
class FinanceRuleInput:
    min_margin_percent: float | None = None
    max_handling_cost: MoneyInput | None = None


@strawberry.input
class AvailabilityRulesInput:
    locations: LocationRuleInput | None = None
    products: ProductRuleInput | None = None
    supply: SupplyRuleInput | None = None
    keep_back: list[KeepBackRuleInput] | None = None
    store: StoreRuleInput | None = None
    finance: FinanceRuleInput | None = None
    low_stock_threshold: int | None = None


@strawberry.input
class AvailabilityViewInput:
    code: str
    name: str
    rules: AvailabilityRulesInput
    status: AvailabilityViewStatus | None = strawberry.field(
        default=None, description="Left out it stays as it is; a new view is a draft."
    )
    effective_from: datetime | None = strawberry.field(
        default=None, description="When this revision takes over; at once, where left out."
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse with CONFLICT if another was saved meanwhile; 0 where there is none yet."
    )


@strawberry.type
class AvailabilityViewPayload:
    view: AvailabilityView | None = plain(value_of)
    user_errors: list[UserError]


# ── Roots ──


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

    @asked(needs=Scope.INVENTORY_READ)
    async def availability_view(self, info: Info, code: str) -> AvailabilityView | None:
        return shown(await info.context.load(views.views_by_code, code))

    @asked(needs=Scope.INVENTORY_READ, description="By code.")
    async def availability_views(self, info: Info) -> list[AvailabilityView]:
        return shown(await views.availability_views(info.context))

    @asked(
        needs=Scope.INVENTORY_READ,
        description="What other rules of a view would change over the whole catalog; nothing is saved.",
    )
    async def preview_availability(self, info: Info, view: str, rules: AvailabilityRulesInput) -> AvailabilityPreview:
        return shown(await views.preview(info.context, view, rules))


@strawberry.type
class AvailabilityMutations:
    @asked(needs=Scope.AVAILABILITY_WRITE)
    async def save_availability_view(self, info: Info, input: AvailabilityViewInput) -> AvailabilityViewPayload:
        return shown(await views.save_availability_view(info.context, input))


@strawberry.type
class AvailabilitySubscriptions:
    @followed(
        description="The present of each SKU, then each answer that differs from the last. Without SKUs, every change "
        "of the view. After a cursor, what may have changed since comes first."
    )
    async def availability_changed(
        self,
        info: Info,
        channel: str | None = None,
        view: str | None = None,
        skus: list[str] | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[AvailabilityChange, None]:
        return shown(await availability_changes.availability_changed(info.context, channel, view, skus, after))
