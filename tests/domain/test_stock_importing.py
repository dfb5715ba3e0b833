"""A line of stock from a file: what it says, or what is wrong with it and which levels it may have meant."""

import pytest

from domain.inventory.importing import CELLS_MAX, Rejected, StockLine, misaligned, read_line

KEY = ("A-1", "milan")


def line_of(quantity, bin=None):
    return read_line(7, " A-1", "milan ", quantity, bin)


@pytest.mark.parametrize("quantity", ["12", " 12 ", "0012", 12])
def test_a_line_says_how_many_units_of_a_sku_are_at_a_place(quantity):
    assert line_of(quantity) == StockLine(7, KEY, 12, None)


@pytest.mark.parametrize("quantity", ["-0", "0", 0])
def test_nothing_is_a_quantity(quantity):
    assert line_of(quantity) == StockLine(7, KEY, 0, None)


@pytest.mark.parametrize(("bin", "kept"), [("R12-3", "R12-3"), (" R12-3 ", "R12-3"), ("", None), ("  ", None)])
def test_a_bin_is_kept_where_there_is_one(bin, kept):
    assert line_of(1, bin) == StockLine(7, KEY, 1, kept)


@pytest.mark.parametrize(
    "quantity", ["1.5", "1.0", 1.5, "1,000", "1_000", "1e3", "+1", "many", "٣", "9" * 5_000, True, [1]]
)
def test_what_is_no_whole_number_is_no_quantity(quantity):
    rejected = line_of(quantity)

    assert rejected.reason.endswith("is no quantity: whole units are right.")
    assert len(rejected.reason) < 150
    assert (rejected.number, rejected.named, rejected.is_in_part) == (7, [KEY], False)


@pytest.mark.parametrize("quantity", ["-1", -1, "1000001", 10**15])
def test_a_quantity_is_neither_negative_nor_beyond_all_measure(quantity):
    assert line_of(quantity) == Rejected(7, f"{quantity} is out of range: 0 to 1000000 is right.", [KEY])


@pytest.mark.parametrize("quantity", [None, ""])
def test_a_line_without_a_quantity_may_lack_its_end(quantity):
    assert line_of(quantity) == Rejected(7, "It has no quantity.", [KEY], is_in_part=True)


@pytest.mark.parametrize("bin", ["x" * 65, 12, "a\0b"])
def test_what_is_no_bin_is_said_with_the_line_left_out(bin):
    rejected = line_of(1, bin)

    assert "is no bin: a text of at most 64 characters is right." in rejected.reason
    assert rejected.named == [KEY]


@pytest.mark.parametrize(("sku", "location"), [(None, "milan"), ("A-1", None), (12, "milan")])
def test_a_line_that_lacks_its_sku_or_place_may_mean_any_level(sku, location):
    assert read_line(7, sku, location, 1, None).named is None


def test_a_line_with_a_comma_too_many_names_what_it_meant_among_others():
    header = ["name", "location", "sku", "quantity"]

    rejected = misaligned(7, ["Towel", " white", " milan", "A-1", "3"], header)

    assert rejected.reason == "Its columns are 5; the header has 4."
    assert KEY in rejected.named
    assert not rejected.is_in_part


def test_a_line_with_too_few_cells_may_lack_its_end_and_one_cell_names_no_level():
    assert misaligned(7, ["A-1", "milan"], ["sku", "location", "quantity"]).named == [KEY]
    assert misaligned(7, ["(2 rows)"], ["sku", "location", "quantity"]) == Rejected(
        7, "Its columns are 1; the header has 3.", [], is_in_part=True
    )


def test_a_line_of_very_many_cells_may_mean_any_level():
    assert misaligned(7, ["x"] * (CELLS_MAX + 1), ["sku", "location", "quantity"]).named is None
