"""Paying when an order is placed: who pays how much by what means, and what the providers say to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from domain.access import Scope, Viewer
from domain.catalog.model import Channel, PaymentMethod
from domain.errors import ErrorCode, PaymentDeclined, Problem, Refused, invalid, not_allowed
from domain.ids import Ids
from domain.money import Money, zero
from domain.payments.model import (
    ACTION_EXPIRES_AFTER,
    PAYMENTS_PER_ORDER_MAX,
    Payment,
    PaymentAction,
    PaymentRequest,
    PaymentStatus,
    PaymentTransaction,
    PaymentTransactionKind,
)
from domain.payments.ports import Authorization, Provider, Providers, ProviderUnavailable, Verdict
from domain.payments.service import after, transaction

# Methods that a provider across the counter or the web answers for, and those we keep the books of ourselves.
_BY_PROVIDER = frozenset({PaymentMethod.CARD, PaymentMethod.WALLET})
_BY_HAND = frozenset({PaymentMethod.CASH, PaymentMethod.INVOICE})
# Who keeps the books of what no provider is asked about.
RECORDED_HERE = "manual"


class AuthorizingWork(Protocol):
    @property
    def ids(self) -> Ids: ...
    @property
    def providers(self) -> Providers: ...


@dataclass(frozen=True, slots=True)
class Paid:
    """Payments of one order and the transactions they are the sums of, not yet written."""

    payments: tuple[Payment, ...]
    transactions: tuple[PaymentTransaction, ...]


def payment_problems(
    requests: Sequence[PaymentRequest], channel: Channel, total: Money, viewer: Viewer
) -> list[Problem]:
    """What is wrong with how an order is to be paid, before anyone is asked for money."""
    problems: list[Problem] = []
    if len(requests) > PAYMENTS_PER_ORDER_MAX:
        return [invalid(f"An order is paid in at most {PAYMENTS_PER_ORDER_MAX} payments.", "payments")]
    if sum(request.amount is None for request in requests) > 1:
        problems.append(invalid("At most one payment may leave its amount out.", "payments"))
    for i, request in enumerate(requests):
        problems += _method_problems(request, channel, viewer, i)
        amount = request.amount
        if amount is not None and amount.currency != channel.currency:
            sentence = f"This channel is paid in {channel.currency}, not in {amount.currency}."
            problems.append(invalid(sentence, "payments", i, "amount", "currency"))
        elif amount is not None and amount.amount_minor <= 0:
            problems.append(invalid("A payment is of more than nothing.", "payments", i, "amount", "amount"))
    return problems or _sum_problems(requests, total)


def _method_problems(request: PaymentRequest, channel: Channel, viewer: Viewer, i: int) -> list[Problem]:
    method = request.method
    if request.captured and not viewer.has(Scope.PAYMENTS_RECORD):
        return [
            not_allowed("Recording money already taken needs the scope payments:record.", "payments", i, "captured")
        ]
    if method not in channel.payment_methods:
        return [not_allowed(f"The channel {channel.code} does not take {method.value}.", "payments", i, "method")]
    if request.captured:
        return []
    if method in _BY_HAND and not viewer.is_staff:
        return [not_allowed(f"{method.value} is taken by staff alone.", "payments", i, "method")]
    if method not in _BY_PROVIDER | _BY_HAND:
        return [not_allowed(f"{method.value} cannot be taken here yet.", "payments", i, "method")]
    return []


def _sum_problems(requests: Sequence[PaymentRequest], total: Money) -> list[Problem]:
    given = sum(request.amount.amount_minor for request in requests if request.amount)
    has_rest = any(request.amount is None for request in requests)
    if given == total.amount_minor or (has_rest and given < total.amount_minor):
        return []
    if not requests:
        return [invalid(f"The order comes to {total}; say how it is paid.", "payments")]
    return [invalid(f"The payments come to {Money(given, total.currency)}; the order to {total}.", "payments")]


async def authorize(
    work: AuthorizingWork, requests: Sequence[PaymentRequest], *, order_id: str, total: Money, at: datetime
) -> Paid:
    """Set the order's total aside, payment by payment.

    Raises Refused with PaymentDeclined where a provider says no; nothing is set aside then.
    """
    payments: list[Payment] = []
    transactions: list[PaymentTransaction] = []
    left = total.amount_minor - sum(request.amount.amount_minor for request in requests if request.amount)
    for i, request in enumerate(requests):
        amount = request.amount or Money(left, total.currency)
        if amount.amount_minor == 0:
            continue
        payment = _asked(work.ids, request, order_id, amount)
        paid = await _paid(work, request, payment, at, path=("payments", str(i)))
        payments += paid.payments
        transactions += paid.transactions
    return Paid(tuple(payments), tuple(transactions))


def _asked(ids: Ids, request: PaymentRequest, order_id: str, amount: Money) -> Payment:
    nothing = zero(amount.currency)
    return Payment(
        id=ids.new("pay"),
        order_id=order_id,
        method=request.method,
        provider=request.provider or RECORDED_HERE,
        status=PaymentStatus.PENDING,
        amount=amount,
        authorized=nothing,
        captured=nothing,
        refunded=nothing,
    )


async def _paid(
    work: AuthorizingWork, request: PaymentRequest, payment: Payment, at: datetime, path: tuple[str, ...]
) -> Paid:
    if request.captured or request.method in _BY_HAND:
        taken = request.captured or request.method is PaymentMethod.CASH
        return _recorded(work.ids, payment, request.provider_reference, at, taken=taken)
    provider = work.providers.named(request.provider)
    if provider is None:
        raise Refused(not_allowed("No payment provider of that name is set up here.", *path, "provider"))
    assert provider.is_local, "A provider across the network is asked between transactions, not inside one."
    answer = await _answer(provider, payment, request.token)
    if answer.verdict is Verdict.DECLINED:
        raise Refused(declined(answer, path))
    return _authorized(work.ids, replace(payment, provider=provider.code), answer, at)


def _recorded(ids: Ids, payment: Payment, reference: str | None, at: datetime, *, taken: bool) -> Paid:
    kinds = [PaymentTransactionKind.AUTHORIZE, *([PaymentTransactionKind.CAPTURE] if taken else [])]
    return _after_all(ids, payment, kinds, reference, at)


def _authorized(ids: Ids, payment: Payment, answer: Authorization, at: datetime) -> Paid:
    if answer.verdict is Verdict.ACTION_REQUIRED:
        action = PaymentAction(answer.redirect_url, at + ACTION_EXPIRES_AFTER)
        return Paid((replace(payment, status=PaymentStatus.ACTION_REQUIRED, action=action),), ())
    return _after_all(ids, payment, [PaymentTransactionKind.AUTHORIZE], answer.reference, at)


def _after_all(
    ids: Ids, payment: Payment, kinds: Sequence[PaymentTransactionKind], reference: str | None, at: datetime
) -> Paid:
    amount = payment.amount.amount_minor
    transactions = tuple(transaction(ids, payment, kind, amount, reference, at) for kind in kinds)
    for kind in kinds:
        payment = after(payment, kind, amount)
    return Paid((payment,), transactions)


async def _answer(provider: Provider, payment: Payment, token: str | None) -> Authorization:
    """What the provider says; where its answer is lost, what it says it did. Never asked to authorize twice."""
    try:
        return await provider.authorize(payment.id, payment.amount, token)
    except ProviderUnavailable:
        found = await provider.look_up(payment.id)
        return found or Authorization(Verdict.DECLINED, payment.id, decline_code="provider_unavailable", retryable=True)


def declined(answer: Authorization, path: tuple[str, ...]) -> PaymentDeclined:
    retry = "Try again in a moment." if answer.retryable else "Try another way to pay."
    return PaymentDeclined(
        code=ErrorCode.PAYMENT_DECLINED,
        message=f"The payment was declined. {retry}",
        path=path,
        decline_code=answer.decline_code or "declined",
        retryable=answer.retryable,
    )
