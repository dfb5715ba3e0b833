"""Deciding an order: pure functions from what was asked and what is so to an order that holds, or to what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.access import Role, Scope, Viewer
from domain.availability.model import Goods, Question
from domain.availability.rules import availability
from domain.availability.service import weighed
from domain.availability.weighing import Weighing
from domain.catalog.model import Channel, FulfillmentTrait, Variant, text_in
from domain.errors import ErrorCode, InputError, InsufficientStock, Problem, invalid, not_allowed, not_found
from domain.inventory.model import QUANTITY_MAX, LevelKey, LocationCapability, StockLocation
from domain.money import Money, zero
from domain.orders.model import (
    CONTACT_TEXT_LENGTH_MAX,
    LINES_PER_ORDER_MAX,
    FulfillmentChoice,
    FulfillmentMethod,
    LineRequest,
    PlaceOrder,
)
from domain.orders.stock import Taken, free_through
from domain.places import Destination, GeoPoint
from domain.promising.model import ShippingMethod, cheapest
from domain.sourcing.rules import Need, Short, Sourced, shipping_locations, source


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What placing a batch of orders needs to know, read once for all of them.

    points: where the orders go, of addresses that do not say it, where a view looks at distances.
    """

    goods: Goods
    points: Mapping[Destination, GeoPoint]
    methods: Sequence[ShippingMethod]
    known_customers: frozenset[str]
    customers_by_reference: Mapping[str, str]
    now: datetime


@dataclass(frozen=True, slots=True)
class Shipping:
    method_code: str | None
    price: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedLine:
    """A line priced and sourced; `choice` is how it reaches the customer."""

    request: LineRequest
    variant: Variant
    choice: FulfillmentChoice
    unit_price: Money
    sourced: tuple[Sourced, ...] = ()

    @property
    def waiting(self) -> int:
        """Units that no place has yet."""
        return self.request.quantity - sum(part.units for part in self.sourced)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    channel: Channel
    lines: tuple[DecidedLine, ...]
    delivery: FulfillmentChoice | None
    shipping: Shipping

    @property
    def total(self) -> Money:
        subtotal = sum(line.unit_price.amount_minor * line.request.quantity for line in self.lines)
        return Money(subtotal, self.channel.currency) + self.shipping.price

    def waits(self) -> dict[str, int]:
        """Units of stock it waits for, by SKU."""
        waiting: dict[str, int] = {}
        for line in self.lines:
            for component in line.variant.demand(line.waiting) if line.waiting else ():
                waiting[component.sku] = waiting.get(component.sku, 0) + component.quantity
        return waiting

    def demand(self) -> dict[LevelKey, int]:
        """Units of stock it takes, per level."""
        taken: dict[LevelKey, int] = {}
        for line in self.lines:
            for part in line.sourced:
                for component in line.variant.demand(part.units):
                    key = component.sku, part.location
                    taken[key] = taken.get(key, 0) + component.quantity
        return taken


def decide(command: PlaceOrder, viewer: Viewer, facts: Facts, taken: Taken) -> Decision | list[Problem]:
    """The order that a request becomes, or all that is wrong with it; taken: by those decided before it."""
    channel = facts.goods.channels.get(command.channel)
    if channel is None or not channel.active:
        return [not_found(f"There is no channel {command.channel}.", "channel")]
    problems = form_problems(command, viewer, facts, channel)
    if problems:
        return problems
    choices = [line.fulfillment or command.fulfillment for line in command.lines]
    destination = destination_of(command)
    if destination is not None and destination in facts.points:
        destination = replace(destination, point=facts.points[destination])
    weighing = weighed(Question(channel=channel.code, destination=destination), facts.goods, facts.now)
    problems = _choice_problems(command, choices, channel, facts)
    priced, line_problems = _priced(command, choices, weighing, facts, viewer)
    if problems := problems + line_problems:
        return problems
    deliveries = [choice for choice in choices if choice and choice.kind is FulfillmentMethod.DELIVERY]
    delivery = deliveries[0] if deliveries else None
    shipping = _shipping(command, delivery, priced, channel, facts)
    if isinstance(shipping, Problem):
        return [shipping]
    decision = Decision(channel=channel, lines=tuple(priced), delivery=delivery, shipping=shipping)
    if wrong_total := total_problem(command, decision.total):
        return [wrong_total]
    return _sourced(decision, facts, taken, weighing)


