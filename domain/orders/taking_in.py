"""Taking in orders from elsewhere, a batch of a file at a time, through the placement that all orders go through.

A batch is two transactions: its sales, with the products and the stock they lack, then its cancellations. Whatever was
taken in before stays as it is and is accounted for again, so a file may be taken in any number of times.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from domain.access import EVERY_ORDER, SCOPES, Role, Viewer
from domain.availability.model import Question
from domain.availability.service import weighed
from domain.catalog.model import (
    PRODUCTS_PER_IMPORT_MAX,
    Channel,
    ChannelKind,
    ImportProduct,
    ImportVariant,
    PaymentMethod,
    Variant,
)
from domain.catalog.service import import_products, save_channel
from domain.errors import InputError, Refused, invalid
from domain.idempotency import Asked
from domain.inventory.model import (
    LevelKey,
    LocationCapability,
    Movement,
    StockCounter,
    StockLocation,
    StockLocationKind,
    StockMovementReason,
)
from domain.inventory.service import save_stock_location
from domain.orders.canceling import STAFF_PLACES, cancelable, cancellation, record_cancellation
from domain.orders.importing import (
    NOT_RECORDED,
    Cancellation,
    ImportedLine,
    Rejected,
    already_ordered,
    cancellations,
    customer_reference,
    refused_lines,
    sale,
    sale_problem,
)
from domain.orders.model import CancelReason, OrderLine, PlaceOrder, WholeOrder
from domain.orders.placing import Placed, PlacingWork, Request, place_orders
from domain.orders.ports import Overtaken
from domain.orders.stock import free_through
from domain.places import COUNTRIES, Address
from domain.sourcing.rules import Free, Need, Short, Sourced, shipping_locations, source

# Where what the orders lack is received.
LOCATION = "imported"
# What customers of a file without a word about it are spoken to in.
LANGUAGE = "en"
IMPORTER = Viewer("import", frozenset({Role.INTEGRATION}), SCOPES[Role.INTEGRATION])


class StockFor(Enum):
    """What happens to an order that stock does not suffice for: it is received, or the order is refused."""

    AS_NEEDED = "as-needed"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How orders are taken in. channel: the code of the channel of all; None is one for each currency."""

    channel: str | None = None
    create_products: bool = False
    stock: StockFor = StockFor.CHECK

    def channel_of(self, currency: str) -> str:
        return self.channel or f"imported-{currency.lower()}"


@dataclass(slots=True)
class Account:
    """What became of lines, each in exactly one of `ordered`, `canceled` and `rejected`.

    placed: orders made now. there: orders found that had been taken in before. units_canceled: now or before.
    """

    ordered: int = 0
    canceled: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    placed: int = 0
    there: int = 0
    units_canceled: int = 0

    def add(self, other: "Account") -> None:
        self.ordered += other.ordered
        self.canceled += other.canceled
        self.rejected += other.rejected
        self.placed += other.placed
        self.there += other.there
        self.units_canceled += other.units_canceled

    def reject(self, lines: Iterable[ImportedLine], reason: str) -> None:
        self.rejected += [Rejected(line.number, reason) for line in lines]


class SalesRefused(Exception):  # noqa: N818
    """Some sales were refused, so nothing of the batch is kept; it is tried again without the lines named."""

    def __init__(self, rejected: Sequence[Rejected]) -> None:
        super().__init__("Some orders cannot be placed.")
        self.rejected = rejected


# ── What must be there first ──


async def open_channel(work: PlacingWork, code: str, currency: str) -> Channel:
    """The channel of that code, made where there is none.

    Raises Refused where orders cannot be taken in through it.
    """
    channel = (await work.catalog.channels_by_code([code])).get(code)
    if channel is None:
        made = Channel(
            code=code,
            name=f"Imported, {currency}",
            kind=ChannelKind.MARKETPLACE,
            currency=currency,
            countries=tuple(sorted(COUNTRIES)),
            languages=(LANGUAGE,),
            prices_include_tax=True,
            payment_methods=(PaymentMethod.BANK_TRANSFER,),
        )
        return await save_channel(work, made, IMPORTER)
    if not channel.active or not channel.payment_methods:
        sentence = f"The channel {code} takes no orders: it must be active and have a payment method."
        raise Refused(invalid(sentence, "channel"))
    return channel


