"""What inventory needs kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.inventory.model import (
    InboundSupply,
    LevelKey,
    Levels,
    LocationFilter,
    Movement,
    Reservation,
    Since,
    StockLevel,
    StockLocation,
    StockMovement,
    SupplyKey,
)
from domain.paging import Page, Slice


class InventoryReads(Protocol):
    async def locations(self) -> list[StockLocation]:
        """All, active or not, by code."""

    async def locations_passing(self, filter: LocationFilter) -> list[StockLocation]:
        """All that pass, by code."""

    async def locations_by_code(self, codes: Sequence[str]) -> Mapping[str, StockLocation]: ...

    async def locations_page(self, filter: LocationFilter, page: Page) -> Slice[StockLocation]:
        """By code."""

    async def levels_by_sku(self, skus: Sequence[str]) -> Mapping[str, list[StockLevel]]:
        """Every level of each SKU, by location code."""

    async def levels_by_key(self, keys: Sequence[LevelKey]) -> Levels: ...

    async def levels_by_location(
        self, codes: Sequence[str], page: Page, skus: Sequence[str] | None = None
    ) -> Mapping[str, Slice[StockLevel]]:
        """A page of each location's levels, by SKU: of all, or of those named. Pages go forward."""

    async def open_units(self) -> Mapping[str, int]:
        """Units promised at each location and not yet handed over, of those that have any; by code."""

    async def skus_on_hand(self, code: str, after: str, limit: int) -> list[str]:
        """The next SKUs of which a location has units, by SKU."""

    async def movements_by_key(self, keys: Sequence[LevelKey], page: Page) -> Mapping[LevelKey, Slice[StockMovement]]:
        """A page of each level's movements, newest first. Pages go forward."""

    async def movements_by_number(self, numbers: Sequence[int]) -> Mapping[int, StockMovement]: ...


class Inventory(InventoryReads, Protocol):
    async def save_location(self, location: StockLocation) -> None: ...

    async def lock_levels(self, keys: Iterable[LevelKey]) -> Levels:
        """The levels as they are now, held until the end of the transaction; absent ones are left out.

        Rows are locked in (SKU, location) order, so two orders cannot deadlock.
        """

    async def open_levels(self, keys: Iterable[LevelKey], at: datetime) -> Levels:
        """As `lock_levels`, but a level that does not exist is made, so that two who count it first cannot both do."""

    async def open_location(self, code: str, skus: Sequence[str], at: datetime) -> Levels:
        """The levels of the SKUs at a location, made where there is none, and all others there with units on hand.

        Locked as `lock_levels` does.
        """

    async def take_feeds(self, codes: Sequence[str], as_of: datetime) -> Mapping[str, datetime]:
        """The latest moment that a feed of each location has told of, this one among them; kept.

        Nobody else feeds the locations until the end of the transaction.
        """

    async def since(self, keys: Sequence[LevelKey], at: datetime) -> Since:
        """What happened to ON_HAND and ALLOCATED of the levels after a moment."""

    async def move(self, movements: Sequence[Movement]) -> None:
        """Change levels and write the ledger, in two or three statements however many there are.

        A level that does not exist is made. The levels must be locked before.
        """

    async def set_bins(self, bins: Mapping[LevelKey, str | None]) -> None:
        """Where in the location each is shelved; the levels must exist."""


class ReservationsReads(Protocol):
    async def lapsed(self, skus: Sequence[str], now: datetime) -> Mapping[LevelKey, int]:
        """Units that levels of the SKUs still count as reserved though their time is over: free, whoever asks."""

    async def next_lapse(self, skus: Sequence[str], now: datetime) -> datetime | None:
        """When the next of the holds on these SKUs ends; None where there is none."""

    async def by_quote(self, quote_ids: Sequence[str]) -> Mapping[str, list[Reservation]]:
        """All of each quote, lapsed ones that nobody swept yet among them; by SKU and location."""


class Reservations(ReservationsReads, Protocol):
    """A level's `reserved` is the sum of its reservations: who writes here moves the levels, and has them locked."""

    async def add(self, reservations: Sequence[Reservation]) -> None: ...

    async def take(self, quote_ids: Sequence[str]) -> list[Reservation]:
        """Take away, and answer, all that the quotes have."""

    async def sweep(self, keys: Iterable[LevelKey], now: datetime) -> list[Reservation]:
        """Take away, and answer, those of the levels that have lapsed, and none else."""


class SupplyReads(Protocol):
    async def by_id(self, ids: Sequence[str]) -> Mapping[str, InboundSupply]: ...

    async def by_level(self, keys: Sequence[LevelKey]) -> Mapping[LevelKey, list[InboundSupply]]:
        """What is on its way to each level and not all there, soonest first."""

    async def due(self, skus: Sequence[str], destinations: Sequence[str] | None = None) -> list[InboundSupply]:
        """What is on its way of the SKUs, to any place or to those named, soonest first."""


class Supply(SupplyReads, Protocol):
    async def open(self, supply: Sequence[InboundSupply]) -> Mapping[SupplyKey, InboundSupply]:
        """Keep the lines that are new; answers those that were there before, as they are, locked.

        supply: each key once. Nobody else keeps or changes any of them until the end of the transaction.
        """

    async def lock(self, ids: Sequence[str]) -> Mapping[str, InboundSupply]:
        """As they are now, held until the end of the transaction, in the order of their ids. Lock levels after it."""

    async def update(self, supply: Sequence[InboundSupply]) -> None:
        """Make lines as stated, in one statement."""
