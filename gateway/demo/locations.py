"""The locations' side of the past: they accept, pick, pack, ship and hand over; now and then they cannot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.access import EVERY_ORDER, Role, Viewer
from domain.calendar import add_working_minutes, is_open
from domain.fulfillment.handover import collect_pickup, mark_ready_for_pickup, ship_fulfillment_order
from domain.fulfillment.model import (
    CollectPickup,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Package,
    PickFulfillmentOrder,
    PickLine,
    RejectFulfillmentOrder,
    RejectReason,
    ShipFulfillmentOrder,
)
from domain.fulfillment.service import (
    accept_fulfillment_order,
    pick_fulfillment_order,
    reject_fulfillment_order,
)
from domain.fulfillment.work import locked_in_line
from domain.inventory.model import StockLocation, StockLocationKind
from domain.orders.model import FulfillmentMethod, OrderLine
from domain.places import Address
from domain.world import Reads, UnitOfWork
from gateway.demo.agenda import Agenda, Story
from gateway.demo.buyers import Buyers
from gateway.demo.carriers import Carriers
from persistence.demo.demand import midnight, staff
from persistence.demo.files import Chance
from persistence.demo.retailer import Retailer

# How often a store cannot take work on. Only stores are asked: elsewhere work is picked as it comes.
DECLINED = 0.04
# A shelf is wrong as often as its location's stock is; whoever picks finds a part of it all the same.
MISSED_OF_INACCURATE = 0.8
IN_TWO_ROUNDS = 0.45  # Of work with several lines.
KNOWN_TO_STAFF = 0.15  # Who collects without the code.
# When the carrier's van comes by, local time.
VANS = {
    StockLocationKind.STORE: time(17, 30),
    StockLocationKind.WAREHOUSE: time(20),
    StockLocationKind.THIRD_PARTY: time(18),
    StockLocationKind.SUPPLIER: time(15, 30),
}
# On the last day all go home early, and leave what came in that day as far as each has come: in every state.
LAST_SHIFT_ENDS = timedelta(hours=19, minutes=30)
ALL_STEPS = 3  # Accepted, picked, and what follows.
VAN_SEARCHED_DAYS_MAX = 20  # Longer than any location is closed.
PACKAGING_GRAMS = 180


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A piece of work, with what whoever does it sees: the goods, where they go, and how long they take to be made."""

    task: FulfillmentOrder
    place: StockLocation
    goods: Mapping[str, OrderLine]
    lead_days: int
    address: Address | None
    viewer: Viewer
    chance: Chance


