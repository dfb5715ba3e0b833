"""How money moves: captured when goods are handed over, let go or given back when they are not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from domain.ids import Ids
from domain.money import Money
from domain.payments.model import (
    Payment,
    PaymentTransaction,
    PaymentTransactionKind,
    PaymentTransactionStatus,
    status_of,
)
from domain.payments.ports import Payments, Providers

_SIGNS = {
    PaymentTransactionKind.AUTHORIZE: (1, 0, 0),
    PaymentTransactionKind.CAPTURE: (0, 1, 0),
    PaymentTransactionKind.VOID: (-1, 0, 0),
    PaymentTransactionKind.REFUND: (0, 0, 1),
}


class PaymentsWork(Protocol):
    @property
    def ids(self) -> Ids: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def providers(self) -> Providers: ...


async def capture(work: PaymentsWork, payments: Sequence[Payment], amount_minor: int, at: datetime) -> list[Payment]:
    """Take up to `amount_minor` of what is set aside, the first payment first.

    Answers all the payments as they are then. The same for `void` and `refund`.
    """
    return await _move(work, payments, PaymentTransactionKind.CAPTURE, amount_minor, at)


async def void(work: PaymentsWork, payments: Sequence[Payment], amount_minor: int, at: datetime) -> list[Payment]:
    """Let go of up to `amount_minor` that is set aside and was not taken; the last payment first."""
    return await _move(work, payments, PaymentTransactionKind.VOID, amount_minor, at)


async def refund(work: PaymentsWork, payments: Sequence[Payment], amount_minor: int, at: datetime) -> list[Payment]:
    """Give back up to `amount_minor` of what was taken, the way it was paid; the last payment first."""
    return await _move(work, payments, PaymentTransactionKind.REFUND, amount_minor, at)


async def _move(
    work: PaymentsWork, payments: Sequence[Payment], kind: PaymentTransactionKind, amount_minor: int, at: datetime
) -> list[Payment]:
    moved: dict[str, Payment] = {}
    transactions = []
    left = amount_minor
    for payment in payments if kind is PaymentTransactionKind.CAPTURE else reversed(payments):
        part = min(left, _movable(payment, kind))
        if part <= 0:
            continue
        left -= part
        made = transaction(work.ids, payment, kind, part, None, at)
        transactions.append(replace(made, provider_reference=await _told(work.providers, payment, made)))
        moved[payment.id] = after(payment, kind, part)
    if transactions:
        await work.payments.update(list(moved.values()), transactions)
    return [moved.get(payment.id, payment) for payment in payments]


def _movable(payment: Payment, kind: PaymentTransactionKind) -> int:
    if kind is PaymentTransactionKind.REFUND:
        return payment.captured.amount_minor - payment.refunded.amount_minor
    return payment.authorized.amount_minor - payment.captured.amount_minor


async def _told(providers: Providers, payment: Payment, made: PaymentTransaction) -> str | None:
    """Tell the provider. What was only recorded here (a till's terminal, a marketplace) is only recorded again."""
    provider = providers.named(payment.provider)
    if provider is None:
        return None
    assert provider.is_local, "A provider across the network is called between transactions, not inside one."
    calls = {
        PaymentTransactionKind.CAPTURE: provider.capture,
        PaymentTransactionKind.VOID: provider.void,
        PaymentTransactionKind.REFUND: provider.refund,
    }
    return await calls[made.kind](payment.id, made.amount, made.id)


def transaction(
    ids: Ids, payment: Payment, kind: PaymentTransactionKind, amount_minor: int, reference: str | None, at: datetime
) -> PaymentTransaction:
    return PaymentTransaction(
        id=ids.new("ptx"),
        payment_id=payment.id,
        order_id=payment.order_id,
        kind=kind,
        amount=Money(amount_minor, payment.amount.currency),
        status=PaymentTransactionStatus.SUCCEEDED,
        provider_reference=reference,
        at=at,
    )


def after(payment: Payment, kind: PaymentTransactionKind, amount_minor: int) -> Payment:
    """A payment once a transaction has succeeded: its sums, and the status that follows from them."""
    authorizes, captures, refunds = (sign * amount_minor for sign in _SIGNS[kind])
    authorized = payment.authorized.amount_minor + authorizes
    captured = payment.captured.amount_minor + captures
    refunded = payment.refunded.amount_minor + refunds
    currency = payment.amount.currency
    return replace(
        payment,
        authorized=Money(authorized, currency),
        captured=Money(captured, currency),
        refunded=Money(refunded, currency),
        action=None,
        status=status_of(
            authorized=authorized,
            captured=captured,
            refunded=refunded,
            amount=payment.amount.amount_minor,
            voided=kind is PaymentTransactionKind.VOID,
            failed=False,
            waiting=False,
        ),
    )
