"""Placing orders, in batches: gather what they need, decide each, record all that hold and refuse the rest one by one.

A batch has one statement of each kind, however many orders and lines it has.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from domain.access import EVERY_ORDER, Viewer
from domain.availability.model import Question
from domain.availability.ports import AvailabilityReads
from domain.availability.service import looks_at_distance, weighed
from domain.catalog.ports import Catalog
from domain.clock import Clock
from domain.customers.model import Customer
from domain.customers.ports import Customers
from domain.errors import InputError, InsufficientStock, Problem, Refused
from domain.events import EventKind, Recorder
from domain.idempotency import Answer, Asked, IdempotencyKeys, key_problem
from domain.ids import Ids
from domain.inventory.model import LevelKey, Movement, Reservation
from domain.inventory.ports import Inventory, Reservations
from domain.inventory.reservations import moved, units_by_level
from domain.jobs import Deferrer, NewJob
from domain.orders.changes import event_of
from domain.orders.decisions import Decision, Facts, decide, destination_of
from domain.orders.model import PlaceOrder, WholeOrder
from domain.orders.new_orders import allocated, customer_of, new_order
from domain.orders.ports import NewOrder, Orders, Overtaken, Quotes
from domain.orders.quotes import Quote, is_seen, no_such_quote, risen, taken_up, taking_up_problems, with_quote
from domain.orders.stock import Taken, left_on, locked_levels
from domain.payments.authorizing import Paid, authorize, payment_problems
from domain.payments.ports import Payments, Providers
from domain.places import Destination, GeoPoint, PlacesReads
from domain.promising.ports import Promising

# How often an order is decided again because others took what it had found. Each try sees what is left by then.
TRIES_MAX = 5


class PlacingWork(Recorder, Deferrer, Protocol):
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def keys(self) -> IdempotencyKeys: ...
    @property
    def providers(self) -> Providers: ...
    @property
    def availability(self) -> AvailabilityReads: ...
    @property
    def places(self) -> PlacesReads: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def promising(self) -> Promising: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def reservations(self) -> Reservations: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def quotes(self) -> Quotes: ...


@dataclass(frozen=True, slots=True)
class Request:
    """An order asked for, and by whom."""

    command: PlaceOrder
    viewer: Viewer

    @property
    def asked(self) -> Asked:
        return Asked(self.viewer, self.command.idempotency_key, self.command)


@dataclass(frozen=True, slots=True)
class Placed:
    """The order of a request. is_first: it was placed now, or before under the same key: the caller's own."""

    order_id: str
    is_first: bool = True


Result = Placed | Refused | Overtaken


@dataclass(slots=True)
class _Attempt:
    """One request of a batch on its way to an order; `result` is set once it has one.

    quote: the one it takes up, locked. held: what that has reserved, which counts against every order but this.
    """

    request: Request
    result: Result | None = None
    quote: Quote | None = None
    held: Sequence[Reservation] = ()
    decision: Decision | None = None
    new: NewOrder | None = None
    paid: Paid | None = None


async def place_order(work: PlacingWork, request: Request) -> Placed:
    """Place one order.

    Raises Refused with all that is wrong, or Overtaken; the unit of work must then be left by the exception.
    """
    (result,) = await place_orders(work, [request])
    if isinstance(result, Placed):
        return result
    raise result


async def place_orders(work: PlacingWork, requests: Sequence[Request]) -> list[Result]:
    """Place a batch, each order whole or not at all, in the order they came; one result for each.

    requests: no two under the same idempotency key. What is refused leaves no trace, its key included.
    """
    attempts = [_Attempt(request) for request in requests]
    await _answer_again(work, attempts)
    await _read_quotes(work, _open(attempts))
    of_quotes = frozenset(each.quote.customer_id for each in attempts if each.quote and each.quote.customer_id)
    facts = await gather(work, [attempt.request.command for attempt in _open(attempts)], of_quotes)
    _decide_all(_open(attempts), facts)
    await _check_again(work, _open(attempts), facts)
    await _pay(work, _open(attempts), facts)
    await _record(work, _open(attempts))
    _let_try_again(attempts)
    failed = [attempt.request.asked for attempt in attempts if not isinstance(attempt.result, Placed)]
    if failed:
        await work.keys.release(failed)
    return [attempt.result for attempt in attempts if attempt.result]


