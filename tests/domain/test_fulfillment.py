"""The rules of fulfillment: where units are, what a step may take, and what carriers are believed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ErrorCode, Refused
from domain.fulfillment.model import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    FulfillmentOrderStatus,
    Shipment,
    ShipmentStatus,
    TrackingEvent,
)
from domain.fulfillment.moves import SHIPPING, lines_as_worked, promised, units_asked, without_excess
from domain.fulfillment.tracking import believed
from domain.money import Money
from domain.orders.model import (
    Allocation,
    FulfillmentMethod,
    LineQuantities,
    Order,
    OrderFulfillmentStatus,
    OrderLine,
    OrderStatus,
    Totals,
    WholeOrder,
)
from domain.payments.model import PaymentStatus
from tests.factories import NOW


def a_task(*lines, location="milan", status=FulfillmentOrderStatus.OPEN, **changes) -> FulfillmentOrder:
    values = {
        "id": f"ful_{location}",
        "number": f"N-{location}",
        "order_id": "ord_1",
        "location_code": location,
        "method": FulfillmentMethod.DELIVERY,
        "status": status,
        "due_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
        "lines": lines,
    }
    return FulfillmentOrder(**{**values, **changes})


def a_line(quantity, line_id="oln_1", **units) -> FulfillmentOrderLine:
    return FulfillmentOrderLine(line_id=line_id, quantity=quantity, **units)


def a_whole(at: dict[str, int], **quantities) -> WholeOrder:
    """An order of one line, allocated at places."""
    nothing = Money(0, "EUR")
    line = OrderLine(
        id="oln_1",
        order_id="ord_1",
        position=0,
        sku="A",
        name="A",
        quantity=LineQuantities(**quantities).total,
        unit_price=Money(100, "EUR"),
        method=FulfillmentMethod.DELIVERY,
        pickup_location=None,
        quantities=LineQuantities(**quantities),
    )
    order = Order(
        id="ord_1",
        number="N",
        external_reference=None,
        purchase_order_number=None,
        channel_code="web",
        customer_id="cus_1",
        is_guest=True,
        language="en",
        currency="EUR",
        status=OrderStatus.CONFIRMED,
        fulfillment_status=OrderFulfillmentStatus.UNFULFILLED,
        payment_status=PaymentStatus.AUTHORIZED,
        totals=Totals(nothing, nothing),
        shipping_agreed=nothing,
        authorized=nothing,
        captured=nothing,
        refunded=nothing,
        shipping_method_code=None,
        country="IT",
        metadata={},
        placed_at=NOW,
        updated_at=NOW,
        version=1,
    )
    allocations = [
        Allocation(line_id="oln_1", order_id="ord_1", location=location, sku="A", per_unit=1, quantity=units)
        for location, units in at.items()
        if units
    ]
    return WholeOrder(order=order, lines=(line,), allocations=tuple(allocations))


def a_shipment(status=ShipmentStatus.IN_TRANSIT) -> Shipment:
    return Shipment(
        id="shp_1",
        number="N-S1",
        order_id="ord_1",
        fulfillment_order_id="ful_milan",
        status=status,
        carrier="carovia",
        service="STANDARD",
        tracking_number="CV1",
        packages=(),
        lines=(),
        shipped_at=NOW,
    )


def said(status, hours=0) -> TrackingEvent:
    return TrackingEvent(
        id=f"trk_{status}_{hours}",
        shipment_id="shp_1",
        carrier="carovia",
        carrier_event_id=f"{status}_{hours}",
        status=status,
        description=None,
        place=None,
        point=None,
        readings=None,
        at=NOW + timedelta(hours=hours),
    )


# ── Where the work is, by where its units are ──


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        ("OPEN", a_line(3), "OPEN"),
        ("ACCEPTED", a_line(3), "ACCEPTED"),
        ("ACCEPTED", a_line(3, picked=1), "PICKING"),
        ("PICKING", a_line(3, picked=3), "PACKED"),
        ("PICKING", a_line(3, picked=1, short=2), "PACKED"),
        ("PACKED", a_line(3, picked=3, handed_over=1), "PACKED"),
        ("PACKED", a_line(3, picked=3, handed_over=3), "FULFILLED"),
        ("READY_FOR_PICKUP", a_line(3, picked=3, handed_over=1), "READY_FOR_PICKUP"),
        ("PICKING", a_line(3, picked=1, handed_over=1, short=2), "FULFILLED"),
        ("OPEN", a_line(3, short=3), "REJECTED"),
        ("OPEN", a_line(3, canceled=3), "CANCELED"),
    ],
)
def test_the_status_follows_from_the_units(before, line, after):
    task = a_task(line, status=FulfillmentOrderStatus(before))

    assert task.with_lines((line,), NOW).status is FulfillmentOrderStatus(after)


def test_what_is_dropped_is_unpicked_first_and_picked_units_go_back():
    dropped = a_line(5, picked=3, handed_over=1).dropped(3, "canceled")

    assert (dropped.unpicked, dropped.in_hand, dropped.handed_over, dropped.canceled) == (0, 1, 1, 3)


# ── What a step may take ──


def test_units_that_left_before_are_a_transition_and_units_never_picked_are_invalid():
    task = a_task(a_line(5, picked=3, handed_over=2))

    with pytest.raises(Refused) as left_before:
        units_asked(task, (("oln_1", 2),), SHIPPING)
    with pytest.raises(Refused) as never_picked:
        units_asked(task, (("oln_1", 4),), SHIPPING)

    assert left_before.value.problems[0].code is ErrorCode.INVALID_TRANSITION
    assert never_picked.value.problems[0].code is ErrorCode.INVALID


def test_a_line_named_twice_is_refused_at_both_places():
    with pytest.raises(Refused) as refused:
        units_asked(a_task(a_line(5, picked=5)), (("oln_1", 1), ("oln_1", 1)), SHIPPING)

    assert [problem.path for problem in refused.value.problems] == [("lines", "0", "lineId"), ("lines", "1", "lineId")]


# ── Work and order in line ──


def test_units_that_are_canceled_leave_the_work_where_they_were_promised():
    whole = a_whole({"milan": 1, "rome": 2}, allocated=2, picked=1, canceled=2)
    tasks = [a_task(a_line(3, picked=1)), a_task(a_line(2), location="rome")]

    milan, rome = without_excess(whole, tasks, NOW)

    assert (milan.lines[0].canceled, milan.lines[0].in_hand, milan.status.value) == (2, 1, "PACKED")
    assert rome is tasks[1]


@given(
    asked=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=2, max_size=2),
    kept=st.lists(st.integers(0, 9), min_size=2, max_size=2),
)
def test_work_in_line_asks_for_no_more_than_is_promised_and_loses_no_unit(asked, kept):
    places = ("milan", "rome")
    lines = [a_line(quantity, picked=min(picked, quantity)) for quantity, picked in asked]
    tasks = [a_task(line, location=place) for line, place in zip(lines, places, strict=True)]
    promises = {place: min(units, line.quantity) for place, units, line in zip(places, kept, lines, strict=True)}
    whole = a_whole(promises, allocated=sum(promises.values()), pending=1)

    after = without_excess(whole, tasks, NOW)
    (line,) = lines_as_worked(whole, after)

    left = {task.location_code: task.lines[0] for task in after}
    assert {place: left[place].open for place in places} == promises
    assert promised(whole) == {("oln_1", place): units for place, units in promises.items() if units}
    assert line.quantities.picked == sum(each.in_hand for each in left.values())
    assert line.quantities.total == whole.lines[0].quantities.total


# ── What carriers are believed ──

_TOLD = st.lists(
    st.tuples(
        st.sampled_from([each for each in ShipmentStatus if each is not ShipmentStatus.CANCELED]), st.integers(0, 5)
    ),
    max_size=6,
    unique=True,
)


@given(told=_TOLD, seed=st.randoms(use_true_random=False))
def test_the_same_events_end_the_same_in_whatever_order_they_are_heard(told, seed):
    events = [said(status, hours) for status, hours in told]
    shuffled = list(events)
    seed.shuffle(shuffled)

    def heard(order):
        shipment = a_shipment()
        for count in range(1, len(order) + 1):
            shipment = believed(shipment, order[:count])
        return shipment

    assert heard(events) == heard(shuffled) == believed(a_shipment(), events)


def test_a_parcel_returned_to_its_sender_after_its_delivery_stays_delivered():
    after = believed(a_shipment(), [said(ShipmentStatus.DELIVERED, 1), said(ShipmentStatus.RETURNED_TO_SENDER, 2)])

    assert (after.status, after.delivered_at) == (ShipmentStatus.DELIVERED, NOW + timedelta(hours=1))


def test_no_delivery_is_believed_of_a_parcel_we_canceled():
    canceled = a_shipment(ShipmentStatus.CANCELED)

    assert believed(canceled, [said(ShipmentStatus.DELIVERED, 1)]) == canceled


def test_a_delivery_before_the_carrier_canceled_is_believed_whichever_is_heard_first():
    canceled = believed(a_shipment(), [said(ShipmentStatus.CANCELED, 2)])

    after = believed(canceled, [said(ShipmentStatus.CANCELED, 2), said(ShipmentStatus.DELIVERED, 1)])

    assert after.status is ShipmentStatus.DELIVERED
