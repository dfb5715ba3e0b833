"""What availability needs to know, and to have kept."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from domain.availability.model import Goods
from domain.availability.views import AvailabilityViewRevision, KeptView


class AvailabilityReads(Protocol):
    async def goods(self, skus: Sequence[str]) -> Goods:
        """Everything a question about these SKUs needs: all that was committed before the call is in it.

        One statement where the catalog is remembered as it is now; never more for many SKUs than for one. How many
        units stores have to hand over may be a second old.
        """


class ViewsReads(Protocol):
    async def all(self) -> Mapping[str, KeptView]:
        """All views by code, each with the revision in force and those after it."""

    async def history(self, codes: Sequence[str], limit: int) -> Mapping[str, list[AvailabilityViewRevision]]:
        """The last revisions of each view, newest first."""


class Views(ViewsReads, Protocol):
    async def lock(self, code: str) -> KeptView | None:
        """A view as it is now, held until the end of the transaction; nobody else makes one of the code meanwhile."""

    async def add(self, code: str, revision: AvailabilityViewRevision) -> None:
        """Keep a revision, of a view that is there or of a new one; its version is the next."""

    async def channels_through(self, code: str) -> Collection[str]:
        """The codes of the channels that sell through a view."""
