"""A day of one small shop: people, feeds, carriers and buyers at random, all drawn from one seed."""

from collections import Counter
from datetime import timedelta
from random import Random

from domain.access import EVERY_ORDER, SYSTEM, Role
from domain.availability.model import Question
from domain.availability.service import answers
from domain.errors import Refused
from domain.fulfillment import handover, service
from domain.fulfillment.model import PickFulfillmentOrder, RejectFulfillmentOrder, RejectReason, ShipFulfillmentOrder
from domain.inventory.feeds import sync_stock
from domain.inventory.model import (
    AdjustableCounter,
    AdjustmentReason,
    AdjustStock,
    CancelSupply,
    FeedLine,
    InboundSupplyKind,
    InboundSupplyStatus,
    ReceiveLine,
    ReceiveSupply,
    SaveInboundSupply,
    StockChange,
    StockFeedMode,
    SyncStock,
    TransferLine,
    TransferStock,
)
from domain.inventory.service import adjust_stock, save_stock_location
from domain.inventory.supply import cancel_supply, receive_supply, save_inbound_supply
from domain.inventory.transfers import transfer_stock
from domain.orders.canceling import cancel_order
from domain.orders.model import CancelOrder, CancelReason, FulfillmentChoice
from domain.orders.ports import Overtaken
from domain.orders.quotes import UpdateQuote
from domain.orders.quoting import Asker, create_quote, release_quote, update_quote
from tests.factories import a_quote, a_viewer, an_order, an_order_of, key
from tests.shop import Shop
from tests.simulation.chance import KITS, PLACES, SKUS, a_place, a_while, opened, rules, saved_rules

OPERATIONS = a_viewer(Role.OPERATIONS)
BUYER = Asker(a_viewer(Role.CUSTOMER, customer_id="cus_1"), "")
LOOK_EVERY = 50  # Operations, after which answers are compared.
WORK_EVERY = 25  # Operations, after which the worker does what is due.


WEIGHTS = {
    "count": 12,
    "feed": 8,
    "announce": 8,
    "transfer": 6,
    "receive": 8,
    "call_off": 2,
    "place": 30,
    "cancel": 8,
    "fulfill": 15,
    "quote": 14,
    "take_up": 6,
    "give_back": 3,
    "rule": 2,
    "refit": 1,
}


