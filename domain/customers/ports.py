"""What customers need kept."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.customers.model import Customer


class CustomersReads(Protocol):
    async def by_id(self, ids: Sequence[str]) -> Mapping[str, Customer]:
        """With their data unsealed."""


class Customers(CustomersReads, Protocol):
    async def ids_by_reference(self, references: Sequence[str]) -> Mapping[str, str]:
        """The customers another system's numbers name, found by keyed hash."""

    async def existing(self, ids: Sequence[str]) -> frozenset[str]: ...

    async def add(self, customers: Sequence[Customer], references: Mapping[str, str]) -> None:
        """New ones, each with a key of their own. references: customer id to another system's number.

        An id or reference that is there by now is left as it is.
        """
