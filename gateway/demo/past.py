"""Some weeks of trade, made by the services themselves: buyers, locations and carriers, each with their stories."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from domain.clock import SetClock
from domain.events import EventKind
from gateway.demo.agenda import Agenda
from gateway.demo.buyers import Buyers
from gateway.demo.carriers import Carriers
from gateway.demo.locations import Locations
from gateway.wiring import Process
from gateway.worker import Worker
from persistence.demo.demand import Demand, Sale, midnight
from persistence.demo.retailer import Retailer

# What happens within so long is one transaction, and its orders are one batch: for each of its own there is no time.
WAVE = timedelta(hours=1)
_EVENTS_READ_MAX = 1_000  # A wave opens a few dozen pieces of work.


class Past:
    """days: local days, in their order; what is not done by the end of the last one stays undone."""

    def __init__(
        self,
        process: Process,
        clock: SetClock,
        shop: Retailer,
        days: Sequence[date],
        *,
        seed: int,
        orders_per_day: int | None,
    ) -> None:
        self._world = process.world
        self._clock = clock
        self._worker = Worker(process.world, process.jobs, process.bus)
        self._days = days
        self._demand = Demand(shop, seed, orders_per_day)
        self._agenda = Agenda(clock)
        self._buyers = Buyers(seed)
        self._carriers = Carriers(shop, seed)
        self._locations = Locations(
            self._agenda,
            self._buyers,
            self._carriers,
            shop,
            seed=seed,
            last_day=days[-1],
        )
        self._read_up_to = 0

    async def make(self, progress: Callable[[str, float], None]) -> None:
        self._read_up_to = await self._world.reads.log.end()
        await self._agenda.begin(self._carriers.tell(self._clock.now()))
        for number, day in enumerate(self._days):
            progress("Weeks of orders", number / len(self._days))
            sales = []
            for sale in self._demand.of_day(day, is_last=day == self._days[-1]):
                if sale.is_paid_at_once:
                    sales.append(sale)
                else:
                    await self._agenda.begin(self._buyers.struggle(sale))
            for hour in range(round((midnight(day + timedelta(days=1)) - midnight(day)) / WAVE)):
                ends_at = midnight(day) + (hour + 1) * WAVE
                await self._live_until(ends_at, [sale for sale in sales if ends_at - WAVE <= sale.at < ends_at])
        self._clock.set(midnight(self._days[-1] + timedelta(days=1)))
        await self._worker.run_until_idle()
        progress("Weeks of orders", 1)
        await self._agenda.close()

    async def _live_until(self, wave_ends: datetime, sales: Sequence[Sale]) -> None:
        """What happens in a wave, then its orders as a batch, then what follows from all of it."""
        if not sales and not self._agenda.has_anything_before(wave_ends):
            return
        async with self._world.work() as work:
            await self._agenda.go_on(work, wave_ends)
            self._clock.set(wave_ends)
            for story in await self._buyers.place(work, sales):
                await self._agenda.begin(story)
        await self._worker.run_until_idle()
        await self._hand_out_work()

    async def _hand_out_work(self) -> None:
        """Locations hear of their work as any system would: from the event feed."""
        log = self._world.reads.log
        opened = await log.after(self._read_up_to, _EVENTS_READ_MAX, kinds=[EventKind.FULFILLMENT_ORDER_OPENED.value])
        if opened:
            self._read_up_to = opened[-1].position
            await self._locations.hear_of([event.subject for event in opened], self._world.reads)
