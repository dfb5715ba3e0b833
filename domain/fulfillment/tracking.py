"""What carriers say of shipments: every event is kept once, and the same events give the same end in whatever order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from json import dumps

from domain.access import Viewer
from domain.catalog.rules import text_problems
from domain.errors import Problem, invalid, not_found
from domain.events import EventKind, NewEvent
from domain.fulfillment.model import (
    READINGS_BYTES_MAX,
    TRACKING_EVENTS_MAX,
    TRACKING_TEXT_MAX,
    Shipment,
    ShipmentStatus,
    TrackingEvent,
    TrackingReport,
)
from domain.fulfillment.ports import TrackingKey
from domain.fulfillment.work import FulfillmentWork, record_completion
from domain.orders.changes import changed, with_lines_moved
from domain.orders.model import WholeOrder

# Events of one instant are told in this order.
_RANKS: Mapping[ShipmentStatus | None, int] = {status: rank for rank, status in enumerate(ShipmentStatus)}
# Nothing that is said to have happened after these is believed.
_FINAL = {ShipmentStatus.DELIVERED, ShipmentStatus.CANCELED}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRecorded:
    """accepted: events new to us. duplicates: known before. user_errors: what was wrong with the others."""

    accepted: int
    duplicates: int
    user_errors: tuple[Problem, ...]


async def record_tracking(work: FulfillmentWork, reports: Sequence[TrackingReport], viewer: Viewer) -> TrackingRecorded:
    """Keep what carriers say, and move shipments and their orders by it; what is wrong is named, the rest taken.

    reports: 1 to TRACKING_EVENTS_MAX, in any order. One whose id its carrier used before changes nothing.
    """
    if not 1 <= len(reports) <= TRACKING_EVENTS_MAX:
        problem = invalid(f"1 to {TRACKING_EVENTS_MAX} events are taken at once; {len(reports)} came.", "events")
        return TrackingRecorded(accepted=0, duplicates=0, user_errors=(problem,))
    problems = {i: found for i, report in enumerate(reports) if (found := _report_problems(report, i))}
    good = {i: report for i, report in enumerate(reports) if i not in problems}
    shipments, wholes = await _locked(work, list(good.values()))
    for i, report in good.items():
        if _key(report) not in shipments:
            sentence = f"{report.carrier} carries no parcel of ours under {report.tracking_number}."
            problems[i] = [not_found(sentence, "events", i, "trackingNumber")]
    known = [report for i, report in good.items() if i not in problems]

    heard = [_event(work.ids.new("trk"), report, shipments[_key(report)]) for report in known]
    new_ids = await work.fulfillment.add_tracking(heard)
    accepted = [event for event in heard if event.id in new_ids]
    await _believe(work, list(shipments.values()), accepted, wholes, viewer.actor)
    return TrackingRecorded(
        accepted=len(accepted),
        duplicates=len(heard) - len(accepted),
        user_errors=tuple(problem for i in sorted(problems) for problem in problems[i]),
    )


def believed(shipment: Shipment, said: Sequence[TrackingEvent]) -> Shipment:
    """The shipment as all that was said of it makes it: a function of what happened when, not of what was heard first.

    It is where the latest event has it; what happened after it was delivered or canceled moves it no more. A delivery
    once believed stays, and none is believed of a parcel that we canceled ourselves.
    """
    # A label is ours to make: that the carrier knows of it says nothing about where the parcel is.
    happened = sorted(
        (event for event in said if event.status not in {None, ShipmentStatus.LABEL_CREATED}),
        key=lambda event: (event.at, _RANKS[event.status]),
    )
    final = [event for event in happened if event.status in _FINAL]
    if not happened:
        return shipment
    end = final[0] if final else happened[-1]
    is_canceled_by_us = shipment.status is ShipmentStatus.CANCELED and not any(
        event.status is ShipmentStatus.CANCELED for event in final
    )
    is_delivered = end.status is ShipmentStatus.DELIVERED
    if is_canceled_by_us or (shipment.status is ShipmentStatus.DELIVERED and not is_delivered):
        return shipment
    assert end.status is not None
    return replace(shipment, status=end.status, delivered_at=end.at if is_delivered else None)


# ── Gather ──


async def _locked(
    work: FulfillmentWork, reports: Sequence[TrackingReport]
) -> tuple[Mapping[TrackingKey, Shipment], Mapping[str, WholeOrder]]:
    """The shipments that are spoken of and their orders, locked."""
    keys = sorted({_key(report) for report in reports})
    order_ids = {shipment.order_id for shipment in (await work.fulfillment.shipments_by_tracking(keys)).values()}
    wholes = await work.orders.lock(sorted(order_ids))
    # Once more: until its order was locked, another could still move a shipment, or make one.
    found = await work.fulfillment.shipments_by_tracking(keys)
    return {key: shipment for key, shipment in found.items() if shipment.order_id in wholes}, wholes


def _key(report: TrackingReport) -> TrackingKey:
    return report.carrier, report.tracking_number


def _event(id: str, report: TrackingReport, shipment: Shipment) -> TrackingEvent:
    return TrackingEvent(
        id=id,
        shipment_id=shipment.id,
        carrier=report.carrier,
        carrier_event_id=report.event_id,
        status=report.status,
        description=report.description,
        place=report.place,
        point=report.point,
        readings=report.readings,
        at=report.at,
    )


def _report_problems(report: TrackingReport, i: int) -> list[Problem]:
    texts = {
        "eventId": report.event_id,
        "carrier": report.carrier,
        "trackingNumber": report.tracking_number,
        "description": report.description,
        "place": report.place,
    }
    problems = [
        problem
        for name, text in texts.items()
        for problem in text_problems(text, "events", i, name, length_max=TRACKING_TEXT_MAX)
    ]
    if report.readings is not None and not _can_be_kept(report.readings):
        sentence = f"Readings are an object of names and values, of at most {READINGS_BYTES_MAX} bytes."
        problems.append(invalid(sentence, "events", i, "readings"))
    point = report.point
    if point is not None and not (abs(point.latitude) <= 90 and abs(point.longitude) <= 180):
        problems.append(invalid("A latitude is -90 to 90, a longitude -180 to 180.", "events", i, "point"))
    if report.status is None and report.readings is None:
        problems.append(invalid("An event says a status, or brings readings.", "events", i, "status"))
    return problems


def _can_be_kept(readings: object) -> bool:
    """Whether it is an object, of a size, and nothing that databases refuse in JSON: no NUL, no infinity."""
    try:
        written = dumps(readings, allow_nan=False)
    except ValueError:
        return False
    return isinstance(readings, Mapping) and len(written) <= READINGS_BYTES_MAX and "\\u0000" not in written


# ── Decide and record ──


async def _believe(
    work: FulfillmentWork,
    shipments: Sequence[Shipment],
    accepted: Sequence[TrackingEvent],
    wholes: Mapping[str, WholeOrder],
    actor: str,
) -> None:
    """Move the shipments that something new was said of, and the orders whose goods arrived."""
    spoken_of = {event.shipment_id for event in accepted if event.status}
    said = await work.fulfillment.statuses_said(sorted(spoken_of)) if spoken_of else {}
    at = work.clock.now()

    before = {shipment.id: shipment for shipment in shipments}
    after = {shipment.id: believed(shipment, said.get(shipment.id, ())) for shipment in shipments}
    moved = [shipment for shipment in after.values() if shipment != before[shipment.id]]
    arrived = [shipment for shipment in moved if before[shipment.id].status is not ShipmentStatus.DELIVERED]
    arrived = [shipment for shipment in arrived if shipment.status is ShipmentStatus.DELIVERED]
    now_whole = dict(wholes)
    for shipment in arrived:
        now_whole[shipment.order_id] = _with_delivered(now_whole[shipment.order_id], shipment, at)

    await work.fulfillment.update_shipments(moved)
    for order_id in sorted({shipment.order_id for shipment in arrived}):
        await work.orders.update(wholes[order_id], now_whole[order_id])
    for event in accepted:
        shipment = after[event.shipment_id]
        told = event.status.value if event.status else None
        data = {"number": shipment.number, "tracking": event.id, "told": told, "status": shipment.status.value}
        _tell(work, EventKind.SHIPMENT_TRACKED, shipment, now_whole, actor, at, data)
    for shipment in arrived:
        _tell(work, EventKind.SHIPMENT_DELIVERED, shipment, now_whole, actor, at, {"number": shipment.number})
    for order_id in sorted({shipment.order_id for shipment in arrived}):
        record_completion(work, wholes[order_id], now_whole[order_id], actor, at)


def _with_delivered(whole: WholeOrder, shipment: Shipment, at: datetime) -> WholeOrder:
    """The order with a shipment's units delivered; those that came back on the way stay where they are."""
    shipped = {line.id: line.quantities.shipped for line in whole.lines}
    units = {line.line_id: min(line.quantity, shipped[line.line_id]) for line in shipment.lines}
    return changed(whole, at=at, lines=with_lines_moved(whole, units, "shipped", "delivered"))


def _tell(
    work: FulfillmentWork,
    kind: EventKind,
    shipment: Shipment,
    wholes: Mapping[str, WholeOrder],
    actor: str,
    at: datetime,
    data: Mapping[str, str | None],
) -> None:
    version = wholes[shipment.order_id].order.version
    work.record(
        NewEvent(
            kind=kind,
            subject=shipment.id,
            order_id=shipment.order_id,
            sequence=version,
            actor=actor,
            at=at,
            data=data,
        )
    )
