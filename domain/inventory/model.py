"""Where stock is and how much: locations, levels, the movements they are the sums of, and supply on its way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum

from domain.calendar import NO_CUTOFF, Calendar, Holidays, OpeningHours
from domain.errors import Problem
from domain.ids import prefixed, without_secret
from domain.money import Money
from domain.places import Address

QUANTITY_MAX = 1_000_000  # Of one SKU in one line, count or receipt; more is a slip of the keyboard.
STOCK_CHANGES_MAX = 1_000  # In one call: one transaction of well under a second.
FEED_LINES_MAX = 10_000  # In one call, as the contract says: a second or two; what is bigger is imported.
BIN_LENGTH_MAX = 64  # Aisle, rack, shelf and box.
SUPPLY_LINES_MAX = 1_000  # In one call: a whole purchase order, or a truck with its papers.


class StockLocationKind(Enum):
    WAREHOUSE = "WAREHOUSE"
    STORE = "STORE"
    SUPPLIER = "SUPPLIER"
    THIRD_PARTY = "THIRD_PARTY"


class LocationCapability(Enum):
    SHIP = "SHIP"
    PICKUP = "PICKUP"
    RETURNS = "RETURNS"
    ALTERATIONS = "ALTERATIONS"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLocation:
    """opening_hours: empty is open at all hours. holidays: closed on them. cutoff: local. stock_accuracy: 0 to 1."""

    code: str
    name: str
    kind: StockLocationKind
    address: Address
    timezone: str
    capabilities: frozenset[LocationCapability]
    tags: tuple[str, ...] = ()
    opening_hours: tuple[OpeningHours, ...] = ()
    closures: tuple[date, ...] = ()
    holidays: Holidays | None = None
    cutoff: time = NO_CUTOFF
    processing_minutes: int = 0
    daily_capacity: int | None = None
    handling_cost: Money | None = None
    stock_accuracy: float | None = None
    active: bool = True

    @property
    def id(self) -> str:
        return prefixed("loc", self.code)

    @property
    def calendar(self) -> Calendar:
        """When work is done here."""
        return Calendar(
            self.timezone, self.opening_hours, frozenset(self.closures), self.cutoff, self.holidays or frozenset()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationFilter:
    """Which locations are listed: of one of the kinds and countries, with any of the tags and all the capabilities."""

    kinds: tuple[StockLocationKind, ...] = ()
    countries: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    capabilities: tuple[LocationCapability, ...] = ()
    active_only: bool = True


# Saving one states it whole, so the command is the value.
SaveStockLocation = StockLocation


class StockCounter(Enum):
    ON_HAND = "ON_HAND"
    ALLOCATED = "ALLOCATED"
    RESERVED = "RESERVED"
    DAMAGED = "DAMAGED"
    INSPECTION = "INSPECTION"
    SAFETY_STOCK = "SAFETY_STOCK"


class AdjustableCounter(Enum):
    """Those that people set; ALLOCATED and RESERVED follow orders and quotes."""

    ON_HAND = "ON_HAND"
    DAMAGED = "DAMAGED"
    INSPECTION = "INSPECTION"
    SAFETY_STOCK = "SAFETY_STOCK"


class StockMovementReason(Enum):
    COUNT = "COUNT"
    ADJUSTMENT = "ADJUSTMENT"
    FEED = "FEED"
    RECEIPT = "RECEIPT"
    TRANSFER_OUT = "TRANSFER_OUT"
    TRANSFER_IN = "TRANSFER_IN"
    RESERVATION = "RESERVATION"
    RESERVATION_RELEASE = "RESERVATION_RELEASE"
    ALLOCATION = "ALLOCATION"
    DEALLOCATION = "DEALLOCATION"
    SHIPMENT = "SHIPMENT"
    COLLECTION = "COLLECTION"
    RETURN = "RETURN"
    INSPECTION = "INSPECTION"
    WRITE_OFF = "WRITE_OFF"


class AdjustmentReason(Enum):
    COUNT = "COUNT"
    ADJUSTMENT = "ADJUSTMENT"
    RECEIPT = "RECEIPT"
    INSPECTION = "INSPECTION"
    WRITE_OFF = "WRITE_OFF"


# What names a stock level: (SKU, location code); levels are locked in this order, always.
LevelKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel:
    """What one location holds of one variant. A level nobody ever moved is all zeros."""

    sku: str
    location: str
    on_hand: int = 0
    allocated: int = 0
    reserved: int = 0
    damaged: int = 0
    inspection: int = 0
    safety_stock: int = 0
    bin: str | None = None
    updated_at: datetime

    @property
    def id(self) -> str:
        return prefixed("lvl", f"{self.location}/{self.sku}")

    @property
    def key(self) -> LevelKey:
        return self.sku, self.location

    @property
    def free(self) -> int:
        """What is left to promise here; negative where more is promised than there is."""
        return self.on_hand - self.allocated - self.reserved - self.damaged - self.inspection - self.safety_stock

    @property
    def available(self) -> int:
        return max(0, self.free)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Stock held for a quote at a level: `units`, more than none, until `expires_at`; at that instant no longer."""

    quote_id: str
    sku: str
    location: str
    units: int
    expires_at: datetime

    @property
    def key(self) -> LevelKey:
        return self.sku, self.location

    @property
    def reference(self) -> str:
        """What the ledger names the quote by: its id opens it, and the ledger has other readers."""
        return without_secret(self.quote_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One line of the ledger as a service records it: levels change by movements and by nothing else."""

    sku: str
    location: str
    counter: StockCounter
    delta: int
    reason: StockMovementReason
    actor: str
    at: datetime
    reference: str | None = None

    @property
    def key(self) -> LevelKey:
        return self.sku, self.location


@dataclass(frozen=True, slots=True)
class StockMovement:
    """One line of the ledger as it is read."""

    number: int
    sku: str
    location: str
    counter: StockCounter
    delta: int
    reason: StockMovementReason
    reference: str | None
    actor: str
    at: datetime

    @property
    def id(self) -> str:
        return prefixed("mov", str(self.number))

    @property
    def key(self) -> LevelKey:
        return self.sku, self.location


class InboundSupplyKind(Enum):
    PURCHASE_ORDER = "PURCHASE_ORDER"
    TRANSFER = "TRANSFER"
    PRODUCTION = "PRODUCTION"


class InboundSupplyStatus(Enum):
    ON_ORDER = "ON_ORDER"
    IN_TRANSIT = "IN_TRANSIT"
    RECEIVED = "RECEIVED"
    CANCELED = "CANCELED"


# What names a line of supply: (reference, SKU, destination's code).
SupplyKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSupply:
    """One SKU on its way to one place under one document's number.

    origin: where the units left, or are made; None where that is no place of ours. Status follows from units: RECEIVED
    is when all that was ordered is there.
    """

    id: str
    reference: str
    kind: InboundSupplyKind
    sku: str
    destination: str
    origin: str | None
    ordered: int
    received: int
    allocated: int
    expected_at: datetime
    status: InboundSupplyStatus

    @property
    def key(self) -> SupplyKey:
        return self.reference, self.sku, self.destination

    @property
    def level(self) -> LevelKey:
        """The level it will be part of."""
        return self.sku, self.destination

    @property
    def due(self) -> int:
        """Units still to arrive."""
        return self.ordered - self.received if self.is_open else 0

    @property
    def is_open(self) -> bool:
        return self.status in (InboundSupplyStatus.ON_ORDER, InboundSupplyStatus.IN_TRANSIT)

    @property
    def left_a_place(self) -> bool:
        """Whether its units were taken from a level of ours when they set out."""
        return self.kind is InboundSupplyKind.TRANSFER and self.origin is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChange:
    """Exactly one of `set_to` and `delta`. expected: refuse if the counter is not at this now."""

    sku: str
    location: str
    counter: AdjustableCounter
    reason: AdjustmentReason
    set_to: int | None = None
    delta: int | None = None
    expected: int | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustStock:
    """changes: 1 to STOCK_CHANGES_MAX, all of them or none, applied in order."""

    idempotency_key: str
    changes: tuple[StockChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveInboundSupply:
    """status: ON_ORDER or IN_TRANSIT; None leaves it as it is, and is ON_ORDER for what is new."""

    reference: str
    kind: InboundSupplyKind
    sku: str
    destination: str
    quantity: int
    expected_at: datetime
    status: InboundSupplyStatus | None = None

    @property
    def key(self) -> SupplyKey:
        return self.reference, self.sku, self.destination


@dataclass(frozen=True, slots=True)
class ReceiveLine:
    """quantity: all that arrived; `damaged` of them go to the damaged bucket."""

    supply_id: str
    quantity: int
    damaged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveSupply:
    """lines: 1 to SUPPLY_LINES_MAX, each supply once."""

    idempotency_key: str
    lines: tuple[ReceiveLine, ...]


@dataclass(frozen=True, slots=True)
class TransferLine:
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStock:
    """lines: 1 to SUPPLY_LINES_MAX, each SKU once."""

    idempotency_key: str
    reference: str
    origin: str
    destination: str
    lines: tuple[TransferLine, ...]
    expected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSupply:
    """restore: of a transfer under way, back to its origin; else written off."""

    idempotency_key: str
    supply_id: str
    restore: bool


class StockFeedMode(Enum):
    SNAPSHOT = "SNAPSHOT"
    DELTA = "DELTA"


@dataclass(frozen=True, slots=True)
class FeedLine:
    sku: str
    quantity: int
    bin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStock:
    """lines: at most FEED_LINES_MAX, each SKU once. skips_invalid: lines that cannot be taken are left out and told."""

    idempotency_key: str
    location: str
    mode: StockFeedMode
    as_of: datetime
    includes_allocated: bool
    lines: tuple[FeedLine, ...]
    skips_invalid: bool = False


@dataclass(frozen=True, slots=True)
class Fed:
    """What became of a feed: the levels it names and zeroed, and what was wrong with the lines it left out."""

    levels: tuple[StockLevel, ...]
    skipped: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Since:
    """What happened to levels since a moment, but for what feeds did.

    moved: how much their counters changed in all. counted: those whose on-hand stock was counted, and found otherwise.
    """

    moved: Mapping[tuple[LevelKey, StockCounter], int]
    counted: frozenset[LevelKey] = frozenset()


# Levels by key, as loaded for a decision.
Levels = Mapping[LevelKey, StockLevel]
