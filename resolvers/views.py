"""Availability views: what they are, how an input becomes one, and what a change to one would do."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from strawberry import Parent

from domain.access import Scope
from domain.availability import service
from domain.availability.preview import AvailabilityPreview, previewed
from domain.availability.views import (
    AvailabilityRules,
    AvailabilityView,
    AvailabilityViewRevision,
    FinanceRule,
    KeepBackRule,
    LocationRule,
    ProductRule,
    SaveAvailabilityView,
    StoreRule,
    SupplyRule,
)
from domain.availability.weighing import Weighing
from domain.errors import Refused, not_found
from domain.inventory.model import StockLocation
from domain.paging import size_of
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import reports

if TYPE_CHECKING:
    from schema import availability as schema

HISTORY_MAX = 250  # Revisions shown of a view, as many as a page has rows; a view is saved a few times a month.
SKUS_LISTED = 100  # Of a preview's lists where nobody says.


# ── Asking ──


async def availability_views(context: Context) -> list[AvailabilityView]:
    now = context.world.clock.now()
    return [kept.at(now) for kept in (await context.world.reads.views.all()).values()]


async def views_by_code(context: Context, codes: Sequence[str]) -> Mapping[str, AvailabilityView]:
    now, kept = context.world.clock.now(), await context.world.reads.views.all()
    return {code: kept[code].at(now) for code in codes if code in kept}


async def views_by_code_for_staff(context: Context, codes: Sequence[str]) -> Mapping[str, AvailabilityView]:
    """As everything of a view, for those who may read stock."""
    return await views_by_code(context, codes) if context.has(Scope.INVENTORY_READ) else {}


async def histories(context: Context, codes: Sequence[str]) -> Mapping[str, list[AvailabilityViewRevision]]:
    return await context.world.reads.views.history(codes, HISTORY_MAX)


async def locations_by_view(context: Context, codes: Sequence[str]) -> Mapping[str, list[StockLocation]]:
    """The places that a view counts now, wherever it is asked from; by code."""
    now, reads = context.world.clock.now(), context.world.reads.inventory
    places, open_units = await reads.locations(), await reads.open_units()
    weighed = {
        code: Weighing(view, now, open_units=open_units) for code, view in (await views_by_code(context, codes)).items()
    }
    return {code: [place for place in places if not weighing.shut(place)] for code, weighing in weighed.items()}


async def preview(context: Context, view: str, rules: "schema.AvailabilityRulesInput") -> AvailabilityPreview:
    """Raises Refused where there is no such view, or the rules could not be saved."""
    kept = (await context.world.reads.views.all()).get(view)
    if kept is None:
        raise Refused(not_found(f"There is no availability view {view!r:.80}.", "view"))
    asked = _rules(rules, "rules")
    await service.check_rules(context.world.reads, asked)
    return await previewed(context.world.reads, view, asked, context.world.clock.now())


def become_available(preview: Parent[AvailabilityPreview], first: int | None = SKUS_LISTED) -> Sequence[str]:
    return preview.become_available[: size_of(SKUS_LISTED if first is None else first)]


def become_unavailable(preview: Parent[AvailabilityPreview], first: int | None = SKUS_LISTED) -> Sequence[str]:
    return preview.become_unavailable[: size_of(SKUS_LISTED if first is None else first)]


# ── Saving ──


@reports
async def save_availability_view(context: Context, input: "schema.AvailabilityViewInput") -> AvailabilityView:
    command = SaveAvailabilityView(
        code=input.code,
        name=input.name,
        rules=_rules(input.rules, "rules"),
        status=input.status,
        effective_from=input.effective_from,
        expected_version=input.expected_version,
    )
    async with context.work() as work:
        saved = await service.save_availability_view(work, command, context.viewer)
    context.forget()
    return saved


def _rules(given: "schema.AvailabilityRulesInput", *path: str | int) -> AvailabilityRules:
    finance = given.finance
    most = finance.max_handling_cost if finance else None
    return AvailabilityRules(
        locations=LocationRule(**_stated(given.locations)),
        products=ProductRule(**_stated(given.products)),
        supply=SupplyRule(**_stated(given.supply)),
        keep_back=tuple(KeepBackRule(**_stated(rule)) for rule in given.keep_back or ()),
        store=StoreRule(**_stated(given.store)),
        finance=FinanceRule(
            min_margin_percent=finance.min_margin_percent if finance else None,
            max_handling_cost=inputs.money(most, *path, "finance", "maxHandlingCost") if most else None,
        ),
        **({} if given.low_stock_threshold is None else {"low_stock_threshold": given.low_stock_threshold}),
    )


def _stated(given: object | None) -> dict[str, Any]:
    """What an input says, lists as tuples; the domain has the defaults of the rest."""
    said = vars(given) if given is not None else {}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in said.items() if value is not None
    }
