"""Stock locations and inventory: where stock is, how much, why it changed, and what is on its way."""

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated

import strawberry

from domain import calendar
from domain.access import Scope
from domain.calendar import Weekday
from domain.inventory import model
from domain.inventory.model import (
    AdjustableCounter,
    AdjustmentReason,
    InboundSupplyKind,
    InboundSupplyStatus,
    LocationCapability,
    StockCounter,
    StockLocationKind,
    StockMovementReason,
)
from domain.paging import page
from resolvers import catalog, inventory
from resolvers.errors import value_of
from schema.common import (
    Address,
    AddressInput,
    Connection,
    Info,
    Money,
    MoneyInput,
    Node,
    UncountedConnection,
    UserError,
)
from schema.scalars import CountryCode
from schema.shapes import answered_by, asked, plain, related, shape_of, shown

if TYPE_CHECKING:
    from schema.catalog import ProductVariant

Variant = Annotated["ProductVariant", strawberry.lazy("schema.catalog")]

for _enum in (
    StockLocationKind,
    LocationCapability,
    Weekday,
    StockCounter,
    StockMovementReason,
    AdjustmentReason,
    InboundSupplyKind,
    InboundSupplyStatus,
):
    strawberry.enum(_enum)
strawberry.enum(
    AdjustableCounter, description="Those that people set; ALLOCATED and RESERVED follow orders and quotes."
)


# ── Locations ──


@shape_of(calendar.OpeningHours)
class OpeningHours:
    weekday: Weekday
    opens: time
    closes: time


@shape_of(model.StockLocation)
class StockLocation(Node):
    code: str
    name: str
    kind: StockLocationKind
    address: Address
    timezone: str
    capabilities: list[LocationCapability] = plain(
        lambda location: [each for each in LocationCapability if each in location.capabilities]
    )
    tags: list[str]
    opening_hours: list[OpeningHours]
    closures: list[date]
    cutoff: time = strawberry.field(description="Orders released after this local time start the next working day.")
    processing_minutes: int = strawberry.field(
        description="Working minutes from release to handover or ready for pickup, as configured."
    )
    daily_capacity: int | None = strawberry.field(description="Fulfillment units per day; null is no limit.")
    handling_cost: Money | None = plain(lambda location: location.handling_cost, needs=Scope.INVENTORY_READ)
    stock_accuracy: float | None = plain(
        lambda location: location.stock_accuracy,
        needs=Scope.INVENTORY_READ,
        description="0 to 1: the share of stock records found right at counts.",
    )
    active: bool
    stock_levels: Connection["StockLevel"] | None = answered_by(
        inventory.location_stock_levels, needs=Scope.INVENTORY_READ
    )


# ── Levels and the ledger ──


@shape_of(
    model.StockLevel,
    description=(
        "What one location holds of one variant. "
        "available = onHand - allocated - reserved - damaged - inspection - safetyStock, floored at 0."
    ),
)
class StockLevel(Node):
    variant: Variant = related(catalog.any_variants_by_sku, key="sku")
    location: StockLocation = related(inventory.locations_by_code, key="location")
    on_hand: int
    allocated: int = strawberry.field(description="Promised to placed orders and not yet handed over.")
    reserved: int = strawberry.field(description="Held for quotes; lapses with them.")
    damaged: int
    inspection: int = strawberry.field(description="Awaiting inspection after a return or a receipt.")
    safety_stock: int
    available: int
    incoming: list["InboundSupply"] = related(inventory.supply_by_level, key="key")
    updated_at: datetime
    movements: "StockMovementConnection" = answered_by(inventory.level_movements)
    bin: str | None


@shape_of(model.StockMovement, description="One line of the append-only stock ledger; the levels are its sums.")
class StockMovement(Node):
    variant: Variant = related(catalog.any_variants_by_sku, key="sku")
    location: StockLocation = related(inventory.locations_by_code, key="location")
    counter: StockCounter
    delta: int
    reason: StockMovementReason
    reference: str | None
    actor: str
    at: datetime


@strawberry.type
class StockMovementConnection(UncountedConnection[StockMovement]):
    pass


@shape_of(
    model.InboundSupply,
    description="Supply on its way to a location: a purchase order line, a transfer, or an advance shipping notice.",
)
class InboundSupply(Node):
    reference: str
    kind: InboundSupplyKind
    variant: Variant = related(catalog.any_variants_by_sku, key="sku")
    destination: StockLocation = related(inventory.locations_by_code, key="destination")
    origin: StockLocation | None = related(inventory.locations_by_code, key="origin")
    ordered: int
    received: int
    allocated: int = strawberry.field(description="Promised to orders that wait for it.")
    expected_at: datetime
    status: InboundSupplyStatus


# ── Inputs and payloads ──


@strawberry.input
class StockLocationFilter:
    kinds: list[StockLocationKind] | None = None
    countries: list[CountryCode] | None = None
    tags: list[str] | None = None
    capabilities: list[LocationCapability] | None = None
    active_only: bool | None = True


@strawberry.input
class OpeningHoursInput:
    weekday: Weekday
    opens: time
    closes: time


@strawberry.input
class StockLocationInput:
    code: str
    name: str
    kind: StockLocationKind
    address: AddressInput
    timezone: str
    capabilities: list[LocationCapability]
    tags: list[str] | None = None
    opening_hours: list[OpeningHoursInput] | None = None
    closures: list[date] | None = None
    cutoff: time | None = None
    processing_minutes: int | None = None
    daily_capacity: int | None = None
    handling_cost: MoneyInput | None = None
    stock_accuracy: float | None = None
    active: bool | None = None


@strawberry.input
class StockChangeInput:
    sku: str
    location: str
    reason: AdjustmentReason
    set_to: int | None = strawberry.field(
        default=None, description="Exactly one of the two: the counted quantity, or the change."
    )
    delta: int | None = None
    expected: int | None = strawberry.field(
        default=None, description="Refuse with CONFLICT if the counter is not at this now."
    )
    counter: AdjustableCounter = AdjustableCounter.ON_HAND
    reference: str | None = None


@strawberry.input
class AdjustStockInput:
    idempotency_key: str
    changes: list[StockChangeInput]


@strawberry.type
class StockLocationPayload:
    location: StockLocation | None = plain(value_of)
    user_errors: list[UserError]


@strawberry.type
class AdjustStockPayload:
    levels: list[StockLevel] = plain(lambda outcome: outcome.value or [])
    user_errors: list[UserError]


# ── Roots ──


@strawberry.type
class InventoryQueries:
    @asked()
    async def stock_location(self, info: Info, code: str) -> StockLocation | None:
        return shown(await inventory.stock_location(info.context, code))

    @asked()
    async def stock_locations(
        self,
        info: Info,
        filter: StockLocationFilter | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[StockLocation]:
        return shown(await inventory.stock_locations(info.context, filter, page(first, after, last, before)))


@strawberry.type
class InventoryMutations:
    @asked(needs=Scope.SETTINGS_WRITE)
    async def save_stock_location(self, info: Info, input: StockLocationInput) -> StockLocationPayload:
        return shown(await inventory.save_stock_location(info.context, input))

    @asked(needs=Scope.INVENTORY_WRITE)
    async def adjust_stock(self, info: Info, input: AdjustStockInput) -> AdjustStockPayload:
        return shown(await inventory.adjust_stock(info.context, input))
