"""What is done to places and their stock: locations are saved, levels adjusted."""

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from domain.access import Viewer, locations_stocked
from domain.catalog.ports import CatalogReads
from domain.clock import Clock
from domain.errors import Problem, Refused, invalid, refuse_all
from domain.events import EventKind, NewEvent, Recorder
from domain.idempotency import Asked, IdempotencyKeys, first_answer
from domain.ids import prefixed
from domain.inventory.model import STOCK_CHANGES_MAX, AdjustStock, LevelKey, Movement, StockLevel, StockLocation
from domain.inventory.ports import Inventory
from domain.inventory.rules import adjusted, change_problems, location_problems

MOVEMENTS_PER_EVENT_MAX = 100  # An event is read live by many; the ledger has them all.


class LocationWork(Recorder, Protocol):
    @property
    def clock(self) -> Clock: ...
    @property
    def inventory(self) -> Inventory: ...


class StockWork(LocationWork, Protocol):
    @property
    def keys(self) -> IdempotencyKeys: ...
    @property
    def catalog(self) -> CatalogReads: ...


async def save_stock_location(work: LocationWork, location: StockLocation, viewer: Viewer) -> StockLocation:
    """Make a location, or replace the one of its code."""
    refuse_all(list(location_problems(location)))

    await work.inventory.save_location(location)
    work.record(
        NewEvent(
            kind=EventKind.STOCK_LOCATION_SAVED,
            subject=location.id,
            actor=viewer.actor,
            at=work.clock.now(),
            data={"code": location.code, "active": location.active},
        )
    )
    return location


async def adjust_stock(work: StockWork, command: AdjustStock, viewer: Viewer) -> list[StockLevel]:
    """Change counters of stock levels, all or none; answers each level once, in the order they were named.

    Levels that do not exist are made. Under an idempotency key used before, the levels of the first call as they are
    now. An associate's locations are those they are bound to; another's does not exist for them.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    answer = await first_answer(work.keys, asked)
    if answer is not None:
        return await _levels(work.inventory, [(sku, location) for sku, location in answer["levels"]])
    changes = command.changes
    if not 1 <= len(changes) <= STOCK_CHANGES_MAX:
        raise Refused(invalid(f"1 to {STOCK_CHANGES_MAX} changes are made at a time.", "changes"))

    kits = await work.catalog.are_kits(sorted({change.sku for change in changes}))
    seen = locations_stocked(viewer)
    codes = sorted({change.location for change in changes if seen.includes(change.location)})
    problems: list[Problem] = list(change_problems(changes, kits, await work.inventory.locations_by_code(codes)))
    refuse_all(problems)
    keys = list(dict.fromkeys((change.sku, change.location) for change in changes))
    at = work.clock.now()
    levels = await work.inventory.open_levels(keys, at)

    result = adjusted(changes, levels, viewer.actor, at)
    refuse_all(list(result.problems))

    await work.inventory.move(result.movements)
    for event in _events(result.movements, viewer):
        work.record(event)
    await work.keys.keep([(asked, {"levels": keys})])
    return await _levels(work.inventory, keys)


async def _levels(inventory: Inventory, keys: Sequence[LevelKey]) -> list[StockLevel]:
    levels = await inventory.levels_by_key(keys)
    return [levels[key] for key in keys]


def _events(movements: Sequence[Movement], viewer: Viewer) -> list[NewEvent]:
    """One event for each location whose stock moved."""
    by_location = groupby(sorted(movements, key=_location_of), key=_location_of)
    return [_event(location, list(moved), viewer) for location, moved in by_location]


def _location_of(movement: Movement) -> str:
    return movement.location


def _event(location: str, movements: Sequence[Movement], viewer: Viewer) -> NewEvent:
    return NewEvent(
        kind=EventKind.STOCK_ADJUSTED,
        subject=prefixed("loc", location),
        actor=viewer.actor,
        at=movements[0].at,
        data={
            "count": len(movements),
            "movements": [
                [movement.sku, movement.location, movement.counter.value, movement.delta]
                for movement in movements[:MOVEMENTS_PER_EVENT_MAX]
            ],
        },
    )
