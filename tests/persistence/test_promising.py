"""Shipping methods are kept: what goes in comes back."""

from dataclasses import replace

import pytest

from domain.errors import ErrorCode, Refused
from domain.money import Money
from domain.promising.model import ServiceLevel, ShippingMethod, ShippingRate
from domain.promising.service import save_shipping_method
from persistence.database import Database
from persistence.promising import SqlPromising

ITALY = ShippingRate(
    countries=("IT",),
    price=Money(490, "EUR"),
    min_transit_days=1,
    max_transit_days=3,
    regions=("MI", "TO"),
    max_weight_grams=5000,
    free_from=Money(5900, "EUR"),
)
ANYWHERE = ShippingRate(countries=(), price=Money(1000, "JPY"), min_transit_days=0, max_transit_days=0)
STANDARD = ShippingMethod(
    code="standard",
    names={"it": "Standard", "en": "Standard delivery"},
    carrier="carovia",
    service_level=ServiceLevel.STANDARD,
    countries=("IT", "FR"),
    rates=(ITALY, ANYWHERE),
)


class Work:
    def __init__(self, promising: SqlPromising) -> None:
        self.promising = promising


async def test_a_method_comes_back_as_it_was_saved_and_is_replaced_whole(migrated_database_url):
    database = Database(migrated_database_url)
    promising = SqlPromising(database)
    closed = replace(STANDARD, rates=(ANYWHERE,), active=False)
    express = replace(STANDARD, code="express", service_level=ServiceLevel.EXPRESS)

    await save_shipping_method(Work(promising), STANDARD)
    before = await promising.shipping_methods()
    await promising.save_shipping_methods([closed, express])

    after, found = await promising.shipping_methods(), await promising.shipping_methods_by_code(["standard", "\0"])
    await database.close()
    assert before == [STANDARD]
    assert list(before[0].names) == ["it", "en"]
    assert after == [express, closed]
    assert found == {"standard": closed}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"code": ""}, "code"),
        ({"names": {}}, "name"),
        ({"carrier": ""}, "carrier"),
        ({"countries": ("IT", "XX")}, "countries/1"),
        ({"countries": ("FR",)}, "rates/0/countries/0"),
        ({"rates": (ITALY, replace(ANYWHERE, price=Money(-1, "EUR")))}, "rates/1/price/amount"),
        ({"rates": (replace(ITALY, free_from=Money(5900, "USD")),)}, "rates/0/freeFrom/currency"),
        ({"rates": (replace(ITALY, regions=("",)),)}, "rates/0/regions/0"),
        ({"rates": (replace(ITALY, max_weight_grams=0),)}, "rates/0/maxWeightGrams"),
        ({"rates": (replace(ITALY, min_transit_days=4),)}, "rates/0/maxTransitDays"),
    ],
)
async def test_a_method_is_refused_where_it_is_wrong(fields, path):
    class Nothing:
        """Nothing may be written."""

    with pytest.raises(Refused) as refusal:
        await save_shipping_method(Work(Nothing()), replace(STANDARD, **fields))

    (problem,) = refusal.value.problems
    assert (problem.code, "/".join(problem.path)) == (ErrorCode.INVALID, path)
