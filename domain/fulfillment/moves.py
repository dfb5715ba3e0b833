"""How units move: which of them a step is about, what it takes of an order, and what the stock ledger says of it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.errors import InvalidTransition, Problem, Refused, invalid, not_found, refuse_all
from domain.fulfillment.model import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    FulfillmentOrderStatus,
    LineUnits,
    RejectReason,
    Units,
)
from domain.inventory.model import Levels, Movement, StockCounter, StockMovementReason
from domain.orders.model import Allocation, LineQuantities, OrderLine, WholeOrder

CountUnits = Callable[[FulfillmentOrderLine], int]


# ── Which units a step is about ──


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the work: the units it can be taken with, in words and in figures, and those it was taken with."""

    needs: str
    there: CountUnits
    gone: CountUnits


PICKING = Step("still to be picked", lambda line: line.unpicked, lambda line: line.picked)
REJECTING = Step("open", lambda line: line.open, lambda line: line.short + line.handed_over)
SHIPPING = Step("picked and not yet shipped", lambda line: line.in_hand, lambda line: line.handed_over)
COLLECTING = Step("ready and not yet collected", lambda line: line.in_hand, lambda line: line.handed_over)


def transition_refused(task: FulfillmentOrder, *path: str | int) -> InvalidTransition:
    allowed = tuple(status.value for status in task.next_statuses)
    return InvalidTransition(
        message=f"{task.number} is {task.status.value}; from there it may become {' or '.join(allowed) or 'nothing'}.",
        path=tuple(map(str, path)),
        from_=task.status.value,
        allowed=allowed,
    )


def units_asked(task: FulfillmentOrder, lines: LineUnits | None, step: Step) -> Units:
    """How many units of each line a step is taken with; all that are there where no lines are named.

    Raises Refused, naming every line that is wrong: units that took the step before are an INVALID_TRANSITION,
    units that were never there are INVALID.
    """
    if lines is None:
        units = {line.line_id: step.there(line) for line in task.lines if step.there(line)}
        if not units:
            raise Refused(transition_refused(task))
        return units
    if not lines:
        raise Refused(invalid("Name at least one line, or leave `lines` out for all.", "lines"))
    times_named = Counter(line_id for line_id, _ in lines)
    problems = [_line_problem(task.line(line_id), units, i, task, step) for i, (line_id, units) in enumerate(lines)]
    problems += [
        invalid("This line is named twice; name it once, with all its units.", "lines", i, "lineId")
        for i, (line_id, _) in enumerate(lines)
        if times_named[line_id] > 1
    ]
    refuse_all([problem for problem in problems if problem])
    return dict(lines)


def _line_problem(
    line: FulfillmentOrderLine | None, units: int, i: int, task: FulfillmentOrder, step: Step
) -> Problem | None:
    if line is None:
        return not_found(f"{task.number} has no such line.", "lines", i, "lineId")
    if units < 1:
        return invalid(f"A quantity is at least 1; {units} was asked.", "lines", i, "quantity")
    if units <= step.there(line):
        return None
    if units <= step.there(line) + step.gone(line):
        return transition_refused(task, "lines", i, "quantity")
    return invalid(f"{step.there(line)} of this line are {step.needs}; {units} were asked.", "lines", i, "quantity")


# ── What a step makes of the work and of the order ──


def with_units(
    task: FulfillmentOrder,
    units: Units,
    moved: Callable[[FulfillmentOrderLine, int], FulfillmentOrderLine],
    at: datetime,
) -> FulfillmentOrder:
    """The work with so many units of each line moved."""
    lines = (moved(line, units[line.line_id]) if units.get(line.line_id) else line for line in task.lines)
    return task.with_lines(tuple(lines), at)


def taken_from(
    allocations: Sequence[Allocation], units: Units, location: str
) -> tuple[tuple[Allocation, ...], tuple[Allocation, ...]]:
    """What is left of the allocations without so many units of each line at a location, and what was taken."""
    left, taken = [], []
    for each in allocations:
        quantity = each.per_unit * units.get(each.line_id, 0) if each.location == location else 0
        assert quantity <= each.quantity, "Work is brought in line with the order before a step is taken."
        if quantity:
            taken.append(replace(each, quantity=quantity))
        if quantity < each.quantity:
            left.append(replace(each, quantity=each.quantity - quantity))
    return tuple(left), tuple(taken)


