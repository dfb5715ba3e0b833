"""What promising needs kept."""

from collections.abc import Sequence
from typing import Protocol

from domain.promising.model import ShippingMethod


class PromisingReads(Protocol):
    async def shipping_methods(self) -> list[ShippingMethod]:
        """All, by code."""


class Promising(PromisingReads, Protocol):
    async def save_shipping_methods(self, methods: Sequence[ShippingMethod]) -> None: ...
