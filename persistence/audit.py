"""The three laws and the log, checked over a whole database: every row that breaks one is found, and named.

The checks are statements that both databases answer without our holding more than a page of rows; only statuses, which
are pure functions of the domain, are reckoned here, over pages of orders. All of them see one moment of the database.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Row,
    Select,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)

from domain.catalog.model import PaymentMethod
from domain.money import Money
from domain.orders.model import (
    PLACES,
    FulfillmentMethod,
    LineQuantities,
    OrderLine,
    fulfillment_status_of,
    status_of,
)
from domain.payments.model import Payment, PaymentStatus, order_payment_status
from domain.payments.model import status_of as payment_status_of
from persistence.database import Database, Rows, Statements, Transaction
from persistence.sql import among
from persistence.tables.fulfillment import SHIPMENT_LINES, WORK, WORK_LINES
from persistence.tables.inventory import LEVELS, MOVEMENTS, RESERVATIONS, SUPPLY
from persistence.tables.log import EVENTS, JOBS
from persistence.tables.orders import ALLOCATIONS, BACKORDERS, HOLDS, LINES, ORDERS
from persistence.tables.payments import PAYMENTS, TRANSACTIONS
from persistence.tables.quotes import QUOTES

NAMED_MAX = 20  # Rows named of one check: enough to see what went wrong; the rest is counted.
PAGE_SIZE = 1_000  # Orders whose statuses are reckoned at a time: a few megabytes.

_UNSENT = LINES.c.allocated + LINES.c.picked + LINES.c.ready_for_pickup
_COUNTERS = ("on_hand", "allocated", "reserved", "damaged", "inspection", "safety_stock")


@dataclass(frozen=True, slots=True)
class Break:
    """A row that breaks a law: `figure` of it is `found` where it is to be `expected`."""

    row: str
    figure: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.row}: {self.figure} is {self.found}, not {self.expected}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found: how many rows break it, and what is wrong with the first of them."""

    check: str
    rows: int
    breaks: tuple[Break, ...]


async def audit(database: Database) -> AsyncIterator[Verdict]:
    """Every check in turn, all of them over the database as it is at the first."""
    async with _one_moment(database) as statements:
        async for verdict in verdicts(statements):
            yield verdict


async def verdicts(statements: Statements) -> AsyncIterator[Verdict]:
    """Every check in turn, over what the statements see."""
    for check in CHECKS:
        yield await check(statements)


@asynccontextmanager
async def _one_moment(database: Database) -> AsyncIterator[Statements]:
    """Statements that all see the same: what is committed meanwhile is not among it."""
    engine = database.reader
    if not database.is_sqlite:
        engine = database.writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    async with engine.begin() as connection:
        yield Transaction(connection)


Check = Callable[[Statements], Awaitable[Verdict]]


# ── Checks that are one statement ──


# What a row has, how it must compare, and to what.
_Rule = tuple[ColumnElement[Any], str, ColumnElement[Any]]

_HOLDS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "": lambda found, expected: found.is_not_distinct_from(expected),
    "at least ": lambda found, expected: found >= expected,
    "at most ": lambda found, expected: found <= expected,
}


def _check(
    name: str,
    row: Sequence[ColumnElement[Any]],
    rules: Mapping[str, _Rule],
    *,
    of: FromClause | None = None,
    where: ColumnElement[bool] | None = None,
) -> Check:
    """A check that figures of rows are what they are to be. row: the columns that name one."""
    found = [rule[0].label(f"found_{i}") for i, rule in enumerate(rules.values())]
    expected = [rule[2].label(f"expected_{i}") for i, rule in enumerate(rules.values())]
    named = [column.label(f"row_{i}") for i, column in enumerate(row)]
    broken = or_(*(~_HOLDS[how](was, should) for was, how, should in rules.values()))
    statement = select(*named, *found, *expected).where(broken, true() if where is None else where)
    if of is not None:
        statement = statement.select_from(of)
    return _statement_check(name, rules, statement.order_by(*named), len(row))


