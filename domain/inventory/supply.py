"""What is done about goods on their way: they are announced, they arrive, they are called off."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from domain.access import LocationsSeen, Viewer, locations_stocked
from domain.errors import Problem, Refused, invalid, not_found, refuse_all
from domain.events import EventKind, NewEvent
from domain.idempotency import Asked, first_answer
from domain.ids import Ids, prefixed
from domain.inventory.model import (
    SUPPLY_LINES_MAX,
    CancelSupply,
    InboundSupply,
    InboundSupplyStatus,
    ReceiveSupply,
    SaveInboundSupply,
)
from domain.inventory.ports import Reservations, Supply
from domain.inventory.service import StockWork
from domain.inventory.supply_rules import (
    announcement_problems,
    arrivals,
    called_off,
    receipt_problems,
    restated,
    transition_refused,
)

LINES_PER_EVENT_MAX = 100  # An event is read live by many; whoever needs all the lines asks for them.


class SupplyWork(StockWork, Protocol):
    @property
    def ids(self) -> Ids: ...
    @property
    def supply(self) -> Supply: ...
    @property
    def reservations(self) -> Reservations: ...


async def save_inbound_supply(
    work: SupplyWork, supply: Sequence[SaveInboundSupply], viewer: Viewer
) -> list[InboundSupply]:
    """Announce supply, or make what was announced as it is stated now; all or none, answered in the order given.

    supply: 1 to SUPPLY_LINES_MAX. A line is named by its reference, SKU and destination, so saying the same again
    changes nothing and needs no key. What arrived stays arrived: a quantity falls to that at least, and the line is
    then RECEIVED; one that rises above it again is due again. What was canceled stays so. Of a transfer that left a
    place of ours only the date changes: its units are on the road. An associate announces to their own places.
    """
    if not 1 <= len(supply) <= SUPPLY_LINES_MAX:
        raise Refused(invalid(f"1 to {SUPPLY_LINES_MAX} lines of supply are saved at a time.", "supply"))

    kits = await work.catalog.are_kits(sorted({line.sku for line in supply}))
    seen = locations_stocked(viewer)
    codes = sorted({line.destination for line in supply if seen.includes(line.destination)})
    refuse_all(list(announcement_problems(supply, kits, await work.inventory.locations_by_code(codes))))
    stated = [_new(line, work.ids) for line in supply]
    there = await work.supply.open(stated)

    problems, changed = list[Problem](), list[InboundSupply]()
    for place, line in enumerate(supply):
        if (before := there.get(line.key)) is not None:
            stated[place], wrong = restated(line, before, "supply", place)
            problems += wrong
            changed += [stated[place]] if stated[place] != before else []
    refuse_all(problems)

    await work.supply.update(changed)
    news = [*(new for new in stated if new.key not in there), *changed]
    _tell(work, EventKind.SUPPLY_SAVED, news, viewer, {each.id: each.ordered for each in news})
    return stated


async def receive_supply(work: SupplyWork, command: ReceiveSupply, viewer: Viewer) -> list[InboundSupply]:
    """Units arrive: on hand rises by all of them, the damaged bucket by those that are damaged; all lines or none.

    A receipt may be of part of what is due; the rest stays on its way. More than is due is refused: whoever finds more
    saves the supply with its new quantity first. Answers each supply once, in the order named; under a key used before,
    the same supply as it is now. Supply is received at its destination, by whoever works there.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    answer = await first_answer(work.keys, asked)
    if answer is not None:
        return await as_it_is(work.supply, answer["supply"])
    lines = command.lines
    if not 1 <= len(lines) <= SUPPLY_LINES_MAX:
        raise Refused(invalid(f"1 to {SUPPLY_LINES_MAX} lines are received at a time.", "lines"))

    seen = locations_stocked(viewer)
    locked = await work.supply.lock([line.supply_id for line in lines])
    supply = {each.id: each for each in locked.values() if seen.includes(each.destination)}
    refuse_all(list(receipt_problems(lines, supply)))
    at = work.clock.now()
    levels = await work.inventory.open_levels([supply[line.supply_id].level for line in lines], at)

    arrived = arrivals(lines, supply, levels, viewer.actor, at)
    refuse_all(list(arrived.problems))

    await work.supply.update(arrived.supply)
    await work.inventory.move(arrived.movements)
    _tell(work, EventKind.SUPPLY_RECEIVED, arrived.supply, viewer, {line.supply_id: line.quantity for line in lines})
    await work.keys.keep([(asked, {"supply": [line.supply_id for line in lines]})])
    return list(arrived.supply)


