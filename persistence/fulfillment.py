"""Fulfillment orders, pickups, shipments and tracking, as they are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from domain.access import OrdersSeen
from domain.catalog.rules import can_be_kept
from domain.errors import Refused, invalid
from domain.fulfillment.model import (
    FulfillmentOrder,
    FulfillmentOrderFilter,
    FulfillmentOrderLine,
    FulfillmentOrderStatus,
    Package,
    Pickup,
    PickupStatus,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
    TrackingEvent,
)
from domain.fulfillment.ports import TrackingKey
from domain.orders.model import FulfillmentMethod
from domain.paging import Edge, Page, Slice
from domain.places import GeoPoint
from persistence.database import Rows, Statements
from persistence.orders import visible
from persistence.paging import cursor_of, key_of, slice_of
from persistence.rows import grouped
from persistence.sealing import Vault
from persistence.sql import among, given
from persistence.tables.customers import CUSTOMERS
from persistence.tables.fulfillment import PICKUPS, SHIPMENT_LINES, SHIPMENTS, TRACKING, WORK, WORK_LINES
from persistence.tables.orders import ORDERS

_LINE_UNITS = ("picked", "short", "handed_over", "canceled")


class SqlFulfillment:
    def __init__(self, statements: Statements, vault: Vault) -> None:
        self._statements = statements
        self._vault = vault
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    # ── Fulfillment orders ──

    async def by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, FulfillmentOrder]:
        found = await self._work(select(WORK).where(among(WORK.c.id, ids), _at_work(WORK, seen)))
        return {task.id: task for task in found}

    async def by_number(self, numbers: Sequence[str], seen: OrdersSeen) -> Mapping[str, FulfillmentOrder]:
        found = await self._work(select(WORK).where(among(WORK.c.number, numbers), _at_work(WORK, seen)))
        return {task.number: task for task in found}

    async def by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[FulfillmentOrder]]:
        found = await self._work(
            select(WORK).where(among(WORK.c.order_id, order_ids)).order_by(*_as_numbered(WORK.c.number))
        )
        return grouped((task.order_id, task) for task in found)

    async def page(self, filter: FulfillmentOrderFilter, page: Page, seen: OrdersSeen) -> Slice[FulfillmentOrder]:
        statement = select(WORK).where(_at_work(WORK, seen), *_passing(filter))
        rows = await slice_of(self._statements, statement, [WORK.c.due_at, WORK.c.id], page, value=lambda row: row)
        lines = await self._lines([edge.node.id for edge in rows.edges])
        edges = [Edge(edge.cursor, _task(edge.node, lines)) for edge in rows.edges]
        return Slice(edges, rows.has_next, rows.has_previous, rows.count)

    async def open(self, orders: Sequence[FulfillmentOrder], pickups: Sequence[Pickup]) -> None:
        await self._statements.run(insert(WORK), [_task_row(task) for task in orders])
        lines = [_line_row(task, line) for task in orders for line in task.lines]
        await self._statements.run(insert(WORK_LINES), lines)
        if pickups:
            await self._statements.run(insert(PICKUPS), [self._pickup_row(pickup) for pickup in pickups])

    async def update(self, orders: Sequence[FulfillmentOrder]) -> None:
        await self._statements.run(
            update(WORK)
            .where(WORK.c.id == bindparam("row_id"))
            .values(status=bindparam("status"), updated_at=bindparam("updated_at")),
            [{"row_id": task.id, "status": task.status.value, "updated_at": task.updated_at} for task in orders],
        )
        await self._statements.run(
            update(WORK_LINES)
            .where(WORK_LINES.c.fulfillment_order_id == bindparam("task"), WORK_LINES.c.line_id == bindparam("line"))
            .values({name: bindparam(name) for name in _LINE_UNITS}),
            [
                {"task": task.id, "line": line.line_id, **{name: getattr(line, name) for name in _LINE_UNITS}}
                for task in orders
                for line in task.lines
            ],
        )

    async def _work(self, statement: Select[*tuple[Any, ...]]) -> list[FulfillmentOrder]:
        rows = await self._statements.fetch(statement)
        lines = await self._lines([row.id for row in rows])
        return [_task(row, lines) for row in rows]

    async def _lines(self, ids: Sequence[str]) -> Mapping[str, Rows]:
        rows = await self._statements.fetch(
            select(WORK_LINES).where(among(WORK_LINES.c.fulfillment_order_id, ids)).order_by(WORK_LINES.c.line_id)
        )
        return grouped((row.fulfillment_order_id, row) for row in rows)

    # ── Pickups ──

    async def pickups_by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, Pickup]:
        found = await self._pickups(among(PICKUPS.c.id, ids), _at_work(PICKUPS, seen))
        return {pickup.id: pickup for pickup in found}

    async def pickups_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Pickup]]:
        return grouped(
            (pickup.order_id, pickup) for pickup in await self._pickups(among(PICKUPS.c.order_id, order_ids))
        )

    async def pickups_by_fulfillment_order(self, ids: Sequence[str]) -> Mapping[str, Pickup]:
        found = await self._pickups(among(PICKUPS.c.fulfillment_order_id, ids))
        return {pickup.fulfillment_order_id: pickup for pickup in found}

    async def pickup_by_code(self, code: str) -> Pickup | None:
        if not can_be_kept(code):
            return None
        found = await self._pickups(PICKUPS.c.code_hash == self._vault.pickup_code_hash(code))
        return found[0] if found else None

    async def update_pickups(self, pickups: Sequence[Pickup]) -> None:
        keys = await self._wrapped_keys([pickup.customer_id for pickup in pickups if pickup.collected_by])
        await self._statements.run(
            update(PICKUPS)
            .where(PICKUPS.c.id == bindparam("row_id"))
            .values({name: bindparam(name) for name in self._progress(pickups[0], keys)}),
            [{"row_id": pickup.id, **self._progress(pickup, keys)} for pickup in pickups],
        )

    async def _pickups(self, *conditions: ColumnElement[bool]) -> list[Pickup]:
        rows = await self._statements.fetch(
            select(*PICKUPS.columns, ORDERS.c.customer_id, CUSTOMERS.c.wrapped_key)
            .join(ORDERS, ORDERS.c.id == PICKUPS.c.order_id)
            .join(CUSTOMERS, CUSTOMERS.c.id == ORDERS.c.customer_id)
            .where(*conditions)
            .order_by(PICKUPS.c.id)
        )
        return [self._pickup(row) for row in rows]

    async def _wrapped_keys(self, customer_ids: Sequence[str]) -> Mapping[str, bytes]:
        if not customer_ids:
            return {}
        rows = await self._statements.fetch(
            select(CUSTOMERS.c.id, CUSTOMERS.c.wrapped_key).where(among(CUSTOMERS.c.id, customer_ids))
        )
        return {row.id: row.wrapped_key for row in rows}

    def _pickup(self, row: Row[Any]) -> Pickup:
        sealed = row.collected_by_sealed
        opened = self._vault.open(sealed, row.wrapped_key, row.customer_id, row.id) if sealed else {}
        return Pickup(
            id=row.id,
            order_id=row.order_id,
            customer_id=row.customer_id,
            fulfillment_order_id=row.fulfillment_order_id,
            location_code=row.location_code,
            status=PickupStatus(row.status),
            ready_at=row.ready_at,
            expires_at=row.expires_at,
            collected_at=row.collected_at,
            collected_by=opened.get("name"),
        )

    def _pickup_row(self, pickup: Pickup) -> dict[str, Any]:
        return {
            "id": pickup.id,
            "order_id": pickup.order_id,
            "fulfillment_order_id": pickup.fulfillment_order_id,
            "location_code": pickup.location_code,
            "code_hash": self._vault.pickup_code_hash(self._vault.pickup_code(pickup.id)),
            **self._progress(pickup, {}),
        }

    def _progress(self, pickup: Pickup, keys: Mapping[str, bytes]) -> dict[str, Any]:
        """The part of a pickup's row that changes; keys: those of the customers whose collector has a name."""
        sealed = None
        if pickup.collected_by is not None:
            name = {"name": pickup.collected_by}
            sealed = self._vault.seal(name, keys[pickup.customer_id], pickup.customer_id, pickup.id)
        return {
            "status": pickup.status.value,
            "ready_at": pickup.ready_at,
            "expires_at": pickup.expires_at,
            "collected_at": pickup.collected_at,
            "collected_by_sealed": sealed,
        }

    # ── Shipments ──

    async def shipments_by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, Shipment]:
        found = await self._shipments(_seen_shipments(seen).where(among(SHIPMENTS.c.id, ids)))
        return {shipment.id: shipment for shipment in found}

    async def shipments_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Shipment]]:
        of_orders = select(SHIPMENTS).where(among(SHIPMENTS.c.order_id, order_ids))
        found = await self._shipments(of_orders.order_by(*_as_numbered(SHIPMENTS.c.number)))
        return grouped((shipment.order_id, shipment) for shipment in found)

    async def shipments_by_fulfillment_order(self, ids: Sequence[str]) -> Mapping[str, list[Shipment]]:
        of_work = select(SHIPMENTS).where(among(SHIPMENTS.c.fulfillment_order_id, ids))
        found = await self._shipments(of_work.order_by(*_as_numbered(SHIPMENTS.c.number)))
        return grouped((shipment.fulfillment_order_id, shipment) for shipment in found)

    async def shipment_tracked_by(self, number: str, carrier: str | None, seen: OrdersSeen) -> Shipment | None:
        tracked = _seen_shipments(seen).where(among(SHIPMENTS.c.tracking_number, [number]))
        if carrier is not None:
            tracked = tracked.where(among(SHIPMENTS.c.carrier, [carrier]))
        found = await self._shipments(tracked.order_by(SHIPMENTS.c.id.desc()).limit(1))
        return found[0] if found else None

    async def shipments_by_tracking(self, keys: Sequence[TrackingKey]) -> Mapping[TrackingKey, Shipment]:
        told = given(self._statements, keys, carrier=str, number=str)
        found = await self._shipments(
            select(SHIPMENTS).join(
                told, and_(told.c.carrier == SHIPMENTS.c.carrier, told.c.number == SHIPMENTS.c.tracking_number)
            )
        )
        return {(each.carrier, each.tracking_number): each for each in found if each.tracking_number is not None}

    async def add_shipment(self, shipment: Shipment) -> bool:
        added = await self._statements.fetch(
            self._upsert(SHIPMENTS)
            .values(_shipment_row(shipment))
            .on_conflict_do_nothing(index_elements=["carrier", "tracking_number"])
            .returning(SHIPMENTS.c.id)
        )
        if added:
            lines = [{"shipment_id": shipment.id, **asdict(line)} for line in shipment.lines]
            await self._statements.run(insert(SHIPMENT_LINES), lines)
        return bool(added)

    async def update_shipments(self, shipments: Sequence[Shipment]) -> None:
        if shipments:
            await self._statements.run(
                update(SHIPMENTS)
                .where(SHIPMENTS.c.id == bindparam("row_id"))
                .values(status=bindparam("status"), delivered_at=bindparam("delivered_at")),
                [
                    {"row_id": each.id, "status": each.status.value, "delivered_at": each.delivered_at}
                    for each in shipments
                ],
            )

    async def _shipments(self, statement: Select[*tuple[Any, ...]]) -> list[Shipment]:
        rows = await self._statements.fetch(statement)
        lines = await self._statements.fetch(
            select(SHIPMENT_LINES)
            .where(among(SHIPMENT_LINES.c.shipment_id, [row.id for row in rows]))
            .order_by(SHIPMENT_LINES.c.line_id)
        )
        by_shipment = grouped((row.shipment_id, row) for row in lines)
        return [_shipment(row, by_shipment.get(row.id, [])) for row in rows]

    # ── Tracking ──

    async def tracking_by_shipment(self, shipment_ids: Sequence[str], page: Page) -> Mapping[str, Slice[TrackingEvent]]:
        rank = func.row_number().over(
            partition_by=TRACKING.c.shipment_id, order_by=(TRACKING.c.at.desc(), TRACKING.c.id.desc())
        )
        ranked = (
            select(*TRACKING.columns, rank.label("rank"))
            .where(among(TRACKING.c.shipment_id, shipment_ids), _older_than(page.after))
            .subquery()
        )
        # One row more than the page tells whether there is another.
        rows = await self._statements.fetch(
            select(ranked).where(ranked.c.rank <= page.size + 1).order_by(ranked.c.shipment_id, ranked.c.rank)
        )
        by_shipment = grouped((row.shipment_id, row) for row in rows)
        return {each: _tracking_slice(by_shipment.get(each, []), page) for each in shipment_ids}

    async def statuses_said(self, shipment_ids: Sequence[str]) -> Mapping[str, list[TrackingEvent]]:
        rows = await self._statements.fetch(
            select(TRACKING).where(among(TRACKING.c.shipment_id, shipment_ids), TRACKING.c.status.is_not(None))
        )
        return grouped((event.shipment_id, event) for event in map(_tracking, rows))

    async def add_tracking(self, events: Sequence[TrackingEvent]) -> frozenset[str]:
        if not events:
            return frozenset()
        await self._statements.run(
            self._upsert(TRACKING).on_conflict_do_nothing(index_elements=["carrier", "carrier_event_id"]),
            [_tracking_row(event) for event in events],
        )
        ids = [event.id for event in events]
        rows = await self._statements.fetch(select(TRACKING.c.id).where(among(TRACKING.c.id, ids)))
        return frozenset(row.id for row in rows)


