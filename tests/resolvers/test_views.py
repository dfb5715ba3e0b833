"""Availability views through GraphQL: drafted, previewed, activated, planned ahead, sold through and put away."""

import asyncio
from datetime import timedelta

import pytest

from domain.access import Role
from domain.catalog.model import Category
from tests.domain.stock import MILAN, PARIS, a_location_at
from tests.factories import NOW, WEB, a_product, a_viewer
from tests.shop import a_shop

MERCHANDISER = a_viewer(Role.MERCHANDISER)
OPERATIONS = a_viewer(Role.OPERATIONS)
AGENT = a_viewer(Role.AGENT)

SAVE = """
mutation ($input: AvailabilityViewInput!) {
  saveAvailabilityView(input: $input) {
    view { id code name status version rules { lowStockThreshold keepBack { reason units } } scheduled { version } }
    userErrors { code message path ... on InvalidTransition { from allowed } }
  }
}
"""
VIEW = """
query ($code: String!) {
  availabilityView(code: $code) {
    code name status version locations { code }
    rules {
      locations { kinds countries tags capabilities include exclude maxDistanceKm }
      products { categories tags excludeCategories excludeTags excludeSkus respectLaunchDate }
      supply { onHand inTransit onOrder production horizonDays backorderLimit }
      keepBack { reason units percent kinds locationTags categories }
      store { minStockAccuracy maxOpenUnits openOnly minutesBeforeClosing }
      finance { minMarginPercent maxHandlingCost { amount currency } }
      lowStockThreshold
    }
    scheduled { version effectiveFrom }
    history { version changedBy changedAt effectiveFrom rules { lowStockThreshold } }
  }
}
"""
ASK = """
query ($view: String, $channel: String) {
  availability(skus: ["SHIRT"], view: $view, channel: $channel) {
    view status quantity locations { quantity } future { quantity } explanation { because } }
}
"""
ALL_RULES = {
    "locations": {
        "kinds": ["WAREHOUSE"],
        "countries": ["IT", "FR"],
        "tags": ["large"],
        "capabilities": ["SHIP"],
        "include": ["milan"],
        "exclude": ["paris"],
        "maxDistanceKm": 800.5,
    },
    "products": {
        "categories": ["clothes"],
        "tags": ["linen"],
        "excludeCategories": ["toys"],
        "excludeTags": ["outlet"],
        "excludeSkus": ["SKIRT"],
        "respectLaunchDate": False,
    },
    "supply": {
        "onHand": True,
        "inTransit": True,
        "onOrder": True,
        "production": True,
        "horizonDays": 30,
        "backorderLimit": 7,
    },
    "keepBack": [
        {
            "reason": "display",
            "units": 1,
            "percent": 2.5,
            "kinds": ["STORE"],
            "locationTags": ["window"],
            "categories": ["clothes"],
        }
    ],
    "store": {"minStockAccuracy": 0.9, "maxOpenUnits": 40, "openOnly": True, "minutesBeforeClosing": 15},
    "finance": {"minMarginPercent": 12.5, "maxHandlingCost": {"amount": "3.50", "currency": "EUR"}},
    "lowStockThreshold": 3,
}


@pytest.fixture(autouse=True)
async def furnished(shop):
    """SHIRT: 20 in Milan, 3 in Paris. SKIRT: 2 in Milan."""
    await shop.stock(milan={"SHIRT": 20, "SKIRT": 2}, paris={"SHIRT": 3})
    async with shop.world.work() as work:
        await work.catalog.save_categories([Category(code=code, names={"en": code}) for code in ("clothes", "toys")])
        for code, point in (("milan", MILAN), ("paris", PARIS)):
            await work.inventory.save_location(a_location_at(point, code))


async def save(shop, viewer=MERCHANDISER, *, code="outlet", rules=None, **changes):
    given = {"code": code, "name": "Outlet", "rules": rules or {}} | changes
    return (await shop.ask(SAVE, viewer, input=given))["saveAvailabilityView"]


async def saved(shop, **changes):
    payload = await save(shop, **changes)
    assert not payload["userErrors"], payload
    return payload["view"]