def _open(attempts: Sequence[_Attempt]) -> list[_Attempt]:
    return [attempt for attempt in attempts if attempt.result is None]


def _let_try_again(attempts: Sequence[_Attempt]) -> None:
    """What was short because of an order that then failed itself is not short: it may try again."""
    if not any(attempt.decision and not isinstance(attempt.result, Placed) for attempt in attempts):
        return
    for attempt in attempts:
        if isinstance(attempt.result, Refused) and isinstance(attempt.result.problems[0], InsufficientStock):
            attempt.result = Overtaken()


# ── Gather ──


async def _answer_again(work: PlacingWork, attempts: Sequence[_Attempt]) -> None:
    """What was asked before, under the same key or with the same reference, has its answer."""
    for attempt in attempts:
        if problem := key_problem(attempt.request.asked):
            attempt.result = Refused(problem)
    waiting = _open(attempts)
    found = await work.keys.claim([attempt.request.asked for attempt in waiting])
    for attempt, answer in zip(waiting, found, strict=True):
        attempt.result = _known(answer)
    references: dict[tuple[str, str], _Attempt] = {}
    for attempt in _open(attempts):
        command = attempt.request.command
        if (
            command.external_reference
            and references.setdefault((command.channel, command.external_reference), attempt) is not attempt
        ):
            attempt.result = Overtaken()
    placed = await work.orders.by_external_reference(list(references), EVERY_ORDER)
    for key, order in placed.items():
        references[key].result = Placed(order.id, is_first=False)


def _known(answer: Answer | InputError | None) -> Result | None:
    if isinstance(answer, InputError):
        return Refused(answer)
    return Placed(answer["order"]) if answer else None


async def _read_quotes(work: PlacingWork, attempts: Sequence[_Attempt]) -> None:
    """Lock the quotes that are taken up, and complete the requests by what they say."""
    named: dict[str, _Attempt] = {}
    for attempt in attempts:
        quote_id = attempt.request.command.quote_id
        if quote_id is not None and named.setdefault(quote_id, attempt) is not attempt:
            attempt.result = Overtaken()
    if not named:
        return
    quotes = await work.quotes.lock(sorted(named))
    held = await work.reservations.by_quote(sorted(quotes))
    for quote_id, attempt in named.items():
        quote, request = quotes.get(quote_id), attempt.request
        if quote is None or not is_seen(quote, request.viewer):
            attempt.result = Refused(no_such_quote("quoteId"))
        elif problems := taking_up_problems(request.command, quote):
            attempt.result = Refused(*problems)
        else:
            attempt.quote = quote
            attempt.held = held.get(quote_id, ())
            attempt.request = replace(request, command=with_quote(request.command, quote))


async def gather(work: PlacingWork, commands: Sequence[PlaceOrder], known: frozenset[str] = frozenset()) -> Facts:
    """What deciding the orders needs to know. known: customers by id who need not have bought before."""
    now = work.clock.now()
    customers = {each.customer_id for each in commands if each.customer_id} - known
    references = sorted({each.customer_reference for each in commands if each.customer_reference})
    by_reference = await work.customers.ids_by_reference(references) if references else {}
    goods = await work.availability.goods(sorted({line.sku for each in commands for line in each.lines}))
    return Facts(
        goods=goods,
        points=await _points(work, commands) if looks_at_distance(goods, now) else {},
        methods=await work.promising.shipping_methods(),
        known_customers=known | (await work.customers.existing(sorted(customers)) if customers else known),
        customers_by_reference={each: by_reference.get(each) or work.ids.new("cus") for each in references},
        now=now,
    )