class Locations:
    """last_day: the one that ends with work in every state, for whoever comes next."""

    def __init__(
        self,
        agenda: Agenda,
        buyers: Buyers,
        carriers: Carriers,
        shop: Retailer,
        *,
        seed: int,
        last_day: date,
    ) -> None:
        self._agenda = agenda
        self._last_day_begins = midnight(last_day)
        self._last_shift_ends = midnight(last_day) + LAST_SHIFT_ENDS
        self._buyers = buyers
        self._carriers = carriers
        self._seed = seed
        self._places = {location.code: location for location in shop.locations}
        self._variants = {variant.sku: variant for product in shop.products for variant in product.variants}

    async def hear_of(self, ids: Sequence[str], reads: Reads) -> None:
        """Take up the work that was opened."""
        tasks = await reads.fulfillment.by_id(ids, EVERY_ORDER)
        order_ids = sorted({task.order_id for task in tasks.values()})
        lines = await reads.orders.lines_by_order(order_ids)
        contacts = await reads.orders.contacts_by_order(order_ids)
        for task in (tasks[each] for each in ids):
            goods = {line.id: line for line in lines[task.order_id]}
            job = _Job(
                task=task,
                place=self._places[task.location_code],
                goods=goods,
                lead_days=max(self._variants[goods[line.line_id].sku].lead_time_days for line in task.lines),
                address=contacts[task.order_id].shipping_address,
                viewer=_worker_at(self._places[task.location_code]),
                chance=Chance(self._seed, "work", task.number),
            )
            await self._begin(self._work_off(job))

    async def _begin(self, story: Story) -> None:
        await self._agenda.begin(story, ends_at=self._last_shift_ends)

    async def _work_off(self, job: _Job) -> Story:
        """A piece of work from the first look at it until it is packed."""
        chance, place = job.chance, job.place
        steps = chance.between(0, ALL_STEPS) if job.task.created_at >= self._last_day_begins else ALL_STEPS
        if steps < 1:
            return
        work = yield _working(place, job.task.created_at, chance.between(3, 60))
        if (task := await self._still_wanted(work, job.task, job)) is None:
            return
        if place.kind is StockLocationKind.STORE:
            if chance.happens(DECLINED):
                await self._decline(work, task, job)
                return
            task = await accept_fulfillment_order(work, task.id, job.viewer)
        if steps < 2:
            return

        begins_at = work.clock.now() + timedelta(days=job.lead_days)
        minutes = place.processing_minutes * chance.between(30, 130) // 100
        for line_ids in _rounds(task, chance, in_two=IN_TWO_ROUNDS if steps == ALL_STEPS else 1):
            work = yield _working(place, begins_at, minutes)
            if (wanted := await self._still_wanted(work, task, job)) is None:
                return
            task = await self._pick(work, wanted, line_ids, job)
            if steps < ALL_STEPS:
                return
            begins_at, minutes = work.clock.now(), chance.between(20, 120)
        if any(line.in_hand for line in task.lines):
            is_collected = task.method is FulfillmentMethod.PICKUP
            await self._begin((self._collect if is_collected else self._ship)(task, begins_at, job))

    async def _ship(self, task: FulfillmentOrder, packed_at: datetime, job: _Job) -> Story:
        """The next van takes it along."""
        work = yield _van_after(job.place, packed_at) + timedelta(minutes=job.chance.between(0, 12))
        weight = sum(self._weight(job.goods[line.line_id]) * line.in_hand for line in task.lines)
        command = ShipFulfillmentOrder(
            fulfillment_order_id=task.id,
            tracking_number=None,
            packages=(Package(weight_grams=weight + PACKAGING_GRAMS),),
            lines=None,
            idempotency_key=f"ship-{task.id}",
        )
        shipment = await ship_fulfillment_order(work, command, job.viewer)
        assert job.address, "What is shipped has somewhere to go."
        self._carriers.carry(shipment, job.place, job.address)

    async def _collect(self, task: FulfillmentOrder, packed_at: datetime, job: _Job) -> Story:
        """It waits behind the counter, and whoever ordered it comes by in the next days."""
        chance = job.chance
        work = yield _working(job.place, packed_at, chance.between(3, 25))
        await mark_ready_for_pickup(work, task.id, job.viewer)
        pickup = (await work.fulfillment.pickups_by_fulfillment_order([task.id]))[task.id]

        comes_at = work.clock.now() + timedelta(minutes=chance.between(30, 5_000))
        work = yield _working(job.place, comes_at, chance.between(0, 40))
        is_known = chance.happens(KNOWN_TO_STAFF)
        command = CollectPickup(
            code=None if is_known else work.digests.pickup_code(pickup.id),
            pickup_id=pickup.id if is_known else None,
            lines=None,
            collected_by=None,
            idempotency_key=f"collect-{task.id}",
        )
        await collect_pickup(work, command, job.viewer)

    async def _still_wanted(self, work: UnitOfWork, task: FulfillmentOrder, job: _Job) -> FulfillmentOrder | None:
        """The work as it is now; None where its buyer thought again."""
        if task.order_id not in self._buyers.thought_again:
            return task
        _, tasks = await locked_in_line(work, task.order_id, job.viewer.actor)
        now = next(each for each in tasks if each.id == task.id)
        return now if now.is_open else None

    async def _decline(self, work: UnitOfWork, task: FulfillmentOrder, job: _Job) -> None:
        reason = RejectReason.NO_CAPACITY if job.chance.happens(0.6) else RejectReason.DAMAGED
        command = RejectFulfillmentOrder(
            fulfillment_order_id=task.id, lines=None, reason=reason, idempotency_key=f"reject-{task.id}"
        )
        await reject_fulfillment_order(work, command, job.viewer)
        await self._agenda.begin(self._buyers.be_told(task.order_id, work.clock.now()))

    async def _pick(
        self, work: UnitOfWork, task: FulfillmentOrder, line_ids: Sequence[str], job: _Job
    ) -> FulfillmentOrder:
        lines = tuple(_found(line, job) for line in task.lines if line.line_id in line_ids and line.unpicked)
        if not lines:
            return task
        command = PickFulfillmentOrder(
            fulfillment_order_id=task.id, lines=lines, idempotency_key=f"pick-{task.id}-{line_ids[0]}"
        )
        picked = await pick_fulfillment_order(work, command, job.viewer)
        if any(line.short_reason for line in lines):
            await self._agenda.begin(self._buyers.be_told(task.order_id, work.clock.now()))
        return picked

    def _weight(self, line: OrderLine) -> int:
        return self._variants[line.sku].weight_grams or 0


def _worker_at(place: StockLocation) -> Viewer:
    """In stores associates work; in warehouses, and for partners, operations does."""
    is_store = place.kind is StockLocationKind.STORE
    return staff(Role.ASSOCIATE, place.code) if is_store else staff(Role.OPERATIONS)


def _rounds(task: FulfillmentOrder, chance: Chance, *, in_two: float) -> Iterator[Sequence[str]]:
    """The lines that are picked together: all, or the first one before the rest; in_two: how often."""
    ids = [line.line_id for line in task.lines]
    if len(ids) > 1 and chance.happens(in_two):
        yield ids[:1]
        yield ids[1:]
    else:
        yield ids


def _found(line: FulfillmentOrderLine, job: _Job) -> PickLine:
    """All of a line; or part of it, where the shelf does not have what the stock says."""
    inaccuracy = 1 - (job.place.stock_accuracy or 1)
    if not job.chance.happens(inaccuracy * MISSED_OF_INACCURATE):
        return PickLine(line.line_id, line.unpicked)
    return PickLine(line.line_id, job.chance.between(0, line.unpicked - 1), RejectReason.NOT_FOUND)


def _working(place: StockLocation, since: datetime, minutes: int) -> datetime:
    """When so many of a place's open minutes have passed."""
    at = add_working_minutes(place.calendar, since, minutes)
    assert at, f"{place.code} opens at some time."
    return at


def _van_after(place: StockLocation, packed_at: datetime) -> datetime:
    """When the carrier next comes by: once on each day on which the place is open at that time."""
    local = packed_at.astimezone(ZoneInfo(place.timezone))
    for days in range(VAN_SEARCHED_DAYS_MAX):
        comes_at = datetime.combine(local.date() + timedelta(days=days), VANS[place.kind], local.tzinfo)
        if comes_at >= local and is_open(place.calendar, comes_at):
            return comes_at
    raise AssertionError(f"{place.code} is open when the van comes by.")