async def problems(shop, **changes) -> list[tuple[str, str]]:
    payload = await save(shop, **changes)
    assert payload["view"] is None
    return [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]]


async def view(shop, code="outlet"):
    return (await shop.ask(VIEW, MERCHANDISER, code=code))["availabilityView"]


async def quantity(shop, viewer=MERCHANDISER, **asked):
    return (await shop.ask(ASK, viewer, **asked))["availability"][0]["quantity"]


# ── Saving ──


async def test_every_rule_that_is_saved_is_read_again_as_it_was_said(shop):
    made = await saved(shop, rules=ALL_RULES)

    found = await view(shop)
    assert (made["id"], found["status"], found["version"], found["name"]) == ("avw_outlet", "DRAFT", 1, "Outlet")
    assert found["rules"] == ALL_RULES
    assert (found["scheduled"], [each["changedBy"] for each in found["history"]]) == ([], ["merchandiser"])


async def test_what_a_view_does_not_say_admits_all_that_is_on_hand(shop):
    await saved(shop)

    rules = (await view(shop))["rules"]
    assert rules["supply"] == {
        "onHand": True,
        "inTransit": False,
        "onOrder": False,
        "production": False,
        "horizonDays": 90,
        "backorderLimit": 0,
    }
    assert await quantity(shop, view="outlet") == await quantity(shop) == 23


async def test_a_saving_replaces_the_whole_and_the_history_keeps_what_was(shop):
    await saved(shop, rules={"lowStockThreshold": 9, "keepBack": [{"reason": "display", "units": 4}]})
    shop.clock.forward(timedelta(seconds=60))

    await saved(shop, rules={"lowStockThreshold": 8}, expectedVersion=1)

    found = await view(shop)
    assert (found["version"], found["rules"]["lowStockThreshold"], found["rules"]["keepBack"]) == (2, 8, [])
    assert [(each["version"], each["rules"]["lowStockThreshold"], each["changedAt"]) for each in found["history"]] == [
        (2, 8, "2026-05-05T10:01:00Z"),
        (1, 9, "2026-05-05T10:00:00Z"),
    ]
    assert "availability_view.saved" in await shop.kinds()


async def test_of_two_who_change_the_same_version_one_is_told_of_the_other(shop):
    await saved(shop)

    payloads = await asyncio.gather(*(save(shop, expectedVersion=1, name=f"By {number}") for number in range(8)))

    assert sum(not payload["userErrors"] for payload in payloads) == 1
    assert {error["code"] for payload in payloads for error in payload["userErrors"]} == {"CONFLICT"}
    assert (await view(shop))["version"] == 2


async def test_of_two_who_make_the_same_view_one_is_told_of_the_other(shop):
    payloads = await asyncio.gather(*(save(shop, expectedVersion=0) for _ in range(4)))

    assert sum(not payload["userErrors"] for payload in payloads) == 1


async def test_what_cannot_be_is_refused_at_its_place_and_nothing_is_saved(shop):
    rules = {
        "locations": {"include": ["nowhere"]},
        "keepBack": [{"reason": "display"}],
        "finance": {"minMarginPercent": 101},
    }

    assert await problems(shop, rules=rules) == [
        ("NOT_FOUND", "rules.locations.include.0"),
        ("INVALID", "rules.keepBack.0"),
        ("INVALID", "rules.finance.minMarginPercent"),
    ]
    assert await problems(shop, rules={"finance": {"maxHandlingCost": {"amount": "1", "currency": "XXX"}}}) == [
        ("INVALID", "rules.finance.maxHandlingCost.currency")
    ]
    assert await view(shop) is None


async def test_a_view_is_drafted_used_and_put_away_and_not_the_other_way(shop):
    await saved(shop)
    assert (await saved(shop, status="ACTIVE"))["status"] == "ACTIVE"
    assert (await saved(shop))["status"] == "ACTIVE"
    (error,) = (await save(shop, status="DRAFT"))["userErrors"]
    assert (error["code"], error["from"], error["allowed"]) == ("INVALID_TRANSITION", "ACTIVE", ["ACTIVE", "ARCHIVED"])

    assert (await saved(shop, status="ARCHIVED"))["status"] == "ARCHIVED"
    assert await problems(shop, status="ACTIVE") == [("INVALID_TRANSITION", "status")]


