"""A quote: a basket priced and planned, which may hold its stock for a while and which an order can take up.

Values, and rules as pure functions. A quote is decided as an order is (`decisions.py`), by what `as_order` makes of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.access import Scope, Viewer
from domain.availability.model import Question
from domain.availability.rules import to_order, to_promise
from domain.availability.service import weighed
from domain.catalog.model import Channel
from domain.errors import ErrorCode, InputError, Problem, conflict, invalid, not_allowed, not_found
from domain.inventory.model import LevelKey, Reservation
from domain.money import Money
from domain.orders.decisions import DecidedLine, Decision, Facts, Shipping, form_problems, total_problem
from domain.orders.model import FulfillmentChoice, FulfillmentMethod, LineRequest, PlaceOrder, Totals
from domain.orders.stock import Taken
from domain.places import Address, Destination
from domain.sourcing.rules import Sourced

QUOTED_FOR = timedelta(minutes=30)  # A quote that holds nothing: as long as a checkout is left open.
QUOTES_KEPT_FOR = timedelta(days=1)  # After its end: long enough to come back to it, and nothing personal lies about.

# Quotes that hold stock at one time. A shopper has one basket, on two devices and in one old tab; behind the address
# of those who have not signed in there may be a household, or a small office.
HOLDS_PER_CUSTOMER_MAX = 3
HOLDS_PER_ADDRESS_MAX = 10
# Units of one SKU that they hold together: a dealer's pallet, and no more than a dent in what there is.
UNITS_HELD_PER_SKU_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateQuote:
    """A quote asked for. destination: where it would go, while no address is known. hold_minutes: None holds nothing.

    customer_id: whose it is, None for a guest.
    """

    idempotency_key: str
    channel: str
    lines: tuple[LineRequest, ...]
    fulfillment: FulfillmentChoice | None = None
    destination: Destination | None = None
    hold_minutes: int | None = None
    customer_id: str | None = None
    email: str | None = None
    tax_id: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateQuote:
    """The same quote with another input. hold_minutes: None leaves a hold's end as it is."""

    quote_id: str
    asked: CreateQuote


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLine:
    """choice: how it reaches the customer; None where that is not said yet. sourced: the plan."""

    channel_code: str
    request: LineRequest
    choice: FulfillmentChoice | None
    unit_price: Money
    sourced: tuple[Sourced, ...]

    @property
    def sku(self) -> str:
        return self.request.sku

    @property
    def quantity(self) -> int:
        return self.request.quantity

    @property
    def total(self) -> Money:
        return self.unit_price * self.quantity

    @property
    def fulfillment(self) -> FulfillmentMethod | None:
        return self.choice.kind if self.choice else None


@dataclass(frozen=True, slots=True)
class PlannedLine:
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class PlannedShipment:
    """What one location would give, and where it would go: `to` is None where it is collected."""

    location_code: str
    lines: tuple[PlannedLine, ...]
    to: Address | Destination | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """choice: what was chosen for all lines that say nothing else. customer_id: whose it is; None for a guest.

    made_by: the subject who asked for it. holder: a keyed hash of who is limited in what they hold; None for staff.
    held_until: stock is held until then, at that instant no longer. order_id: the order that took it up.
    """

    id: str
    channel_code: str
    customer_id: str | None
    made_by: str
    holder: str | None
    language: str | None
    currency: str
    lines: tuple[QuoteLine, ...]
    choice: FulfillmentChoice | None
    destination: Destination | None
    email: str | None
    tax_id: str | None
    shipping: Shipping
    created_at: datetime
    expires_at: datetime
    held_until: datetime | None = None
    first_held_at: datetime | None = None
    order_id: str | None = None

    @property
    def totals(self) -> Totals:
        subtotal = sum(line.total.amount_minor for line in self.lines)
        return Totals(Money(subtotal, self.currency), self.shipping.price)

    @property
    def fulfillment(self) -> FulfillmentMethod | None:
        return self.choice.kind if self.choice else None

    @property
    def plan(self) -> list[PlannedShipment]:
        """A shipment for each location, by its code; what is collected there apart from what is sent."""
        parts: dict[tuple[str, bool], list[PlannedLine]] = {}
        for line in self.lines:
            for part in line.sourced:
                is_sent = line.fulfillment is not FulfillmentMethod.PICKUP
                parts.setdefault((part.location, is_sent), []).append(PlannedLine(line.sku, part.units))
        return [
            PlannedShipment(location, tuple(lines), self._sent_to if is_sent else None)
            for (location, is_sent), lines in sorted(parts.items())
        ]

    @property
    def _sent_to(self) -> Address | Destination | None:
        addresses = (line.choice.address for line in self.lines if line.choice and line.choice.address)
        return next(addresses, None) or self.destination

    def holds(self, now: datetime) -> bool:
        return self.held_until is not None and now < self.held_until

    def seen_at(self, now: datetime) -> "Quote":
        """As it is shown: a hold that has lapsed is none."""
        return self if self.holds(now) else replace(self, held_until=None)