def _statement_check(name: str, rules: Mapping[str, _Rule], statement: Select[Any], row_length: int) -> Check:
    broken = statement.subquery("broken")
    counted = select(*broken.c, func.count().over().label("rows")).limit(NAMED_MAX)

    async def run(statements: Statements) -> Verdict:
        rows = await statements.fetch(counted)
        breaks = [each for row in rows for each in _breaks(row, rules, row_length)]
        return Verdict(name, rows[0].rows if rows else 0, tuple(breaks))

    return run


def _breaks(row: Row[Any], rules: Mapping[str, _Rule], row_length: int) -> list[Break]:
    name = " ".join(str(getattr(row, f"row_{i}")) for i in range(row_length))
    breaks = []
    for i, (figure, (_, how, _)) in enumerate(rules.items()):
        found, expected = getattr(row, f"found_{i}"), getattr(row, f"expected_{i}")
        if not _is_kept(found, how, expected):
            breaks.append(Break(name, figure, str(found), f"{how}{expected}"))
    return breaks


def _is_kept(found: Any, how: str, expected: Any) -> bool:
    if how == "at least ":
        return bool(found >= expected)
    return bool(found <= expected) if how == "at most " else bool(found == expected)


def _total(column: ColumnElement[Any]) -> ColumnElement[int]:
    """A sum as a whole number: PostgreSQL makes a decimal of it."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _or_none(column: ColumnElement[Any]) -> ColumnElement[int]:
    return func.coalesce(column, 0)


# ── The first law: units of an order ──


def _units_of_lines() -> Check:
    units = sum((LINES.c[place] for place in PLACES[1:]), LINES.c[PLACES[0]])
    rules: dict[str, _Rule] = {"the sum of its places": (units, "", LINES.c.quantity)}
    rules |= {place: (LINES.c[place], "at least ", literal(0)) for place in PLACES}
    return _check("units of order lines are in one place each", [LINES.c.id], rules)


def _in_hand() -> Check:
    """What a line has picked is what work has in hand of it, once the work knows of what was canceled since."""
    in_hand = (
        select(WORK_LINES.c.line_id, _total(WORK_LINES.c.picked - WORK_LINES.c.handed_over).label("units"))
        .group_by(WORK_LINES.c.line_id)
        .subquery("in_hand")
    )
    return _check(
        "picked units are in the hands of work",
        [LINES.c.id],
        {"picked and ready": (LINES.c.picked + LINES.c.ready_for_pickup, "", _or_none(in_hand.c.units))},
        of=LINES.outerjoin(in_hand, in_hand.c.line_id == LINES.c.id),
        where=~_work_is_late(LINES.c.order_id),
    )


def _work_is_promised() -> Check:
    """Nobody is asked for more of a line than is allocated to it at their place."""
    open_units = WORK_LINES.c.quantity - WORK_LINES.c.short - WORK_LINES.c.canceled - WORK_LINES.c.handed_over
    asked = (
        select(WORK_LINES.c.line_id, WORK.c.order_id, WORK.c.location_code, _total(open_units).label("units"))
        .join(WORK, WORK.c.id == WORK_LINES.c.fulfillment_order_id)
        .group_by(WORK_LINES.c.line_id, WORK.c.order_id, WORK.c.location_code)
        .subquery("asked")
    )
    promised = (
        select(
            ALLOCATIONS.c.line_id,
            ALLOCATIONS.c.location_code,
            func.min(ALLOCATIONS.c.quantity // ALLOCATIONS.c.per_unit).label("units"),
        )
        .group_by(ALLOCATIONS.c.line_id, ALLOCATIONS.c.location_code)
        .subquery("promised")
    )
    same = and_(promised.c.line_id == asked.c.line_id, promised.c.location_code == asked.c.location_code)
    return _check(
        "open work is allocated where it is done",
        [asked.c.line_id, asked.c.location_code],
        {"asked for": (asked.c.units, "at most ", _or_none(promised.c.units))},
        of=asked.outerjoin(promised, same),
        where=~_work_is_late(asked.c.order_id),
    )


def _work_is_late(order_id: ColumnElement[str]) -> ColumnElement[bool]:
    """A job of the order still waits that will tell its work what was canceled."""
    waiting = select(JOBS.c.payload["orderId"].as_string()).where(JOBS.c.kind == literal("close_canceled_work"))
    return order_id.in_(waiting)


async def _statuses(statements: Statements) -> Verdict:
    """Each order's statuses, and its payments', are the domain's functions of their units and money."""
    broken, named, last = 0, list[Break](), ""
    while page := await statements.fetch(
        select(*_STATUS_COLUMNS).where(ORDERS.c.id > last).order_by(ORDERS.c.id).limit(PAGE_SIZE)
    ):
        last = page[-1].id
        for breaks in await _statuses_of(statements, page):
            broken += 1
            named += breaks[: max(0, NAMED_MAX - len(named))]
    return Verdict("statuses follow from units and money", broken, tuple(named))


