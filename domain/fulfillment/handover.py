"""Goods leave: shipped, or made ready and collected; what is owed for them is captured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.access import EVERY_ORDER, Scope, Viewer
from domain.catalog.rules import text_problems
from domain.errors import Problem, Refused, conflict, invalid, not_allowed, not_found, refuse_all
from domain.events import EventKind
from domain.fulfillment.model import (
    COLLECTED_BY_MAX,
    MEASURE_MAX,
    PACKAGES_MAX,
    TRACKING_TEXT_MAX,
    CollectPickup,
    FulfillmentOrder,
    FulfillmentOrderLine,
    FulfillmentOrderStatus,
    Package,
    Pickup,
    ShipFulfillmentOrder,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
    Units,
)
from domain.fulfillment.moves import COLLECTING, SHIPPING, Entry, departures, taken_from, units_asked, with_units
from domain.fulfillment.work import (
    Bench,
    FulfillmentWork,
    at_the_bench,
    keep,
    listed,
    places,
    record_completion,
    told,
)
from domain.idempotency import Asked, first_answer
from domain.inventory.model import StockMovementReason
from domain.orders.changes import changed, event_of, owed_for_handed_over, with_lines_moved
from domain.orders.model import FulfillmentMethod, WholeOrder
from domain.payments.model import Payment
from domain.payments.service import capture

# Who carries, and how fast, where an order was placed without a shipping method.
UNSPECIFIED_CARRIER = "unspecified"
UNSPECIFIED_SERVICE = "STANDARD"


@dataclass(frozen=True, slots=True)
class _Way:
    """How units leave: from which place of their order line to which, and under which reason in the ledger."""

    source: str
    target: str
    reason: StockMovementReason


_SHIPPED = _Way("picked", "shipped", StockMovementReason.SHIPMENT)
_COLLECTED = _Way("ready_for_pickup", "delivered", StockMovementReason.COLLECTION)


# ── By a carrier ──


async def ship_fulfillment_order(work: FulfillmentWork, command: ShipFulfillmentOrder, viewer: Viewer) -> Shipment:
    """Picked units leave with a carrier: they are in transit, and what is owed for them is captured.

    Raises Refused where they are not picked, have left before, or the carrier already has this tracking number.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    if (answer := await first_answer(work.keys, asked)) is not None:
        return await _shipment_made_before(work, answer["shipment"], viewer)
    bench = await at_the_bench(work, command.fulfillment_order_id, viewer, path="fulfillmentOrderId")
    made_before = (await work.fulfillment.shipments_by_order([bench.whole.order.id])).get(bench.whole.order.id, [])
    methods = {method.code: method for method in await work.promising.shipping_methods()}

    refuse_all(_form_problems(command))
    if bench.task.method is not FulfillmentMethod.DELIVERY:
        raise Refused(not_allowed(f"{bench.task.number} is collected, not shipped.", "fulfillmentOrderId"))
    bench.must_allow(FulfillmentOrderStatus.FULFILLED)
    units = units_asked(bench.task, command.lines, SHIPPING)
    method = methods.get(bench.whole.order.shipping_method_code or "")
    number = f"{bench.whole.order.number}-S{len(made_before) + 1}"
    shipment = Shipment(
        id=work.ids.new("shp"),
        number=number,
        order_id=bench.whole.order.id,
        fulfillment_order_id=bench.task.id,
        status=ShipmentStatus.IN_TRANSIT,
        carrier=method.carrier if method else UNSPECIFIED_CARRIER,
        service=method.service_level.value if method else UNSPECIFIED_SERVICE,
        tracking_number=(command.tracking_number or _tracking_number(number)).strip(),
        packages=command.packages,
        lines=tuple(ShipmentLine(line_id, count) for line_id, count in units.items()),
        shipped_at=bench.at,
    )

    if not await work.fulfillment.add_shipment(shipment):
        sentence = f"{shipment.carrier} already carries a parcel under {shipment.tracking_number}."
        raise Refused(conflict(sentence, "trackingNumber"))
    whole, task = await _hand_over(work, bench, units, _SHIPPED, number)
    _tell(work, bench, whole, task, EventKind.SHIPMENT_DISPATCHED, shipment.id, shipment=number, lines=listed(units))
    await work.keys.keep([(asked, {"shipment": shipment.id})])
    return shipment


