"""Places where a basket can be collected, through GraphQL: near, in full, by when, in a fixed number of statements."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from domain.access import Role
from domain.calendar import OpeningHours, Weekday
from domain.catalog.model import ProductStatus
from domain.orders.model import LINES_PER_ORDER_MAX
from domain.places import GeoPoint, PostalCode
from domain.promising.pickup import OPTIONS_MAX
from persistence.holidays import PublicHolidays
from tests.domain.stock import MILAN, PARIS, ROME, a_location_at
from tests.factories import a_channel, a_product, a_viewer

ASK = """
query ($channel: String! = "web", $lines: [OrderLineInput!]!, $near: DestinationInput!, $withinKm: Float, $first: Int) {
  pickupOptions(channel: $channel, lines: $lines, near: $near, withinKm: $withinKm, first: $first) {
    location { code name } distanceKm complete shippedToStore openNow readyAt orderBy
    lines { sku requested available }
  }
}
"""
IN_MILAN = {"country": "IT", "city": "Milano"}
TURIN = GeoPoint(45.0703, 7.6869)
EVERY_DAY = tuple(OpeningHours(day, time(10), time(19)) for day in Weekday)


@pytest.fixture(autouse=True)
async def furnished(shop):
    """A: 5 in Milan and 2 in Turin. B: 1 in Milan. SET is of 2 A and 1 B. Rome, Paris and what is no pickup place."""
    await shop.stock(milan={"A": 5, "B": 1}, turin={"A": 2}, rome={}, paris={}, depot={"A": 100}, closed={"A": 100})
    async with shop.world.work() as work:
        await work.catalog.save_channel(a_channel("gone", active=False))
        kit = a_product("SET", components={"A": 2, "B": 1})
        await work.catalog.import_products(
            [kit, replace(a_product("DRAFT"), status=ProductStatus.DRAFT)], shop.clock.now()
        )
        for code, point in (("milan", MILAN), ("turin", TURIN), ("rome", ROME), ("paris", PARIS)):
            await work.inventory.save_location(a_location_at(point, code, processing_minutes=60))
        await work.inventory.save_location(a_location_at(MILAN, "depot", capabilities="SHIP"))
        await work.inventory.save_location(a_location_at(MILAN, "closed", active=False))


def basket(*lines):
    return [{"sku": sku, "quantity": quantity} for sku, quantity in lines]


async def options(shop, *lines, near=IN_MILAN, **arguments):
    asked = {"lines": basket(*lines), "near": near, **arguments}
    return {each["location"]["code"]: each for each in (await shop.ask(ASK, **asked))["pickupOptions"]}


async def refusal(shop, *lines, near=IN_MILAN, **arguments):
    data, (error,) = await shop.answer(ASK, lines=basket(*lines), near=near, **arguments)
    assert data is None
    return error.extensions["code"], ".".join(error.extensions.get("path", ()))


async def milan_is(shop, **facts):
    async with shop.world.work() as work:
        await work.inventory.save_location(a_location_at(MILAN, "milan", **{"processing_minutes": 60, **facts}))


# ── Which places, and what they have ──


async def test_places_are_nearest_first_with_what_each_has_of_the_basket(shop):
    found = await options(shop, ("A", 3))

    assert list(found) == ["milan", "turin"]
    assert found["milan"]["lines"] == [{"sku": "A", "requested": 3, "available": 5}]
    assert (found["milan"]["complete"], found["turin"]["complete"]) == (True, False)
    assert found["turin"]["lines"][0]["available"] == 2
    assert (found["turin"]["readyAt"], found["turin"]["orderBy"]) == (None, None)
    assert found["turin"]["distanceKm"] == pytest.approx(126, abs=5)
    assert not found["milan"]["shippedToStore"]


async def test_a_place_is_found_by_its_point_by_its_postal_code_and_by_its_city(shop):
    async with shop.world.work() as work:
        await work.places.keep_postal_codes([PostalCode("IT", "10123", TURIN)], "edn_1")
    in_turin = [
        {"country": "IT", "point": {"latitude": TURIN.latitude, "longitude": TURIN.longitude}},
        {"country": "IT", "postalCode": "I-10123"},
        {"country": "IT", "city": "Turin"},
    ]

    for near in in_turin:
        found = await options(shop, near=near, withinKm=50)
        assert list(found) == ["turin"]
        assert found["turin"]["distanceKm"] < 10


async def test_the_distance_and_the_number_of_places_may_be_limited_and_without_a_limit_they_are_near(shop):
    assert list(await options(shop)) == ["milan", "turin"]
    assert list(await options(shop, withinKm=100)) == ["milan"]
    assert list(await options(shop, withinKm=5_000)) == ["milan", "turin", "rome", "paris"]
    assert list(await options(shop, withinKm=5_000, first=3)) == ["milan", "turin", "rome"]


async def test_of_a_country_alone_its_places_are_listed_without_distances(shop):
    found = await options(shop, ("A", 1), near={"country": "IT", "region": "MI"})

    assert {code: each["distanceKm"] for code, each in found.items()} == dict.fromkeys(sorted(found))
    assert list(found) == ["milan", "paris", "rome", "turin"]


async def test_without_lines_every_place_near_is_complete_and_says_when_it_works(shop):
    found = await options(shop)

    assert [(each["lines"], each["complete"], each["openNow"]) for each in found.values()] == [([], True, True)] * 2
    assert found["milan"]["readyAt"] == "2026-05-05T11:00:00Z"


async def test_lines_of_one_sku_are_summed_before_they_are_checked(shop):
    found = await options(shop, ("A", 3), ("B", 1), ("A", 3))

    assert found["milan"]["lines"] == [
        {"sku": "A", "requested": 6, "available": 5},
        {"sku": "B", "requested": 1, "available": 1},
    ]
    assert not found["milan"]["complete"]


async def test_a_kit_is_there_as_its_parts_are_and_takes_them_from_the_rest_of_the_basket(shop):
    assert (await options(shop, ("SET", 1)))["milan"]["lines"] == [{"sku": "SET", "requested": 1, "available": 1}]
    assert (await options(shop, ("SET", 1), ("A", 3)))["milan"]["complete"]
    assert not (await options(shop, ("SET", 1), ("A", 4)))["milan"]["complete"]
    assert not (await options(shop, ("SET", 1), ("B", 1)))["milan"]["complete"]


async def test_a_line_with_a_choice_of_how_it_goes_is_taken_as_any_other(shop):
    elsewhere = {"pickup": {"location": "rome"}}

    data = await shop.ask(ASK, lines=[{"sku": "A", "quantity": 1, "fulfillment": elsewhere}], near=IN_MILAN)

    assert data["pickupOptions"][0]["complete"]


async def test_what_is_ordered_elsewhere_meanwhile_is_not_there_any_more(shop):
    await shop.ask(
        """mutation ($key: String!) { adjustStock(input: {idempotencyKey: $key, changes: [
             {sku: "A", location: "milan", delta: -3, reason: ADJUSTMENT}]}) { userErrors { message } } }""",
        a_viewer(Role.ADMIN),
        key="adjusted",
    )

    assert (await options(shop, ("A", 3)))["milan"]["lines"][0]["available"] == 2


# ── When ──


@pytest.mark.parametrize(
    ("now", "open_now", "ready_at", "order_by"),
    [
        # Rome is two hours ahead of UTC. Open from 10:00 to 19:00, cut-off at 16:00.
        ("2026-05-05 10:00", True, "2026-05-05T11:00:00Z", "2026-05-05T10:00:00Z"),
        ("2026-05-05 05:00", False, "2026-05-05T09:00:00Z", "2026-05-05T08:00:00Z"),
        ("2026-05-05 14:00", True, "2026-05-05T15:00:00Z", "2026-05-05T14:00:00Z"),
        ("2026-05-05 14:01", True, "2026-05-06T09:00:00Z", "2026-05-06T08:00:00Z"),
        ("2026-05-05 18:00", False, "2026-05-06T09:00:00Z", "2026-05-06T08:00:00Z"),
        # The evening before Republic Day, and those before the clocks go back and forward.
        ("2026-06-01 16:00", True, "2026-06-03T09:00:00Z", "2026-06-03T08:00:00Z"),
        ("2026-10-24 16:00", True, "2026-10-25T10:00:00Z", "2026-10-25T09:00:00Z"),
        ("2026-03-28 16:00", True, "2026-03-29T09:00:00Z", "2026-03-29T08:00:00Z"),
    ],
)
async def test_it_is_ready_by_the_places_hours_cutoff_holidays_and_clocks(shop, now, open_now, ready_at, order_by):
    await milan_is(shop, opening_hours=EVERY_DAY, cutoff=time(16), holidays=PublicHolidays("IT"))
    shop.clock.set(datetime.fromisoformat(now).replace(tzinfo=UTC))

    milan = (await options(shop, ("A", 1)))["milan"]

    assert (milan["openNow"], milan["readyAt"], milan["orderBy"]) == (open_now, ready_at, order_by)


async def test_a_place_that_never_opens_is_never_ready(shop):
    await milan_is(shop, closures=tuple(date.fromordinal(day) for day in range(739_740, 740_300)))

    milan = (await options(shop, ("A", 1)))["milan"]

    assert (milan["complete"], milan["openNow"], milan["readyAt"], milan["orderBy"]) == (True, False, None, None)


async def test_it_is_ready_as_much_later_as_the_channel_leaves_for_second_thoughts(shop):
    async with shop.world.work() as work:
        await work.catalog.save_channel(a_channel(remorse_minutes=30))

    milan = (await options(shop, ("A", 1)))["milan"]

    assert (milan["readyAt"], milan["orderBy"]) == ("2026-05-05T11:30:00Z", "2026-05-05T10:00:00Z")


# ── What is refused, and what it takes ──


async def test_what_there_is_not_is_refused_at_its_path(shop):
    assert await refusal(shop, channel="fax") == ("NOT_FOUND", "channel")
    assert await refusal(shop, channel="gone") == ("NOT_FOUND", "channel")
    assert await refusal(shop, ("A", 1), ("NONE", 1)) == ("NOT_FOUND", "lines.1.sku")
    assert await refusal(shop, ("DRAFT", 1)) == ("NOT_FOUND", "lines.0.sku")
    assert await refusal(shop, ("A", 1), ("A", 0)) == ("INVALID", "lines.1.quantity")
    too_many = [("A", 1)] * (LINES_PER_ORDER_MAX + 1)
    assert await refusal(shop, *too_many, viewer=a_viewer(Role.AGENT)) == ("INVALID", "lines")
    assert await refusal(shop, near={"country": "IT", "city": "Atlantis"}) == ("NOT_FOUND", "near")
    assert await refusal(shop, near={"country": "IT", "postalCode": "00000"}) == ("NOT_FOUND", "near")
    assert await refusal(shop, near={"country": "ZZ"}) == ("INVALID", "near.country")
    assert await refusal(shop, withinKm=-1) == ("INVALID", "withinKm")
    assert await refusal(shop, near={"country": "IT"}, withinKm=10) == ("INVALID", "withinKm")
    assert await refusal(shop, first=0) == ("INVALID", "first")
    assert await refusal(shop, first=OPTIONS_MAX + 1) == ("INVALID", "first")


async def test_fifty_places_take_as_many_statements_as_one(shop):
    async def cost(first):
        await options(shop, ("A", 1), ("SET", 1), first=first)
        with shop.counting_statements() as statements:
            found = await options(shop, ("A", 1), ("SET", 1), first=first)
        assert len(found) == first
        return len(statements)

    async with shop.world.work() as work:
        for number in range(50):
            await work.inventory.save_location(a_location_at(MILAN, f"store-{number:02}"))

    assert await cost(50) == await cost(1)
