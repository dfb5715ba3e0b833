"""Events: read as a feed, and followed live, each once and in order."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from graphql import GraphQLError

from domain.access import Scope
from domain.errors import Problem, Refused, invalid, not_found, refuse_all
from domain.events import Event, EventKind, FellBehind, cursor_of, position_of, slice_of
from domain.orders.model import NO_FILTER, Order, OrderFilter
from domain.paging import page
from resolvers import orders
from resolvers.context import Context
from resolvers.pages import Connection
from resolvers.sharing import Shared

if TYPE_CHECKING:
    from schema import orders as schema

# Read at once while catching up: one statement each, and no more in hand than a slow socket can keep waiting.
BATCH = 100
CURSOR_EXPIRED = "CURSOR_EXPIRED"
_KINDS = frozenset(kind.value for kind in EventKind)


# ── Asking ──


async def event_cursor(context: Context) -> str:
    """The gateway reads the end of the log before the operation begins; it is read here where it did not."""
    return context.event_cursor or cursor_of(await context.world.reads.log.end())


async def event_feed(context: Context, after: str | None, kinds: Sequence[str] | None, first: int | None) -> Connection:
    asked = page(first, after)
    unknown: list[Problem] = [
        invalid(f"There is no kind of event called {kind!r}.", "kinds", i)
        for i, kind in enumerate(kinds or ())
        if kind not in _KINDS
    ]
    refuse_all(unknown)
    position = await position_after(context, after or "")
    events = await context.world.reads.log.after(position, asked.size + 1, kinds=kinds or ())
    return Connection(slice_of(events, position, asked.size))


async def events_by_id(context: Context, ids: Sequence[str]) -> Mapping[str, Event]:
    """Those of orders the caller may see; all, with the scope for it."""
    found = await context.world.reads.log.by_id(ids)
    if context.has(Scope.EVENTS_READ):
        return found
    order_ids = {event.order_id for event in found.values() if event.order_id}
    seen = await orders.orders_by_id(context, sorted(order_ids))
    return {event.id: event for event in found.values() if event.order_id in seen}


# ── Following ──


@dataclass(frozen=True, slots=True)
class OrderStatusChange:
    """An event, and its order as it is now."""

    event: Event
    order: Order

    @property
    def cursor(self) -> str:
        return self.event.cursor


Changes = AsyncGenerator[OrderStatusChange, None]


async def order_status_changed(
    context: Context, order_id: str | None, number: str | None, access_token: str | None, after: str | None
) -> Changes:
    """One order's steps; without `after`, from its latest event on.

    Raises Refused, before anything is sent, where there is no such order for the caller or no such cursor.
    """
    asked_id = await _order_asked(context, order_id, number, access_token)
    if after is None:
        latest = await context.world.reads.log.latest(asked_id)
        return _changes(context, latest.position - 1 if latest else 0, order_id=asked_id)
    return _changes(context, await position_after(context, after), order_id=asked_id)


async def order_events(context: Context, filter: "schema.OrderFilter | None", after: str | None) -> Changes:
    """The steps of all orders that the caller may see and that pass the filter; without `after`, from now on."""
    wanted = orders.order_filter(filter)
    position = await context.world.reads.log.end() if after is None else await position_after(context, after)
    return _changes(context, position, filter=wanted)


async def _order_asked(context: Context, order_id: str | None, number: str | None, access_token: str | None) -> str:
    opened = context.open_order(access_token) if access_token is not None else None
    named = order_id if order_id is not None or number is not None else opened
    if named is None and number is None and access_token is None:
        raise Refused(invalid("Name the order: by orderId, by number, or by its access token.", "orderId"))
    reads, seen = context.world.reads.orders, context.orders_seen
    if named is not None:
        order = (await reads.by_id([named], seen)).get(named)
    else:
        order = (await reads.by_number([number or ""], seen)).get(number or "")
    if order is None:
        raise Refused(not_found("There is no such order.", "orderId" if order_id is not None else "number"))
    return order.id


async def position_after(context: Context, cursor: str) -> int:
    """Where a cursor resumes; the empty one at the beginning of what is kept.

    Raises Refused where it is none of ours, and a GraphQL error where what follows it is no longer kept.
    """
    log = context.world.reads.log
    position = position_of(cursor)
    if position is None or position > await log.end():
        raise Refused(invalid("This is no cursor of the event log. Pass one that an event had.", "after"))
    if cursor and position + 1 < await log.oldest():
        raise GraphQLError(
            "What followed this cursor is no longer kept. Read afresh, and go on from `eventCursor`.",
            extensions={"code": CURSOR_EXPIRED, "path": ["after"]},
        )
    return position


async def _changes(
    context: Context, position: int, *, order_id: str | None = None, filter: OrderFilter = NO_FILTER
) -> Changes:
    """Each event with its order as it is then, until the caller's token ends, or their right to the one order."""
    async with aclosing(batches(context, position, order_id)) as found:
        async for batch in found:
            shared = context.shared if batch.is_live else Shared()
            events = batch.events if filter == NO_FILTER else await _matching(context, shared, batch.events, filter)
            for event in events:
                if has_expired(context):
                    return
                change = await _change(context, shared, event)
                if change is not None:
                    yield change
                elif order_id:
                    return


