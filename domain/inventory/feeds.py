"""Feeds of stock: what a warehouse, a store's system or a third party says is there, brought into the levels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from domain.access import Viewer, locations_stocked
from domain.catalog.rules import range_problems, repeated_problems, text_problems
from domain.errors import ErrorCode, InputError, Problem, Refused, conflict, invalid, not_found, refuse_all
from domain.events import EventKind, NewEvent
from domain.idempotency import Asked, first_answer
from domain.ids import prefixed
from domain.inventory.model import (
    BIN_LENGTH_MAX,
    FEED_LINES_MAX,
    QUANTITY_MAX,
    Fed,
    FeedLine,
    LevelKey,
    Levels,
    Movement,
    Since,
    StockCounter,
    StockFeedMode,
    StockLevel,
    StockMovementReason,
    SyncStock,
)
from domain.inventory.rules import sku_problems
from domain.inventory.service import StockWork

# How far two clocks may be apart. A feed from further ahead would shut out every right one until that moment has come.
CLOCKS_APART = timedelta(minutes=5)
PROBLEMS_MAX = 100  # Who sent ten thousand wrong lines learns enough from the first hundred.


async def sync_stock(work: StockWork, command: SyncStock, viewer: Viewer) -> Fed:
    """Make on-hand stock at one location what a feed says was there at `as_of`; all of it or none.

    Where the sender asked for it, lines that cannot be taken are left out instead, and what they name stays as it is.

    A feed tells of units that are there, damaged ones and those in inspection among them; where it already took off
    what orders had allocated then, that is added again. Whatever moved on hand after `as_of` is applied again on top,
    so that a unit handed over since stays gone; what was counted since is known better than the feed knows it, and its
    line is skipped. Nothing falls below zero, and nothing that is promised is touched: a
    level that now promises more than it has says so, and is short at its own place only.

    A SNAPSHOT is the whole truth: what is on hand there and not listed becomes zero. A DELTA lists what changed, in the
    same absolute figures, and leaves the rest alone. A feed of an earlier moment than the last one taken for the
    location is refused; one of the same moment is taken, and changes nothing where it says the same. A bin that is said
    is kept, and one that is not stays.

    Answers the levels named, in the order of the lines, then those zeroed, by SKU; under a key used before, the same
    levels as they are now. Feeds of one location wait for each other.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    answer = await first_answer(work.keys, asked)
    if answer is not None:
        skipped = tuple(_skipped(*told) for told in answer["skipped"])
        return await _fed(work, _without(command, skipped), answer["zeroed"], skipped)
    at = work.clock.now()
    skipped = await _check(work, command, viewer, at)
    left_out = {line.sku for line in command.lines}
    command = _without(command, skipped)
    named = {line.sku for line in command.lines}
    left_out -= named

    levels = {key: level for key, level in (await _levels(work, command, at)).items() if level.sku not in left_out}
    since = await moved_since(work, levels, command.as_of)

    movements = fed(command, levels, since, viewer.actor, at)
    bins = {
        (line.sku, command.location): line.bin
        for line in command.lines
        if line.bin is not None and line.bin != levels[line.sku, command.location].bin
    }

    await work.inventory.move(movements)
    await work.inventory.set_bins(bins)
    if movements:
        work.record(
            synced(command.location, command.mode, command.as_of, len(command.lines), len(movements), viewer.actor, at)
        )
    zeroed = [each.sku for each in movements if each.sku not in named]
    told = [(each.code.value, each.message, each.path) for each in skipped]
    await work.keys.keep([(asked, {"zeroed": zeroed, "skipped": told})])
    return await _fed(work, command, zeroed, skipped)


def _without(command: SyncStock, skipped: Sequence[Problem]) -> SyncStock:
    """The feed without the lines that something is wrong with."""
    places = {int(problem.path[1]) for problem in skipped}
    return replace(command, lines=tuple(line for place, line in enumerate(command.lines) if place not in places))


def _skipped(code: str, message: str, path: Sequence[str]) -> Problem:
    return InputError(code=ErrorCode(code), message=message, path=tuple(path))


async def _check(work: StockWork, command: SyncStock, viewer: Viewer, at: datetime) -> tuple[Problem, ...]:
    """What is wrong with the lines to be left out; the location is then ours to feed until the end of the work.

    Raises Refused for what is wrong with the feed.
    """
    if not (command.lines or command.mode is StockFeedMode.SNAPSHOT) or len(command.lines) > FEED_LINES_MAX:
        raise Refused(invalid(f"A feed has 1 to {FEED_LINES_MAX} lines; a snapshot may have none.", "lines"))
    seen = locations_stocked(viewer).includes(command.location)
    if not seen or not await work.inventory.locations_by_code([command.location]):
        raise Refused(not_found(f"There is no location {command.location!r:.80}.", "location"))
    refuse_all(list(moment_problems(command.as_of, at)))
    kits = await work.catalog.are_kits(sorted({line.sku for line in command.lines}))
    problems = tuple(line_problems(command.lines, kits))
    if not command.skips_invalid:
        refuse_all(list(problems[:PROBLEMS_MAX]))
    last = (await work.inventory.take_feeds([command.location], command.as_of))[command.location]
    if last > command.as_of:
        raise Refused(conflict(overtaken(command.location, last), "asOf"))
    return problems