async def cancel_supply(work: SupplyWork, command: CancelSupply, viewer: Viewer) -> InboundSupply:
    """Nothing more of it will arrive; what did arrive stays.

    Units of a transfer on the road return to their origin's stock, or are written off there. Under a key used before,
    the supply as it is now. Whoever works at either end of it may cancel it.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    answer = await first_answer(work.keys, asked)
    if answer is not None:
        return (await as_it_is(work.supply, answer["supply"]))[0]

    supply = (await work.supply.lock([command.supply_id])).get(command.supply_id)
    if supply is None or not is_seen(supply, locations_stocked(viewer)):
        raise Refused(not_found("There is no such supply.", "supplyId"))
    if not supply.is_open:
        raise Refused(transition_refused(supply, "supplyId"))
    at = work.clock.now()

    canceled = replace(supply, status=InboundSupplyStatus.CANCELED)
    movements = called_off(supply, viewer.actor, at, restore=command.restore)

    await work.supply.update([canceled])
    await work.inventory.open_levels({movement.key for movement in movements}, at)
    await work.inventory.move(movements)
    data = {"reference": supply.reference, "location": supply.destination, "sku": supply.sku, "units": supply.due}
    work.record(NewEvent(kind=EventKind.SUPPLY_CANCELED, subject=supply.id, actor=viewer.actor, at=at, data=data))
    await work.keys.keep([(asked, {"supply": [supply.id]})])
    return canceled


def is_seen(supply: InboundSupply, seen: LocationsSeen) -> bool:
    """Supply is seen by those at either end of it."""
    return seen.includes(supply.destination) or (supply.origin is not None and seen.includes(supply.origin))


def _new(line: SaveInboundSupply, ids: Ids) -> InboundSupply:
    return InboundSupply(
        id=ids.new("sup"),
        reference=line.reference,
        kind=line.kind,
        sku=line.sku,
        destination=line.destination,
        origin=None,
        ordered=line.quantity,
        received=0,
        allocated=0,
        expected_at=line.expected_at,
        status=line.status or InboundSupplyStatus.ON_ORDER,
    )


async def as_it_is(supply: Supply, ids: Sequence[str]) -> list[InboundSupply]:
    found = await supply.by_id(ids)
    return [found[each] for each in ids]


def _tell(
    work: SupplyWork, kind: EventKind, supply: Sequence[InboundSupply], viewer: Viewer, units: Mapping[str, int]
) -> None:
    """One event for each destination. units: by the supply's id."""
    at = work.clock.now()
    for destination in sorted({each.destination for each in supply}):
        data = {"location": destination} | told([each for each in supply if each.destination == destination], units)
        work.record(NewEvent(kind=kind, subject=prefixed("loc", destination), actor=viewer.actor, at=at, data=data))


def told(supply: Sequence[InboundSupply], units: Mapping[str, int]) -> dict[str, Any]:
    """What an event says of supply: how many lines, and the first of them."""
    lines = [
        {
            "supply": each.id,
            "reference": each.reference,
            "sku": each.sku,
            "units": units[each.id],
            "expectedAt": each.expected_at.isoformat(),
        }
        for each in supply[:LINES_PER_EVENT_MAX]
    ]
    return {"count": len(supply), "lines": lines}
