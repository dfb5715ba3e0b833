"""Public holidays of countries and regions are known by their ISO codes, in every year."""

from datetime import date

import pytest

from persistence.holidays import PublicHolidays, public_holidays


def test_a_region_has_its_own_holidays_beside_its_countrys():
    germany, bavaria, milan = map(public_holidays, ("DE", "DE-BY", "IT-MI"))

    epiphany, saint_ambrose, labor_day = date(2027, 1, 6), date(2026, 12, 7), date(2031, 5, 1)
    assert [epiphany in germany, epiphany in bavaria] == [False, True]
    assert saint_ambrose in milan
    assert all(labor_day in holidays for holidays in (germany, bavaria, milan))
    assert date(2026, 5, 5) not in bavaria


def test_holidays_that_move_with_easter_are_found_in_each_year():
    assert [day in public_holidays("IT") for day in (date(2026, 4, 6), date(2027, 3, 29), date(2027, 4, 6))] == [
        True,
        True,
        False,
    ]


def test_two_of_one_code_are_equal():
    assert public_holidays("DE-BY") == PublicHolidays("DE-BY") != public_holidays("DE")


@pytest.mark.parametrize("code", ["", "it", "ITA", "ZZ", "IT-", "IT-XX", "IT-Milano", "DE-BY-M", "-BY", "Italy"])
def test_what_is_no_code_of_a_country_or_region_has_none(code):
    assert public_holidays(code) is None