async def _points(work: PlacingWork, commands: Sequence[PlaceOrder]) -> Mapping[Destination, GeoPoint]:
    """Where addresses are that do not say it; those that nobody knows are left out."""
    destinations = {destination_of(command) for command in commands}
    return await work.places.points([each for each in destinations if each is not None and each.point is None])


# ── Decide ──


def _decide_all(attempts: Sequence[_Attempt], facts: Facts) -> None:
    """Each in the order it came, on what those before it leave."""
    taken = Taken()
    for attempt in attempts:
        command, viewer, quote = attempt.request.command, attempt.request.viewer, attempt.quote
        is_held = quote is not None and quote.holds(facts.now)
        if quote is not None and is_held:
            decided = taken_up(command, viewer, facts, taken, quote)
        else:
            decided = decide(command, viewer, facts, taken)
        if isinstance(decided, Decision):
            attempt.decision = decided
            problems: list[Problem] = payment_problems(command.payments, decided.channel, decided.total, viewer)
            problems += risen(quote, decided.total) if quote else []
            if not is_held:  # What a quote holds is not free, and takes nothing from anybody.
                taken.units.update(decided.demand())
            taken.waiting.update(decided.waits())
        else:
            problems = decided
        if problems:
            attempt.result = Refused(*problems)


async def _check_again(work: PlacingWork, attempts: Sequence[_Attempt], facts: Facts) -> None:
    """Once more on locked rows: what others took meanwhile is not there any more, and what lapsed is given back."""
    keys = {key for attempt in attempts if attempt.decision for key in attempt.decision.demand()}
    keys |= {reservation.key for attempt in attempts for reservation in attempt.held}
    locked = await locked_levels(work, keys, facts.goods, facts.now) if keys else {}
    waited = {sku for attempt in attempts if attempt.decision for sku in attempt.decision.waits()}
    waiting = await work.orders.lock_waiting(sorted(waited)) if waited else {}
    # What quotes hold is what is there by now: somebody whose clock was a little later may have swept and sold it.
    held = await _held_by_quotes(work, attempts)
    channels = {attempt.decision.channel.code for attempt in attempts if attempt.decision}
    weighings = {code: weighed(Question(channel=code), facts.goods, facts.now) for code in channels}
    taken = Counter[LevelKey]()
    for attempt in attempts:
        assert attempt.decision
        demand, weighing = attempt.decision.demand(), weighings[attempt.decision.channel.code]
        own = held.get(attempt.quote.id, {}) if attempt.quote else {}
        left = {key: left_on(locked.get(key), weighing, facts.goods, own.get(key, 0)) - taken[key] for key in demand}
        is_later = any(waiting.get(sku, 0) > facts.goods.waiting.get(sku, 0) for sku in attempt.decision.waits())
        if is_later or any(left[key] < units for key, units in demand.items()):
            attempt.result = Overtaken()
            continue
        for key, units in demand.items():
            taken[key] += units - own.get(key, 0)


async def _held_by_quotes(work: PlacingWork, attempts: Sequence[_Attempt]) -> Mapping[str, Mapping[LevelKey, int]]:
    """Units by level that each quote holds, by its id."""
    quotes = [attempt.quote.id for attempt in attempts if attempt.quote]
    found = await work.reservations.by_quote(quotes) if quotes else {}
    return {quote_id: units_by_level(held) for quote_id, held in found.items()}


# ── Record ──


async def _pay(work: PlacingWork, attempts: Sequence[_Attempt], facts: Facts) -> None:
    """Set the money aside; an order whose payment is declined is refused before anything of it is written."""
    for attempt in attempts:
        assert attempt.decision
        order_id = work.ids.new("ord")
        try:
            paid = await authorize(
                work,
                attempt.request.command.payments,
                order_id=order_id,
                total=attempt.decision.total,
                at=attempt.request.command.placed_at or facts.now,
            )
        except Refused as refusal:
            attempt.result = refusal
            continue
        attempt.paid = paid
        attempt.new = new_order(
            work.ids, order_id, attempt.request.command, attempt.request.viewer, attempt.decision, paid, facts
        )