_STATUS_COLUMNS = [
    ORDERS.c[name] for name in ("id", "currency", "total_minor", "status", "fulfillment_status", "payment_status")
]


async def _statuses_of(statements: Statements, orders: Rows) -> list[list[Break]]:
    ids = [order.id for order in orders]
    lines: dict[str, list[OrderLine]] = {each: [] for each in ids}
    for row in await statements.fetch(select(*LINES.columns).where(among(LINES.c.order_id, ids))):
        lines[row.order_id].append(_line(row))
    payments: dict[str, list[Payment]] = {each: [] for each in ids}
    for row in await statements.fetch(select(*PAYMENTS.columns).where(among(PAYMENTS.c.order_id, ids))):
        payments[row.order_id].append(_payment(row))
    held = {
        row.order_id for row in await statements.fetch(select(HOLDS.c.order_id).where(among(HOLDS.c.order_id, ids)))
    }
    broken = [_payment_breaks(payment) for paid in payments.values() for payment in paid]
    broken += [_order_breaks(order, lines[order.id], payments[order.id], held=order.id in held) for order in orders]
    return [breaks for breaks in broken if breaks]


def _order_breaks(
    order: Row[Any], lines: Sequence[OrderLine], payments: Sequence[Payment], *, held: bool
) -> list[Break]:
    kept = sum(payment.captured.amount_minor - payment.refunded.amount_minor for payment in payments)
    expected = {
        "status": status_of(lines, held=held, balance_minor=order.total_minor - kept),
        "fulfillment_status": fulfillment_status_of(lines),
        "payment_status": order_payment_status(payments, order.total_minor),
    }
    return [
        Break(order.id, figure, getattr(order, figure), status.value)
        for figure, status in expected.items()
        if getattr(order, figure) != status.value
    ]


def _payment_breaks(payment: Payment) -> list[Break]:
    authorized = payment.authorized.amount_minor
    ended = None if authorized else payment.status
    expected = payment_status_of(
        authorized=authorized,
        captured=payment.captured.amount_minor,
        refunded=payment.refunded.amount_minor,
        amount=payment.amount.amount_minor,
        voided=ended is PaymentStatus.VOIDED,
        failed=ended is PaymentStatus.FAILED,
        waiting=ended is PaymentStatus.ACTION_REQUIRED,
    )
    return [] if payment.status is expected else [Break(payment.id, "status", payment.status.value, expected.value)]


def _line(row: Row[Any]) -> OrderLine:
    """As far as statuses depend on it."""
    return OrderLine(
        id=row.id,
        order_id=row.order_id,
        position=row.position,
        sku=row.sku,
        name=row.name,
        quantity=row.quantity,
        unit_price=Money(row.unit_price_minor, ""),
        method=FulfillmentMethod(row.method),
        pickup_location=row.pickup_location_code,
        quantities=LineQuantities(*(getattr(row, place) for place in PLACES)),
    )


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
    )


# ── The second law: units of stock ──