# ── Conditions ──


def _at_work(table: Table, seen: OrdersSeen) -> ColumnElement[bool]:
    """The row rule of work, as a condition on what has a place and an order."""
    if seen.all:
        return true()
    rules: list[ColumnElement[bool]] = []
    if seen.locations:
        rules.append(among(table.c.location_code, sorted(seen.locations)))
    if seen.order_ids:
        rules.append(among(table.c.order_id, sorted(seen.order_ids)))
    if seen.customer_id is not None:
        is_theirs = ORDERS.c.customer_id == seen.customer_id
        rules.append(exists().where(ORDERS.c.id == table.c.order_id, is_theirs).correlate(table))
    return or_(*rules) if rules else false()


def _seen_shipments(seen: OrdersSeen) -> Select[*tuple[Any, ...]]:
    return select(SHIPMENTS).join(ORDERS, ORDERS.c.id == SHIPMENTS.c.order_id).where(visible(seen))


def _passing(filter: FulfillmentOrderFilter) -> list[ColumnElement[bool]]:
    """What a filter asks, as conditions on `fulfillment_orders`."""
    conditions: list[ColumnElement[bool]] = []
    if filter.location is not None:
        conditions.append(among(WORK.c.location_code, [filter.location]))
    if filter.status:
        conditions.append(among(WORK.c.status, [status.value for status in filter.status]))
    if filter.method:
        conditions.append(among(WORK.c.method, [method.value for method in filter.method]))
    if filter.due_before is not None:
        conditions.append(WORK.c.due_at < filter.due_before)
    if filter.pickup_location is not None:
        is_there = among(PICKUPS.c.location_code, [filter.pickup_location])
        conditions.append(exists().where(PICKUPS.c.fulfillment_order_id == WORK.c.id, is_there))
    if filter.search is not None:
        begins = filter.search.strip().upper()
        conditions.append(WORK.c.number.startswith(begins, autoescape=True) if can_be_kept(begins) else false())
    return conditions