async def _levels(work: StockWork, command: SyncStock, at: datetime) -> Levels:
    """Those that a feed may change, locked."""
    skus = [line.sku for line in command.lines]
    if command.mode is StockFeedMode.SNAPSHOT:
        return await work.inventory.open_location(command.location, skus, at)
    return await work.inventory.open_levels([(sku, command.location) for sku in skus], at)


async def moved_since(work: StockWork, levels: Levels, as_of: datetime) -> Since:
    changed = [key for key, level in levels.items() if level.updated_at + CLOCKS_APART > as_of]
    return await work.inventory.since(changed, as_of)


async def _fed(work: StockWork, command: SyncStock, zeroed: Sequence[str], skipped: tuple[Problem, ...]) -> Fed:
    keys = [(sku, command.location) for sku in [*(line.sku for line in command.lines), *zeroed]]
    levels = await work.inventory.levels_by_key(keys)
    return Fed(tuple(levels[key] for key in keys), skipped)


def moment_problems(as_of: datetime, now: datetime) -> Iterator[Problem]:
    if as_of > now + CLOCKS_APART:
        yield invalid(f"A feed tells of what was; it is {now:%Y-%m-%dT%H:%M:%SZ} now.", "asOf")


def line_problems(lines: Sequence[FeedLine], kits: Mapping[str, bool]) -> Iterator[Problem]:
    for place, line in enumerate(lines):
        yield from sku_problems(line.sku, kits, "lines", place, "sku")
        yield from range_problems(line.quantity, 0, QUANTITY_MAX, "lines", place, "quantity")
        if line.bin is not None:
            yield from text_problems(line.bin, "lines", place, "bin", length_max=BIN_LENGTH_MAX)
    yield from repeated_problems((line.sku for line in lines), "The SKU", "lines")


def overtaken(location: str, last: datetime) -> str:
    """Why a feed is not taken; last: the moment of a later one."""
    return f"The feed of {last:%Y-%m-%dT%H:%M:%SZ} was taken for {location} already. Send one that is not older."


def fed(command: SyncStock, levels: Levels, since: Since, actor: str, at: datetime) -> list[Movement]:
    """The movements that make levels what a feed says of them, by SKU. levels: all those it may change, as they are."""
    told = {(line.sku, command.location): line.quantity for line in command.lines}
    return brought_in_line(told, levels, since, command.as_of, actor, at, nets=command.includes_allocated)


def brought_in_line(
    told: Mapping[LevelKey, int], levels: Levels, since: Since, as_of: datetime, actor: str, at: datetime, *, nets: bool
) -> list[Movement]:
    """The movements that make levels what is told of them, by key; what is not told was zero.

    nets: what was allocated at `as_of` had been taken off.
    """
    movements = []
    reference = f"{as_of:%Y-%m-%dT%H:%M:%SZ}"
    for key in sorted(levels.keys() - since.counted):
        on_hand = _on_hand(levels[key], told.get(key, 0), since, nets=nets)
        if key not in told:
            on_hand = min(on_hand, levels[key].on_hand)
        if on_hand != levels[key].on_hand:
            movements.append(_movement(levels[key], on_hand, reference, actor, at))
    return movements


def _on_hand(level: StockLevel, told: int, since: Since, *, nets: bool) -> int:
    """What is there now, of which `told` were there then. nets: those allocated then were taken off."""
    then = told
    if nets:
        then += max(0, level.allocated - since.moved.get((level.key, StockCounter.ALLOCATED), 0))
    return max(0, then + since.moved.get((level.key, StockCounter.ON_HAND), 0))


def _movement(level: StockLevel, on_hand: int, reference: str, actor: str, at: datetime) -> Movement:
    return Movement(
        sku=level.sku,
        location=level.location,
        counter=StockCounter.ON_HAND,
        delta=on_hand - level.on_hand,
        reason=StockMovementReason.FEED,
        actor=actor,
        at=at,
        reference=reference,
    )


def synced(
    location: str, mode: StockFeedMode, as_of: datetime, lines: int, moved: int, actor: str, at: datetime
) -> NewEvent:
    """The event of a feed, or a part of one, that moved stock. lines: it had; moved: levels it changed."""
    return NewEvent(
        kind=EventKind.STOCK_SYNCED,
        subject=prefixed("loc", location),
        actor=actor,
        at=at,
        data={
            "location": location,
            "mode": mode.value,
            "asOf": as_of.isoformat(),
            "lines": lines,
            "count": moved,
        },
    )
