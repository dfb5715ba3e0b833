"""The stock ledger as it grows: every movement once, in order, with its level as it is then."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice

from domain.access import LocationsSeen, locations_stocked
from domain.errors import Refused, invalid
from domain.events import Event, EventKind, cursor_of
from domain.inventory.ledger import numbers_of
from domain.inventory.model import StockLevel, StockMovement
from resolvers.context import Context
from resolvers.events import batches, has_expired, position_after
from resolvers.inventory import NUMBER_LENGTH_MAX

# Read at once: one event may tell of ten thousand.
BATCH = 500
FILTER_MAX = 1_000  # Locations or SKUs that one subscription may name; who wants more follows all.
_KINDS = frozenset({EventKind.STOCK_MOVED.value})


@dataclass(frozen=True, slots=True)
class StockChange:
    """cursor: what resumes right after this movement."""

    cursor: str
    movement: StockMovement
    level: StockLevel


@dataclass(frozen=True, slots=True)
class _Wanted:
    seen: LocationsSeen
    locations: frozenset[str] | None
    skus: frozenset[str] | None

    def includes(self, movement: StockMovement) -> bool:
        return (
            self.seen.includes(movement.location)
            and (self.locations is None or movement.location in self.locations)
            and (self.skus is None or movement.sku in self.skus)
        )


async def stock_changed(
    context: Context, locations: Sequence[str] | None, skus: Sequence[str] | None, after: str | None
) -> AsyncGenerator[StockChange, None]:
    """Movements at the places whose stock the caller may see; without `after`, from now on.

    A cursor is that of the log after an event's last movement; before it, that of the event before, and how many of its
    numbers to pass over: "e1f.4711" is right after movement 4711 of what follows e1f.
    Raises Refused, before anything is sent, where there is no such cursor.
    """
    for name, named in (("locations", locations), ("skus", skus)):
        if named is not None and len(named) > FILTER_MAX:
            raise Refused(invalid(f"At most {FILTER_MAX} are followed by name.", name))
    wanted = _Wanted(
        locations_stocked(context.viewer),
        None if locations is None else frozenset(locations),
        None if skus is None else frozenset(skus),
    )
    if after is None:
        return _changes(context, await context.world.reads.log.end(), 0, wanted)
    cursor, _, number = after.partition(".")
    if number and not (number.isdecimal() and len(number) <= NUMBER_LENGTH_MAX):
        raise Refused(invalid("This is no cursor of the stock ledger. Pass one that a change had.", "after"))
    return _changes(context, await position_after(context, cursor), int(number or 0), wanted)


async def _changes(context: Context, position: int, passed: int, wanted: _Wanted) -> AsyncGenerator[StockChange, None]:
    """passed: the last movement seen of the first event there is, of which the caller saw a part."""
    async with aclosing(batches(context, position, kinds=_KINDS)) as found:
        async for batch in found:
            for event in batch.events:
                numbers = iter([number for number in numbers_of(event) if number > passed])
                passed = 0
                while part := list(islice(numbers, BATCH)):
                    for change in await _part(context, event, part, wanted):
                        if has_expired(context):
                            return
                        yield change


async def _part(context: Context, event: Event, numbers: Sequence[int], wanted: _Wanted) -> list[StockChange]:
    """Some of an event's movements, of those that are wanted, with their levels, in two statements."""
    inventory = context.world.reads.inventory
    movements = await inventory.movements_by_number(numbers)
    told = [movements[number] for number in numbers if number in movements and wanted.includes(movements[number])]
    levels = await inventory.levels_by_key([movement.key for movement in told]) if told else {}
    return [StockChange(_cursor(event, movement), movement, levels[movement.key]) for movement in told]


def _cursor(event: Event, movement: StockMovement) -> str:
    is_last = movement.number == event.data["movements"][-1][1]
    return event.cursor if is_last else f"{cursor_of(event.position - 1)}.{movement.number}"
