"""Availability views: named, versioned rules of what may be sold and which places and supply count for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from domain.ids import prefixed
from domain.inventory.model import LocationCapability, StockLocationKind
from domain.money import Money

# The view there is from the beginning: all that is on hand and free, everywhere that is active.
ON_HAND = "on-hand"

# How far ahead dated supply counts where a view does not say: a season.
HORIZON_DAYS = 90
# At or under this many, buyers are told to hurry.
LOW_STOCK_THRESHOLD = 5


class AvailabilityViewStatus(Enum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationRule:
    """Which places count: those of one of the kinds and countries, with any of the tags and all the capabilities.

    Empty lists admit all. include: places that count whatever their kind, country, tags and capabilities; alone, with
    none of those asked for, it is the whole list. exclude: places that never count. max_distance_km: from the
    destination, where a question names one; a place whose distance is not known is too far.
    """

    kinds: tuple[StockLocationKind, ...] = ()
    countries: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    capabilities: tuple[LocationCapability, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_distance_km: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRule:
    """Which products may be sold: in one of the categories or under it, with any of the tags; empty lists admit all."""

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    exclude_skus: tuple[str, ...] = ()
    respect_launch_date: bool = True

    @property
    def leaves_some_out(self) -> bool:
        """Whether it names any products at all."""
        return any((self.categories, self.tags, self.exclude_categories, self.exclude_tags, self.exclude_skus))


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyRule:
    """Which supply counts. on_order: purchase orders and transfers that have not set out.

    horizon_days: supply expected later counts for nothing. backorder_limit: units of a SKU sold beyond all of it.
    """

    on_hand: bool = True
    in_transit: bool = False
    on_order: bool = False
    production: bool = False
    horizon_days: int = HORIZON_DAYS
    backorder_limit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepBackRule:
    """Units not for sale at each place it is about: `units`, and `percent` of those that are whole, rounded up.

    kinds, location_tags, categories: what it is about; empty lists are all. Several rules add up, and come on top of
    what a level keeps back itself.
    """

    reason: str
    units: int | None = None
    percent: float | None = None
    kinds: tuple[StockLocationKind, ...] = ()
    location_tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRule:
    """When a store's stock is not offered; other places do not mind. What is not known is not enough.

    max_open_units: units promised there and not yet handed over. minutes_before_closing: it stops so long before.
    """

    min_stock_accuracy: float | None = None
    max_open_units: int | None = None
    open_only: bool = False
    minutes_before_closing: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinanceRule:
    """Places whose stock is too dear to sell. What is not known, or is in another currency, is not good enough.

    min_margin_percent: of the channel's price, after cost and the place's handling; for questions that name a channel.
    """

    min_margin_percent: float | None = None
    max_handling_cost: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityRules:
    locations: LocationRule = field(default_factory=LocationRule)
    products: ProductRule = field(default_factory=ProductRule)
    supply: SupplyRule = field(default_factory=SupplyRule)
    keep_back: tuple[KeepBackRule, ...] = ()
    store: StoreRule = field(default_factory=StoreRule)
    finance: FinanceRule = field(default_factory=FinanceRule)
    low_stock_threshold: int = LOW_STOCK_THRESHOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityViewRevision:
    """One saving of a view. status: what the view is once the revision's time has come."""

    version: int
    name: str
    status: AvailabilityViewStatus
    rules: AvailabilityRules
    changed_by: str
    changed_at: datetime
    effective_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityView:
    """A view as it is at a moment. version: of the last revision saved, whether its time has come or not.

    scheduled: the revisions whose time has not come, in the order in which it will.
    """

    code: str
    name: str
    status: AvailabilityViewStatus
    version: int
    rules: AvailabilityRules
    scheduled: tuple[AvailabilityViewRevision, ...] = ()

    @property
    def id(self) -> str:
        return prefixed("avw", self.code)


@dataclass(frozen=True, slots=True)
class KeptView:
    """A view as it is kept. revisions: at least one; the one in force when it was read, and those after it."""

    code: str
    version: int
    revisions: tuple[AvailabilityViewRevision, ...]

    def at(self, now: datetime) -> AvailabilityView:
        """Of the revisions whose time has come the one that came last is in force; of one moment, the last saved.

        Before any has, it is a draft with the rules of the first.
        """
        in_order = sorted(self.revisions, key=lambda each: (each.effective_from, each.version))
        come = [each for each in in_order if each.effective_from <= now]
        current = come[-1] if come else in_order[0]
        return AvailabilityView(
            code=self.code,
            name=current.name,
            status=current.status if come else AvailabilityViewStatus.DRAFT,
            version=self.version,
            rules=current.rules,
            scheduled=tuple(in_order[len(come) :]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveAvailabilityView:
    """A view as it is to be. status: None leaves it as it is; a new one is a draft.

    effective_from: None is at once. expected_version: refuse if another was saved meanwhile; 0 is that there is none.
    """

    code: str
    name: str
    rules: AvailabilityRules
    status: AvailabilityViewStatus | None = None
    effective_from: datetime | None = None
    expected_version: int | None = None


def uses_load(views: Iterable[KeptView]) -> bool:
    """Whether any of them looks at how much work a store has, now or as it is planned."""
    return any(revision.rules.store.max_open_units is not None for view in views for revision in view.revisions)