def is_seen(quote: Quote, viewer: Viewer) -> bool:
    """The row rule of quotes: its customer sees it, who made it, and who sees every order.

    A guest's quote is seen by whoever knows its id, which is made to be beyond guessing.
    """
    if quote.customer_id is None or (viewer.has(Scope.ORDERS_READ) and not viewer.is_bound_to_locations):
        return True
    return viewer.customer_id == quote.customer_id or viewer.subject == quote.made_by


# ── Making one ──


def as_order(asked: CreateQuote, channel: Channel | None) -> PlaceOrder:
    """The order that a quote is decided as.

    Lines of which nobody says how they reach the customer go where others are delivered; else to the destination; else
    somewhere in the first country that the channel sells to.
    """
    own = (line.fulfillment for line in asked.lines if line.fulfillment and line.fulfillment.address)
    fulfillment = asked.fulfillment or next(own, None)
    there = asked.destination or (Destination(country=channel.countries[0]) if channel and channel.countries else None)
    return PlaceOrder(
        idempotency_key=asked.idempotency_key,
        channel=asked.channel,
        lines=asked.lines,
        payments=(),
        fulfillment=fulfillment or (FulfillmentChoice(address=_somewhere(there)) if there else None),
        email=asked.email,
        tax_id=asked.tax_id,
        customer_id=asked.customer_id,
        language=asked.language,
    )


def _somewhere(there: Destination) -> Address:
    return Address(
        line1="",
        city=there.city or "",
        region=there.region,
        postal_code=there.postal_code,
        country=there.country,
        point=there.point,
    )


def as_asked(problem: Problem, asked: CreateQuote) -> Problem:
    """What is wrong with the address that stands in for a destination is wrong with the destination."""
    if asked.fulfillment is None and problem.path[:1] == ("fulfillment",):
        return replace(problem, path=("destination", *problem.path[3:]))
    return problem


def quote_lines(asked: CreateQuote, decision: Decision) -> tuple[QuoteLine, ...]:
    return tuple(
        QuoteLine(
            channel_code=decision.channel.code,
            request=request,
            choice=request.fulfillment or asked.fulfillment,
            unit_price=decided.unit_price,
            sourced=decided.sourced,
        )
        for request, decided in zip(asked.lines, decision.lines, strict=True)
    )


def hold_end(minutes: int | None, before: Quote | None, channel: Channel, now: datetime) -> datetime | Problem | None:
    """Until when stock is to be held: None for not at all.

    A hold that is extended never ends sooner than it did, nor later than `max_hold_minutes` after the quote first held
    something.
    """
    most = channel.max_hold_minutes
    standing = before.held_until if before is not None and before.holds(now) else None
    if minutes is None:
        return standing
    if minutes < 1 or (before is None and minutes > most):
        right = f"1 to {most} are right" if most else "this channel holds no stock for quotes"
        return invalid(f"{minutes} minutes are out of range: {right}.", "holdMinutes")
    first = (before.first_held_at if before else None) or now
    last = first + timedelta(minutes=most)
    if standing is None and last <= now:
        sentence = f"This quote has held stock for the {most} minutes that its channel allows. Make another one."
        return invalid(sentence, "holdMinutes")
    wanted = min(now + timedelta(minutes=min(minutes, most)), last)
    return max(standing, wanted) if standing else wanted


def reservations_of(quote: Quote, demand: Mapping[LevelKey, int]) -> list[Reservation]:
    """What a quote holds; demand: units of stock by level, none where it holds none."""
    until = quote.expires_at
    return [
        Reservation(quote_id=quote.id, sku=sku, location=location, units=units, expires_at=until)
        for (sku, location), units in sorted(demand.items())
    ]


# Units that quotes hold, by their ids and by SKU.
Held = Mapping[str, Mapping[str, int]]


def holder_of(viewer: Viewer, network: str) -> str | None:
    """Whose holds are counted together; network: what counts as the caller's address. Staff are not limited."""
    if viewer.is_staff:
        return None
    return viewer.customer_id or network


