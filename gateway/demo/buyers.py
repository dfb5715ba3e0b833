"""The buyers' side of the past: they order, pay, think again; and customer care, which cancels what cannot be had."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from domain.access import EVERY_ORDER, Role, Scope, Viewer
from domain.orders.canceling import CUSTOMERS_PLACES, cancel_order, cancelable
from domain.orders.model import CancelOrder, CancelReason, OrderLine, PlaceOrder
from domain.orders.placing import Placed, Request, place_orders
from domain.orders.service import settle_action
from domain.payments.model import PaymentStatus
from domain.world import UnitOfWork
from gateway.demo.agenda import Story
from persistence.demo.demand import GOES_THROUGH, Sale, staff
from persistence.demo.files import Chance

# How often they do it.
TRIES_ANOTHER_CARD = 0.7
TAKES_THE_STEP = 0.6  # The rest close the payment page, and the order cancels itself.
THINKS_AGAIN = 0.05
CANCELS_ONE_LINE = 0.3  # Of those who think again and bought several things.


class Buyers:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        # Orders that are not any more what whoever works on them was told.
        self.thought_again: set[str] = set()

    async def place(self, work: UnitOfWork, sales: Sequence[Sale]) -> list[Story]:
        """Place orders as a batch, each as of its own instant; answers how they go on."""
        results = await place_orders(work, [_at_its_instant(sale) for sale in sales]) if sales else []
        return [
            self._think_again(sale, result.order_id)
            for sale, result in zip(sales, results, strict=True)
            if isinstance(result, Placed)
        ]

    async def struggle(self, sale: Sale) -> Story:
        """An order whose payment does not go through at once: another card, or a step at the bank, or neither."""
        chance = Chance(self._seed, "payment", sale.command.idempotency_key)
        work = yield sale.at
        (result,) = await place_orders(work, [Request(sale.command, sale.viewer)])
        if isinstance(result, Placed):
            if chance.happens(TAKES_THE_STEP):
                work = yield sale.at + timedelta(seconds=chance.between(30, 600))
                await _take_the_step(work, result.order_id)
        elif chance.happens(TRIES_ANOTHER_CARD):
            work = yield sale.at + timedelta(seconds=chance.between(50, 300))
            await place_orders(work, [Request(_with_another_card(sale.command), sale.viewer)])

    async def _think_again(self, sale: Sale, order_id: str) -> Story:
        """Some cancel what nobody works on yet."""
        chance = Chance(self._seed, "buyer", sale.command.idempotency_key)
        if chance.happens(THINKS_AGAIN):
            work = yield sale.at + timedelta(minutes=chance.between(12, 300))
            canceler = sale.viewer if sale.viewer.customer_id else staff(Role.AGENT)
            await self._cancel(work, order_id, CancelReason.CUSTOMER, canceler, _regretted(chance))

    async def be_told(self, order_id: str, at: datetime) -> Story:
        """Customer care writes to whoever waits for what cannot be had, and cancels it some days later."""
        chance = Chance(self._seed, "care", order_id)
        work = yield at + timedelta(minutes=chance.between(1_500, 5_000))
        await self._cancel(work, order_id, CancelReason.OUT_OF_STOCK, staff(Role.AGENT), _backordered)

    async def _cancel(
        self,
        work: UnitOfWork,
        order_id: str,
        reason: CancelReason,
        viewer: Viewer,
        chosen: Callable[[Sequence[OrderLine]], tuple[tuple[str, int], ...]],
    ) -> None:
        lines = (await work.orders.lines_by_order([order_id]))[order_id]
        if not (units := chosen(lines)):
            return
        command = CancelOrder(
            order_id=order_id, reason=reason, lines=units, idempotency_key=f"cancel-{order_id}-{reason.value}"
        )
        await cancel_order(work, command, viewer, EVERY_ORDER)
        self.thought_again.add(order_id)


def _at_its_instant(sale: Sale) -> Request:
    """As what is sold elsewhere is recorded; saying when takes a scope that buyers do not have."""
    viewer = replace(sale.viewer, scopes=sale.viewer.scopes | {Scope.ORDERS_IMPORT})
    return Request(replace(sale.command, placed_at=sale.at), viewer)


def _with_another_card(command: PlaceOrder) -> PlaceOrder:
    return replace(
        command,
        idempotency_key=f"{command.idempotency_key}-again",
        payments=tuple(replace(payment, token=GOES_THROUGH) for payment in command.payments),
    )


async def _take_the_step(work: UnitOfWork, order_id: str) -> None:
    payments = (await work.payments.by_order([order_id]))[order_id]
    for payment in payments:
        if payment.status is PaymentStatus.ACTION_REQUIRED:
            await settle_action(work, payment.id, order_id=order_id, reference=f"test-{payment.id}", approved=True)


def _regretted(chance: Chance) -> Callable[[Sequence[OrderLine]], tuple[tuple[str, int], ...]]:
    """All of an order, or one of its lines; nothing once somebody works on it."""

    def chosen(lines: Sequence[OrderLine]) -> tuple[tuple[str, int], ...]:
        if any(cancelable(line.quantities, CUSTOMERS_PLACES) < line.quantity for line in lines):
            return ()
        one_line = len(lines) > 1 and chance.happens(CANCELS_ONE_LINE)
        return tuple((line.id, line.quantity) for line in ([chance.one_of(lines)] if one_line else lines))

    return chosen


def _backordered(lines: Sequence[OrderLine]) -> tuple[tuple[str, int], ...]:
    return tuple((line.id, line.quantities.backordered) for line in lines if line.quantities.backordered)