def _levels_are_sums() -> Check:
    moved = {
        counter: case((MOVEMENTS.c.counter == counter.upper(), MOVEMENTS.c.delta), else_=0) for counter in _COUNTERS
    }
    return _compared_with_levels("stock levels are the sums of their movements", MOVEMENTS, moved)


def _levels_are_allocated() -> Check:
    name = "what levels have allocated is what order lines have allocated there"
    return _compared_with_levels(name, ALLOCATIONS, {"allocated": ALLOCATIONS.c.quantity})


def _levels_are_reserved() -> Check:
    name = "what levels have reserved is what quotes hold there"
    return _compared_with_levels(name, RESERVATIONS, {"reserved": RESERVATIONS.c.units})


def _reservations_are_of_quotes() -> Check:
    """Each lasts as long as the hold of its quote; one that an order took up or that was released holds nothing."""
    return _check(
        "reservations are of quotes that hold stock",
        [RESERVATIONS.c.quote_id, RESERVATIONS.c.sku, RESERVATIONS.c.location_code],
        {"its end": (RESERVATIONS.c.expires_at, "", QUOTES.c.held_until)},
        of=RESERVATIONS.outerjoin(QUOTES, QUOTES.c.id == RESERVATIONS.c.quote_id),
    )


def _compared_with_levels(name: str, table: FromClause, counters: Mapping[str, ColumnElement[int]]) -> Check:
    """Counters of levels are the sums over another table, whichever of the two has rows of a SKU at a location.

    Added up, not joined: without statistics SQLite may join two sums row by row.
    """
    levels = [LEVELS.c[counter].label(counter) for counter in counters]
    others = [figure.label(f"other_{counter}") for counter, figure in counters.items()]
    both = union_all(
        select(LEVELS.c.sku, LEVELS.c.location_code, *levels, *(literal(0).label(other.name) for other in others)),
        select(table.c.sku, table.c.location_code, *(literal(0) for _ in levels), *others),
    ).subquery("both")
    keys = [both.c.sku, both.c.location_code]
    figures = [_total(both.c[column.name]).label(column.name) for column in (*levels, *others)]
    summed = select(*keys, *figures).group_by(*keys).subquery("summed")
    rules: dict[str, _Rule] = {each: (summed.c[each], "", summed.c[f"other_{each}"]) for each in counters}
    return _check(name, [summed.c.sku, summed.c.location_code], rules, of=summed)


def _movements_have_levels() -> Check:
    same = and_(LEVELS.c.sku == MOVEMENTS.c.sku, LEVELS.c.location_code == MOVEMENTS.c.location_code)
    known = MOVEMENTS.c.counter.in_([counter.upper() for counter in _COUNTERS])
    return _check(
        "movements are of a level and of one of its counters",
        [literal("movement"), MOVEMENTS.c.number],
        {
            "levels it moves": (case((exists().where(same), 1), else_=0), "", literal(1)),
            "counters it moves": (case((known, 1), else_=0), "", literal(1)),
        },
        of=MOVEMENTS,
    )


def _no_counter_is_negative() -> Check:
    return _check(
        "no counter of stock is negative",
        [LEVELS.c.sku, LEVELS.c.location_code],
        {counter: (LEVELS.c[counter], "at least ", literal(0)) for counter in _COUNTERS},
    )


def _supply_follows_from_its_units() -> Check:
    """Nothing is due of what is closed; what is all there is RECEIVED, and nothing else is."""
    status = case(
        (SUPPLY.c.status == "CANCELED", SUPPLY.c.status),
        (SUPPLY.c.received == SUPPLY.c.ordered, "RECEIVED"),
        (SUPPLY.c.status == "RECEIVED", "ON_ORDER"),
        else_=SUPPLY.c.status,
    )
    due = case((SUPPLY.c.status == "CANCELED", 0), else_=SUPPLY.c.ordered - SUPPLY.c.received)
    return _check(
        "supply follows from its units",
        [SUPPLY.c.id],
        {
            "received": (SUPPLY.c.received, "at most ", SUPPLY.c.ordered),
            "promised of what is due": (SUPPLY.c.allocated, "at most ", due),
            "status": (SUPPLY.c.status, "", status),
        },
    )