def limit_problems(demand: Mapping[LevelKey, int], others: Held, viewer: Viewer) -> list[Problem]:
    """What a hold is too much beside those of the same holder's other quotes."""
    holds_max = HOLDS_PER_CUSTOMER_MAX if viewer.customer_id else HOLDS_PER_ADDRESS_MAX
    if len(others) >= holds_max:
        sentence = f"{len(others)} quotes hold stock for you already. Release one, or hold nothing for this one."
        return [not_allowed(sentence, "holdMinutes")]
    units: dict[str, int] = {}
    for (sku, _), count in demand.items():
        units[sku] = units.get(sku, 0) + count
    for held in others.values():
        for sku in units.keys() & held.keys():
            units[sku] += held[sku]
    return [
        not_allowed(f"At most {UNITS_HELD_PER_SKU_MAX} units of {sku} are held for one caller.", "holdMinutes")
        for sku, count in sorted(units.items())
        if count > UNITS_HELD_PER_SKU_MAX
    ]


# ── Taking it up ──


def no_such_quote(*path: str) -> InputError:
    return not_found("There is no such quote.", *path)


def taken_up_already(*path: str) -> InputError:
    return conflict("An order has taken this quote up.", *path)


def taking_up_problems(command: PlaceOrder, quote: Quote) -> list[Problem]:
    """What in an order contradicts the quote it names, or is missing of both."""
    if quote.order_id is not None:
        return [taken_up_already("quoteId")]
    problems: list[Problem] = []
    if command.channel != quote.channel_code:
        problems.append(invalid(f"The quote is of the channel {quote.channel_code}.", "channel"))
    if command.shipping_price is not None:
        problems.append(invalid("The quote says what shipping costs.", "shippingPrice"))
    if command.fulfillment not in (None, quote.choice):
        problems.append(invalid("The quote says otherwise: change it by updateQuote.", "fulfillment"))
    if command.lines and not _are_alike(command, quote):
        problems.append(invalid("The quote has other lines: change it by updateQuote.", "lines"))
    if any(line.choice is None for line in quote.lines):
        sentence = "The quote does not say how it is delivered or picked up: say it by updateQuote."
        problems.append(invalid(sentence, "quoteId"))
    return problems


def _are_alike(command: PlaceOrder, quote: Quote) -> bool:
    if len(command.lines) != len(quote.lines):
        return False
    return all(
        (asked.sku, asked.quantity, asked.fulfillment or quote.choice) == (line.sku, line.quantity, line.choice)
        and asked.unit_price in (None, line.unit_price)
        for asked, line in zip(command.lines, quote.lines, strict=True)
    )


def with_quote(command: PlaceOrder, quote: Quote) -> PlaceOrder:
    """The order whole: what it leaves out the quote says."""
    return replace(
        command,
        lines=tuple(line.request for line in quote.lines),
        fulfillment=quote.choice,
        customer_id=command.customer_id or quote.customer_id,
        email=command.email or quote.email,
        tax_id=command.tax_id or quote.tax_id,
        language=command.language or quote.language,
    )


def taken_up(command: PlaceOrder, viewer: Viewer, facts: Facts, taken: Taken, quote: Quote) -> Decision | list[Problem]:
    """The order that a quote which holds its stock becomes: its prices and its plan, whatever they would be now.

    What it waits for nobody holds: it must still be possible. taken: by orders decided before it.
    """
    channel = facts.goods.channels[quote.channel_code]
    if not channel.active:
        return [not_found(f"There is no channel {command.channel}.", "channel")]
    if problems := form_problems(command, viewer, facts, channel):
        return problems
    lines = []
    for line in quote.lines:
        assert line.choice, "An order takes up no quote that does not say how it reaches the customer."
        variant = facts.goods.variants[line.sku]
        lines.append(
            DecidedLine(
                request=line.request,
                variant=variant,
                choice=line.choice,
                unit_price=line.unit_price,
                sourced=line.sourced,
            )
        )
    delivery = next((line.choice for line in lines if line.choice.kind is FulfillmentMethod.DELIVERY), None)
    decision = Decision(channel=channel, lines=tuple(lines), delivery=delivery, shipping=quote.shipping)
    if wrong_total := total_problem(command, decision.total):
        return [wrong_total]
    weighing = weighed(Question(channel=channel.code), facts.goods, facts.now)
    for sku, units in decision.waits().items():
        there = sum(to_promise(sku, weighing, facts.goods).values())
        if units > to_order(sku, weighing, facts.goods) - there - taken.waiting[sku]:
            sentence = f"{units} of {sku} can no longer be waited for. Change the quote by updateQuote."
            return [InputError(code=ErrorCode.PROMISE_UNAVAILABLE, message=sentence, path=("quoteId",))]
    return decision


def risen(quote: Quote, total: Money) -> list[Problem]:
    """What is wrong where an order that is planned again would come to more than it was quoted at."""
    if total <= quote.totals.total:
        return []
    message = f"The order now comes to {total}; the quote said {quote.totals.total}."
    return [InputError(code=ErrorCode.PRICE_CHANGED, message=message, path=("quoteId",))]