def destination_of(command: PlaceOrder) -> Destination | None:
    """Where an order goes, as far as a view looks at it."""
    choices = [line.fulfillment or command.fulfillment for line in command.lines]
    address = next((choice.address for choice in choices if choice and choice.address), None)
    if address is None:
        return None
    return Destination(
        country=address.country,
        region=address.region,
        postal_code=address.postal_code,
        city=address.city,
        point=address.point,
    )


def form_problems(command: PlaceOrder, viewer: Viewer, facts: Facts, channel: Channel) -> list[Problem]:
    """What is wrong with the order as a whole: its rights, its length, its texts."""
    problems: list[Problem] = []
    if not command.lines:
        problems.append(invalid("An order has at least one line.", "lines"))
    if len(command.lines) > LINES_PER_ORDER_MAX:
        problems.append(invalid(f"An order has at most {LINES_PER_ORDER_MAX} lines.", "lines"))
    if command.placed_at is not None and not viewer.has(Scope.ORDERS_IMPORT):
        problems.append(not_allowed("Saying when it was sold needs the scope orders:import.", "placedAt"))
    elif command.placed_at is not None and command.placed_at > facts.now:
        problems.append(invalid("An order cannot have been placed in the future.", "placedAt"))
    if command.shipping_price is not None:
        problems += _agreed_price_problems(command.shipping_price, channel, viewer, ("shippingPrice",))
    if command.external_reference is not None and viewer.roles <= {Role.CUSTOMER}:
        problems.append(not_allowed("A reference of one's own is for shops and systems.", "externalReference"))
    problems += _customer_problems(command, viewer, facts)
    texts = {
        "email": command.email,
        "phone": command.phone,
        "taxId": command.tax_id,
        "externalReference": command.external_reference,
        "purchaseOrderNumber": command.purchase_order_number,
        "language": command.language,
    }
    for name, text in texts.items():
        if text is not None and not 0 < len(text.strip()) <= CONTACT_TEXT_LENGTH_MAX:
            problems.append(invalid(f"It has 1 to {CONTACT_TEXT_LENGTH_MAX} characters.", name))
    if command.email is not None and not _is_email(command.email):
        problems.append(invalid("This is no e-mail address.", "email"))
    return problems


def _is_email(text: str) -> bool:
    """One @ with something on both sides and no space: what mail servers decide is theirs to decide."""
    name, at, host = text.strip().rpartition("@")
    return bool(name and at and host and "@" not in name) and not any(c.isspace() for c in text.strip())


def _customer_problems(command: PlaceOrder, viewer: Viewer, facts: Facts) -> list[Problem]:
    asked = command.customer_id
    if asked is None or asked == viewer.customer_id:
        return []
    if not viewer.is_staff:
        return [not_allowed("An order is placed for oneself; another's customer id is for staff.", "customerId")]
    if asked not in facts.known_customers:
        return [not_found("There is no such customer.", "customerId")]
    return []


def _choice_problems(
    command: PlaceOrder, choices: Sequence[FulfillmentChoice | None], channel: Channel, facts: Facts
) -> list[Problem]:
    """What is wrong with how the lines reach the customer."""
    problems: list[Problem] = []
    addresses = {choice.address for choice in choices if choice and choice.address}
    for i, (line, choice) in enumerate(zip(command.lines, choices, strict=True)):
        path = ("lines", str(i), "fulfillment") if line.fulfillment else ("fulfillment",)
        if choice is None:
            problems.append(invalid("Say how this line is delivered or picked up.", "lines", i, "fulfillment"))
        elif choice.address is not None:
            if choice.address.country not in channel.countries:
                sentence = f"The channel {channel.code} does not deliver to {choice.address.country}."
                problems.append(invalid(sentence, *path, "delivery", "address", "country"))
            if len(addresses) > 1 and line.fulfillment:
                problems.append(invalid("An order has one delivery address.", *path, "delivery", "address"))
        elif not _hands_over(facts.goods.locations.get(choice.pickup_location or "")):
            problems.append(not_found("There is no such pickup place.", *path, "pickup", "location"))
    return list(dict.fromkeys(problems))


