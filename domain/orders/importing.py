"""Orders from elsewhere, read: lines of a file become orders to place, units to cancel, and lines left out with why.

Pure: whoever has the file and the database gives what these functions need to know.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.catalog.model import TEXT_LENGTH_MAX, Channel
from domain.catalog.rules import currency_problems, sku_problems
from domain.errors import InsufficientStock, Problem, Refused
from domain.inventory.model import QUANTITY_MAX
from domain.money import Money, minor_units
from domain.orders.model import LINES_PER_ORDER_MAX, FulfillmentChoice, LineRequest, OrderLine, PlaceOrder
from domain.payments.model import PaymentRequest
from domain.places import COUNTRIES, Address

COLUMNS = ("reference", "placed_at", "sku", "name", "quantity", "unit_price", "currency", "customer", "country")

REFERENCE_LENGTH_MAX = 100  # Of an order's or a customer's reference: other systems' numbers have at most some 40.
# Orders whose lines are waited for at once: systems that write several at a time mix their lines a little.
ORDERS_MIXED_MAX = 50

# What stands where an address would be: a list of sales has none.
NOT_RECORDED = "Not recorded"
# Who keeps the books of what was paid elsewhere.
PROVIDER = "import"

_WHOLE = re.compile(r"[+-]?[0-9]{1,12}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
# Codes without a digit are services and corrections (POST, M, BANK CHARGES); vouchers are money. Neither is goods.
_VOUCHER = "gift"
# Countries as sellers write them, beside ISO codes and the English names that the caller knows.
_OTHER_NAMES = {
    "channel islands": "JE",
    "czech republic": "CZ",
    "eire": "IE",
    "england": "GB",
    "great britain": "GB",
    "holland": "NL",
    "hong kong": "HK",
    "korea": "KR",
    "macau": "MO",
    "macedonia": "MK",
    "northern ireland": "GB",
    "republic of ireland": "IE",
    "rsa": "ZA",
    "russian federation": "RU",
    "scotland": "GB",
    "swaziland": "SZ",
    "turkey": "TR",
    "uae": "AE",
    "uk": "GB",
    "united states of america": "US",
    "usa": "US",
    "viet nam": "VN",
    "wales": "GB",
}
# Words that tell of no country: the order is then taken to be sold at home.
_UNTOLD = frozenset({"", "unspecified", "unknown", "n/a", "european community", "european union", "eu"})

Countries = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedLine:
    """One line of a file that makes sense by itself.

    number: of the line in its file. units: to order, or to cancel. country: None where the file does not tell it;
    country_said: what it says instead.
    """

    number: int
    reference: str
    placed_at: datetime
    sku: str
    name: str | None
    units: int
    is_cancellation: bool
    unit_price: Money
    customer: str | None
    country: str | None
    country_said: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line left out, and why, in a sentence for whoever has to mend it."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """A line that cancels. key: names it for good: whatever else is in the file, the same line has the same key."""

    line: ImportedLine
    key: str


# ── A line ──


def country_codes(english_names: Mapping[str, str]) -> Countries:
    """Codes by every way of writing a country that is understood, in small letters. english_names: by code."""
    named = {name.casefold(): code for code, name in english_names.items() if code in COUNTRIES}
    return named | {code.casefold(): code for code in COUNTRIES} | _OTHER_NAMES


def read_line(number: int, cells: Mapping[str, str], countries: Countries, now: datetime) -> ImportedLine | Rejected:
    """A line as the file has it, understood or refused. cells: by column, all of COLUMNS."""
    text = {name: cells[name].strip() for name in COLUMNS}
    is_cancellation = text["reference"].startswith("C") or text["quantity"].startswith("-")
    if reason := _reason(text, now, is_cancellation=is_cancellation):
        return Rejected(number, reason)
    price = minor_units(Decimal(text["unit_price"]), text["currency"]) if _DECIMAL.fullmatch(text["unit_price"]) else 0
    return ImportedLine(
        number=number,
        reference=text["reference"],
        placed_at=datetime.fromisoformat(text["placed_at"]),
        sku=text["sku"],
        name=text["name"][:TEXT_LENGTH_MAX] or None,
        units=abs(int(text["quantity"])),
        is_cancellation=is_cancellation,
        unit_price=Money(price or 0, text["currency"]),
        customer=text["customer"] or None,
        country=countries.get(text["country"].casefold()),
        country_said=text["country"],
    )


def _reason(text: Mapping[str, str], now: datetime, *, is_cancellation: bool) -> str | None:
    """Why a line makes no sense, the first reason there is; None where it does."""
    if _is_garbled("".join(text.values())):
        return "It holds characters that are no text: the file is to be in UTF-8."
    return (
        _reference_reason(text["reference"], text["customer"])
        or _time_reason(text["placed_at"], now)
        or _goods_reason(text["sku"])
        or _quantity_reason(text["quantity"])
        or next((problem.message for problem in currency_problems(text["currency"])), None)
        # What a cancellation gives back is what the order cost.
        or (None if is_cancellation else _price_reason(text["unit_price"], text["currency"]))
    )


def _is_garbled(text: str) -> bool:
    """What no database keeps: NUL, and bytes that were no UTF-8, which are read as half of a surrogate pair."""
    return "\0" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text))


def _reference_reason(reference: str, customer: str) -> str | None:
    if not reference:
        return "It names no order: the reference is empty."
    if max(len(reference), len(customer)) > REFERENCE_LENGTH_MAX:
        return f"A reference, of an order or a customer, has at most {REFERENCE_LENGTH_MAX} characters."
    return None


def _time_reason(placed_at: str, now: datetime) -> str | None:
    try:
        instant = datetime.fromisoformat(placed_at)
    except ValueError:
        return f"{placed_at!r:.40} is no time: write it as ISO 8601 does, e.g. 2026-05-01T10:00:00Z."
    if instant.tzinfo is None:
        return f"{placed_at} says no offset: write e.g. {placed_at}Z for UTC."
    return "It was placed in the future." if instant > now else None


def _goods_reason(sku: str) -> str | None:
    if problem := next(sku_problems(sku), None):
        return problem.message
    if not any(character.isdigit() for character in sku) or sku.casefold().startswith(_VOUCHER):
        return f"{sku} is no goods: it is the code of a service, a correction or a voucher."
    return None


def _quantity_reason(quantity: str) -> str | None:
    if not _WHOLE.fullmatch(quantity):
        return f"{quantity!r:.40} is no quantity: a whole number is right."
    if int(quantity) == 0:
        return "The quantity is 0."
    return f"A quantity is at most {QUANTITY_MAX}." if abs(int(quantity)) > QUANTITY_MAX else None


def _price_reason(price: str, currency: str) -> str | None:
    if not _DECIMAL.fullmatch(price):
        return f"{price!r:.40} is no price: a decimal number is right, e.g. 12.50."
    amount = minor_units(Decimal(price), currency)
    if amount is None:
        return f"{price} has more digits than {currency} has."
    return f"There is no price: {price}." if amount <= 0 else None


# ── Lines that belong together ──


def grouped(lines: Iterable[ImportedLine]) -> Iterator[list[ImportedLine]]:
    """Lines by reference, in the order in which the references first appear, each as long as an order may be.

    A reference is waited for while ORDERS_MIXED_MAX others appear, so little is held at a time; lines of it that come
    later are a group of their own.
    """
    waiting: dict[str, list[ImportedLine]] = {}
    for line in lines:
        group = waiting.setdefault(line.reference, [])
        group.append(line)
        if len(group) == LINES_PER_ORDER_MAX:
            yield waiting.pop(line.reference)
        elif len(waiting) > ORDERS_MIXED_MAX:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()


def home_of(currency: str) -> str | None:
    """The country a currency is named after; None for what several share. Source: ISO 4217, on alphabetic codes."""
    return currency[:2] if currency[:2] in COUNTRIES else None


def country_of(group: Sequence[ImportedLine]) -> str | None:
    """Where an order goes: what the first of its lines tells that tells anything, else home; None is a word unknown."""
    if told := next((line.country for line in group if line.country), None):
        return told
    untold = all(line.country_said.casefold() in _UNTOLD for line in group)
    return home_of(group[0].unit_price.currency) if untold else None


def customer_reference(channel: str, customer: str) -> str:
    """What tells one seller's customers from another's."""
    return f"{channel}:{customer}"


def cancellations(channel: str, group: Sequence[ImportedLine]) -> list[Cancellation]:
    """The canceling lines of a group, each with its key: the n-th of its SKU under its reference."""
    seen = Counter[str]()
    found = []
    for line in group:
        if line.is_cancellation:
            seen[line.sku] += 1
            parts = "\n".join([channel, line.reference, line.sku, str(seen[line.sku])])
            found.append(Cancellation(line=line, key=f"cancel-{hashlib.sha256(parts.encode()).hexdigest()}"))
    return found


def sale_problem(group: Sequence[ImportedLine], channel: Channel) -> str | None:
    """Why nothing of an order can be placed, if so."""
    currency = group[0].unit_price.currency
    if currency != channel.currency:
        return f"The channel {channel.code} sells in {channel.currency}, not in {currency}."
    country = country_of(group)
    if country is None:
        said = next((line.country_said for line in group if line.country_said), "")
        return f"{said!r:.40} tells no country: write its ISO code or English name."
    if country not in channel.countries:
        return f"The channel {channel.code} does not deliver to {country}."
    return None


def sale(group: Sequence[ImportedLine], channel: Channel) -> PlaceOrder:
    """The order that lines of one reference are: sold, priced and paid elsewhere. The first line speaks for all."""
    first = group[0]
    country = country_of(group)
    assert country, "An order is looked at for problems first."
    customer = next((line.customer for line in group if line.customer), None)
    key = hashlib.sha256(f"{channel.code}\n{first.reference}".encode()).hexdigest()
    return PlaceOrder(
        idempotency_key=f"import-{key}",
        channel=channel.code,
        lines=tuple(
            LineRequest(sku=line.sku, quantity=line.units, unit_price=line.unit_price, name=line.name) for line in group
        ),
        payments=(
            PaymentRequest(
                method=channel.payment_methods[0],
                captured=True,
                provider=PROVIDER,
                provider_reference=first.reference,
            ),
        ),
        fulfillment=FulfillmentChoice(address=Address(line1=NOT_RECORDED, city=NOT_RECORDED, country=country)),
        customer_reference=customer_reference(channel.code, customer) if customer else None,
        external_reference=first.reference,
        placed_at=first.placed_at,
        shipping_price=Money(0, channel.currency),
    )


# ── What became of them ──


def already_ordered(group: Sequence[ImportedLine], lines: Sequence[OrderLine]) -> list[Rejected]:
    """Those lines of a group that an order placed before does not have."""
    there = Counter((line.sku, line.quantity, line.unit_price) for line in lines)
    missing = []
    for line in group:
        what = line.sku, line.units, line.unit_price
        if there[what]:
            there[what] -= 1
        else:
            missing.append(Rejected(line.number, f"The order {line.reference} is there already, without this line."))
    return missing


def refused_lines(group: Sequence[ImportedLine], refusal: Refused) -> list[Rejected]:
    """The lines that a refusal names; all of them where it is about the order as a whole, or about stock."""
    by_line = {place: problem for problem in refusal.problems if (place := _place(problem)) is not None}
    is_short = any(isinstance(problem, InsufficientStock) for problem in refusal.problems)
    if is_short or len(by_line) < len(refusal.problems):
        return [Rejected(line.number, str(refusal)) for line in group]
    return [Rejected(group[place].number, problem.message) for place, problem in by_line.items()]


def _place(problem: Problem) -> int | None:
    return int(problem.path[1]) if problem.path[:1] == ("lines",) and len(problem.path) > 1 else None
