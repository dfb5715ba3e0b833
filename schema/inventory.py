"""Stock locations and inventory: where stock is, how much, why it changed, and what is on its way."""

from collections.abc import AsyncGenerator
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
    StockFeedMode,
    StockLocationKind,
    StockMovementReason,
)
from domain.paging import page
from resolvers import catalog, feeds, inventory, stock_changes
from resolvers import supply as inbound
from resolvers.errors import value_of
from schema.common import (
    Address,
    AddressInput,
    BasketLineInput,
    Connection,
    Info,
    Money,
    MoneyInput,
    Node,
    UncountedConnection,
    UserError,
)
from schema.scalars import CountryCode
from schema.shapes import answered_by, asked, followed, plain, related, shape_of, shown

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
strawberry.enum(StockFeedMode)
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
    holidays: str | None = plain(
        lambda location: location.holidays and location.holidays.code,
        description="The country or region, as ISO 3166 codes it, on whose public holidays it is closed, too.",
    )
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
    open_units: int | None = related(
        inventory.open_units_by_location,
        key="code",
        needs=Scope.INVENTORY_READ,
        description="Units promised here and not yet handed over.",
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
    reserved: int = answered_by(inventory.level_reserved, description="Held for quotes; lapses with them.")
    damaged: int
    inspection: int = strawberry.field(description="Awaiting inspection after a return or a receipt.")
    safety_stock: int
    available: int = answered_by(inventory.level_available)
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


@shape_of(stock_changes.StockChange)
class StockChange:
    cursor: str
    movement: StockMovement
    level: StockLevel


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
    holidays: str | None = strawberry.field(
        default=None,
        description="Closes it on a country's or region's public holidays of every year; ISO 3166, e.g. IT or DE-BY.",
    )
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


@strawberry.input
class InboundSupplyInput:
    reference: str
    kind: InboundSupplyKind
    sku: str
    destination: str
    quantity: int
    expected_at: datetime
    status: InboundSupplyStatus | None = None


@strawberry.input
class ReceiveLineInput:
    supply_id: strawberry.ID
    quantity: int
    damaged: int = strawberry.field(default=0, description="Of these, counted as damaged.")


@strawberry.input
class ReceiveSupplyInput:
    idempotency_key: str
    lines: list[ReceiveLineInput]


@strawberry.input
class StockFeedLineInput:
    sku: str
    quantity: int
    bin: str | None = None


@strawberry.input(
    description="A feed from a warehouse, a store system or a third party. "
    "Older than the last one taken for a location, it is refused."
)
class SyncStockInput:
    idempotency_key: str
    location: str
    mode: StockFeedMode
    as_of: datetime
    includes_allocated: bool = strawberry.field(
        description="Whether the feed's figures are already net of the orders allocated here."
    )
    lines: list[StockFeedLineInput]
    skip_invalid_lines: bool = strawberry.field(
        default=False,
        description="Whether lines that cannot be taken are left out and told in `userErrors`, and the others taken; "
        "otherwise one such line refuses the feed.",
    )


@strawberry.input
class TransferStockInput:
    idempotency_key: str
    reference: str
    origin: str
    destination: str
    lines: list[BasketLineInput]
    expected_at: datetime


@strawberry.input
class CancelSupplyInput:
    supply_id: strawberry.ID
    restore: bool = strawberry.field(description="For a transfer under way: back to its origin, or written off.")
    idempotency_key: str


@strawberry.type
class StockLocationPayload:
    location: StockLocation | None = plain(value_of)
    user_errors: list[UserError]


@strawberry.type
class AdjustStockPayload:
    levels: list[StockLevel] = plain(lambda outcome: outcome.value or [])
    user_errors: list[UserError]


@strawberry.type
class InboundSupplyPayload:
    supply: list[InboundSupply] = plain(lambda outcome: outcome.value or [])
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

    @asked(needs=Scope.INVENTORY_READ, description="What is still to arrive, soonest first; at most 250 SKUs.")
    async def inbound_supply(
        self, info: Info, skus: list[str], locations: list[str] | None = None
    ) -> list[InboundSupply]:
        return shown(await inbound.inbound_supply(info.context, skus, locations))


@strawberry.type
class InventoryMutations:
    @asked(needs=Scope.SETTINGS_WRITE)
    async def save_stock_location(self, info: Info, input: StockLocationInput) -> StockLocationPayload:
        return shown(await inventory.save_stock_location(info.context, input))

    @asked(needs=Scope.INVENTORY_WRITE)
    async def adjust_stock(self, info: Info, input: AdjustStockInput) -> AdjustStockPayload:
        return shown(await inventory.adjust_stock(info.context, input))

    @asked(
        needs=Scope.INVENTORY_WRITE,
        description="Makes stock what a feed says was there: all that is there of a SKU, damaged units among it. "
        "A SNAPSHOT lists everything, a DELTA what changed, both in absolute figures; at most 10,000 lines.",
    )
    async def sync_stock(self, info: Info, input: SyncStockInput) -> AdjustStockPayload:
        return shown(await feeds.sync_stock(info.context, input))

    @asked(
        needs=Scope.INVENTORY_WRITE,
        description="Announces supply, or makes what was announced under a reference, SKU and destination as stated.",
    )
    async def save_inbound_supply(self, info: Info, supply: list[InboundSupplyInput]) -> InboundSupplyPayload:
        return shown(await inbound.save_inbound_supply(info.context, supply))

    @asked(
        needs=Scope.INVENTORY_WRITE,
        description="Units leave the origin at once and are on their way to the destination, which receives them.",
    )
    async def transfer_stock(self, info: Info, input: TransferStockInput) -> InboundSupplyPayload:
        return shown(await inbound.transfer_stock(info.context, input))

    @asked(needs=Scope.INVENTORY_WRITE)
    async def receive_supply(self, info: Info, input: ReceiveSupplyInput) -> InboundSupplyPayload:
        return shown(await inbound.receive_supply(info.context, input))

    @asked(needs=Scope.INVENTORY_WRITE)
    async def cancel_supply(self, info: Info, input: CancelSupplyInput) -> InboundSupplyPayload:
        return shown(await inbound.cancel_supply(info.context, input))


@strawberry.type
class InventorySubscriptions:
    @followed(
        needs=Scope.INVENTORY_READ, description="Every movement of stock, whatever caused it. For staff and systems."
    )
    async def stock_changed(
        self, info: Info, locations: list[str] | None = None, skus: list[str] | None = None, after: str | None = None
    ) -> AsyncGenerator[StockChange, None]:
        return shown(await stock_changes.stock_changed(info.context, locations, skus, after))
