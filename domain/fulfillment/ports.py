"""What fulfillment needs kept."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.access import OrdersSeen
from domain.fulfillment.model import FulfillmentOrder, FulfillmentOrderFilter, Pickup, Shipment, TrackingEvent
from domain.paging import Page, Slice

# What names a parcel to its carrier: (carrier, tracking number).
TrackingKey = tuple[str, str]


class FulfillmentReads(Protocol):
    """`seen` is the row rule of work: by place for staff, by order for those whose it is.

    What is read by an order, or by a fulfillment order, belongs to one that the caller was shown before.
    """

    async def by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, FulfillmentOrder]: ...

    async def by_number(self, numbers: Sequence[str], seen: OrdersSeen) -> Mapping[str, FulfillmentOrder]: ...

    async def by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[FulfillmentOrder]]:
        """In the order they were opened."""

    async def page(self, filter: FulfillmentOrderFilter, page: Page, seen: OrdersSeen) -> Slice[FulfillmentOrder]:
        """By when they are due, soonest first."""

    async def pickups_by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, Pickup]: ...

    async def pickups_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Pickup]]:
        """In the order they were opened."""

    async def pickups_by_fulfillment_order(self, ids: Sequence[str]) -> Mapping[str, Pickup]: ...

    async def shipments_by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, Shipment]:
        """Those of the orders that the caller may see."""

    async def shipments_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Shipment]]:
        """In the order they were made."""

    async def shipments_by_fulfillment_order(self, ids: Sequence[str]) -> Mapping[str, list[Shipment]]: ...

    async def shipment_tracked_by(self, number: str, carrier: str | None, seen: OrdersSeen) -> Shipment | None:
        """The shipment of an order that the caller may see; the newest, where two carriers use one number."""

    async def tracking_by_shipment(self, shipment_ids: Sequence[str], page: Page) -> Mapping[str, Slice[TrackingEvent]]:
        """The same page of each shipment's events, newest first, in one statement."""


class Fulfillment(FulfillmentReads, Protocol):
    async def open(self, orders: Sequence[FulfillmentOrder], pickups: Sequence[Pickup]) -> None:
        """Add work, and the pickups it ends in."""

    async def update(self, orders: Sequence[FulfillmentOrder]) -> None:
        """Write their statuses and their lines' units."""

    async def update_pickups(self, pickups: Sequence[Pickup]) -> None: ...

    async def pickup_by_code(self, code: str) -> Pickup | None: ...

    async def add_shipment(self, shipment: Shipment) -> bool:
        """Whether it was added: False where its carrier already carries this tracking number."""

    async def update_shipments(self, shipments: Sequence[Shipment]) -> None: ...

    async def shipments_by_tracking(self, keys: Sequence[TrackingKey]) -> Mapping[TrackingKey, Shipment]: ...

    async def add_tracking(self, events: Sequence[TrackingEvent]) -> frozenset[str]:
        """The ids of those that were new; one whose carrier's id is known is left out."""

    async def statuses_said(self, shipment_ids: Sequence[str]) -> Mapping[str, list[TrackingEvent]]:
        """Every event of each shipment that says a status."""
