"""What fulfillment needs kept."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.fulfillment.model import FulfillmentOrder


class FulfillmentReads(Protocol):
    async def by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[FulfillmentOrder]]: ...


class Fulfillment(FulfillmentReads, Protocol): ...
