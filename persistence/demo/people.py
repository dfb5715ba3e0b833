"""Who buys in the demo: the known customers, and guests with names, streets and towns of their country."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from domain.customers.model import Customer
from domain.places import Address, GeoPoint
from persistence.demo.files import Chance, table

# A town's streets lie within so many thousandths of a degree of its middle: a kilometre or so.
_TOWN_REACH = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """customer_id: None for a guest."""

    email: str
    name: str
    language: str
    address: Address
    customer_id: str | None = None


def buyer_of(customer: Customer) -> Buyer:
    assert customer.email
    assert customer.name
    assert customer.language
    return Buyer(
        email=customer.email,
        name=customer.name,
        language=customer.language,
        address=customer.addresses[0],
        customer_id=customer.id,
    )


def guest(country: str, chance: Chance) -> Buyer:
    rules = _people()
    there = rules[country]
    first, last = chance.one_of(there["first_names"]), chance.one_of(there["last_names"])
    name = f"{first} {last}"
    return Buyer(
        email=f"{_plain(first)}.{_plain(last)}{chance.between(1, 99)}@{chance.one_of(rules['mail_domains'])}",
        name=name,
        language=there["language"],
        address=replace(_address(there, country, chance), name=name),
    )


@cache
def _people() -> Mapping[str, Any]:
    return table("people.toml")


def _address(there: Mapping[str, Any], country: str, chance: Chance) -> Address:
    towns: Sequence[tuple[str, str, str, float, float]] = there["towns"]
    town, region, postal_code, latitude, longitude = chance.one_of(towns)
    north, east = chance.between(-_TOWN_REACH, _TOWN_REACH), chance.between(-_TOWN_REACH, _TOWN_REACH)
    return Address(
        line1=there["line"].format(street=chance.one_of(there["streets"]), number=chance.between(1, 140)),
        city=town,
        region=region,
        postal_code=postal_code,
        country=country,
        point=GeoPoint(round(latitude + north / 1000, 4), round(longitude + east / 1000, 4)),
    )


def _plain(name: str) -> str:
    """A name as it stands in an e-mail address: small letters without accents."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in decomposed if character.isascii() and character.isalpha())
