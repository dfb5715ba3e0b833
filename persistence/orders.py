"""Orders, kept: written in as many statements for a hundred as for one, read by what the caller may see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from domain.access import OrdersSeen
from domain.money import Money
from domain.orders.model import (
    PLACES,
    Allocation,
    Backorder,
    Contact,
    FulfillmentMethod,
    LineQuantities,
    Order,
    OrderFilter,
    OrderFulfillmentStatus,
    OrderHold,
    OrderHoldKind,
    OrderLine,
    OrderSort,
    OrderStatus,
    Totals,
    WholeOrder,
)
from domain.orders.ports import NewOrder, Overtaken
from domain.paging import Page, Slice
from domain.payments.model import PaymentStatus
from persistence.customers import address_of
from persistence.database import Statements
from persistence.paging import ListOfEach, slice_of
from persistence.payments import SqlPayments
from persistence.rows import grouped
from persistence.sealing import Vault
from persistence.sql import among, given
from persistence.tables.catalog import VARIANTS
from persistence.tables.customers import CUSTOMERS
from persistence.tables.fulfillment import WORK, WORK_LINES
from persistence.tables.orders import ALLOCATIONS, BACKORDERS, HOLDS, LINES, ORDERS

# All of an order's row but what is sealed, which is read only where it is asked for.
_PLAIN = [column for column in ORDERS.columns if column.name != "sealed"]


class SqlOrders:
    def __init__(self, statements: Statements, vault: Vault) -> None:
        self._statements = statements
        self._vault = vault

    # ── Reading ──

    async def by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, Order]:
        rows = await self._statements.fetch(select(*_PLAIN).where(among(ORDERS.c.id, ids), visible(seen)))
        return {row.id: _order(row) for row in rows}

    async def by_number(self, numbers: Sequence[str], seen: OrdersSeen) -> Mapping[str, Order]:
        rows = await self._statements.fetch(select(*_PLAIN).where(among(ORDERS.c.number, numbers), visible(seen)))
        return {row.number: _order(row) for row in rows}

    async def by_external_reference(
        self, references: Sequence[tuple[str, str]], seen: OrdersSeen
    ) -> Mapping[tuple[str, str], Order]:
        if not references:
            return {}
        asked = given(self._statements, references, channel_code=str, external_reference=str)
        rows = await self._statements.fetch(
            select(*_PLAIN)
            .join(
                asked,
                and_(
                    ORDERS.c.channel_code == asked.c.channel_code,
                    ORDERS.c.external_reference == asked.c.external_reference,
                ),
            )
            .where(visible(seen))
        )
        return {(row.channel_code, row.external_reference): _order(row) for row in rows}

    async def by_number_and_email(self, number: str, email: str) -> Order | None:
        rows = await self._statements.fetch(
            select(*_PLAIN).where(ORDERS.c.number == number, ORDERS.c.email_hash == self._vault.email_hash(email))
        )
        return _order(rows[0]) if rows else None

    async def page(self, filter: OrderFilter, sort: OrderSort, page: Page, seen: OrdersSeen) -> Slice[Order]:
        statement = select(*_PLAIN).where(visible(seen), *self._passing(filter))
        keys = [ORDERS.c.placed_at, ORDERS.c.id]
        newest_first = sort is OrderSort.NEWEST
        return await slice_of(self._statements, statement, keys, page, value=_order, descending=newest_first)

    async def by_customer(self, customer_ids: Sequence[str], page: Page) -> Mapping[str, Slice[Order]]:
        statement = select(*_PLAIN).where(among(ORDERS.c.customer_id, customer_ids))
        keys = (ORDERS.c.placed_at, ORDERS.c.id)
        lists = ListOfEach(self._statements, statement, (ORDERS.c.customer_id,), keys, descending=True)
        slices = await lists.pages([(each,) for each in customer_ids], page, value=_order)
        return {each: slices[(each,)] for each in customer_ids}

    async def matching(self, ids: Sequence[str], filter: OrderFilter, seen: OrdersSeen) -> frozenset[str]:
        statement = select(ORDERS.c.id).where(among(ORDERS.c.id, ids), visible(seen), *self._passing(filter))
        return frozenset(row.id for row in await self._statements.fetch(statement))

    async def lines_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[OrderLine]]:
        rows = await self._statements.fetch(
            self._lines().where(among(LINES.c.order_id, order_ids)).order_by(LINES.c.order_id, LINES.c.position)
        )
        return grouped((row.order_id, _line(row)) for row in rows)

    async def lines_by_id(self, ids: Sequence[str], seen: OrdersSeen) -> Mapping[str, OrderLine]:
        rows = await self._statements.fetch(self._lines().where(among(LINES.c.id, ids), visible(seen)))
        return {row.id: _line(row) for row in rows}

    async def holds_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[OrderHold]]:
        rows = await self._statements.fetch(
            select(*HOLDS.columns).where(among(HOLDS.c.order_id, order_ids)).order_by(HOLDS.c.placed_at, HOLDS.c.id)
        )
        return grouped((row.order_id, _hold(row)) for row in rows)

    async def bought(
        self, channel: str, wanted: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], list[tuple[OrderLine, datetime]]]:
        asked = given(self._statements, wanted, customer_id=str, sku=str)
        rows = await self._statements.fetch(
            select(*LINES.columns, ORDERS.c.currency, ORDERS.c.customer_id, ORDERS.c.placed_at)
            .select_from(asked)
            .join(ORDERS, ORDERS.c.customer_id == asked.c.customer_id)
            .join(LINES, and_(LINES.c.order_id == ORDERS.c.id, LINES.c.sku == asked.c.sku))
            .where(ORDERS.c.channel_code == channel)
            .order_by(ORDERS.c.placed_at.desc(), ORDERS.c.id.desc(), LINES.c.position)
        )
        return grouped(((row.customer_id, row.sku), (_line(row), row.placed_at)) for row in rows)

    async def contacts_by_order(self, order_ids: Sequence[str]) -> Mapping[str, Contact]:
        rows = await self._statements.fetch(
            select(ORDERS.c.id, ORDERS.c.sealed, CUSTOMERS.c.id.label("owner"), CUSTOMERS.c.wrapped_key)
            .join(CUSTOMERS, CUSTOMERS.c.id == ORDERS.c.customer_id)
            .where(among(ORDERS.c.id, order_ids))
        )
        return {row.id: contact_of(self._vault.open(row.sealed, row.wrapped_key, row.owner, row.id)) for row in rows}

    def _lines(self) -> Select[*tuple[Any, ...]]:
        return select(*LINES.columns, ORDERS.c.currency).join(ORDERS, ORDERS.c.id == LINES.c.order_id)

    def _passing(self, filter: OrderFilter) -> list[ColumnElement[bool]]:
        """What a filter asks, as conditions on `orders`."""
        among_these = {
            ORDERS.c.status: [status.value for status in filter.status],
            ORDERS.c.fulfillment_status: [status.value for status in filter.fulfillment_status],
            ORDERS.c.payment_status: [status.value for status in filter.payment_status],
            ORDERS.c.channel_code: filter.channels,
            ORDERS.c.country: filter.countries,
        }
        bounds = [
            (filter.placed_from, ORDERS.c.placed_at >= filter.placed_from if filter.placed_from else None),
            (filter.placed_until, ORDERS.c.placed_at < filter.placed_until if filter.placed_until else None),
            (filter.updated_from, ORDERS.c.updated_at >= filter.updated_from if filter.updated_from else None),
            (filter.updated_until, ORDERS.c.updated_at < filter.updated_until if filter.updated_until else None),
        ]
        conditions = [among(column, values) for column, values in among_these.items() if values]
        conditions += [condition for _, condition in bounds if condition is not None]
        if filter.customer_id is not None:
            conditions.append(ORDERS.c.customer_id == filter.customer_id)
        if filter.email is not None:
            conditions.append(ORDERS.c.email_hash == self._vault.email_hash(filter.email))
        if filter.locations:
            conditions.append(_worked_at(filter.locations))
        if filter.skus:
            conditions.append(_has(LINES, among(LINES.c.sku, filter.skus)))
        if filter.holds:
            kinds = [kind.value for kind in filter.holds]
            conditions.append(_has(HOLDS, among(HOLDS.c.kind, kinds)))
        if filter.search is not None:
            conditions.append(self._found_by(filter.search.strip()))
        return conditions

    def _found_by(self, search: str) -> ColumnElement[bool]:
        """By what is read off a parcel or a screen: a number, a reference, or a whole e-mail address."""
        if "@" in search:
            return ORDERS.c.email_hash == self._vault.email_hash(search)
        return or_(
            ORDERS.c.number == search.upper(),
            ORDERS.c.external_reference == search,
            ORDERS.c.purchase_order_number == search,
        )

    # ── Writing ──

    async def add(self, orders: Sequence[NewOrder]) -> None:
        if not orders:
            return
        wholes = [order.whole for order in orders]
        keys = await self._wrapped_keys({whole.order.customer_id for whole in wholes})
        rows = [self._new_row(order, keys[order.whole.order.customer_id]) for order in orders]
        try:
            await self._statements.run(insert(ORDERS), rows)
        except IntegrityError as error:
            raise Overtaken from error
        for table, parts in (
            (LINES, [_line_row(line) for whole in wholes for line in whole.lines]),
            (ALLOCATIONS, [_allocation_row(allocation) for whole in wholes for allocation in whole.allocations]),
            (BACKORDERS, [asdict(backorder) for whole in wholes for backorder in whole.backorders]),
            (HOLDS, [_hold_row(hold) for whole in wholes for hold in whole.holds]),
        ):
            if parts:
                await self._statements.run(insert(table), parts)

    def _new_row(self, new: NewOrder, wrapped_key: bytes) -> dict[str, Any]:
        order = new.whole.order
        return {
            "id": order.id,
            "number": order.number,
            "external_reference": order.external_reference,
            "purchase_order_number": order.purchase_order_number,
            "channel_code": order.channel_code,
            "customer_id": order.customer_id,
            "is_guest": order.is_guest,
            "email_hash": self._vault.email_hash(new.contact.email),
            "sealed": self._vault.seal(new.contact, wrapped_key, order.customer_id, order.id),
            "language": order.language,
            "currency": order.currency,
            "shipping_agreed_minor": order.shipping_agreed.amount_minor,
            "shipping_method_code": order.shipping_method_code,
            "country": order.country,
            "metadata": dict(order.metadata),
            "placed_at": order.placed_at,
            **_moving(order),
        }

    async def _wrapped_keys(self, customer_ids: Iterable[str]) -> dict[str, bytes]:
        rows = await self._statements.fetch(
            select(CUSTOMERS.c.id, CUSTOMERS.c.wrapped_key).where(among(CUSTOMERS.c.id, sorted(customer_ids)))
        )
        return {row.id: row.wrapped_key for row in rows}

    async def picked(self, order_ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
        in_hand = WORK_LINES.c.picked - WORK_LINES.c.handed_over
        rows = await self._statements.fetch(
            select(WORK_LINES.c.line_id, WORK.c.location_code, func.sum(in_hand).label("units"))
            .join(WORK, WORK.c.id == WORK_LINES.c.fulfillment_order_id)
            .where(among(WORK.c.order_id, order_ids))
            .group_by(WORK_LINES.c.line_id, WORK.c.location_code)
        )
        return {(row.line_id, row.location_code): int(row.units) for row in rows if row.units}

    async def lock(self, ids: Sequence[str]) -> Mapping[str, WholeOrder]:
        rows = await self._statements.fetch(
            select(*_PLAIN).where(among(ORDERS.c.id, ids)).order_by(ORDERS.c.id).with_for_update()
        )
        orders = [_order(row) for row in rows]
        found = [order.id for order in orders]
        if not found:
            return {}
        lines = await self.lines_by_order(found)
        allocations = await self._allocations_by_order(found)
        backorders = await self._backorders_by_order(found)
        payments = await SqlPayments(self._statements).by_order(found)
        holds = await self.holds_by_order(found)
        return {
            order.id: WholeOrder(
                order=order,
                lines=tuple(lines.get(order.id, ())),
                allocations=tuple(allocations.get(order.id, ())),
                backorders=tuple(backorders.get(order.id, ())),
                payments=tuple(payments.get(order.id, ())),
                holds=tuple(holds.get(order.id, ())),
            )
            for order in orders
        }

    async def _allocations_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Allocation]]:
        rows = await self._statements.fetch(
            select(*ALLOCATIONS.columns)
            .where(among(ALLOCATIONS.c.order_id, order_ids))
            .order_by(ALLOCATIONS.c.line_id, ALLOCATIONS.c.location_code, ALLOCATIONS.c.sku)
        )
        return grouped((row.order_id, _allocation(row)) for row in rows)

    async def update(self, before: WholeOrder, after: WholeOrder) -> None:
        await self._statements.run(update(ORDERS).where(ORDERS.c.id == after.order.id).values(**_moving(after.order)))
        known = {line.id: line for line in before.lines}
        lines = [line for line in after.lines if line != known[line.id]]
        if lines:
            await self._statements.run(
                update(LINES)
                .where(LINES.c.id == bindparam("row_id"))
                .values({place: bindparam(place) for place in PLACES}),
                [{"row_id": line.id, **_places(line.quantities)} for line in lines],
            )
        await self._update_allocations(before.allocations, after.allocations)
        await self._update_backorders(before.backorders, after.backorders)
        await self._update_holds(before.holds, after.holds)

    async def _update_allocations(self, before: Sequence[Allocation], after: Sequence[Allocation]) -> None:
        was = {(each.line_id, each.location, each.sku): each for each in before}
        now = {(each.line_id, each.location, each.sku): each for each in after}
        if gone := [key for key in was if key not in now]:
            await self._statements.run(
                delete(ALLOCATIONS).where(
                    tuple_(ALLOCATIONS.c.line_id, ALLOCATIONS.c.location_code, ALLOCATIONS.c.sku).in_(gone)
                )
            )
        if written := [_allocation_row(each) for key, each in now.items() if was.get(key) != each]:
            upsert = sqlite.insert(ALLOCATIONS) if self._statements.is_sqlite else postgresql.insert(ALLOCATIONS)
            await self._statements.run(
                upsert.on_conflict_do_update(
                    index_elements=["line_id", "location_code", "sku"], set_={"quantity": upsert.excluded.quantity}
                ),
                written,
            )

    async def lock_waiting(self, skus: Sequence[str]) -> Mapping[str, int]:
        one_at_a_time = select(VARIANTS.c.sku).where(among(VARIANTS.c.sku, skus)).order_by(VARIANTS.c.sku)
        await self._statements.fetch(one_at_a_time.with_for_update(key_share=True))
        units = cast(func.sum(BACKORDERS.c.quantity), BigInteger).label("units")
        rows = await self._statements.fetch(
            select(BACKORDERS.c.sku, units).where(among(BACKORDERS.c.sku, skus)).group_by(BACKORDERS.c.sku)
        )
        return {row.sku: row.units for row in rows}

    async def _backorders_by_order(self, order_ids: Sequence[str]) -> Mapping[str, list[Backorder]]:
        rows = await self._statements.fetch(
            select(*BACKORDERS.columns)
            .where(among(BACKORDERS.c.order_id, order_ids))
            .order_by(BACKORDERS.c.line_id, BACKORDERS.c.sku)
        )
        return grouped((row.order_id, _backorder(row)) for row in rows)

    async def _update_backorders(self, before: Sequence[Backorder], after: Sequence[Backorder]) -> None:
        if set(before) == set(after):
            return
        if gone := sorted({each.line_id for each in before}):
            await self._statements.run(delete(BACKORDERS).where(among(BACKORDERS.c.line_id, gone)))
        if after:
            await self._statements.run(insert(BACKORDERS), [asdict(each) for each in after])

    async def _update_holds(self, before: Sequence[OrderHold], after: Sequence[OrderHold]) -> None:
        kept = {hold.id for hold in after}
        if gone := [hold.id for hold in before if hold.id not in kept]:
            await self._statements.run(delete(HOLDS).where(among(HOLDS.c.id, gone)))
        known = {hold.id for hold in before}
        if placed := [_hold_row(hold) for hold in after if hold.id not in known]:
            await self._statements.run(insert(HOLDS), placed)


def visible(seen: OrdersSeen) -> ColumnElement[bool]:
    """The row rule of orders as a condition on `orders`; whatever is joined to them obeys it too."""
    if seen.all:
        return true()
    rules: list[Any] = []
    if seen.customer_id is not None:
        rules.append(ORDERS.c.customer_id == seen.customer_id)
    if seen.order_ids:
        rules.append(among(ORDERS.c.id, sorted(seen.order_ids)))
    if seen.locations:
        rules.append(_worked_at(sorted(seen.locations)))
    return or_(*rules) if rules else false()


def _worked_at(locations: Sequence[str]) -> ColumnElement[bool]:
    """Orders with stock, work or a pickup at any of these places, now or before."""
    return or_(
        _has(ALLOCATIONS, among(ALLOCATIONS.c.location_code, locations)),
        _has(WORK, among(WORK.c.location_code, locations)),
        _has(LINES, among(LINES.c.pickup_location_code, locations)),
    )


def _has(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an order has a row in a table of its parts; of the tables around it, it knows the orders alone."""
    return exists().where(table.c.order_id == ORDERS.c.id, condition).correlate(ORDERS)


