"""Payments and what happened to them."""

from datetime import datetime

import strawberry

from domain import errors
from domain.catalog.model import PaymentMethod
from domain.payments import model
from domain.payments.model import PaymentStatus, PaymentTransactionKind, PaymentTransactionStatus
from resolvers import orders
from schema.common import Money, MoneyInput, Node, UserError
from schema.shapes import related, shape_of

for _enum in (PaymentStatus, PaymentTransactionKind, PaymentTransactionStatus):
    strawberry.enum(_enum)


@shape_of(model.PaymentAction)
class PaymentAction:
    redirect_url: str | None
    expires_at: datetime | None


@shape_of(model.PaymentTransaction)
class PaymentTransaction:
    kind: PaymentTransactionKind
    amount: Money
    id: strawberry.ID
    status: PaymentTransactionStatus
    provider_reference: str | None
    at: datetime


@shape_of(model.Payment)
class Payment(Node):
    method: PaymentMethod
    provider: str
    status: PaymentStatus
    authorized: Money
    captured: Money
    refunded: Money
    transactions: list[PaymentTransaction] = related(orders.transactions_by_payment, key="id")
    next_action: PaymentAction | None = strawberry.field(
        description="What the payer must do before it can go on, e.g. 3-D Secure."
    )


@strawberry.input
class PaymentInput:
    method: PaymentMethod
    token: str | None = strawberry.field(description="The provider's token; never a card number.", default=None)
    amount: MoneyInput | None = strawberry.field(
        description="The rest of the total, where left out; at most one payment may leave it out.", default=None
    )
    provider: str | None = None
    captured: bool = strawberry.field(
        description="Already taken by the caller (a till's terminal, a marketplace): recorded, not charged; "
        "needs the scope payments:record.",
        default=False,
    )
    provider_reference: str | None = None


@shape_of(errors.PaymentDeclined)
class PaymentDeclined(UserError):  # noqa: N818  (the contract's name)
    decline_code: str
    retryable: bool