async def _open_locations(work: PlacingWork, country: str) -> Sequence[StockLocation]:
    """All locations, with the one that receives what orders lack, made in a country where there is none."""
    places = await work.inventory.locations()
    if any(place.code == LOCATION for place in places):
        return places
    location = StockLocation(
        code=LOCATION,
        name="Imported",
        kind=StockLocationKind.WAREHOUSE,
        address=Address(line1=NOT_RECORDED, city=NOT_RECORDED, country=country),
        timezone="UTC",
        capabilities=frozenset({LocationCapability.SHIP}),
    )
    return [*places, await save_stock_location(work, location, IMPORTER)]


# ── Sales ──


async def take_in_sales(
    work: PlacingWork, groups: Sequence[Sequence[ImportedLine]], channels: Mapping[str, Channel], terms: Terms
) -> Account:
    """Place the orders that groups of ordering lines are; no two groups of one reference.

    channels: by currency. Raises SalesRefused or Overtaken, and must then be left by the exception.
    """
    account = Account()
    there = await _taken_in_before(work, groups, channels, account)
    possible = [group for group in groups if group[0].reference not in there]
    possible = [group for group in possible if not _is_senseless(group, channels, account)]
    skus = {line.sku: line for group in reversed(possible) for line in reversed(group)}
    variants = dict(await work.catalog.variants_by_sku(sorted(skus)))
    if terms.create_products:
        variants |= await _made(work, [line for sku, line in skus.items() if sku not in variants])
    sales = [lines for group in possible if (lines := _of_known_goods(group, variants, account))]
    commands = [sale(lines, channels[_currency(lines)]) for lines in sales]
    if terms.stock is StockFor.AS_NEEDED:
        await _receive_what_lacks(work, commands, variants)
    results = await place_orders(work, [Request(command, IMPORTER) for command in commands])
    rejected = [
        each
        for lines, result in zip(sales, results, strict=True)
        if isinstance(result, Refused)
        for each in refused_lines(lines, result)
    ]
    if rejected:
        raise SalesRefused(rejected)
    if not all(isinstance(result, Placed) for result in results):
        raise Overtaken
    account.placed = len(sales)
    account.ordered += sum(map(len, sales))
    return account


def _currency(group: Sequence[ImportedLine]) -> str:
    return group[0].unit_price.currency


async def _taken_in_before(
    work: PlacingWork, groups: Sequence[Sequence[ImportedLine]], channels: Mapping[str, Channel], account: Account
) -> set[str]:
    """References of orders that are there already; their lines are accounted for."""
    keys = {(channels[_currency(group)].code, group[0].reference): group for group in groups}
    orders = await work.orders.by_external_reference(list(keys), EVERY_ORDER)
    lines = await work.orders.lines_by_order([order.id for order in orders.values()]) if orders else {}
    for key, order in orders.items():
        missing = already_ordered(keys[key], lines[order.id])
        account.rejected += missing
        account.ordered += len(keys[key]) - len(missing)
        account.there += 1
    return {reference for _, reference in orders}


def _is_senseless(group: Sequence[ImportedLine], channels: Mapping[str, Channel], account: Account) -> bool:
    reason = sale_problem(group, channels[_currency(group)])
    if reason:
        account.reject(group, reason)
    return reason is not None


def _of_known_goods(
    group: Sequence[ImportedLine], variants: Mapping[str, Variant], account: Account
) -> list[ImportedLine]:
    for line in group:
        if line.sku not in variants:
            account.reject([line], f"There is no SKU {line.sku}; --create-products makes what is not known.")
    return [line for line in group if line.sku in variants]


