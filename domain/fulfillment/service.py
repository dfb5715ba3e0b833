"""The work itself, up to the moment it leaves: accepted, rejected, picked."""

from collections.abc import Mapping
from dataclasses import replace

from domain.access import Viewer
from domain.errors import Problem, Refused, invalid, not_found, refuse_all
from domain.events import EventKind
from domain.fulfillment.model import (
    FulfillmentOrder,
    FulfillmentOrderStatus,
    PickFulfillmentOrder,
    PickLine,
    RejectFulfillmentOrder,
    RejectReason,
    Units,
)
from domain.fulfillment.moves import (
    PICKING,
    REJECTING,
    Entry,
    given_back,
    taken_from,
    units_asked,
    with_units,
)
from domain.fulfillment.work import Bench, FulfillmentWork, at_the_bench, keep, listed, places, told
from domain.idempotency import Asked, first_answer
from domain.orders.changes import changed, with_lines_moved
from domain.orders.model import WholeOrder
from domain.orders.service import lock_stock_of, source_again


async def accept_fulfillment_order(work: FulfillmentWork, id: str, viewer: Viewer) -> FulfillmentOrder:
    """A location takes the work on. Raises Refused where it did before, or cannot any more."""
    bench = await at_the_bench(work, id, viewer, path="id")

    bench.must_allow(FulfillmentOrderStatus.ACCEPTED)
    accepted = replace(bench.task, status=FulfillmentOrderStatus.ACCEPTED, updated_at=bench.at)

    await keep(work, [accepted], bench.at)
    work.record(told(EventKind.FULFILLMENT_ORDER_ACCEPTED, accepted, bench.whole, viewer.actor, bench.at))
    return accepted


async def reject_fulfillment_order(
    work: FulfillmentWork, command: RejectFulfillmentOrder, viewer: Viewer
) -> FulfillmentOrder:
    """A location gives work back, whole or in part: stock is corrected by the reason, the units sourced elsewhere."""
    asked = Asked(viewer, command.idempotency_key, command)
    if (answer := await first_answer(work.keys, asked)) is not None:
        return await answered_before(work, answer, viewer)
    bench = await at_the_bench(work, command.fulfillment_order_id, viewer, path="fulfillmentOrderId")

    bench.must_allow(FulfillmentOrderStatus.REJECTED)
    units = units_asked(bench.task, command.lines, REJECTING)

    whole, task = await _give_up(work, bench, units, dict.fromkeys(units, command.reason))
    await work.orders.update(bench.whole, whole)
    await keep(work, [task], bench.at)
    await work.keys.keep([(asked, {"fulfillmentOrder": task.id})])
    return task