def _transfers_arrive() -> Check:
    """What left a place for another and has neither arrived nor come back is on its way; the ledger says it all.

    Of transfers that left a place of ours; units written off came back to its books first.
    """
    is_open = SUPPLY.c.status.in_([literal("ON_ORDER"), literal("IN_TRANSIT")])
    due = case((is_open, SUPPLY.c.ordered - SUPPLY.c.received), else_=0)
    moved = MOVEMENTS.c.reason.in_([literal("TRANSFER_OUT"), literal("TRANSFER_IN")])
    both = union_all(
        select(SUPPLY.c.reference, SUPPLY.c.sku, due.label("due"), literal(0).label("gone")).where(
            SUPPLY.c.kind == "TRANSFER", SUPPLY.c.origin_code.is_not(None)
        ),
        select(MOVEMENTS.c.reference, MOVEMENTS.c.sku, literal(0), -MOVEMENTS.c.delta).where(
            moved, MOVEMENTS.c.counter == "ON_HAND"
        ),
    ).subquery("both")
    keys = [both.c.reference, both.c.sku]
    summed = (
        select(*keys, _total(both.c.due).label("due"), _total(both.c.gone).label("gone"))
        .group_by(*keys)
        .subquery("summed")
    )
    return _check(
        "units of transfers are on the road or have come to a place",
        [summed.c.reference, summed.c.sku],
        {"due": (summed.c.due, "", summed.c.gone)},
        of=summed,
    )


