"""Who buys: persons, whose data is sealed under a key of their own."""

from dataclasses import dataclass
from datetime import datetime

from domain.places import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known of a buyer; all of it personal, and kept sealed."""

    email: str | None = None
    phone: str | None = None
    name: str | None = None
    company: str | None = None
    tax_id: str | None = None
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A buyer, signed in or guest. reference: the number another system knows them by, kept as a keyed hash alone."""

    id: str
    person: Person
    language: str | None
    created_at: datetime

    @property
    def email(self) -> str | None:
        return self.person.email

    @property
    def phone(self) -> str | None:
        return self.person.phone

    @property
    def name(self) -> str | None:
        return self.person.name

    @property
    def company(self) -> str | None:
        return self.person.company

    @property
    def tax_id(self) -> str | None:
        return self.person.tax_id

    @property
    def addresses(self) -> tuple[Address, ...]:
        return self.person.addresses


def normalized_email(email: str) -> str:
    """How two spellings of one address are known to be the same: no outer space, small letters."""
    return email.strip().casefold()