# All who follow live are woken by the same event; what they then read, they read once for all of them. Not so whoever
# catches up: what others read before is not what is so now.


async def _matching(context: Context, shared: Shared, events: Sequence[Event], filter: OrderFilter) -> Sequence[Event]:
    seen, ids = context.orders_seen, sorted({event.order_id for event in events if event.order_id})

    async def work() -> Sequence[Event]:
        matching = await context.world.reads.orders.matching(ids, filter, seen) if ids else frozenset()
        return [event for event in events if event.order_id in matching]

    return await shared.get(("events", events[0].position, events[-1].position, len(events), filter, seen), work)


async def _change(context: Context, shared: Shared, event: Event) -> OrderStatusChange | None:
    """An event with its order as it is now; None where the caller may not see it (any more)."""
    seen, order_id = context.orders_seen, event.order_id
    if order_id is None:
        return None

    async def work() -> OrderStatusChange | None:
        order = (await context.world.reads.orders.by_id([order_id], seen)).get(order_id)
        return OrderStatusChange(event, order) if order else None

    return await shared.get(("order change", event.position, seen), work)


class Batch(NamedTuple):
    """Events in the log's order; live ones go to all who follow at the same moment."""

    events: Sequence[Event]
    is_live: bool


async def batches(
    context: Context, position: int, order_id: str | None = None, kinds: frozenset[str] = frozenset()
) -> AsyncGenerator[Batch, None]:
    """The log after a position: what is kept, then what happens, without gap or repetition.

    Of one order or of some kinds, where they are named.
    """
    while True:
        # Followed first, so that what happens while the log is read waits its turn.
        with context.world.live.follow(order_id=order_id, for_s=seconds_left(context)) as tail:
            while kept := await context.world.reads.log.after(position, BATCH, kinds=sorted(kinds), order_id=order_id):
                position = kept[-1].position
                yield Batch(kept, is_live=False)
            try:
                async for live in tail:
                    if new := [event for event in live if event.position > position]:
                        position = new[-1].position
                        if told := [event for event in new if not kinds or event.kind in kinds]:
                            yield Batch(told, is_live=True)
            except FellBehind:
                continue
            return


def seconds_left(context: Context) -> float | None:
    """Until the caller's token ends."""
    ends_at = context.viewer.expires_at
    return (ends_at - context.world.clock.now()).total_seconds() if ends_at else None


def has_expired(context: Context) -> bool:
    ends_at = context.viewer.expires_at
    return ends_at is not None and ends_at <= context.world.clock.now()