def promised(whole: WholeOrder) -> dict[tuple[str, str], int]:
    """Units of each line promised at each location, by (line id, location code).

    A kit has an allocation for each component, all of as many units.
    """
    return {(each.line_id, each.location): each.quantity // each.per_unit for each in whole.allocations}


def without_excess(whole: WholeOrder, tasks: Sequence[FulfillmentOrder], at: datetime) -> list[FulfillmentOrder]:
    """The order's work without the units that the order no longer promises where they were asked for.

    Of several at one place the latest loses first; units that are not yet picked before those that are.
    """
    kept = list(tasks)
    open_units = Counter[tuple[str, str]]()
    for task in kept:
        open_units.update({(line.line_id, task.location_code): line.open for line in task.lines})
    excess = open_units - Counter(promised(whole))
    for losable in ("unpicked", "open") if excess else ():
        for i, task in reversed(list(enumerate(kept))):
            lost = {
                line.line_id: min(getattr(line, losable), excess[line.line_id, task.location_code])
                for line in task.lines
            }
            excess -= Counter({(line_id, task.location_code): units for line_id, units in lost.items()})
            if any(lost.values()):
                kept[i] = with_units(task, lost, lambda line, units: line.dropped(units, "canceled"), at)
    return kept


def lines_as_worked(whole: WholeOrder, tasks: Sequence[FulfillmentOrder]) -> tuple[OrderLine, ...]:
    """The order's lines with their promised units where the work has them: ready, picked, or still allocated."""
    picked, ready = Counter[str](), Counter[str]()
    for task in tasks:
        in_hand = ready if task.status is FulfillmentOrderStatus.READY_FOR_PICKUP else picked
        in_hand.update({line.line_id: line.in_hand for line in task.lines})
    return tuple(
        replace(line, quantities=_placed(line.quantities, picked[line.id], ready[line.id])) for line in whole.lines
    )


def _placed(quantities: LineQuantities, picked: int, ready: int) -> LineQuantities:
    allocated = quantities.allocated + quantities.picked + quantities.ready_for_pickup - picked - ready
    return replace(quantities, allocated=allocated, picked=picked, ready_for_pickup=ready)


# ── What the stock ledger says ──


@dataclass(frozen=True, slots=True)
class Entry:
    """Who moves stock, when, and the number it stands under in the ledger."""

    actor: str
    at: datetime
    reference: str

    def movement(self, part: Allocation, counter: StockCounter, delta: int, reason: StockMovementReason) -> Movement:
        return Movement(
            sku=part.sku,
            location=part.location,
            counter=counter,
            delta=delta,
            reason=reason,
            actor=self.actor,
            at=self.at,
            reference=self.reference,
        )


def departures(
    taken: Sequence[Allocation], levels: Levels, reason: StockMovementReason, entry: Entry
) -> list[Movement]:
    """Allocated stock that left, by SHIPMENT or COLLECTION.

    What left was there, even where a count had said otherwise since: on-hand stock then ends at zero.
    """
    lowered = [entry.movement(part, StockCounter.ALLOCATED, -part.quantity, reason) for part in taken]
    found = _there(taken, levels)
    gone = [entry.movement(part, StockCounter.ON_HAND, -units, reason) for part, units in found if units]
    return [*lowered, *gone]


def given_back(
    taken: Sequence[Allocation], levels: Levels, reasons: Mapping[str, RejectReason], entry: Entry
) -> list[Movement]:
    """Allocations let go, and the stock corrected by why; reasons: by order line id.

    What was not found is counted out; of a kit every component is, as nobody said which was missing.
    """
    freed = [
        entry.movement(part, StockCounter.ALLOCATED, -part.quantity, StockMovementReason.DEALLOCATION) for part in taken
    ]
    missing = [part for part in taken if reasons[part.line_id] is RejectReason.NOT_FOUND]
    damaged = [part for part in taken if reasons[part.line_id] is RejectReason.DAMAGED]
    counted_out = [
        entry.movement(part, StockCounter.ON_HAND, -units, StockMovementReason.COUNT)
        for part, units in _there(missing, levels)
        if units
    ]
    set_aside = [
        entry.movement(part, StockCounter.DAMAGED, part.quantity, StockMovementReason.ADJUSTMENT) for part in damaged
    ]
    return [*freed, *counted_out, *set_aside]


def _there(parts: Sequence[Allocation], levels: Levels) -> list[tuple[Allocation, int]]:
    """Each part with as many of its units as the level has on hand; parts of one level draw it down together."""
    left = {key: level.on_hand for key, level in levels.items()}
    found = []
    for part in parts:
        units = min(part.quantity, left.get(part.key, 0))
        left[part.key] = left.get(part.key, 0) - units
        found.append((part, units))
    return found