class Day:
    """One shop's day. done: how often each operation went well; what was refused is counted apart."""

    def __init__(self, shop: Shop, random: Random) -> None:
        self.shop = shop
        self.random = random
        self.orders: list[str] = []
        self.quotes: list[str] = []
        self.done = Counter[str]()
        self.refused = Counter[str]()

    async def run(self, operations: int) -> None:
        await opened(self.shop, self.random)
        await self.go_on(operations)

    async def go_on(self, operations: int) -> None:
        for number in range(operations):
            (name,) = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
            try:
                await getattr(self, name)()
                self.done[name] += 1
            except (Refused, Overtaken):
                self.refused[name] += 1
            if number % WORK_EVERY == 0:
                await self.shop.run_jobs()
            if number % LOOK_EVERY == 0:
                await self.look()
            self.shop.clock.forward(a_while(self.random))

    async def look(self) -> None:
        """What is remembered between transactions and what is read anew within one give the same answers."""
        question, skus, now = Question(channel="web"), [*SKUS, *KITS], self.shop.clock.now()
        remembered = await answers(self.shop.world.reads, question, skus, now)
        async with self.shop.world.work() as work:
            afresh = await answers(work, question, skus, now)
        assert remembered == afresh
        assert all(remembered[sku].explain() == afresh[sku].explain() for sku in remembered)

    # ── People and feeds ──

    def _sku(self) -> str:
        return self.random.choice(SKUS)

    def _place(self) -> str:
        return self.random.choice(PLACES)

    async def _write(self, service, *command) -> object:
        async with self.shop.world.work() as work:
            return await service(work, *command)

    async def count(self) -> None:
        counter = self.random.choice([AdjustableCounter.ON_HAND] * 3 + [*AdjustableCounter])
        change = StockChange(
            sku=self._sku(),
            location=self._place(),
            counter=counter,
            reason=self.random.choice([*AdjustmentReason]),
            set_to=self.random.randint(0, 30 if counter is AdjustableCounter.ON_HAND else 3),
        )
        await self._write(adjust_stock, AdjustStock(idempotency_key=key(), changes=(change,)), OPERATIONS)

    async def feed(self) -> None:
        named = self.random.sample(SKUS, self.random.randint(0, len(SKUS)))
        command = SyncStock(
            idempotency_key=key(),
            location=self._place(),
            mode=self.random.choice([*StockFeedMode]),
            as_of=self.shop.clock.now() - timedelta(minutes=self.random.choice([0, 3, 90])),
            includes_allocated=self.random.random() < 0.5,
            lines=tuple(FeedLine(sku, self.random.randint(0, 25)) for sku in named),
        )
        await self._write(sync_stock, command, OPERATIONS)

    # ── Supply ──

    async def announce(self) -> None:
        line = SaveInboundSupply(
            reference=f"PO-{self.random.randint(1, 12)}",
            kind=self.random.choice([InboundSupplyKind.PURCHASE_ORDER, InboundSupplyKind.PRODUCTION]),
            sku=self._sku(),
            destination=self._place(),
            quantity=self.random.randint(1, 15),
            expected_at=self.shop.clock.now() + timedelta(days=self.random.randint(-2, 30)),
            status=self.random.choice([None, InboundSupplyStatus.IN_TRANSIT]),
        )
        await self._write(save_inbound_supply, [line], OPERATIONS)

    async def transfer(self) -> None:
        origin, destination = self.random.sample(PLACES, 2)
        command = TransferStock(
            idempotency_key=key(),
            reference=f"TR-{self.random.randint(1, 10_000)}",
            origin=origin,
            destination=destination,
            lines=(TransferLine(self._sku(), self.random.randint(1, 6)),),
            expected_at=self.shop.clock.now() + timedelta(days=2),
        )
        await self._write(transfer_stock, command, OPERATIONS)

    async def receive(self) -> None:
        supply = await self._any_supply()
        units = self.random.randint(1, max(1, supply.due + (self.random.random() < 0.1)))
        line = ReceiveLine(supply.id, units, self.random.choice([0, 0, min(1, units)]))
        await self._write(receive_supply, ReceiveSupply(idempotency_key=key(), lines=(line,)), OPERATIONS)

    async def call_off(self) -> None:
        supply = await self._any_supply()
        command = CancelSupply(idempotency_key=key(), supply_id=supply.id, restore=self.random.random() < 0.5)
        await self._write(cancel_supply, command, OPERATIONS)

    async def _any_supply(self):
        due = await self.shop.world.reads.supply.due(list(SKUS))
        if not due:
            raise Overtaken
        return self.random.choice(due)

    # ── Orders ──

    async def place(self) -> None:
        lines = [
            (self.random.choice([*SKUS, *KITS]), self.random.randint(1, 4)) for _ in range(self.random.randint(1, 3))
        ]
        pickup = FulfillmentChoice(pickup_location=self._place())
        changes = {"fulfillment": pickup} if self.random.random() < 0.3 else {}
        placed = await self.shop.place(an_order(*lines, **changes))
        self.orders.append(placed.order_id)

    async def cancel(self) -> None:
        order_id = self._any_order()
        lines = await self.shop.lines(order_id)
        line = self.random.choice(lines)
        some = ((line.id, self.random.randint(1, line.quantity)),) if self.random.random() < 0.5 else None
        command = CancelOrder(order_id=order_id, reason=CancelReason.OTHER, lines=some, idempotency_key=key())
        await self._write(cancel_order, command, OPERATIONS, EVERY_ORDER)

    def _any_order(self) -> str:
        if not self.orders:
            raise Overtaken
        return self.random.choice(self.orders)

    async def fulfill(self) -> None:
        """Pick some work, or ship it, or say that it cannot be found."""
        order_id = self._any_order()
        tasks = (await self.shop.world.reads.fulfillment.by_order([order_id])).get(order_id, [])
        if not tasks:
            raise Overtaken
        task = self.random.choice(tasks)
        step = self.random.choice(["pick", "pick", "ship", "reject"])
        if step == "pick":
            command = PickFulfillmentOrder(fulfillment_order_id=task.id, lines=None, idempotency_key=key())
            await self._write(service.pick_fulfillment_order, command, OPERATIONS)
        elif step == "ship":
            await self._write(
                handover.ship_fulfillment_order,
                ShipFulfillmentOrder(
                    fulfillment_order_id=task.id, tracking_number=None, packages=(), lines=None, idempotency_key=key()
                ),
                OPERATIONS,
            )
        else:
            reason = self.random.choice([*RejectReason])
            command = RejectFulfillmentOrder(
                fulfillment_order_id=task.id, lines=None, reason=reason, idempotency_key=key()
            )
            await self._write(service.reject_fulfillment_order, command, OPERATIONS)

    # ── Quotes ──

    async def quote(self) -> None:
        """Quote a basket, mostly holding it, or move a hold there is."""
        lines = [(self.random.choice([*SKUS, *KITS]), self.random.randint(1, 3))]
        asked = a_quote(*lines, hold_minutes=self.random.choice([None, 1, 10, 60]))
        if self.quotes and self.random.random() < 0.3:
            command = UpdateQuote(quote_id=self.random.choice(self.quotes), asked=asked)
            await self._write(update_quote, command, BUYER)
        else:
            self.quotes.append(await self._write(create_quote, asked, BUYER))

    async def take_up(self) -> None:
        quote_id = self._any_quote()
        placed = await self.shop.place(an_order_of(quote_id), BUYER.viewer)
        self.orders.append(placed.order_id)
        self.quotes.remove(quote_id)

    async def give_back(self) -> None:
        await self._write(release_quote, self._any_quote(), BUYER.viewer)

    def _any_quote(self) -> str:
        if not self.quotes:
            raise Overtaken
        return self.random.choice(self.quotes)

    # ── Rules ──

    async def rule(self) -> None:
        await saved_rules(self.shop, rules(self.random))

    async def refit(self) -> None:
        await self._write(save_stock_location, a_place(self._place(), self.random), SYSTEM)
