"""Inputs that many mutations share, put into the domain's words: money, addresses, destinations.

Each raises Refused with all that is wrong, at paths below the one given.
"""

from typing import TYPE_CHECKING

from domain import money as moneys
from domain.catalog.rules import country_problems, currency_problems, text_problems
from domain.errors import Problem, Refused, invalid, refuse_all
from domain.inventory.rules import point_problems
from domain.money import AMOUNT_MINOR_MAX, Money
from domain.places import Address, Destination, GeoPoint

if TYPE_CHECKING:
    from schema.common import AddressInput, DestinationInput, GeoPointInput, MoneyInput

# What a label has room for, with something to spare; what is longer was pasted into the wrong field.
ADDRESS_LINE_LENGTH_MAX = 200
_ADDRESS_TEXTS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "phone")
_DESTINATION_TEXTS = ("region", "postal_code", "city")


def money(input: "MoneyInput", *path: str | int) -> Money:
    """An amount in a currency there is, with no more digits than it has."""
    refuse_all(list(currency_problems(input.currency, *path, "currency")))
    amount_minor = moneys.minor_units(input.amount, input.currency)
    if amount_minor is None:
        digits, most = moneys.exponent(input.currency), Money(AMOUNT_MINOR_MAX, input.currency)
        sentence = f"An amount in {input.currency} has at most {digits} decimals and is at most {most.amount}."
        raise Refused(invalid(sentence, *path, "amount"))
    return Money(amount_minor, input.currency)


def address(input: "AddressInput", *path: str | int) -> Address:
    """An address with its texts trimmed, those that are blank left out."""
    texts = _trimmed(input, _ADDRESS_TEXTS)
    problems = [*_text_problems(texts, *path), *country_problems(input.country, *path, "country")]
    problems += [invalid("An address has it.", *path, name) for name in ("line1", "city") if texts[name] is None]
    refuse_all(problems)
    return Address(country=input.country, point=_point(input.point, *path, "point"), **texts)  # type: ignore[arg-type]


def destination(input: "DestinationInput", *path: str | int) -> Destination:
    """A place, as exactly as it was said."""
    texts = _trimmed(input, _DESTINATION_TEXTS)
    refuse_all([*_text_problems(texts, *path), *country_problems(input.country, *path, "country")])
    return Destination(country=input.country, point=_point(input.point, *path, "point"), **texts)


def _point(input: "GeoPointInput | None", *path: str | int) -> GeoPoint | None:
    if input is None:
        return None
    point = GeoPoint(input.latitude, input.longitude)
    refuse_all(list(point_problems(point, *path)))
    return point


def _trimmed(input: object, names: tuple[str, ...]) -> dict[str, str | None]:
    return {name: (getattr(input, name) or "").strip() or None for name in names}


def _text_problems(texts: dict[str, str | None], *path: str | int) -> list[Problem]:
    return [
        problem
        for name, text in texts.items()
        for problem in text_problems(text, *path, _written(name), length_max=ADDRESS_LINE_LENGTH_MAX)
    ]


def _written(name: str) -> str:
    return "postalCode" if name == "postal_code" else name
