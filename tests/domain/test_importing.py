"""Lines of a file are understood or refused with a reason, and belong to orders as they say."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import ErrorCode, InsufficientStock, Refused, invalid
from domain.money import Money
from domain.orders.importing import (
    ORDERS_MIXED_MAX,
    ImportedLine,
    Rejected,
    already_ordered,
    cancellations,
    country_codes,
    country_of,
    grouped,
    read_line,
    refused_lines,
    sale,
    sale_problem,
)
from domain.orders.model import LINES_PER_ORDER_MAX, FulfillmentMethod, LineQuantities, OrderLine
from tests.factories import a_channel

NOW = datetime(2026, 5, 5, 10, tzinfo=UTC)
COUNTRIES = country_codes({"GB": "United Kingdom", "FR": "France", "QO": "Outlying Oceania"})
CELLS = {
    "reference": "536365",
    "placed_at": "2010-12-01T08:26:00Z",
    "sku": "85123A",
    "name": "WHITE HANGING HEART",
    "quantity": "6",
    "unit_price": "2.55",
    "currency": "GBP",
    "customer": "17850",
    "country": "United Kingdom",
}


def read(**cells: str) -> ImportedLine | Rejected:
    return read_line(7, {**CELLS, **cells}, COUNTRIES, NOW)


def line(**cells: str) -> ImportedLine:
    understood = read(**cells)
    assert isinstance(understood, ImportedLine), understood
    return understood


def test_a_line_is_understood_to_the_minor_unit_and_the_instant():
    assert line(placed_at="2010-12-01T09:26:00+01:00", unit_price="2.5") == ImportedLine(
        number=7,
        reference="536365",
        placed_at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        sku="85123A",
        name="WHITE HANGING HEART",
        units=6,
        is_cancellation=False,
        unit_price=Money(250, "GBP"),
        customer="17850",
        country="GB",
        country_said="United Kingdom",
    )


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"reference": ""}, "the reference is empty"),
        ({"reference": "9" * 101}, "at most 100 characters"),
        ({"placed_at": "yesterday"}, "is no time"),
        ({"placed_at": "2010-12-01T08:26:00"}, "says no offset"),
        ({"placed_at": "2026-05-05T10:00:01Z"}, "in the future"),
        ({"sku": "POST"}, "is no goods"),
        ({"sku": "BANK CHARGES"}, "is no goods"),
        ({"sku": "gift_0001_20"}, "is no goods"),
        ({"sku": ""}, "A SKU"),
        ({"quantity": "0"}, "The quantity is 0"),
        ({"quantity": "6.5"}, "is no quantity"),
        ({"quantity": "1000001"}, "at most 1000000"),
        ({"unit_price": ""}, "is no price"),
        ({"unit_price": "0.0"}, "There is no price"),
        ({"unit_price": "-11062.06"}, "There is no price"),
        ({"unit_price": "NaN"}, "is no price"),
        ({"unit_price": "0.001"}, "more digits than GBP has"),
        ({"currency": "gold"}, "is no currency"),
        ({"name": "nul\0"}, "UTF-8"),
        ({"name": "caf\udce9"}, "UTF-8"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_with_its_number_and_why(cells, reason):
    refused = read(**cells)

    assert isinstance(refused, Rejected)
    assert refused.number == 7
    assert reason in refused.reason


def test_a_reference_that_begins_with_c_or_a_negative_quantity_cancels_whatever_the_price():
    by_reference = line(reference="C536379", quantity="4", unit_price="")
    by_quantity = line(quantity="-4", unit_price="0.0")

    assert (by_reference.is_cancellation, by_reference.units) == (True, 4)
    assert (by_quantity.is_cancellation, by_quantity.units) == (True, 4)


@pytest.mark.parametrize(
    ("said", "code"),
    [("GB", "GB"), ("fr", "FR"), ("France", "FR"), ("EIRE", "IE"), ("RSA", "ZA"), ("Channel Islands", "JE")],
)
def test_a_country_is_known_by_its_code_or_english_name(said, code):
    assert line(country=said).country == code


def test_an_order_goes_where_its_first_line_that_tells_says_else_home_else_nowhere():
    cut, told = line(country="Unit"), line(country="France")

    assert country_of([cut, told]) == "FR"
    assert country_of([line(country="Unspecified"), line(country="European Community")]) == "GB"
    assert country_of([line(country="Unspecified", currency="EUR")]) is None
    assert country_of([cut]) is None
    assert "'Unit' tells no country" in sale_problem([cut], a_channel(currency="GBP", countries=("GB",)))


def test_lines_of_one_reference_are_one_order_though_others_stand_between_them():
    mixed = [line(reference=reference) for reference in ("1", "2", "1", "3", "2")]

    assert [[each.reference for each in group] for group in grouped(mixed)] == [["1", "1"], ["2", "2"], ["3"]]


def test_a_reference_that_comes_back_too_late_or_has_too_many_lines_is_a_group_of_its_own():
    far = [line(reference=str(number)) for number in range(ORDERS_MIXED_MAX + 1)]
    long = [line(reference="long")] * (LINES_PER_ORDER_MAX + 1)

    assert [group[0].reference for group in grouped([*far, far[0]])].count("0") == 2
    assert [len(group) for group in grouped(long)] == [LINES_PER_ORDER_MAX, 1]


def test_an_order_keeps_its_prices_its_doubled_lines_and_who_bought_it_without_an_address():
    channel = a_channel("imported-gbp", currency="GBP", countries=("GB",))

    order = sale([line(customer=""), line(), line(unit_price="2.10", name="")], channel)

    assert [(each.sku, each.quantity, each.unit_price, each.name) for each in order.lines] == [
        ("85123A", 6, Money(255, "GBP"), "WHITE HANGING HEART"),
        ("85123A", 6, Money(255, "GBP"), "WHITE HANGING HEART"),
        ("85123A", 6, Money(210, "GBP"), None),
    ]
    assert order.external_reference == "536365"
    assert order.customer_reference == "imported-gbp:17850"
    assert order.shipping_price == Money(0, "GBP")
    assert (order.fulfillment.address.country, order.fulfillment.address.city) == ("GB", "Not recorded")
    assert [(payment.captured, payment.provider_reference) for payment in order.payments] == [(True, "536365")]


def test_canceling_lines_keep_their_keys_whatever_else_is_in_the_file():
    first, second, other = line(quantity="-1"), line(quantity="-1"), line(quantity="-1", sku="22423")

    keys = [each.key for each in cancellations("web", [first, line(), second, other])]

    assert len(set(keys)) == 3
    assert [each.key for each in cancellations("web", [other, first, second])] == [keys[2], *keys[:2]]
    assert cancellations("app", [first])[0].key not in keys


def test_a_line_that_the_order_taken_in_before_lacks_is_left_out():
    there = OrderLine(
        id="oln_1",
        order_id="ord_1",
        position=0,
        sku="85123A",
        name="",
        quantity=6,
        unit_price=Money(255, "GBP"),
        method=FulfillmentMethod.DELIVERY,
        pickup_location=None,
        quantities=LineQuantities(allocated=6),
    )

    assert already_ordered([line()], [there]) == []
    assert len(already_ordered([line(), line()], [there])) == 1
    assert "without this line" in already_ordered([line(quantity="7")], [there])[0].reason


def test_a_refusal_leaves_out_the_lines_it_names_and_for_want_of_stock_the_whole_order():
    group = [line(), line(sku="22423")]
    short = InsufficientStock(
        code=ErrorCode.INSUFFICIENT_STOCK,
        message="Only 1.",
        path=("lines", "1", "quantity"),
        sku="",
        requested=2,
        available=1,
    )

    assert [each.reason for each in refused_lines(group, Refused(invalid("Not so.", "lines", 1, "sku")))] == ["Not so."]
    assert len(refused_lines(group, Refused(invalid("Not so.", "lines", 1, "sku"), invalid("Never.", "channel")))) == 2
    assert len(refused_lines(group, Refused(short))) == 2


def test_an_order_placed_this_instant_is_not_in_the_future():
    assert isinstance(read(placed_at=NOW.isoformat()), ImportedLine)
    assert isinstance(read(placed_at=(NOW + timedelta(seconds=1)).isoformat()), Rejected)