def contact_of(opened: Mapping[str, Any]) -> Contact:
    addresses = {
        name: address_of(opened[name]) if opened.get(name) else None for name in ("shipping_address", "billing_address")
    }
    return Contact(**{**opened, **addresses})


def _order(row: Row[Any]) -> Order:
    def money(amount_minor: int) -> Money:
        return Money(amount_minor, row.currency)

    return Order(
        id=row.id,
        number=row.number,
        external_reference=row.external_reference,
        purchase_order_number=row.purchase_order_number,
        channel_code=row.channel_code,
        customer_id=row.customer_id,
        is_guest=row.is_guest,
        language=row.language,
        currency=row.currency,
        status=OrderStatus(row.status),
        fulfillment_status=OrderFulfillmentStatus(row.fulfillment_status),
        payment_status=PaymentStatus(row.payment_status),
        totals=Totals(money(row.subtotal_minor), money(row.shipping_minor)),
        shipping_agreed=money(row.shipping_agreed_minor),
        authorized=money(row.authorized_minor),
        captured=money(row.captured_minor),
        refunded=money(row.refunded_minor),
        shipping_method_code=row.shipping_method_code,
        country=row.country,
        metadata=row.metadata,
        placed_at=row.placed_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def _moving(order: Order) -> dict[str, Any]:
    """The part of an order's row that changes."""
    return {
        "status": order.status.value,
        "fulfillment_status": order.fulfillment_status.value,
        "payment_status": order.payment_status.value,
        "subtotal_minor": order.totals.subtotal.amount_minor,
        "shipping_minor": order.totals.shipping.amount_minor,
        "total_minor": order.totals.total.amount_minor,
        "authorized_minor": order.authorized.amount_minor,
        "captured_minor": order.captured.amount_minor,
        "refunded_minor": order.refunded.amount_minor,
        "updated_at": order.updated_at,
        "version": order.version,
    }


def _line(row: Row[Any]) -> OrderLine:
    return OrderLine(
        id=row.id,
        order_id=row.order_id,
        position=row.position,
        sku=row.sku,
        name=row.name,
        quantity=row.quantity,
        unit_price=Money(row.unit_price_minor, row.currency),
        method=FulfillmentMethod(row.method),
        pickup_location=row.pickup_location_code,
        quantities=LineQuantities(*(getattr(row, place) for place in PLACES)),
    )


def _line_row(line: OrderLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "order_id": line.order_id,
        "position": line.position,
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price.amount_minor,
        "method": line.method.value,
        "pickup_location_code": line.pickup_location,
        **_places(line.quantities),
    }


def _places(quantities: LineQuantities) -> dict[str, int]:
    return {place: getattr(quantities, place) for place in PLACES}


def _allocation(row: Row[Any]) -> Allocation:
    return Allocation(
        line_id=row.line_id,
        order_id=row.order_id,
        location=row.location_code,
        sku=row.sku,
        per_unit=row.per_unit,
        quantity=row.quantity,
    )


def _allocation_row(allocation: Allocation) -> dict[str, Any]:
    return {
        "line_id": allocation.line_id,
        "order_id": allocation.order_id,
        "location_code": allocation.location,
        "sku": allocation.sku,
        "per_unit": allocation.per_unit,
        "quantity": allocation.quantity,
    }


def _backorder(row: Row[Any]) -> Backorder:
    return Backorder(
        line_id=row.line_id, order_id=row.order_id, sku=row.sku, per_unit=row.per_unit, quantity=row.quantity
    )


def _hold(row: Row[Any]) -> OrderHold:
    return OrderHold(
        id=row.id,
        order_id=row.order_id,
        kind=OrderHoldKind(row.kind),
        reason=row.reason,
        placed_by=row.placed_by,
        placed_at=row.placed_at,
    )


def _hold_row(hold: OrderHold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "order_id": hold.order_id,
        "kind": hold.kind.value,
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_at": hold.placed_at,
    }