async def pick_fulfillment_order(
    work: FulfillmentWork, command: PickFulfillmentOrder, viewer: Viewer
) -> FulfillmentOrder:
    """Units are taken off the shelf; those that are said to be missing are given up, as if rejected.

    The work is PICKING while part of it is picked, PACKED once all that is left of it is.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    if (answer := await first_answer(work.keys, asked)) is not None:
        return await answered_before(work, answer, viewer)
    bench = await at_the_bench(work, command.fulfillment_order_id, viewer, path="fulfillmentOrderId")

    bench.must_allow(FulfillmentOrderStatus.PICKING)
    found, missing, reasons = _found_and_missing(bench.task, command.lines)

    whole, task = bench.whole, bench.task
    if missing:
        whole, task = await _give_up(work, bench, missing, reasons)
    if found:
        whole = changed(whole, at=bench.at, lines=with_lines_moved(whole, found, "allocated", "picked"))
        task = with_units(task, found, lambda line, units: replace(line, picked=line.picked + units), bench.at)
        told_picked = told(EventKind.FULFILLMENT_ORDER_PICKED, task, whole, viewer.actor, bench.at, lines=listed(found))
        work.record(told_picked)
    await work.orders.update(bench.whole, whole)
    await keep(work, [task], bench.at)
    await work.keys.keep([(asked, {"fulfillmentOrder": task.id})])
    return task


async def answered_before(work: FulfillmentWork, answer: Mapping[str, str], viewer: Viewer) -> FulfillmentOrder:
    """The work that the first call under a key was about, as it is now."""
    found = await work.fulfillment.by_id([answer["fulfillmentOrder"]], places(viewer))
    if not found:
        raise Refused(not_found("There is no such fulfillment order.", "fulfillmentOrderId"))
    return found[answer["fulfillmentOrder"]]


def _found_and_missing(
    task: FulfillmentOrder, lines: tuple[PickLine, ...] | None
) -> tuple[Units, Units, Mapping[str, RejectReason]]:
    """Units found, units missing and why, each by order line id.

    A line picked short without a reason is picked on later; with one, the rest of it is missing.
    """
    if lines is None:
        return units_asked(task, None, PICKING), {}, {}
    refuse_all(_nothing_said(lines))
    named = {line.line_id: line for line in lines}
    # Zero found is a way to say that all of a line is missing, so it is no request for units.
    missed_whole = [line for line in lines if line.quantity == 0]
    asked = tuple((line.line_id, line.quantity or 1) for line in lines)
    found = {**units_asked(task, asked, PICKING), **{line.line_id: 0 for line in missed_whole}}
    missing = {
        line.line_id: line.unpicked - found[line.line_id]
        for line in task.lines
        if line.line_id in named and named[line.line_id].short_reason and line.unpicked > found[line.line_id]
    }
    reasons = {line.line_id: line.short_reason for line in lines if line.short_reason}
    return {line_id: units for line_id, units in found.items() if units}, missing, reasons


def _nothing_said(lines: tuple[PickLine, ...]) -> list[Problem]:
    return [
        invalid("Nothing found needs its reason in `shortReason`.", "lines", i, "shortReason")
        for i, line in enumerate(lines)
        if line.quantity == 0 and line.short_reason is None
    ]


async def _give_up(
    work: FulfillmentWork, bench: Bench, units: Units, reasons: Mapping[str, RejectReason]
) -> tuple[WholeOrder, FulfillmentOrder]:
    """Units leave the work: their stock is let go and corrected, and they are sourced again, elsewhere.

    Stock is written; the order and the work are for the caller to write.
    """
    task, whole = bench.task, bench.whole
    left, taken = taken_from(whole.allocations, units, task.location_code)
    # All that sourcing will lock, in one go: levels locked in two goes could deadlock.
    levels = await lock_stock_of(work, whole, list(units))

    on_shelf = {line.line_id: min(units.get(line.line_id, 0), line.unpicked) for line in task.lines}
    in_hand = {line_id: given_up - on_shelf[line_id] for line_id, given_up in units.items()}
    lines = with_lines_moved(whole, on_shelf, "allocated", "pending")
    lines = with_lines_moved(replace(whole, lines=lines), in_hand, "picked", "pending")
    whole = changed(whole, at=bench.at, lines=lines, allocations=left)
    task = with_units(task, units, lambda line, lost: line.dropped(lost, "short"), bench.at)

    entry = Entry(bench.viewer.actor, bench.at, task.number)
    await work.inventory.move(given_back(taken, levels, reasons, entry))
    lost = [{**line, "reason": reasons[line_id].value} for line_id, line in zip(units, listed(units), strict=True)]
    work.record(told(EventKind.FULFILLMENT_ORDER_REJECTED, task, whole, bench.viewer.actor, bench.at, lines=lost))
    return await source_again(work, whole, units, _declined(bench, units), bench.at), task


def _declined(bench: Bench, units: Units) -> frozenset[str]:
    """Where not to ask again: here, and wherever units of these lines were given up before."""
    before = (task for task in bench.tasks if any(line.short and line.line_id in units for line in task.lines))
    return frozenset({bench.task.location_code, *(task.location_code for task in before)})
