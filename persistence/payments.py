"""Payments and their transactions, kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from domain.catalog.model import PaymentMethod
from domain.money import Money
from domain.payments.model import (
    Payment,
    PaymentAction,
    PaymentStatus,
    PaymentTransaction,
    PaymentTransactionKind,
    PaymentTransactionStatus,
)
from persistence.database import Statements
from persistence.rows import grouped
from persistence.sql import among
from persistence.tables.payments import PAYMENTS, TRANSACTIONS


class SqlPayments:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Payment]]:
        rows = await self._statements.fetch(
            select(*PAYMENTS.columns)
            .where(among(PAYMENTS.c.order_id, order_ids))
            .order_by(PAYMENTS.c.order_id, PAYMENTS.c.position)
        )
        return grouped((row.order_id, _payment(row)) for row in rows)

    async def by_id(self, ids: Sequence[str]) -> Mapping[str, Payment]:
        rows = await self._statements.fetch(select(*PAYMENTS.columns).where(among(PAYMENTS.c.id, ids)))
        return {row.id: _payment(row) for row in rows}

    async def transactions_by_payment(self, payment_ids: Sequence[str]) -> Mapping[str, list[PaymentTransaction]]:
        rows = await self._statements.fetch(
            select(*TRANSACTIONS.columns, PAYMENTS.c.currency)
            .join(PAYMENTS, PAYMENTS.c.id == TRANSACTIONS.c.payment_id)
            .where(among(TRANSACTIONS.c.payment_id, payment_ids))
            .order_by(TRANSACTIONS.c.at, TRANSACTIONS.c.id)
        )
        return grouped((row.payment_id, _transaction(row)) for row in rows)

    async def add(self, by_order: Sequence[Sequence[Payment]], transactions: Sequence[PaymentTransaction]) -> None:
        if any(by_order):
            await self._statements.run(
                insert(PAYMENTS),
                [
                    {
                        "id": payment.id,
                        "order_id": payment.order_id,
                        "position": position,
                        "method": payment.method.value,
                        "provider": payment.provider,
                        "currency": payment.amount.currency,
                        "amount_minor": payment.amount.amount_minor,
                        **_sums(payment),
                    }
                    for payments in by_order
                    for position, payment in enumerate(payments)
                ],
            )
        await self._add_transactions(transactions)

    async def update(self, payments: Sequence[Payment], transactions: Sequence[PaymentTransaction]) -> None:
        if payments:
            await self._statements.run(
                update(PAYMENTS)
                .where(PAYMENTS.c.id == bindparam("row_id"))
                .values({name: bindparam(name) for name in _sums(payments[0])}),
                [{"row_id": payment.id, **_sums(payment)} for payment in payments],
            )
        await self._add_transactions(transactions)

    async def _add_transactions(self, transactions: Sequence[PaymentTransaction]) -> None:
        if transactions:
            await self._statements.run(
                insert(TRANSACTIONS),
                [
                    {
                        "id": each.id,
                        "payment_id": each.payment_id,
                        "order_id": each.order_id,
                        "kind": each.kind.value,
                        "amount_minor": each.amount.amount_minor,
                        "status": each.status.value,
                        "provider_reference": each.provider_reference,
                        "at": each.at,
                    }
                    for each in transactions
                ],
            )


def _sums(payment: Payment) -> dict[str, Any]:
    return {
        "status": payment.status.value,
        "authorized_minor": payment.authorized.amount_minor,
        "captured_minor": payment.captured.amount_minor,
        "refunded_minor": payment.refunded.amount_minor,
        "action_url": payment.action.redirect_url if payment.action else None,
        "action_expires_at": payment.action.expires_at if payment.action else None,
    }


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        id=row.id,
        order_id=row.order_id,
        method=PaymentMethod(row.method),
        provider=row.provider,
        status=PaymentStatus(row.status),
        amount=Money(row.amount_minor, row.currency),
        authorized=Money(row.authorized_minor, row.currency),
        captured=Money(row.captured_minor, row.currency),
        refunded=Money(row.refunded_minor, row.currency),
        action=PaymentAction(row.action_url, row.action_expires_at) if row.action_expires_at else None,
    )


def _transaction(row: Row[Any]) -> PaymentTransaction:
    return PaymentTransaction(
        id=row.id,
        payment_id=row.payment_id,
        order_id=row.order_id,
        kind=PaymentTransactionKind(row.kind),
        amount=Money(row.amount_minor, row.currency),
        status=PaymentTransactionStatus(row.status),
        provider_reference=row.provider_reference,
        at=row.at,
    )