async def _record(work: PlacingWork, attempts: Sequence[_Attempt]) -> None:
    if not attempts:
        return
    await _make_customers(work, attempts)
    new = [attempt.new for attempt in attempts if attempt.new]
    released = await _release_quotes(work, attempts)
    await work.inventory.move([*released, *(movement for each in attempts for movement in _allocated(each))])
    await work.orders.add(new)
    await work.quotes.take_up({each.quote.id: _id(each) for each in attempts if each.quote})
    paid = [attempt.paid for attempt in attempts if attempt.paid]
    await work.payments.add([each.payments for each in paid], [t for each in paid for t in each.transactions])
    for attempt in attempts:
        assert attempt.new
        attempt.result = Placed(attempt.new.whole.order.id)
        _announce(work, attempt.new.whole, attempt.request.viewer)
        _set_timers(work, attempt.new.whole, attempt.decision)
    await work.keys.keep([(attempt.request.asked, {"order": _id(attempt)}) for attempt in attempts])


async def _release_quotes(work: PlacingWork, attempts: Sequence[_Attempt]) -> list[Movement]:
    """What quotes held is allocated to their orders instead."""
    taken = {each.quote.id: each for each in attempts if each.quote}
    return [
        movement
        for reservation in await work.reservations.take(sorted(taken))
        for movement in moved([reservation], (), taken[reservation.quote_id].request.viewer.actor, work.clock.now())
    ]


def _id(attempt: _Attempt) -> str:
    assert attempt.new
    return attempt.new.whole.order.id


async def _make_customers(work: PlacingWork, attempts: Sequence[_Attempt]) -> None:
    """A person for each order whose buyer is not known yet: guests each time, signed-in customers the first time."""
    people: dict[str, Customer] = {}
    references: dict[str, str] = {}
    for attempt in attempts:
        assert attempt.new
        order, command = attempt.new.whole.order, attempt.request.command
        people.setdefault(order.customer_id, customer_of(order, attempt.new.contact))
        if command.customer_reference:
            references[order.customer_id] = command.customer_reference
    await work.customers.add(list(people.values()), references)


def _allocated(attempt: _Attempt) -> list[Movement]:
    assert attempt.new
    return allocated(attempt.new.whole, attempt.request.viewer.actor)


def _announce(work: PlacingWork, whole: WholeOrder, viewer: Viewer) -> None:
    order = whole.order

    def say(kind: EventKind, **data: object) -> None:
        work.record(event_of(whole, kind, viewer.actor, order.placed_at, **data))

    total = {"amount": str(order.totals.total.amount), "currency": order.currency}
    say(EventKind.ORDER_PLACED, channel=order.channel_code, total=total, lines=len(whole.lines))
    if waiting := [line for line in whole.lines if line.quantities.backordered]:
        told = [{"line": line.id, "sku": line.sku, "units": line.quantities.backordered} for line in waiting]
        say(EventKind.ORDER_BACKORDERED, lines=told, waited=sorted({each.sku for each in whole.backorders}))
    for payment in whole.payments:
        if payment.authorized.amount_minor:
            amount = {"amount": str(payment.authorized.amount), "currency": order.currency}
            say(EventKind.PAYMENT_AUTHORIZED, payment=payment.id, amount=amount)
    if not whole.holds:
        say(EventKind.ORDER_CONFIRMED)


def _set_timers(work: PlacingWork, whole: WholeOrder, decision: Decision | None) -> None:
    """What ends a hold by itself: the buyer's second thoughts, and a payment page left open."""
    order = whole.order
    if decision and decision.channel.remorse_minutes:
        run_at = order.placed_at + timedelta(minutes=decision.channel.remorse_minutes)
        work.later(NewJob(kind="end_remorse", payload={"orderId": order.id}, run_at=run_at))
    for payment in whole.payments:
        if payment.action is not None:
            payload = {"orderId": order.id, "paymentId": payment.id}
            work.later(NewJob(kind="expire_payment", payload=payload, run_at=payment.action.expires_at))