def _hands_over(location: StockLocation | None) -> bool:
    return location is not None and location.active and LocationCapability.PICKUP in location.capabilities


def _priced(
    command: PlaceOrder, choices: Sequence[FulfillmentChoice | None], weighing: Weighing, facts: Facts, viewer: Viewer
) -> tuple[list[DecidedLine], list[Problem]]:
    channel = facts.goods.channels[command.channel]
    lines: list[DecidedLine] = []
    problems: list[Problem] = []
    for i, (request, choice) in enumerate(zip(command.lines, choices, strict=True)):
        path = ("lines", str(i))
        variant = facts.goods.variants.get(request.sku)
        found = _line_problems(request, variant, choice, channel, viewer, weighing, path)
        if found or variant is None or choice is None:
            problems += found
            continue
        price = request.unit_price or Money(variant.prices[channel.code], channel.currency)
        lines.append(DecidedLine(request=request, variant=variant, choice=choice, unit_price=price))
    return lines, problems


def _line_problems(
    request: LineRequest,
    variant: Variant | None,
    choice: FulfillmentChoice | None,
    channel: Channel,
    viewer: Viewer,
    weighing: Weighing,
    path: tuple[str, ...],
) -> list[Problem]:
    problems: list[Problem] = []
    if not 1 <= request.quantity <= QUANTITY_MAX:
        problems.append(invalid(f"A quantity is 1 to {QUANTITY_MAX}.", *path, "quantity"))
    if request.unit_price is not None:
        problems += _agreed_price_problems(request.unit_price, channel, viewer, (*path, "unitPrice"))
    if variant is None:
        return [*problems, not_found(f"There is no SKU {request.sku}.", *path, "sku")]
    # What was sold elsewhere was sellable there: an agreed price stands in for a price, a launch and a view of ours.
    if request.unit_price is None and weighing.not_sellable(variant):
        problems.append(_not_sellable(f"{request.sku} is not for sale in the channel {channel.code} now.", path))
    method = choice.kind if choice else None
    if method is FulfillmentMethod.DELIVERY and FulfillmentTrait.STORE_ONLY in variant.traits:
        problems.append(_not_sellable(f"{request.sku} is sold in stores only.", path))
    if method is FulfillmentMethod.PICKUP and FulfillmentTrait.SHIP_ONLY in variant.traits:
        problems.append(_not_sellable(f"{request.sku} is delivered only.", path))
    return problems


def _agreed_price_problems(price: Money, channel: Channel, viewer: Viewer, path: tuple[str, ...]) -> list[Problem]:
    if not viewer.has(Scope.ORDERS_PRICE):
        return [not_allowed("A price agreed elsewhere needs the scope orders:price.", *path)]
    if price.currency != channel.currency:
        return [invalid(f"This channel sells in {channel.currency}, not in {price.currency}.", *path, "currency")]
    if price.amount_minor < 0:
        return [invalid("A price is not negative.", *path, "amount")]
    return []


def _not_sellable(message: str, path: tuple[str, ...]) -> InputError:
    return InputError(code=ErrorCode.NOT_SELLABLE, message=message, path=(*path, "sku"))