def _older_than(cursor: str | None) -> ColumnElement[bool]:
    if cursor is None:
        return true()
    key = key_of(cursor, (datetime, str))
    if key is None:
        raise Refused(invalid("This cursor is not of this list. Pass one that the list gave.", "after"))
    at, id_ = key
    return or_(TRACKING.c.at < at, and_(TRACKING.c.at == at, TRACKING.c.id < id_))


def _as_numbered(number: ColumnElement[str]) -> tuple[ColumnElement[Any], ...]:
    """The order in which an order's work or shipments were numbered: …-F2 before …-F10."""
    return func.length(number), number


# ── Rows to values and back ──


def _task(row: Row[Any], lines: Mapping[str, Rows]) -> FulfillmentOrder:
    return FulfillmentOrder(
        id=row.id,
        number=row.number,
        order_id=row.order_id,
        location_code=row.location_code,
        method=FulfillmentMethod(row.method),
        status=FulfillmentOrderStatus(row.status),
        due_at=row.due_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        lines=tuple(
            FulfillmentOrderLine(
                line_id=line.line_id,
                quantity=line.quantity,
                picked=line.picked,
                short=line.short,
                handed_over=line.handed_over,
                canceled=line.canceled,
            )
            for line in lines.get(row.id, ())
        ),
    )