# ── Ahead of time ──


async def test_a_revision_takes_over_at_its_instant_and_not_before(shop):
    await saved(shop, status="ACTIVE", rules={"keepBack": [{"reason": "display", "units": 1}]})
    monday = NOW + timedelta(days=3)
    await saved(shop, rules={"keepBack": [{"reason": "sale", "units": 2}]}, effectiveFrom=monday.isoformat())
    found = await view(shop)

    assert [(each["version"], each["effectiveFrom"]) for each in found["scheduled"]] == [(2, "2026-05-08T10:00:00Z")]
    assert found["rules"]["keepBack"][0]["reason"] == "display"
    assert await quantity(shop, view="outlet") == 21
    shop.clock.forward(timedelta(seconds=3 * 86_400 - 1))
    assert await quantity(shop, view="outlet") == 21
    shop.clock.forward(timedelta(seconds=1))
    assert await quantity(shop, view="outlet") == 19
    assert (await view(shop))["scheduled"] == []


async def test_what_is_planned_stays_planned_when_today_is_changed(shop):
    await saved(shop)
    ahead = (NOW + timedelta(days=1)).isoformat()
    await saved(shop, rules={"lowStockThreshold": 1}, effectiveFrom=ahead)
    await saved(shop, rules={"lowStockThreshold": 2})
    await saved(shop, rules={"lowStockThreshold": 3}, effectiveFrom=ahead)

    assert (await view(shop))["rules"]["lowStockThreshold"] == 2
    shop.clock.forward(timedelta(seconds=86_400))
    assert (await view(shop))["rules"]["lowStockThreshold"] == 3


async def test_a_view_whose_first_time_has_not_come_is_a_draft(shop):
    made = await saved(shop, status="ACTIVE", effectiveFrom=(NOW + timedelta(days=1)).isoformat())

    assert made["status"] == "DRAFT"
    shop.clock.forward(timedelta(seconds=86_400))
    assert (await view(shop))["status"] == "ACTIVE"


async def test_the_past_is_not_changed(shop):
    assert await problems(shop, effectiveFrom=(NOW - timedelta(seconds=1)).isoformat()) == [
        ("INVALID", "effectiveFrom")
    ]


# ── Selling through a view ──

CHANNEL = """
mutation ($input: ChannelInput!) {
  saveChannel(input: $input) { channel { availabilityView { code } showsQuantities } userErrors { code path } } }
"""


def channel(**changes) -> dict:
    return WEB | {"availabilityView": "outlet"} | changes


async def test_a_channel_sells_through_an_active_view_and_a_view_in_use_is_not_put_away(shop):
    await saved(shop)
    draft = (await shop.ask(CHANNEL, OPERATIONS, input=channel()))["saveChannel"]
    unknown = (await shop.ask(CHANNEL, OPERATIONS, input=channel(availabilityView="none")))["saveChannel"]
    await saved(shop, status="ACTIVE", rules={"locations": {"exclude": ["milan"]}})
    used = (await shop.ask(CHANNEL, OPERATIONS, input=channel()))["saveChannel"]

    assert [each["userErrors"][0]["code"] for each in (draft, unknown)] == ["INVALID", "NOT_FOUND"]
    assert used["channel"] == {"availabilityView": {"code": "outlet"}, "showsQuantities": True}
    assert await quantity(shop, channel="web") == 3
    assert await problems(shop, status="ARCHIVED") == [("CONFLICT", "status")]
    later = (NOW + timedelta(days=1)).isoformat()
    assert await problems(shop, status="ARCHIVED", effectiveFrom=later) == [("CONFLICT", "status")]


async def test_a_channel_may_show_shoppers_whether_there_is_some_and_not_how_much(shop):
    await shop.ask(CHANNEL, OPERATIONS, input=channel(availabilityView="on-hand", showsQuantities=False))
    await shop.expect("SHIRT", "milan", 5, days=2)

    (shopper,) = (await shop.ask(ASK, channel="web"))["availability"]
    (agent,) = (await shop.ask(ASK, AGENT, channel="web"))["availability"]

    assert shopper == {
        "view": "on-hand",
        "status": "IN_STOCK",
        "quantity": None,
        "locations": [{"quantity": None}, {"quantity": None}],
        "future": [],
        "explanation": None,
    }
    assert (agent["quantity"], [each["quantity"] for each in agent["locations"]]) == (23, [20, 3])
    assert (await shop.ask(ASK))["availability"][0]["quantity"] is None