async def _shipment_made_before(work: FulfillmentWork, id: str, viewer: Viewer) -> Shipment:
    shipment = (await work.fulfillment.shipments_by_id([id], places(viewer))).get(id)
    if shipment is None:
        raise Refused(not_found("There is no such fulfillment order.", "fulfillmentOrderId"))
    return shipment


def _tracking_number(shipment_number: str) -> str:
    """What a parcel is tracked by until a carrier's adapter gives it a number: its own, as one word."""
    return shipment_number.replace("-", "")


def _form_problems(command: ShipFulfillmentOrder) -> list[Problem]:
    problems = list(text_problems(command.tracking_number, "trackingNumber", length_max=TRACKING_TEXT_MAX))
    if len(command.packages) > PACKAGES_MAX:
        problems.append(invalid(f"A shipment has at most {PACKAGES_MAX} packages.", "packages"))
    for i, package in enumerate(command.packages[:PACKAGES_MAX]):
        problems += _package_problems(package, i)
    return problems


def _package_problems(package: Package, i: int) -> list[Problem]:
    measures = {
        "weightGrams": package.weight_grams,
        "lengthMm": package.length_mm,
        "widthMm": package.width_mm,
        "heightMm": package.height_mm,
    }
    return [
        invalid(f"A measure is 1 to {MEASURE_MAX}.", "packages", i, name)
        for name, measure in measures.items()
        if measure is not None and not 1 <= measure <= MEASURE_MAX
    ]


# ── Over the counter ──


async def mark_ready_for_pickup(work: FulfillmentWork, id: str, viewer: Viewer) -> FulfillmentOrder:
    """All that is left of the work waits behind the counter; its pickup opens with its code from now on."""
    bench = await at_the_bench(work, id, viewer, path="id")

    bench.must_allow(FulfillmentOrderStatus.READY_FOR_PICKUP)
    units = {line.line_id: line.in_hand for line in bench.task.lines}
    lines = with_lines_moved(bench.whole, units, "picked", "ready_for_pickup")
    whole = changed(bench.whole, at=bench.at, lines=lines)
    ready = replace(bench.task, status=FulfillmentOrderStatus.READY_FOR_PICKUP, updated_at=bench.at)

    await work.orders.update(bench.whole, whole)
    await keep(work, [ready], bench.at)
    pickup = (await work.fulfillment.pickups_by_fulfillment_order([ready.id]))[ready.id]
    _tell(work, bench, whole, ready, EventKind.PICKUP_READY, pickup.id)
    return ready


async def collect_pickup(work: FulfillmentWork, command: CollectPickup, viewer: Viewer) -> str:
    """Ready units are handed over to whoever shows the code, or whom staff know; answers the order's id.

    A code that is wrong, or of a place that is not the associate's, answers like one that never was.
    """
    refuse_all(_handover_problems(command))
    asked = Asked(viewer, command.idempotency_key, command)
    if (answer := await first_answer(work.keys, asked)) is not None:
        return str(answer["order"])
    pickup, path = await _pickup_asked(work, command, viewer)
    # Whoever shows the code need not work here; whom it is shown to has been checked above.
    bench = await at_the_bench(work, pickup.fulfillment_order_id, viewer, path=path, seen=EVERY_ORDER)

    bench.must_allow(FulfillmentOrderStatus.FULFILLED)
    units = units_asked(bench.task, command.lines, COLLECTING)

    whole, task = await _hand_over(work, bench, units, _COLLECTED, bench.task.number, command.collected_by)
    _tell(work, bench, whole, task, EventKind.PICKUP_COLLECTED, pickup.id, lines=listed(units))
    await work.keys.keep([(asked, {"order": whole.order.id})])
    return whole.order.id