def _task_row(task: FulfillmentOrder) -> dict[str, Any]:
    return {
        "id": task.id,
        "number": task.number,
        "order_id": task.order_id,
        "location_code": task.location_code,
        "method": task.method.value,
        "status": task.status.value,
        "due_at": task.due_at,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def _line_row(task: FulfillmentOrder, line: FulfillmentOrderLine) -> dict[str, Any]:
    return {"fulfillment_order_id": task.id, **asdict(line)}


def _shipment(row: Row[Any], lines: Rows) -> Shipment:
    return Shipment(
        id=row.id,
        number=row.number,
        order_id=row.order_id,
        fulfillment_order_id=row.fulfillment_order_id,
        status=ShipmentStatus(row.status),
        carrier=row.carrier,
        service=row.service,
        tracking_number=row.tracking_number,
        packages=tuple(Package(**package) for package in row.packages),
        lines=tuple(ShipmentLine(line.line_id, line.quantity) for line in lines),
        shipped_at=row.shipped_at,
        delivered_at=row.delivered_at,
    )


def _shipment_row(shipment: Shipment) -> dict[str, Any]:
    return {
        "id": shipment.id,
        "number": shipment.number,
        "order_id": shipment.order_id,
        "fulfillment_order_id": shipment.fulfillment_order_id,
        "status": shipment.status.value,
        "carrier": shipment.carrier,
        "service": shipment.service,
        "tracking_number": shipment.tracking_number,
        "packages": [asdict(package) for package in shipment.packages],
        "shipped_at": shipment.shipped_at,
        "delivered_at": shipment.delivered_at,
    }


def _tracking(row: Row[Any]) -> TrackingEvent:
    return TrackingEvent(
        id=row.id,
        shipment_id=row.shipment_id,
        carrier=row.carrier,
        carrier_event_id=row.carrier_event_id,
        status=ShipmentStatus(row.status) if row.status else None,
        description=row.description,
        place=row.place,
        point=GeoPoint(row.latitude, row.longitude) if row.latitude is not None else None,
        readings=row.readings,
        at=row.at,
    )


def _tracking_row(event: TrackingEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "shipment_id": event.shipment_id,
        "carrier": event.carrier,
        "carrier_event_id": event.carrier_event_id,
        "status": event.status.value if event.status else None,
        "description": event.description,
        "place": event.place,
        "latitude": event.point.latitude if event.point else None,
        "longitude": event.point.longitude if event.point else None,
        "readings": event.readings,
        "at": event.at,
    }


def _tracking_slice(rows: Rows, page: Page) -> Slice[TrackingEvent]:
    edges = [Edge(cursor_of([row.at, row.id]), _tracking(row)) for row in rows[: page.size]]
    return Slice(edges, has_next=len(rows) > page.size, has_previous=page.after is not None)
