"""What availability needs to know."""

from collections.abc import Sequence
from typing import Protocol

from domain.availability.model import Goods


class AvailabilityReads(Protocol):
    async def goods(self, skus: Sequence[str]) -> Goods:
        """Everything a question about these SKUs needs: all that was committed before the call is in it.

        One statement where the catalog is remembered as it is now; never more for many SKUs than for one.
        """