async def _made(work: PlacingWork, lines: Sequence[ImportedLine]) -> Mapping[str, Variant]:
    """Products for SKUs nobody knew, each named as its first line names it; not where the code is another product's."""
    if not lines:
        return {}
    taken = await work.catalog.products_by_code([line.sku for line in lines])
    products = [
        ImportProduct(code=line.sku, names={LANGUAGE: line.name or line.sku}, variants=(ImportVariant(sku=line.sku),))
        for line in lines
        if line.sku not in taken
    ]
    for start in range(0, len(products), PRODUCTS_PER_IMPORT_MAX):
        await import_products(work, products[start : start + PRODUCTS_PER_IMPORT_MAX], IMPORTER)
    return await work.catalog.variants_by_sku([product.code for product in products])


async def _receive_what_lacks(
    work: PlacingWork, commands: Sequence[PlaceOrder], variants: Mapping[str, Variant]
) -> None:
    """Receive at LOCATION what is missing for each order, in their order, by the rule that they are sourced by."""
    destinations = [command.fulfillment.address for command in commands if command.fulfillment]
    countries = [address.country for address in destinations if address]
    if not countries:
        return
    places = await _open_locations(work, countries[0])
    goods = await work.availability.goods(sorted(variants))
    stocked = sorted({part.sku for variant in variants.values() for part in variant.demand(1)})
    at = work.clock.now()
    frees: dict[str, Free] = {}
    receipts = []
    for command, destination in zip(commands, destinations, strict=True):
        if command.channel not in frees:
            weighing = weighed(Question(channel=command.channel), goods, at)
            frees[command.channel] = free_through(weighing, goods, stocked)
        free = frees[command.channel]
        needs = [Need(units=line.quantity, of_one=tuple(variants[line.sku].demand(1))) for line in command.lines]
        found = source(needs, free, shipping_locations(places, destination))
        receipts += [_receipt(key, units, command, at) for key, units in _missing(needs, found).items()]
    if not receipts:
        return
    await work.inventory.lock_levels({receipt.key for receipt in receipts})
    await work.inventory.move(receipts)


def _missing(needs: Sequence[Need], found: Sequence[Sequence[Sourced] | Short]) -> dict[LevelKey, int]:
    """Units to receive at LOCATION, so that every need is met."""
    missing: dict[LevelKey, int] = {}
    for need, answer in zip(needs, found, strict=True):
        if isinstance(answer, Short):
            for part in need.of_one:
                key = part.sku, LOCATION
                missing[key] = missing.get(key, 0) + part.quantity * (need.units - answer.available)
    return missing


def _receipt(key: LevelKey, units: int, command: PlaceOrder, at: datetime) -> Movement:
    return Movement(
        sku=key[0],
        location=key[1],
        counter=StockCounter.ON_HAND,
        delta=units,
        reason=StockMovementReason.RECEIPT,
        reference=command.external_reference,
        actor=IMPORTER.actor,
        at=at,
    )


# ── Cancellations ──


@dataclass(slots=True)
class _Plan:
    """Which units a batch of cancellations takes: by (reference of the cancellation, order), in the order they came.

    left: by line id, what can still be canceled after what is planned.
    """

    units: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    def take(self, line: ImportedLine, bought: Sequence[tuple[OrderLine, datetime]]) -> int:
        """Plan as many units as earlier orders have, the latest first; answers how many."""
        wanted = line.units
        for each, placed_at in bought:
            left = self.left.setdefault(each.id, cancelable(each.quantities, STAFF_PLACES))
            taken = min(wanted, left) if placed_at <= line.placed_at else 0
            if taken:
                lines = self.units.setdefault((line.reference, each.order_id), {})
                lines[each.id] = lines.get(each.id, 0) + taken
                self.left[each.id] = left - taken
                wanted -= taken
        return line.units - wanted


