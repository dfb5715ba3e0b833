"""Persons, sealed: each row's data opens with a key of its own, wrapped by the process's secret."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from domain.customers.model import Customer, Person
from domain.places import Address, GeoPoint
from persistence.database import Statements
from persistence.sealing import Vault
from persistence.sql import among
from persistence.tables.customers import CUSTOMERS


class SqlCustomers:
    def __init__(self, statements: Statements, vault: Vault) -> None:
        self._statements = statements
        self._vault = vault

    async def by_id(self, ids: Sequence[str]) -> Mapping[str, Customer]:
        rows = await self._statements.fetch(
            select(
                CUSTOMERS.c.id,
                CUSTOMERS.c.wrapped_key,
                CUSTOMERS.c.sealed,
                CUSTOMERS.c.language,
                CUSTOMERS.c.created_at,
            ).where(among(CUSTOMERS.c.id, ids))
        )
        return {
            row.id: Customer(
                id=row.id,
                person=person_of(self._vault.open(row.sealed, row.wrapped_key, row.id, row.id)),
                language=row.language,
                created_at=row.created_at,
            )
            for row in rows
        }

    async def ids_by_reference(self, references: Sequence[str]) -> Mapping[str, str]:
        hashes = {self._vault.digest("reference", reference): reference for reference in references}
        rows = await self._statements.fetch(
            select(CUSTOMERS.c.id, CUSTOMERS.c.reference_hash).where(among(CUSTOMERS.c.reference_hash, hashes))
        )
        return {hashes[row.reference_hash]: row.id for row in rows}

    async def existing(self, ids: Sequence[str]) -> frozenset[str]:
        rows = await self._statements.fetch(select(CUSTOMERS.c.id).where(among(CUSTOMERS.c.id, ids)))
        return frozenset(row.id for row in rows)

    async def add(self, customers: Sequence[Customer], references: Mapping[str, str]) -> None:
        if not customers:
            return
        insert = sqlite.insert if self._statements.is_sqlite else postgresql.insert
        rows = [self._row(customer, references.get(customer.id)) for customer in customers]
        await self._statements.run(insert(CUSTOMERS).on_conflict_do_nothing(), rows)

    def _row(self, customer: Customer, reference: str | None) -> dict[str, Any]:
        key = self._vault.new_key(customer.id)
        return {
            "id": customer.id,
            "email_hash": self._vault.email_hash(customer.email),
            "reference_hash": self._vault.digest("reference", reference) if reference else None,
            "wrapped_key": key,
            "sealed": self._vault.seal(customer.person, key, customer.id, customer.id),
            "language": customer.language,
            "created_at": customer.created_at,
        }


def person_of(opened: Mapping[str, Any]) -> Person:
    return Person(**{**opened, "addresses": tuple(address_of(address) for address in opened["addresses"])})


def address_of(kept: Mapping[str, Any]) -> Address:
    point = kept.get("point")
    return Address(**{**kept, "point": GeoPoint(**point) if point else None})