def _allocations_are_of_units() -> Check:
    """A kit has an allocation for each component, all of as many units."""
    parts = (
        select(
            ALLOCATIONS.c.line_id,
            ALLOCATIONS.c.sku,
            _total(ALLOCATIONS.c.quantity // ALLOCATIONS.c.per_unit).label("units"),
            _total(ALLOCATIONS.c.quantity % ALLOCATIONS.c.per_unit).label("rest"),
        )
        .group_by(ALLOCATIONS.c.line_id, ALLOCATIONS.c.sku)
        .subquery("parts")
    )
    return _check(
        "allocations are of units not yet sent",
        [parts.c.line_id, parts.c.sku],
        {
            "allocated units": (parts.c.units, "", _UNSENT),
            "allocated parts of a unit": (parts.c.rest, "", literal(0)),
        },
        of=parts.join(LINES, LINES.c.id == parts.c.line_id),
    )


def _units_are_allocated() -> Check:
    has_any = exists().where(ALLOCATIONS.c.line_id == LINES.c.id)
    return _check(
        "units not yet sent are allocated",
        [LINES.c.id],
        {"units without an allocation": (_UNSENT, "", literal(0))},
        where=~has_any,
    )


def _backorders_are_of_units() -> Check:
    """Of each part of a line, as many as its backordered units take."""
    return _check(
        "backorders are of units that wait",
        [BACKORDERS.c.line_id, BACKORDERS.c.sku],
        {"quantity": (BACKORDERS.c.quantity, "", LINES.c.backordered * BACKORDERS.c.per_unit)},
        of=BACKORDERS.join(LINES, LINES.c.id == BACKORDERS.c.line_id),
    )


def _units_that_wait_are_backorders() -> Check:
    has_any = exists().where(BACKORDERS.c.line_id == LINES.c.id)
    return _check(
        "units that wait are backorders",
        [LINES.c.id],
        {"units without a backorder": (LINES.c.backordered, "", literal(0))},
        where=~has_any,
    )


# ── The third law: money ──


def _totals() -> Check:
    kept = LINES.c.quantity - LINES.c.canceled
    sold = (
        select(
            LINES.c.order_id,
            _total(LINES.c.unit_price_minor * kept).label("worth"),
            _total(kept).label("units"),
        )
        .group_by(LINES.c.order_id)
        .subquery("sold")
    )
    shipping = case((_or_none(sold.c.units) > 0, ORDERS.c.shipping_agreed_minor), else_=0)
    return _check(
        "totals are the sums of their parts",
        [ORDERS.c.id],
        {
            "subtotal": (ORDERS.c.subtotal_minor, "", _or_none(sold.c.worth)),
            "shipping": (ORDERS.c.shipping_minor, "", shipping),
            "total": (ORDERS.c.total_minor, "", ORDERS.c.subtotal_minor + ORDERS.c.shipping_minor),
        },
        of=ORDERS.outerjoin(sold, sold.c.order_id == ORDERS.c.id),
    )


_SUMS = {
    "authorized_minor": ("AUTHORIZE", "VOID"),
    "captured_minor": ("CAPTURE", None),
    "refunded_minor": ("REFUND", None),
}


def _payments_are_sums() -> Check:
    def part(adds: str, takes: str | None) -> ColumnElement[int]:
        kind, amount = TRANSACTIONS.c.kind, TRANSACTIONS.c.amount_minor
        return _total(case((kind == adds, amount), (kind == takes, -amount), else_=0))

    made = (
        select(TRANSACTIONS.c.payment_id, *(part(*kinds).label(name) for name, kinds in _SUMS.items()))
        .where(TRANSACTIONS.c.status == "SUCCEEDED")
        .group_by(TRANSACTIONS.c.payment_id)
        .subquery("made")
    )
    return _check(
        "payments are the sums of their transactions",
        [PAYMENTS.c.id],
        {name: (PAYMENTS.c[name], "", _or_none(made.c[name])) for name in _SUMS},
        of=PAYMENTS.outerjoin(made, made.c.payment_id == PAYMENTS.c.id),
    )


def _orders_are_paid() -> Check:
    paid = (
        select(
            PAYMENTS.c.order_id,
            PAYMENTS.c.currency,
            *(_total(PAYMENTS.c[name]).label(name) for name in _SUMS),
        )
        .group_by(PAYMENTS.c.order_id, PAYMENTS.c.currency)
        .subquery("paid")
    )
    rules: dict[str, _Rule] = {name: (ORDERS.c[name], "", _or_none(paid.c[name])) for name in _SUMS}
    return _check(
        "what orders were paid is the sum of their payments",
        [ORDERS.c.id],
        rules | {"currency": (ORDERS.c.currency, "", func.coalesce(paid.c.currency, ORDERS.c.currency))},
        of=ORDERS.outerjoin(paid, paid.c.order_id == ORDERS.c.id),
    )


def _nothing_comes_from_nothing(table: FromClause, what: str) -> Check:
    return _check(
        f"captured ≤ authorized and refunded ≤ captured, of {what}",
        [table.c.id],
        {
            "captured": (table.c.captured_minor, "at most ", table.c.authorized_minor),
            "refunded": (table.c.refunded_minor, "at most ", table.c.captured_minor),
        },
    )


def _finished_orders_are_settled() -> Check:
    kept = ORDERS.c.captured_minor - ORDERS.c.refunded_minor
    return _check(
        "the balance of a completed order is zero",
        [ORDERS.c.id],
        {"money kept": (kept, "", ORDERS.c.total_minor)},
        where=ORDERS.c.status == "COMPLETED",
    )


def _canceled_orders_keep_nothing() -> Check:
    return _check(
        "a canceled order keeps no money",
        [ORDERS.c.id],
        {
            "refunded": (ORDERS.c.refunded_minor, "", ORDERS.c.captured_minor),
            "authorized": (ORDERS.c.authorized_minor, "", ORDERS.c.captured_minor),
        },
        where=ORDERS.c.status == "CANCELED",
    )


# ── The log, and what left ──


def _positions() -> Check:
    """Counted from the oldest event kept; the table itself lets no position stand twice."""
    before = func.lag(EVENTS.c.position).over(order_by=EVENTS.c.position)
    numbered = (
        select(EVENTS.c.id, EVENTS.c.position, before.label("before"))
        .where(EVENTS.c.position.is_not(None))
        .subquery("numbered")
    )
    expected = func.coalesce(numbered.c.before + 1, numbered.c.position)
    return _check(
        "the log has no gap and no duplicate",
        [numbered.c.id],
        {"position": (numbered.c.position, "", expected)},
        of=numbered,
    )


def _orders_were_announced() -> Check:
    """Of a log that is kept from its beginning."""
    told = (
        select(EVENTS.c.order_id, func.count().label("times"))
        .where(EVENTS.c.kind == "order.placed")
        .group_by(EVENTS.c.order_id)
        .subquery("told")
    )
    begins = select(func.coalesce(func.min(EVENTS.c.position), 1)).scalar_subquery()
    return _check(
        "every order was announced once",
        [ORDERS.c.id],
        {"order.placed events": (_or_none(told.c.times), "", literal(1))},
        of=ORDERS.outerjoin(told, told.c.order_id == ORDERS.c.id),
        where=begins == 1,
    )


def _sequences() -> Check:
    before = func.lag(EVENTS.c.sequence).over(partition_by=EVENTS.c.order_id, order_by=EVENTS.c.written)
    told = (
        select(EVENTS.c.id, EVENTS.c.order_id, EVENTS.c.sequence, before.label("before"))
        .where(EVENTS.c.order_id.is_not(None))
        .subquery("told")
    )
    return _check(
        "events of an order follow its versions",
        [told.c.id],
        {
            "sequence": (told.c.sequence, "at least ", func.coalesce(told.c.before, 1)),
            "sequence, of its order's versions,": (told.c.sequence, "at most ", _or_none(ORDERS.c.version)),
        },
        of=told.outerjoin(ORDERS, ORDERS.c.id == told.c.order_id),
    )


def _handovers() -> Check:
    """What a line has sent is what shipments carry and what was handed over the counter."""
    shipped = (
        select(SHIPMENT_LINES.c.line_id, _total(SHIPMENT_LINES.c.quantity).label("units"))
        .group_by(SHIPMENT_LINES.c.line_id)
        .subquery("shipped")
    )
    collected = (
        select(WORK_LINES.c.line_id, _total(WORK_LINES.c.handed_over).label("units"))
        .join(WORK, WORK.c.id == WORK_LINES.c.fulfillment_order_id)
        .where(WORK.c.method == "PICKUP")
        .group_by(WORK_LINES.c.line_id)
        .subquery("collected")
    )
    return _check(
        "units that left are in shipments or were collected",
        [LINES.c.id],
        {
            "shipped, delivered and returned": (
                LINES.c.shipped + LINES.c.delivered + LINES.c.returned,
                "",
                _or_none(shipped.c.units) + _or_none(collected.c.units),
            )
        },
        of=LINES.outerjoin(shipped, shipped.c.line_id == LINES.c.id).outerjoin(
            collected, collected.c.line_id == LINES.c.id
        ),
    )


CHECKS: Sequence[Check] = (
    _units_of_lines(),
    _statuses,
    _in_hand(),
    _work_is_promised(),
    _levels_are_sums(),
    _movements_have_levels(),
    _no_counter_is_negative(),
    _supply_follows_from_its_units(),
    _transfers_arrive(),
    _levels_are_allocated(),
    _levels_are_reserved(),
    _reservations_are_of_quotes(),
    _allocations_are_of_units(),
    _units_are_allocated(),
    _backorders_are_of_units(),
    _units_that_wait_are_backorders(),
    _totals(),
    _payments_are_sums(),
    _orders_are_paid(),
    _nothing_comes_from_nothing(PAYMENTS, "payments"),
    _nothing_comes_from_nothing(ORDERS, "orders"),
    _finished_orders_are_settled(),
    _canceled_orders_keep_nothing(),
    _positions(),
    _orders_were_announced(),
    _sequences(),
    _handovers(),
)
