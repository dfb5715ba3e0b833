"""What may be sold: the answer about one SKU, and why it is what it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from domain.catalog.model import Channel, Variant
from domain.inventory.model import StockLocation
from domain.places import Destination

SKUS_PER_QUESTION_MAX = 250  # The contract's limit for `availability`.

# The one view there is until views are data: all that is on hand and free, everywhere that is active.
PLAIN_VIEW = "on-hand"


# At or under this many, buyers are told to hurry.
LOW_STOCK_THRESHOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whether something may be sold: in a channel, through a view, seen from a destination."""

    channel: str | None = None
    view: str = PLAIN_VIEW
    destination: Destination | None = None


class Counts(NamedTuple):
    """What one location holds of one SKU: a stock level as far as it is counted here.

    A tuple, for it is by far the most numerous thing in an answer.
    """

    sku: str
    location: str
    on_hand: int
    allocated: int
    reserved: int
    damaged: int
    inspection: int
    safety_stock: int

    @property
    def free(self) -> int:
        """What is left to promise here; negative where more is promised than there is."""
        _, _, on_hand, allocated, reserved, damaged, inspection, safety_stock = self
        return on_hand - allocated - reserved - damaged - inspection - safety_stock


@dataclass(frozen=True, slots=True)
class Goods:
    """What is known of some SKUs, all of it read after it was asked for.

    variants: those there are. counts: of the variants, of kits those of all their parts, and maybe of others; by
    location code. locations: all that are counted at, and maybe others. channels: all.
    """

    variants: Mapping[str, Variant]
    counts: Mapping[str, Sequence[Counts]]
    locations: Mapping[str, StockLocation]
    channels: Mapping[str, Channel]


class AvailabilityStatus(Enum):
    IN_STOCK = "IN_STOCK"
    LOW_STOCK = "LOW_STOCK"
    PREORDER = "PREORDER"
    BACKORDER = "BACKORDER"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    NOT_SELLABLE = "NOT_SELLABLE"


class LocationAvailability(NamedTuple):
    """distance_km: from the destination, where both places are known. A tuple, as `Counts` is."""

    location: StockLocation
    status: AvailabilityStatus
    quantity: int
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class AvailabilityReason:
    """kept_back: safety stock, damaged units and units in inspection."""

    location: StockLocation
    counted: bool
    on_hand: int
    allocated: int
    reserved: int
    kept_back: int
    quantity: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """The answer for one SKU. places: largest first, or nearest first where a destination was named.

    goods: what it was worked out from, so that it can be explained.
    """

    sku: str
    variant: Variant
    question: Question
    status: AvailabilityStatus
    quantity: int
    places: Sequence[LocationAvailability]
    as_of: datetime
    goods: Goods = field(repr=False)

    @property
    def view(self) -> str:
        return self.question.view
