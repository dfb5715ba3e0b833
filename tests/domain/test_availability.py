"""What may be sold is one answer, and every number in it explains itself."""

from datetime import timedelta

import pytest

from domain.availability.model import AvailabilityStatus
from domain.catalog.model import ProductStatus
from domain.places import Destination
from tests.domain.stock import MILAN, PARIS, ROME, a_level, a_location_at, a_variant, answered
from tests.factories import NOW, a_location

LOCATIONS = [
    a_location_at(MILAN, "milan"),
    a_location_at(PARIS, "paris"),
    a_location_at(ROME, "rome"),
    a_location("depot"),
    a_location("closed", active=False),
]


def answer(*levels, **asked):
    return answered(*levels, locations=LOCATIONS, **asked)


def test_what_is_promised_or_kept_back_is_not_to_sell():
    found = answer(
        a_level("SHIRT", "milan", on_hand=20, allocated=3, reserved=2, damaged=1, inspection=1, safety_stock=2)
    )

    assert (found.quantity, found.status) == (11, AvailabilityStatus.IN_STOCK)
    (reason,) = found.explain()
    assert (reason.on_hand, reason.allocated, reason.reserved, reason.kept_back, reason.quantity) == (20, 3, 2, 4, 11)
    assert reason.because == (
        "Kept back: 1 damaged, 1 in inspection, 2 as safety stock. The rest that is not promised counts."
    )


def test_an_oversold_level_at_one_location_does_not_hide_what_another_has():
    found = answer(a_level("SHIRT", "milan", on_hand=1, allocated=9), a_level("SHIRT", "rome", on_hand=4))

    assert found.quantity == 4
    assert [place.location.code for place in found.places] == ["rome"]
    assert found.explain()[0].because == "8 more are promised or kept back than there are."


@pytest.mark.parametrize(
    ("on_hand", "status"),
    [(0, "OUT_OF_STOCK"), (1, "LOW_STOCK"), (5, "LOW_STOCK"), (6, "IN_STOCK")],
)
def test_the_status_says_how_many_there_are(on_hand, status):
    assert answer(a_level("SHIRT", "milan", on_hand=on_hand)).status.value == status


def test_what_was_never_stocked_is_out_of_stock():
    found = answer()

    assert (found.status, found.quantity) == (AvailabilityStatus.OUT_OF_STOCK, 0)
    assert (list(found.places), found.explain()) == ([], [])


def test_an_inactive_location_counts_for_nothing_and_says_so():
    found = answer(a_level("SHIRT", "closed", on_hand=9))

    assert (found.quantity, list(found.places)) == (0, [])
    (reason,) = found.explain()
    assert (reason.counted, reason.quantity, reason.because) == (False, 0, "The location is not active.")


def test_a_kit_is_as_many_as_its_scarcest_part_makes_whole_in_one_place():
    kit = a_variant("SET", parts={"CUP": 4, "POT": 1})
    found = answer(
        a_level("CUP", "milan", on_hand=9),
        a_level("POT", "milan", on_hand=7),
        a_level("CUP", "rome", on_hand=40),
        a_level("POT", "rome", on_hand=3),
        a_level("POT", "paris", on_hand=50),
        a_level("SET", "depot", on_hand=99),
        variant=kit,
    )

    assert found.quantity == 5
    assert [(place.location.code, place.quantity) for place in found.places] == [("rome", 3), ("milan", 2)]
    assert {reason.location.code: reason.because for reason in found.explain()} == {
        "milan": "Of its parts CUP allows fewest, 4 in each. All that is not promised counts.",
        "paris": "Of its parts CUP allows fewest, 4 in each. Nothing is on hand.",
        "rome": "Of its parts POT allows fewest, 1 in each. All that is not promised counts.",
    }


def test_places_come_largest_first_and_alike_ones_by_code():
    found = answer(
        a_level("SHIRT", "rome", on_hand=2), a_level("SHIRT", "depot", on_hand=7), a_level("SHIRT", "milan", on_hand=2)
    )

    assert [place.location.code for place in found.places] == ["depot", "milan", "rome"]
    assert {place.distance_km for place in found.places} == {None}


def test_places_come_nearest_first_where_the_destination_has_a_point_and_unknown_ones_last():
    found = answer(
        *(
            a_level("SHIRT", place, on_hand=1 + index)
            for index, place in enumerate(["depot", "milan", "paris", "rome"])
        ),
        destination=Destination(country="FR", point=PARIS),
    )

    assert [place.location.code for place in found.places] == ["paris", "milan", "rome", "depot"]
    assert found.places[1].distance_km == pytest.approx(640, abs=5)


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        ({"product_status": ProductStatus.DRAFT}, "The product is draft."),
        ({"launch_at": NOW + timedelta(seconds=1)}, "It is not sold before 2026-05-05 10:00 UTC."),
        ({"prices": {"app": 1}}, "It has no price in web."),
    ],
)
def test_what_may_not_be_sold_says_why_at_every_location(facts, because):
    found = answer(a_level("SHIRT", "milan", on_hand=9), variant=a_variant(**facts), channel="web")

    assert (found.status, found.quantity, list(found.places)) == (AvailabilityStatus.NOT_SELLABLE, 0, [])
    assert [(reason.counted, reason.because) for reason in found.explain()] == [(False, because)]


def test_it_is_sold_from_the_instant_of_its_launch_on():
    assert answer(variant=a_variant(launch_at=NOW), channel="web").status is AvailabilityStatus.OUT_OF_STOCK
