"""How an order is paid: payments, the transactions they are the sums of, and what a provider answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from domain.catalog.model import PaymentMethod
from domain.money import Money

PAYMENTS_PER_ORDER_MAX = 10  # A gift card or five and the rest on a card; more is somebody probing.
ACTION_EXPIRES_AFTER = timedelta(minutes=30)  # ACCEPTANCE 21: a 3-D Secure page left open.


class PaymentStatus(Enum):
    PENDING = "PENDING"
    AUTHORIZED = "AUTHORIZED"
    PARTIALLY_PAID = "PARTIALLY_PAID"
    PAID = "PAID"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"
    FAILED = "FAILED"
    ACTION_REQUIRED = "ACTION_REQUIRED"


class PaymentTransactionKind(Enum):
    AUTHORIZE = "AUTHORIZE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"
    CHARGEBACK = "CHARGEBACK"


class PaymentTransactionStatus(Enum):
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class PaymentAction:
    """What the payer must do before it can go on."""

    redirect_url: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One way an order is paid. authorized counts what was not voided again; refunded <= captured <= authorized.

    action: set while the payer must do something (status ACTION_REQUIRED).
    """

    id: str
    order_id: str
    method: PaymentMethod
    provider: str
    status: PaymentStatus
    amount: Money
    authorized: Money
    captured: Money
    refunded: Money
    action: PaymentAction | None = None

    @property
    def next_action(self) -> PaymentAction | None:
        return self.action if self.status is PaymentStatus.ACTION_REQUIRED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTransaction:
    id: str
    payment_id: str
    order_id: str
    kind: PaymentTransactionKind
    amount: Money
    status: PaymentTransactionStatus
    provider_reference: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """A payment asked for at placement. amount: None is the rest of the total; at most one leaves it out."""

    method: PaymentMethod
    token: str | None = None
    amount: Money | None = None
    provider: str | None = None
    return_url: str | None = None
    captured: bool = False
    provider_reference: str | None = None


def status_of(
    *, authorized: int, captured: int, refunded: int, amount: int, voided: bool, failed: bool, waiting: bool
) -> PaymentStatus:
    """A payment's status, a pure function of its sums (minor units) and of how its authorization ended."""
    if waiting:
        return PaymentStatus.ACTION_REQUIRED
    if failed:
        return PaymentStatus.FAILED
    if refunded and refunded >= captured:
        return PaymentStatus.REFUNDED
    if refunded:
        return PaymentStatus.PARTIALLY_REFUNDED
    if captured and captured >= authorized:
        return PaymentStatus.PAID
    if captured:
        return PaymentStatus.PARTIALLY_PAID
    if voided and not authorized:
        return PaymentStatus.VOIDED
    return PaymentStatus.AUTHORIZED if authorized or not amount else PaymentStatus.PENDING


def order_payment_status(payments: Sequence[Payment], total: int) -> PaymentStatus:
    """An order's payment status, a pure function of its payments and its total (minor units)."""
    if any(payment.status is PaymentStatus.ACTION_REQUIRED for payment in payments):
        return PaymentStatus.ACTION_REQUIRED
    authorized = sum(payment.authorized.amount_minor for payment in payments)
    captured = sum(payment.captured.amount_minor for payment in payments)
    refunded = sum(payment.refunded.amount_minor for payment in payments)
    if refunded:
        return PaymentStatus.REFUNDED if refunded >= captured else PaymentStatus.PARTIALLY_REFUNDED
    if captured:
        return PaymentStatus.PAID if captured >= total else PaymentStatus.PARTIALLY_PAID
    if authorized:
        return PaymentStatus.AUTHORIZED
    ended = {payment.status for payment in payments}
    if PaymentStatus.VOIDED in ended:
        return PaymentStatus.VOIDED
    if PaymentStatus.FAILED in ended:
        return PaymentStatus.FAILED
    return PaymentStatus.PAID if total == 0 else PaymentStatus.PENDING
