"""Money: integer minor units inside, exact decimals outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

# ISO 4217, the currencies whose minor unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
# ISO 4217, active codes of currencies in everyday use.
CURRENCIES = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UYW UZS
    VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG""".split()
)
# Sixteen digits: above any order ever placed, and exact in every client's 64-bit integer or decimal.
AMOUNT_MINOR_MAX = 10**15


def exponent(currency: str) -> int:
    """Digits after the point in a currency's amounts (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    amount_minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        """The amount with the currency's digits: Decimal("12.50"), Decimal("1250") for JPY."""
        return Decimal(self.amount_minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        assert self.currency == other.currency, "Amounts of two currencies do not add up."
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        assert self.currency == other.currency, "Amounts of two currencies do not add up."
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.amount_minor * times, self.currency)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def zero(currency: str) -> Money:
    return Money(0, currency)


def minor_units(amount: Decimal, currency: str) -> int | None:
    """The amount in minor units, or None where it has more digits than the currency or is absurdly large."""
    if not amount.is_finite():
        return None
    scaled = amount.scaleb(exponent(currency))
    if scaled != scaled.to_integral_value() or abs(scaled) > AMOUNT_MINOR_MAX:
        return None
    return int(scaled)


def share(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """An amount shared out by weight, to the minor unit: the parts add up to it.

    weights: each >= 0; all 0 counts as all equal. Ties go to the first.
    Source: the largest-remainder method (Hamilton).
    """
    assert all(weight >= 0 for weight in weights)
    total = sum(weights)
    if not weights:
        return []
    if total == 0:
        return share(amount_minor, [1] * len(weights))
    sign, size = (-1, -amount_minor) if amount_minor < 0 else (1, amount_minor)
    parts = [size * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % total), i))
    for i in by_remainder[: size - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]
