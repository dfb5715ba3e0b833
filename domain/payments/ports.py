"""What payments need kept, and what a provider must do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from domain.money import Money
from domain.payments.model import Payment, PaymentTransaction


class PaymentsReads(Protocol):
    async def by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Payment]]:
        """In the order they were made."""

    async def by_id(self, ids: Sequence[str]) -> Mapping[str, Payment]: ...

    async def transactions_by_payment(self, payment_ids: Sequence[str]) -> Mapping[str, list[PaymentTransaction]]:
        """Oldest first."""


class Payments(PaymentsReads, Protocol):
    async def add(self, by_order: Sequence[Sequence[Payment]], transactions: Sequence[PaymentTransaction]) -> None: ...

    async def update(self, payments: Sequence[Payment], transactions: Sequence[PaymentTransaction]) -> None:
        """Write payments' sums and statuses, and add the transactions that changed them."""


class Verdict(Enum):
    AUTHORIZED = "AUTHORIZED"
    DECLINED = "DECLINED"
    ACTION_REQUIRED = "ACTION_REQUIRED"


@dataclass(frozen=True, slots=True)
class Authorization:
    """decline_code, retryable: of a DECLINED one. redirect_url: where an ACTION_REQUIRED one sends the payer."""

    verdict: Verdict
    reference: str
    decline_code: str | None = None
    retryable: bool = False
    redirect_url: str | None = None


class ProviderUnavailable(Exception):  # noqa: N818
    """The provider did not answer, or answered with a fault: what it did is not known."""


class Provider(Protocol):
    """A payment provider. A local one needs no network, so its answers may be had inside a transaction."""

    @property
    def code(self) -> str: ...

    @property
    def is_local(self) -> bool: ...

    async def authorize(self, payment_id: str, amount: Money, token: str | None) -> Authorization:
        """Set money aside, once per payment id. Raises ProviderUnavailable."""

    async def look_up(self, payment_id: str) -> Authorization | None:
        """What became of an authorization whose answer was lost; None where there never was one."""

    async def capture(self, payment_id: str, amount: Money, request_id: str) -> str:
        """Take money set aside, once per request id; answers the provider's reference."""

    async def void(self, payment_id: str, amount: Money, request_id: str) -> str:
        """Let go of money set aside, once per request id."""

    async def refund(self, payment_id: str, amount: Money, request_id: str) -> str:
        """Give money back, once per request id."""


class Providers(Protocol):
    def named(self, code: str | None) -> Provider | None:
        """The provider of that code, or the one for everyday use where no code is given; None where there is none."""
