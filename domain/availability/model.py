"""What may be sold: the answer about one SKU, and why it is what it is."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from domain.catalog.model import Variant
from domain.places import Destination

SKUS_PER_QUESTION_MAX = 250  # The contract's limit for `availability`.

# The one view there is until views are data: all that is on hand and free, everywhere that is active.
PLAIN_VIEW = "on-hand"


# At or under this many, buyers are told to hurry.
LOW_STOCK_THRESHOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whether a variant may be sold: in a channel, through a view, seen from a destination.

    The variant is carried along; what it is asked about is its SKU.
    """

    sku: str
    variant: Variant = field(compare=False)
    channel: str | None = None
    view: str = PLAIN_VIEW
    destination: Destination | None = None


class AvailabilityStatus(Enum):
    IN_STOCK = "IN_STOCK"
    LOW_STOCK = "LOW_STOCK"
    PREORDER = "PREORDER"
    BACKORDER = "BACKORDER"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    NOT_SELLABLE = "NOT_SELLABLE"


@dataclass(frozen=True, slots=True)
class LocationAvailability:
    """distance_km: from the destination, where both places are known."""

    location_code: str
    status: AvailabilityStatus
    quantity: int
    distance_km: float | None


@dataclass(frozen=True, slots=True)
class AvailabilityReason:
    """kept_back: safety stock, damaged units and units in inspection."""

    location_code: str
    counted: bool
    on_hand: int
    allocated: int
    reserved: int
    kept_back: int
    quantity: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """The answer for one SKU. places: largest first, or nearest first where a destination was named."""

    sku: str
    view: str
    status: AvailabilityStatus
    quantity: int
    places: tuple[LocationAvailability, ...]
    reasons: tuple[AvailabilityReason, ...]
    as_of: datetime