def _shipping(
    command: PlaceOrder,
    delivery: FulfillmentChoice | None,
    lines: Sequence[DecidedLine],
    channel: Channel,
    facts: Facts,
) -> Shipping | Problem:
    """How the delivered lines travel and what it costs: as agreed elsewhere, by the method asked for, or cheapest."""
    if delivery is None or delivery.address is None:
        return Shipping(None, zero(channel.currency))
    path = ("fulfillment", "delivery")
    delivered = [line for line in lines if line.choice.kind is FulfillmentMethod.DELIVERY]
    weight = sum((line.variant.weight_grams or 0) * line.request.quantity for line in delivered)
    asked = next((method for method in facts.methods if method.code == delivery.method), None)
    if delivery.method is not None and asked is None:
        return not_found(f"There is no shipping method {delivery.method}.", *path, "method")
    methods = [asked] if asked else facts.methods
    way = cheapest(
        methods,
        country=delivery.address.country,
        region=delivery.address.region,
        weight_grams=weight,
        currency=channel.currency,
    )
    if command.shipping_price is not None:
        return Shipping(way[0].code if way else None, command.shipping_price)
    if way is None and asked is not None:
        return invalid(f"{asked.code} does not carry this basket there.", *path, "method")
    if way is None:
        return invalid(f"Nothing of ours goes to {delivery.address.country}.", *path, "address", "country")
    method, rate = way
    worth = sum(line.unit_price.amount_minor * line.request.quantity for line in delivered)
    is_free = rate.free_from is not None and worth >= rate.free_from.amount_minor
    return Shipping(method.code, zero(channel.currency) if is_free else rate.price)


def total_problem(command: PlaceOrder, total: Money) -> Problem | None:
    expected = command.expected_total
    if expected is None or expected == total:
        return None
    message = f"The order now comes to {total}, not to {expected}."
    return InputError(code=ErrorCode.PRICE_CHANGED, message=message, path=("expectedTotal",))


# ── Stock ──


def _sourced(decision: Decision, facts: Facts, taken: Taken, weighing: Weighing) -> Decision | list[Problem]:
    address = decision.delivery.address if decision.delivery else None
    needs = [_need(line, weighing, facts.goods) for line in decision.lines]
    free = free_through(weighing, facts.goods, {part.sku for need in needs for part in need.of_one}, taken)
    answers = source(needs, free, shipping_locations(list(facts.goods.locations.values()), address))
    shortages: list[Problem] = [
        _short(line, answer, i, weighing, facts.goods)
        for i, (line, answer) in enumerate(zip(decision.lines, answers, strict=True))
        if isinstance(answer, Short)
    ]
    if shortages:
        return shortages
    lines = tuple(
        replace(line, sourced=tuple(answer))
        for line, answer in zip(decision.lines, answers, strict=True)
        if not isinstance(answer, Short)
    )
    return replace(decision, lines=lines)


def _need(line: DecidedLine, weighing: Weighing, goods: Goods) -> Need:
    """What is delivered may be waited for as far as the view has it; what is picked up is there or is not."""
    variant, pickup = line.variant, line.choice.pickup_location
    answer = None if pickup else availability(variant, weighing, goods)
    thin = [code for code, place in goods.locations.items() if weighing.too_thin(variant, place)]
    return Need(
        units=line.request.quantity,
        of_one=tuple(variant.demand(1)),
        pickup_location=pickup,
        not_from=frozenset(thin),
        waitable=answer.orderable - answer.units if answer else 0,
    )


def _short(line: DecidedLine, answer: Short, i: int, weighing: Weighing, goods: Goods) -> InsufficientStock:
    asked, sku = line.request.quantity, line.variant.sku
    future = availability(line.variant, weighing, goods).future
    return InsufficientStock(
        code=ErrorCode.INSUFFICIENT_STOCK,
        message=f"Only {answer.available} of {sku} can be had; {asked} were asked for.",
        path=("lines", str(i), "quantity"),
        sku=sku,
        requested=asked,
        available=answer.available,
        next_available_on=next((each.on for each in future if each.quantity >= asked), None),
    )


def line_name(line: DecidedLine, language: str) -> str:
    """What the line is called on the order: as it was sold elsewhere, else as the catalog names it."""
    if line.request.name:
        return line.request.name
    named = text_in(line.variant.names, language) or text_in(line.variant.product_names, language)
    return named or line.variant.sku
