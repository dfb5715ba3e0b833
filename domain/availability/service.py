"""How questions about availability are answered, one read for many SKUs; and how views are saved."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from domain.access import Viewer
from domain.availability.model import Availability, Goods, Question
from domain.availability.ports import AvailabilityReads, Views
from domain.availability.rules import availability
from domain.availability.view_rules import Known, rules_problems, view_problems
from domain.availability.views import (
    ON_HAND,
    AvailabilityRules,
    AvailabilityView,
    AvailabilityViewRevision,
    AvailabilityViewStatus,
    KeptView,
    SaveAvailabilityView,
)
from domain.availability.weighing import Weighing
from domain.catalog.model import Channel, Variant
from domain.catalog.ports import CatalogReads
from domain.clock import Clock
from domain.errors import Refused, conflict, invalid, not_found, refuse_all
from domain.events import EventKind, NewEvent, Recorder
from domain.inventory.ports import InventoryReads

# Read and answered at a time: some ten thousand levels of a large network, for which others wait some 20 ms.
SKUS_AT_ONCE = 200


class GoodsReads(Protocol):
    @property
    def availability(self) -> AvailabilityReads: ...


class KnownReads(Protocol):
    @property
    def catalog(self) -> CatalogReads: ...
    @property
    def inventory(self) -> InventoryReads: ...


class ViewsWork(KnownReads, Recorder, Protocol):
    @property
    def clock(self) -> Clock: ...
    @property
    def views(self) -> Views: ...


# ── Answering ──


def _anything(_variant: Variant) -> bool:
    return True


async def answers(
    reads: GoodsReads,
    question: Question,
    skus: Sequence[str],
    now: datetime,
    *,
    seen: Callable[[Variant], bool] = _anything,
) -> Mapping[str, Availability]:
    """The answer for each SKU that there is and that is `seen`.

    Raises Refused where there is no such channel, or no such view for the caller.
    """
    goods = await reads.availability.goods(skus)
    weighing = weighed(question, goods, now)
    shows = shows_quantities(question, weighing.view.code, goods)
    found = {sku: goods.variants[sku] for sku in dict.fromkeys(skus) if sku in goods.variants}
    return {
        sku: availability(variant, weighing, goods, shows_quantities=shows)
        for sku, variant in found.items()
        if seen(variant)
    }


async def all_skus(catalog: CatalogReads) -> AsyncIterator[Sequence[str]]:
    """The SKUs of all active products, by SKU, so many as are answered at a time."""
    after = ""
    while skus := await catalog.skus_after(after, SKUS_AT_ONCE):
        yield skus
        after = skus[-1]


def weighed(question: Question, goods: Goods, now: datetime) -> Weighing:
    """The view that a question is answered through. Raises Refused where there is no such channel or view."""
    channel = None if question.channel is None else goods.channels.get(question.channel)
    if question.channel is not None and channel is None:
        raise Refused(not_found(f"There is no channel {question.channel!r:.80}.", "channel"))
    named = question.view or (channel.availability_view if channel else ON_HAND)
    kept = goods.views.get(named)
    if kept is None or not (question.for_staff or question.view is None or _is_shoppers(named, kept, goods, now)):
        raise Refused(not_found(f"There is no availability view {named!r:.80}.", "view"))
    return Weighing(
        kept.at(now),
        now,
        channel=channel,
        destination=question.destination,
        families=goods.families,
        open_units=goods.open_units,
    )


def looks_at_distance(goods: Goods, now: datetime) -> bool:
    """Whether any view does."""
    return any(kept.at(now).rules.locations.max_distance_km is not None for kept in goods.views.values())


def _is_shoppers(code: str, kept: KeptView, goods: Goods, now: datetime) -> bool:
    """Whether shoppers may name a view: one that something is sold to them through."""
    is_used = code == ON_HAND or any(channel.availability_view == code for channel in _selling(goods))
    return is_used and kept.at(now).status is AvailabilityViewStatus.ACTIVE


def _selling(goods: Goods) -> list[Channel]:
    return [channel for channel in goods.channels.values() if channel.active]


def shows_quantities(question: Question, view: str, goods: Goods) -> bool:
    """Whether the caller is told how many there are: staff always, shoppers where the channel shows it.

    Who names no channel sees what all that sell through the view show.
    """
    if question.for_staff:
        return True
    if question.channel is not None:
        return goods.channels[question.channel].shows_quantities
    return all(channel.shows_quantities for channel in _selling(goods) if channel.availability_view == view)


# ── Saving views ──


async def save_availability_view(work: ViewsWork, command: SaveAvailabilityView, viewer: Viewer) -> AvailabilityView:
    """Make a view, or save its next revision, which takes over now or at `effective_from`.

    Raises Refused with all that is wrong with it; also where a view that channels sell through would be put away.
    """
    now = work.clock.now()
    before = await work.views.lock(command.code)
    known = await known_of(work, command.rules)
    refuse_all(list(view_problems(command, before, now, known)))
    was = before.at(now).status if before else AvailabilityViewStatus.DRAFT
    revision = AvailabilityViewRevision(
        version=before.version + 1 if before else 1,
        name=command.name,
        status=command.status or was,
        rules=command.rules,
        changed_by=viewer.actor,
        changed_at=now,
        effective_from=command.effective_from or now,
    )
    if revision.status is not AvailabilityViewStatus.ACTIVE:
        await _refuse_if_sold_through(work, command.code)

    await work.views.add(command.code, revision)
    kept = before.revisions if before else ()
    saved = KeptView(command.code, revision.version, (*kept, revision))
    work.record(_saved(command.code, revision, saved.at(now)))
    return saved.at(now)


async def _refuse_if_sold_through(work: ViewsWork, code: str) -> None:
    channels = sorted(await work.views.channels_through(code))
    if channels:
        sentence = f"{', '.join(channels)} sell through it. Give them another view first."
        raise Refused(conflict(sentence, "status"))


def _saved(code: str, revision: AvailabilityViewRevision, view: AvailabilityView) -> NewEvent:
    return NewEvent(
        kind=EventKind.AVAILABILITY_VIEW_SAVED,
        subject=view.id,
        actor=revision.changed_by,
        at=revision.changed_at,
        data={
            "code": code,
            "version": revision.version,
            "status": revision.status.value,
            "effectiveFrom": revision.effective_from.isoformat(),
        },
    )


async def known_of(reads: KnownReads, rules: AvailabilityRules) -> Known:
    """What there is of what rules name."""
    locations = sorted({*rules.locations.include, *rules.locations.exclude})
    skus = rules.products.exclude_skus
    return Known(
        locations=(await reads.inventory.locations_by_code(locations)).keys() if locations else (),
        categories=frozenset(category.code for category in await reads.catalog.categories()),
        skus=(await reads.catalog.are_kits(skus)).keys() if skus else (),
    )


async def check_rules(reads: KnownReads, rules: AvailabilityRules) -> None:
    """Raises Refused where rules could not be saved."""
    refuse_all(list(rules_problems(rules, await known_of(reads, rules), "rules")))


async def check_sold_through(work: ViewsWork, code: str, *path: str) -> None:
    """Raises Refused where no channel may sell through a view: it must be active, and stay so.

    The view stays as it is until the end of the transaction.
    """
    now = work.clock.now()
    kept = await work.views.lock(code)
    if kept is None:
        raise Refused(not_found(f"There is no availability view {code!r:.80}.", *path))
    view = kept.at(now)
    ahead = [view.status, *(revision.status for revision in view.scheduled)]
    if any(status is not AvailabilityViewStatus.ACTIVE for status in ahead):
        raise Refused(invalid(f"{code} is {view.status.value}, or will not stay active.", *path))
