"""What may change an answer about availability: events of the log, and time by itself."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.availability.model import Due, Goods
from domain.availability.rules import counts_supply
from domain.availability.weighing import Weighing
from domain.calendar import closes_at, opens_next
from domain.events import Event, EventKind
from domain.inventory.model import StockLocation, StockLocationKind

# Events after which any answer may be another.
_OF_ALL = frozenset(
    kind.value
    for kind in (
        EventKind.AVAILABILITY_VIEW_SAVED,
        EventKind.CHANNEL_SAVED,
        EventKind.CATEGORIES_SAVED,
        EventKind.STOCK_LOCATION_SAVED,
        EventKind.PRODUCTS_IMPORTED,
    )
)
# Events that name in their lines the SKUs whose dated supply they change.
_OF_LINES = frozenset(
    kind.value for kind in (EventKind.SUPPLY_SAVED, EventKind.SUPPLY_RECEIVED, EventKind.STOCK_TRANSFERRED)
)
# Events that name the stocked SKUs which more or fewer orders wait for.
_OF_WAITING = frozenset(
    kind.value
    for kind in (
        EventKind.ORDER_BACKORDERED,
        EventKind.ORDER_RESOURCED,
        EventKind.ORDER_CANCELED,
        EventKind.ORDER_LINES_CANCELED,
    )
)

CAUSES = frozenset({EventKind.STOCK_MOVED.value, EventKind.SUPPLY_CANCELED.value, *_OF_ALL, *_OF_LINES, *_OF_WAITING})


def skus_named(event: Event) -> frozenset[str] | None:
    """The SKUs whose answers an event may change, as far as it names them; None is any.

    Of stock that moved, the ledger knows the SKUs.
    """
    if event.kind in _OF_LINES:
        lines: Sequence[Any] = event.data["lines"]
        is_whole = event.data.get("count", len(lines)) == len(lines)
        return frozenset(line["sku"] for line in lines) if is_whole else None
    if event.kind in _OF_WAITING:
        return frozenset(event.data.get("waited", ()))
    if event.kind == EventKind.SUPPLY_CANCELED.value:
        return frozenset({event.data["sku"]})
    return None if event.kind in _OF_ALL else frozenset()


def next_turn(weighing: Weighing, goods: Goods) -> datetime | None:
    """The next instant at which time alone may change an answer about these goods; None where none comes.

    A launch, a planned revision of the view, a store that opens or closes, supply that comes within the horizon or is
    late, another day for what is late. When holds lapse is known to those who keep them.
    """
    now = weighing.now
    return min((instant for instant in _turns(weighing, goods) if instant > now), default=None)


def _turns(weighing: Weighing, goods: Goods) -> Iterator[datetime]:
    yield from (variant.launch_at for variant in goods.variants.values() if variant.launch_at is not None)
    yield from (revision.effective_from for revision in weighing.view.scheduled)
    rule = weighing.rules.store
    if rule.open_only or rule.minutes_before_closing is not None:
        stores = (place for place in goods.locations.values() if place.kind is StockLocationKind.STORE)
        for store in stores:
            yield from _hours(store, weighing.now, timedelta(minutes=rule.minutes_before_closing or 0))
    yield from _arrivals((due for of_sku in goods.due.values() for due in of_sku), weighing, goods)


def _hours(store: StockLocation, now: datetime, before_closing: timedelta) -> Iterator[datetime]:
    closes = closes_at(store.calendar, now)
    if closes is not None:
        yield from (closes - before_closing, closes)
    elif (opens := opens_next(store.calendar, now)) is not None:
        yield opens


def _arrivals(due: Iterable[Due], weighing: Weighing, goods: Goods) -> Iterator[datetime]:
    horizon = timedelta(days=weighing.rules.supply.horizon_days)
    for each in due:
        yield each.expected_at - horizon
        if counts_supply(weighing, each):
            yield each.expected_at + timedelta(microseconds=1)
            if each.expected_at < weighing.now:
                zone = ZoneInfo(goods.locations[each.location].timezone)
                tomorrow = weighing.now.astimezone(zone).date() + timedelta(days=1)
                yield datetime.combine(tomorrow, time(), zone)
