"""What promising needs kept."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.promising.model import ShippingMethod


class PromisingReads(Protocol):
    async def shipping_methods(self) -> list[ShippingMethod]:
        """All, by code."""

    async def shipping_methods_by_code(self, codes: Sequence[str]) -> Mapping[str, ShippingMethod]: ...


class Promising(PromisingReads, Protocol):
    async def save_shipping_methods(self, methods: Sequence[ShippingMethod]) -> None: ...