async def take_in_cancellations(
    work: PlacingWork, groups: Sequence[Sequence[ImportedLine]], channels: Mapping[str, Channel]
) -> Account:
    """Cancel what canceling lines cancel of their customers' earlier orders, each line once.

    A line that finds fewer units than it names cancels those, and is left out with how many it did not find.
    Raises Overtaken, and must then be left by the exception.
    """
    account = Account()
    for currency, channel in channels.items():
        asked = [
            each for group in groups if _currency(group) == currency for each in cancellations(channel.code, group)
        ]
        if asked:
            await _take_in(work, asked, channel, account)
    return account


async def _take_in(work: PlacingWork, asked: Sequence[Cancellation], channel: Channel, account: Account) -> None:
    keys = [Asked(IMPORTER, each.key, (channel.code, each.line.reference, each.line.units)) for each in asked]
    known = await work.keys.claim(keys)
    customers = await _customers_of(work, asked, channel)
    open_lines = [each.line for each, answer in zip(asked, known, strict=True) if answer is None]
    wanted = {(customers[line.customer], line.sku) for line in open_lines if line.customer in customers}
    bought = await work.orders.bought(channel.code, sorted(wanted)) if wanted else {}
    plan = _Plan()
    answers = []
    for each, key, answer in zip(asked, keys, known, strict=True):
        if isinstance(answer, InputError):
            account.reject([each.line], "It was taken in before with another quantity, and is left as it was then.")
            continue
        units = answer["units"] if answer else None
        if units is None:
            customer = customers.get(each.line.customer or "", "")
            units = plan.take(each.line, bought.get((customer, each.line.sku), ()))
            answers.append((key, {"units": units}))
        _account_for(account, each.line, units)
    await _cancel(work, plan)
    if answers:
        await work.keys.keep(answers)


async def _customers_of(work: PlacingWork, asked: Sequence[Cancellation], channel: Channel) -> dict[str, str]:
    """Customers' ids, by the number that the file knows them by."""
    numbers = {
        customer_reference(channel.code, each.line.customer): each.line.customer for each in asked if each.line.customer
    }
    found = await work.customers.ids_by_reference(sorted(numbers)) if numbers else {}
    return {numbers[reference]: customer_id for reference, customer_id in found.items()}


def _account_for(account: Account, line: ImportedLine, units: int) -> None:
    account.units_canceled += units
    if units == line.units:
        account.canceled += 1
    elif units:
        account.reject([line], f"Only {units} of {line.units} units were found in earlier orders, and are canceled.")
    elif line.customer is None:
        account.reject([line], "It cancels, and names no customer whose order that could be.")
    else:
        account.reject([line], f"No earlier order of this customer has units of {line.sku} left to cancel.")


async def _cancel(work: PlacingWork, plan: _Plan) -> None:
    if not plan.units:
        return
    order_ids = sorted({order_id for _, order_id in plan.units})
    wholes = dict(await work.orders.lock(order_ids))
    _check_again(plan, wholes)
    of_lines = {line_id for lines in plan.units.values() for line_id in lines}
    # Locked at once, as one cancellation after the other would lock them in no order.
    await work.inventory.lock_levels(
        {part.key for whole in wholes.values() for part in whole.allocations if part.line_id in of_lines}
    )
    picked = await work.orders.picked(order_ids)
    at = work.clock.now()
    for (_, order_id), units in plan.units.items():
        canceled = cancellation(wholes[order_id], units, STAFF_PLACES, picked, at)
        wholes[order_id] = await record_cancellation(work, canceled, CancelReason.CUSTOMER, IMPORTER.actor)


def _check_again(plan: _Plan, wholes: Mapping[str, WholeOrder]) -> None:
    """What others canceled before we had the orders locked is not there any more."""
    taken: dict[str, int] = {}
    for lines in plan.units.values():
        for line_id, units in lines.items():
            taken[line_id] = taken.get(line_id, 0) + units
    for whole in wholes.values():
        for line in whole.lines:
            if cancelable(line.quantities, STAFF_PLACES) < taken.get(line.id, 0):
                raise Overtaken