async def test_shoppers_see_through_the_views_that_are_sold_through_and_no_others(shop):
    await saved(shop, status="ACTIVE")
    _, (error,) = await shop.answer(ASK, view="outlet")
    assert error.extensions["code"] == "NOT_FOUND"
    assert await quantity(shop, AGENT, view="outlet") == 23

    await shop.ask(CHANNEL, OPERATIONS, input=channel())

    assert (await shop.ask(ASK, view="outlet"))["availability"][0]["quantity"] == 23


async def test_views_are_for_those_who_read_stock_and_are_saved_by_those_who_may(shop):
    _, (reading,) = await shop.answer(VIEW, code="on-hand")
    _, (saving,) = await shop.answer(SAVE, AGENT, input={"code": "x", "name": "x", "rules": {}})

    assert (reading.extensions["code"], reading.extensions["scope"]) == ("FORBIDDEN", "inventory:read")
    assert (saving.extensions["code"], saving.extensions["scope"]) == ("FORBIDDEN", "availability:write")
    assert (await shop.ask('{ node(id: "avw_on-hand") { id } }'))["node"] is None
    assert (await shop.ask('{ node(id: "avw_on-hand") { id } }', AGENT))["node"] == {"id": "avw_on-hand"}


async def test_a_view_that_one_process_saved_the_other_answers_by_at_once(migrated_database_url, shop):
    async with a_shop(migrated_database_url) as other:
        assert await quantity(other, view="on-hand") == 23
        await saved(shop, code="on-hand", rules={"locations": {"exclude": ["paris"]}})

        assert await quantity(other, view="on-hand") == 20


# ── Before it is saved ──

PREVIEW = """
query ($view: String!, $rules: AvailabilityRulesInput!) {
  previewAvailability(view: $view, rules: $rules) {
    skusCompared unitsBefore unitsAfter becomeAvailable becomeAvailableCount
    becomeUnavailable(first: 1) becomeUnavailableCount locationsAdded { code } locationsRemoved { code } }
}
"""


async def test_a_preview_says_what_a_change_would_do_and_changes_nothing(shop):
    async with shop.world.work() as work:
        await work.catalog.import_products([a_product("HAT")], NOW)
    await shop.expect("HAT", "paris", 4, days=5)
    rules = {"locations": {"exclude": ["milan"]}, "supply": {"onOrder": True}}

    found = (await shop.ask(PREVIEW, MERCHANDISER, view="on-hand", rules=rules))["previewAvailability"]

    assert found == {
        "skusCompared": 3,
        "unitsBefore": 25,
        "unitsAfter": 3,
        "becomeAvailable": ["HAT"],
        "becomeAvailableCount": 1,
        "becomeUnavailable": ["SKIRT"],
        "becomeUnavailableCount": 1,
        "locationsAdded": [],
        "locationsRemoved": [{"code": "milan"}],
    }
    assert (await view(shop, "on-hand"))["version"] == 1


async def test_a_preview_goes_over_the_whole_catalog(shop, monkeypatch):
    monkeypatch.setattr("domain.availability.service.SKUS_AT_ONCE", 2)
    await shop.stock(milan={f"S{number}": 1 for number in range(7)})

    found = (await shop.ask(PREVIEW, MERCHANDISER, view="on-hand", rules={}))["previewAvailability"]

    assert (found["skusCompared"], found["unitsBefore"], found["unitsAfter"]) == (9, 32, 32)


async def test_a_preview_of_what_could_not_be_saved_is_refused(shop):
    rules = {"locations": {"include": ["nowhere"]}}

    for asked in ({"view": "none", "rules": {}}, {"view": "on-hand", "rules": rules}):
        _, (error,) = await shop.answer(PREVIEW, MERCHANDISER, **asked)
        assert error.extensions["code"] == "NOT_FOUND"