def _handover_problems(command: CollectPickup) -> list[Problem]:
    problems = list(text_problems(command.collected_by, "collectedBy", length_max=COLLECTED_BY_MAX))
    if (command.code is None) == (command.pickup_id is None):
        problems.append(invalid("Say either the code or the pickup's id.", "code"))
    return problems


async def _pickup_asked(work: FulfillmentWork, command: CollectPickup, viewer: Viewer) -> tuple[Pickup, str]:
    """The pickup that a code opens, or that staff named; and where in the input it was named."""
    if command.code is not None:
        pickup = await work.fulfillment.pickup_by_code(command.code)
        may_open = not viewer.is_bound_to_locations or (pickup and pickup.location_code in viewer.locations)
        if pickup is None or not may_open:
            raise Refused(not_found("No pickup opens with this code.", "code"))
        return pickup, "code"
    assert command.pickup_id is not None
    if not viewer.has(Scope.FULFILLMENT_WRITE):
        raise Refused(not_allowed("Without the code, a pickup is handed over by staff.", "pickupId"))
    found = (await work.fulfillment.pickups_by_id([command.pickup_id], places(viewer))).get(command.pickup_id)
    if found is None:
        raise Refused(not_found("There is no such pickup.", "pickupId"))
    return found, "pickupId"


# ── What every handover does ──


async def _hand_over(
    work: FulfillmentWork, bench: Bench, units: Units, way: _Way, reference: str, collected_by: str | None = None
) -> tuple[WholeOrder, FulfillmentOrder]:
    """Units leave the work, the order's promises and the stock, and are paid for; all of it is written."""
    left, taken = taken_from(bench.whole.allocations, units, bench.task.location_code)
    levels = await work.inventory.lock_levels({part.key for part in taken})

    lines = with_lines_moved(bench.whole, units, way.source, way.target)
    moved = changed(bench.whole, at=bench.at, lines=lines, allocations=left)
    task = with_units(bench.task, units, _handed_over, bench.at)
    entry = Entry(bench.viewer.actor, bench.at, reference)

    await work.inventory.move(departures(taken, levels, way.reason, entry))
    payments = await _captured(work, moved, bench.at)
    whole = changed(bench.whole, at=bench.at, lines=lines, allocations=left, payments=payments)
    await work.orders.update(bench.whole, whole)
    await keep(work, [task], bench.at, collected_by)
    return whole, task


def _handed_over(line: FulfillmentOrderLine, units: int) -> FulfillmentOrderLine:
    return replace(line, handed_over=line.handed_over + units)


async def _captured(work: FulfillmentWork, whole: WholeOrder, at: datetime) -> Sequence[Payment]:
    """The order's payments once what left is paid for, as far as money was set aside."""
    due_minor = owed_for_handed_over(whole) - whole.order.captured.amount_minor
    return await capture(work, whole.payments, due_minor, at) if due_minor > 0 else whole.payments


def _tell(
    work: FulfillmentWork,
    bench: Bench,
    whole: WholeOrder,
    task: FulfillmentOrder,
    kind: EventKind,
    subject: str,
    **data: Any,
) -> None:
    """What happened to a shipment or pickup of the work, then to the money, then to the order."""
    actor, at = bench.viewer.actor, bench.at
    work.record(replace(told(kind, task, whole, actor, at, fulfillmentOrder=task.id, **data), subject=subject))
    for before, after in zip(bench.whole.payments, whole.payments, strict=True):
        if after.captured != before.captured:
            taken = after.captured - before.captured
            amount = {"amount": str(taken.amount), "currency": taken.currency}
            work.record(event_of(whole, EventKind.PAYMENT_CAPTURED, actor, at, payment=after.id, amount=amount))
    record_completion(work, bench.whole, whole, actor, at)
