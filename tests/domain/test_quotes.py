"""Rules of quotes: how long they hold, how much, who sees them, and what an order may say beside them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import ANONYMOUS, Role
from domain.errors import Problem
from domain.inventory.model import Reservation
from domain.inventory.reservations import moved
from domain.money import Money
from domain.orders.decisions import Shipping
from domain.orders.model import FulfillmentChoice, LineRequest
from domain.orders.quotes import (
    HOLDS_PER_ADDRESS_MAX,
    HOLDS_PER_CUSTOMER_MAX,
    UNITS_HELD_PER_SKU_MAX,
    PlannedLine,
    PlannedShipment,
    Quote,
    QuoteLine,
    as_order,
    hold_end,
    holder_of,
    is_seen,
    limit_problems,
    risen,
    taking_up_problems,
)
from domain.places import Destination
from domain.sourcing.rules import Sourced
from tests.factories import MILAN, NOW, a_channel, a_quote, a_viewer, an_order, an_order_of, to_milan

MINUTE = timedelta(minutes=1)
CHANNEL = a_channel(max_hold_minutes=30)
ADA, EVE = (a_viewer(Role.CUSTOMER, customer_id=f"cus_{name}") for name in ("ada", "eve"))
TO_MILAN = to_milan()
PICKUP = FulfillmentChoice(pickup_location="milan")


def a_line(sku="A", units=1, *, at="milan", choice=TO_MILAN, price=1000) -> QuoteLine:
    return QuoteLine(
        channel_code="web",
        request=LineRequest(sku=sku, quantity=units),
        choice=choice,
        unit_price=Money(price, "EUR"),
        sourced=(Sourced(at, units),),
    )


def quoted(*lines, **changes) -> Quote:
    values = {
        "id": "quo_1",
        "channel_code": "web",
        "customer_id": None,
        "made_by": "anonymous",
        "holder": None,
        "language": None,
        "currency": "EUR",
        "lines": lines or (a_line(),),
        "choice": to_milan(),
        "destination": None,
        "email": None,
        "tax_id": None,
        "shipping": Shipping("standard", Money(500, "EUR")),
        "created_at": NOW,
        "expires_at": NOW + 10 * MINUTE,
    }
    return Quote(**{**values, **changes})


def held(*lines, minutes=10, first=NOW, **changes) -> Quote:
    return quoted(*lines, held_until=NOW + minutes * MINUTE, first_held_at=first, **changes)


# ── How long ──


@pytest.mark.parametrize(
    ("minutes", "before", "now", "end"),
    [
        pytest.param(None, None, 0, None, id="nothing is asked for"),
        pytest.param(10, None, 0, 10, id="a new quote"),
        pytest.param(30, None, 0, 30, id="as long as may be"),
        pytest.param(None, held(), 5, 10, id="a hold stays as it is"),
        pytest.param(None, held(), 10, None, id="a hold that has lapsed is none"),
        pytest.param(10, held(), 5, 15, id="extended"),
        pytest.param(1, held(), 5, 10, id="never shortened"),
        pytest.param(25, held(), 9, 30, id="cut to what the channel allows from the first moment"),
        pytest.param(99, quoted(), 5, 35, id="held for the first time"),
        pytest.param(5, held(), 20, 25, id="held again after it lapsed"),
        pytest.param(5, held(minutes=30), 29, 30, id="at its end"),
    ],
)
def test_a_hold_ends_when_it_should(minutes, before, now, end):
    found = hold_end(minutes, before, CHANNEL, NOW + now * MINUTE)

    assert found == (None if end is None else NOW + end * MINUTE)


@pytest.mark.parametrize(
    ("minutes", "before", "now"),
    [
        pytest.param(31, None, 0, id="too long for a new quote"),
        pytest.param(0, None, 0, id="for no time"),
        pytest.param(-1, held(), 0, id="for less"),
        pytest.param(5, held(minutes=30), 30, id="once it was held for as long as may be"),
    ],
)
def test_a_hold_that_may_not_be_is_refused(minutes, before, now):
    found = hold_end(minutes, before, CHANNEL, NOW + now * MINUTE)

    assert isinstance(found, Problem)
    assert found.path == ("holdMinutes",)


def test_stock_is_held_until_an_instant_and_at_it_no_longer():
    quote, second = held(), timedelta(seconds=1)
    end = quote.held_until

    assert [quote.holds(end + after) for after in (-second, timedelta(0), second)] == [True, False, False]
    assert (quote.seen_at(end - second).held_until, quote.seen_at(end).held_until) == (end, None)


# ── How much ──


@pytest.mark.parametrize(("viewer", "most"), [(ADA, HOLDS_PER_CUSTOMER_MAX), (ANONYMOUS, HOLDS_PER_ADDRESS_MAX)])
def test_one_caller_holds_few_quotes(viewer, most):
    others = {f"quo_{i}": {"A": 1} for i in range(most)}

    assert limit_problems({("A", "milan"): 1}, others, viewer)
    assert not limit_problems({("A", "milan"): 1}, dict(list(others.items())[1:]), viewer)


def test_units_of_a_sku_are_counted_at_all_places_and_in_all_quotes():
    others = {"quo_2": {"A": UNITS_HELD_PER_SKU_MAX - 3, "B": UNITS_HELD_PER_SKU_MAX}}

    assert not limit_problems({("A", "milan"): 1, ("A", "rome"): 2}, others, ADA)
    (problem,) = limit_problems({("A", "milan"): 2, ("A", "rome"): 2}, others, ADA)
    assert "units of A" in problem.message


def test_who_is_limited_is_a_customer_or_an_address_and_never_staff():
    callers = [ADA, ANONYMOUS, a_viewer(Role.STOREFRONT), a_viewer(Role.AGENT)]

    assert [holder_of(viewer, "192.0.2.1") for viewer in callers] == ["cus_ada", "192.0.2.1", "192.0.2.1", None]


# ── Who sees it ──


def test_a_customers_quote_is_theirs_its_makers_and_of_those_who_see_every_order():
    quote = quoted(customer_id="cus_ada", made_by="till-7")
    till = replace(a_viewer(Role.ASSOCIATE, locations=frozenset({"milan"})), subject="till-7")
    other_till = replace(till, subject="till-8")

    assert [is_seen(quote, viewer) for viewer in (ADA, till, a_viewer(Role.AGENT))] == [True] * 3
    assert [is_seen(quote, viewer) for viewer in (EVE, ANONYMOUS, other_till)] == [False] * 3
    assert is_seen(quoted(), EVE)


# ── What it plans ──


def test_a_plan_has_a_shipment_for_each_place_and_what_is_collected_apart():
    lines = (a_line("A", 2), a_line("B", 1, at="bari"), a_line("C", 3), a_line("D", 1, choice=PICKUP))

    assert quoted(*lines).plan == [
        PlannedShipment("bari", (PlannedLine("B", 1),), MILAN),
        PlannedShipment("milan", (PlannedLine("D", 1),), None),
        PlannedShipment("milan", (PlannedLine("A", 2), PlannedLine("C", 3)), MILAN),
    ]


def test_what_reaches_the_customer_nobody_says_how_goes_to_the_destination_or_into_the_channels_country():
    somewhere = Destination(country="FR", city="Lyon")
    chosen = LineRequest(sku="B", quantity=1, fulfillment=to_milan())

    there = as_order(a_quote(("A", 1), fulfillment=None, destination=somewhere), CHANNEL)
    anywhere = as_order(a_quote(("A", 1), fulfillment=None), CHANNEL)
    with_others = as_order(a_quote(lines=(LineRequest(sku="A", quantity=1), chosen), fulfillment=None), CHANNEL)

    assert (there.fulfillment.address.country, there.fulfillment.address.city) == ("FR", "Lyon")
    assert anywhere.fulfillment.address.country == "IT"
    assert with_others.fulfillment.address == MILAN


# ── Taking it up ──


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lines": (LineRequest(sku="A", quantity=1),)},
        {"lines": (LineRequest(sku="A", quantity=1, fulfillment=to_milan(), unit_price=Money(1000, "EUR")),)},
        {"fulfillment": to_milan()},
    ],
)
def test_an_order_may_repeat_what_its_quote_says(changes):
    assert taking_up_problems(an_order_of("quo_1", **changes), quoted()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": (LineRequest(sku="A", quantity=2),)},
        {"lines": (LineRequest(sku="B", quantity=1),)},
        {"lines": (LineRequest(sku="A", quantity=1), LineRequest(sku="A", quantity=1))},
        {"lines": (LineRequest(sku="A", quantity=1, fulfillment=PICKUP),)},
        {"lines": (LineRequest(sku="A", quantity=1, unit_price=Money(1, "EUR")),)},
        {"fulfillment": PICKUP},
        {"channel": "other"},
    ],
)
def test_an_order_may_not_say_otherwise_than_its_quote(changes):
    assert taking_up_problems(an_order_of("quo_1", **changes), quoted())


def test_an_order_that_is_planned_again_costs_no_more_than_was_quoted():
    quote = quoted()

    assert [len(risen(quote, Money(total, "EUR"))) for total in (1499, 1500, 1501)] == [0, 0, 1]
    assert an_order(("A", 1)).quote_id is None


# ── In the ledger ──


def test_a_reservation_that_only_lasts_longer_moves_nothing_and_one_that_changes_moves_the_difference():
    def of(quote_id, **units):
        return [
            Reservation(quote_id=f"{quote_id:_<60}", sku=sku, location="milan", units=count, expires_at=NOW)
            for sku, count in units.items()
        ]

    def told(before, after):
        return [(each.sku, each.delta, each.reason.value) for each in moved(before, after, "ada", NOW)]

    assert told(of("quo_1", A=2), of("quo_1", A=2)) == []
    assert told(of("quo_1", A=2, B=1), of("quo_1", A=5, C=1)) == [
        ("A", 3, "RESERVATION"),
        ("B", -1, "RESERVATION_RELEASE"),
        ("C", 1, "RESERVATION"),
    ]
