"""What may be sold: the answer about one SKU, and why it is what it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple

from domain.availability.views import KeptView
from domain.catalog.model import Channel, Variant
from domain.inventory.model import InboundSupplyKind, InboundSupplyStatus, LevelKey, StockLocation
from domain.places import Destination

SKUS_PER_QUESTION_MAX = 250  # The contract's limit for `availability`.


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whether something may be sold: in a channel, through a view (else the channel's), seen from a destination.

    for_staff: who asks may use any view, and sees how many there are.
    """

    channel: str | None = None
    view: str | None = None
    destination: Destination | None = None
    for_staff: bool = False


class Counts(NamedTuple):
    """What one location holds of one SKU: a stock level as far as it is counted here.

    reserved: what is held now; a hold that lapsed is in it no more, whether it was swept or not.
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

    def without(self, reserved: int) -> "Counts":
        """The same with fewer units reserved."""
        return self._replace(reserved=self.reserved - reserved) if reserved else self

    @property
    def kept_back(self) -> int:
        """Units that are there and not for sale, whatever a view says."""
        return self.damaged + self.inspection + self.safety_stock


class Due(NamedTuple):
    """Units of one SKU that are on their way to one location."""

    sku: str
    location: str
    units: int
    kind: InboundSupplyKind
    status: InboundSupplyStatus
    expected_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """What is known of some SKUs, all of it read after it was asked for.

    variants: those there are, and the parts of those that are kits. counts: of what they take from stock, and maybe of
    others, by location code. due: likewise, soonest first. waiting: units that placed orders wait for, by SKU.
    locations: all that stock is counted at or due to, and maybe others. channels, views: all, by code.
    families: of each category, itself and all that it lies under. open_units: by location, where a view looks at them.
    lapsed: levels at which holds have lapsed that nobody swept yet; counts have none of them.
    """

    variants: Mapping[str, Variant]
    counts: Mapping[str, Sequence[Counts]]
    locations: Mapping[str, StockLocation]
    channels: Mapping[str, Channel] = field(default_factory=dict)
    views: Mapping[str, KeptView] = field(default_factory=dict)
    due: Mapping[str, Sequence[Due]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    families: Mapping[str, frozenset[str]] = field(default_factory=dict)
    open_units: Mapping[str, int] = field(default_factory=dict)
    lapsed: frozenset[LevelKey] = frozenset()

    def giving_back(self, reserved: Mapping[LevelKey, int]) -> "Goods":
        """As if these units were not reserved: what a quote holds is not held against itself."""
        skus = {sku for sku, _ in reserved}
        counts = {
            sku: [each.without(reserved.get((sku, each.location), 0)) for each in of_sku] if sku in skus else of_sku
            for sku, of_sku in self.counts.items()
        }
        return replace(self, counts=counts)


class AvailabilityStatus(Enum):
    IN_STOCK = "IN_STOCK"
    LOW_STOCK = "LOW_STOCK"
    PREORDER = "PREORDER"
    BACKORDER = "BACKORDER"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    NOT_SELLABLE = "NOT_SELLABLE"


class LocationAvailability(NamedTuple):
    """distance_km: from the destination, where both places are known. A tuple, as `Counts` is.

    quantity: None where the channel does not show shoppers how many there are.
    """

    location: StockLocation
    status: AvailabilityStatus
    quantity: int | None
    distance_km: float | None


class FutureAvailability(NamedTuple):
    """Units that could be promised by a day, all of those before it among them."""

    on: date
    quantity: int


@dataclass(frozen=True, slots=True)
class AvailabilityReason:
    """kept_back: safety stock, damaged units, units in inspection, and what the view's rules keep back."""

    location: StockLocation
    counted: bool
    on_hand: int
    allocated: int
    reserved: int
    kept_back: int
    quantity: int
    because: str


@dataclass(slots=True, kw_only=True)
class Availability:
    """The answer for one SKU. Not frozen, for that would triple what it takes to make one: a page asks for hundreds.

    places: those that have some now, largest first, or nearest first where a destination was named.
    units: to sell now. orderable: all that an order may ask for, of what is due and beyond it as well.
    future: dates within the view's horizon at which more can be promised, ascending.
    shows_quantities: whether the caller is told how many there are. explain: works out why, where it is asked for.
    """

    sku: str
    variant: Variant
    view: str
    status: AvailabilityStatus
    units: int
    orderable: int
    places: Sequence[LocationAvailability]
    future: Sequence[FutureAvailability]
    next_available_on: date | None
    as_of: datetime
    shows_quantities: bool
    explain: Callable[[], Sequence[AvailabilityReason]] = field(repr=False, compare=False)

    @property
    def quantity(self) -> int | None:
        return self.units if self.shows_quantities else None
