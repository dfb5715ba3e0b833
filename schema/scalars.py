"""The scalars of the contract, and how each is read and written."""

from datetime import UTC, date, datetime, time
from decimal import Decimal, DecimalException
from typing import Any, NewType

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.scalars import JSON

CurrencyCode = NewType("CurrencyCode", str)
CountryCode = NewType("CountryCode", str)
LanguageTag = NewType("LanguageTag", str)

# No amount, measure or rate has more; `1e999999` would otherwise be a number of a million digits.
DECIMAL_DIGITS_MAX = 40


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise StrawberryInputCoercionError("A text is expected.")
    return value


def _instant(value: object) -> datetime:
    """RFC 3339, with an offset. Source: RFC 3339, section 5.6."""
    try:
        instant = datetime.fromisoformat(_text(value))
    except ValueError:
        raise StrawberryInputCoercionError(f"{value!r} is no RFC 3339 instant.") from None
    if instant.tzinfo is None:
        raise StrawberryInputCoercionError(f"{value!r} has no offset: say 2026-05-01T10:00:00Z or …+02:00.")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise StrawberryInputCoercionError(f"{value!r} is out of range.") from None


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day(value: object) -> date:
    try:
        return date.fromisoformat(_text(value))
    except ValueError:
        raise StrawberryInputCoercionError(f"{value!r} is no date: say 2026-05-01.") from None


def _local_time(value: object) -> time:
    try:
        return time.fromisoformat(_text(value)).replace(tzinfo=None)
    except ValueError:
        raise StrawberryInputCoercionError(f"{value!r} is no time of day: say 14:30.") from None


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise StrawberryInputCoercionError('A decimal is expected, as a text: "12.50".')
    try:
        number = Decimal(str(value))
    except DecimalException:
        raise StrawberryInputCoercionError(f'{value!r} is no decimal: say "12.50".') from None
    if not number.is_finite() or abs(number.adjusted()) > DECIMAL_DIGITS_MAX:
        raise StrawberryInputCoercionError(f"{value!r} is out of range.")
    return number


def _scalar(name: str, parse: Any, serialize: Any, description: str) -> Any:
    return strawberry.scalar(name=name, parse_value=parse, serialize=serialize, description=description)


SCALARS: dict[object, Any] = {
    CurrencyCode: _scalar("CurrencyCode", _text, str, "ISO 4217, e.g. EUR."),
    CountryCode: _scalar("CountryCode", _text, str, "ISO 3166-1 alpha-2, e.g. IT."),
    LanguageTag: _scalar("LanguageTag", _text, str, "BCP 47, e.g. fr-CA."),
    datetime: _scalar("DateTime", _instant, _written, "An instant: RFC 3339 with an offset."),
    date: _scalar("Date", _day, date.isoformat, "A calendar day, e.g. 2026-05-01."),
    time: _scalar("Time", _local_time, lambda t: t.isoformat("minutes"), "A local time of day, e.g. 14:30."),
    Decimal: _scalar("Decimal", _decimal, str, "An exact decimal, as a text."),
}

__all__ = ["JSON", "SCALARS", "CountryCode", "CurrencyCode", "LanguageTag"]
