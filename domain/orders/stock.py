"""Stock for orders: what an availability view promises of it, less what others of the same batch take."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from domain.availability.model import Counts, Goods
from domain.availability.rules import to_order, to_promise
from domain.availability.weighing import Weighing
from domain.inventory.model import LevelKey, Levels, StockLevel
from domain.inventory.reservations import ReservingWork, lock_swept
from domain.sourcing.rules import Free


@dataclass(slots=True)
class Taken:
    """What those of a batch that were decided before take: units by level, and units waited for by SKU."""

    units: Counter[LevelKey] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)


def free_through(
    weighing: Weighing,
    goods: Goods,
    skus: Iterable[str],
    taken: Taken | None = None,
    without: Collection[str] = (),
) -> Free:
    """What a view promises of some stocked SKUs, as availability answers it, less what was taken since it was read.

    without: codes of locations that are not to be asked.
    """
    taken = taken or Taken()
    gone = Counter[str]()
    for (sku, _), count in taken.units.items():
        gone[sku] += count
    units, in_all = {}, {}
    for sku in skus:
        for code, free in to_promise(sku, weighing, goods).items():
            if code not in without:
                units[sku, code] = free - taken.units[sku, code]
        in_all[sku] = to_order(sku, weighing, goods) - gone[sku] - taken.waiting[sku]
    return Free(units, in_all)


async def locked_levels(work: ReservingWork, keys: set[LevelKey], goods: Goods, now: datetime) -> Levels:
    """Levels to be decided on, locked; what has lapsed of any hold on the goods is given back first."""
    if goods.lapsed:
        return await lock_swept(work, keys | goods.lapsed, now)
    return await work.inventory.lock_levels(keys)


def left_on(level: StockLevel | None, weighing: Weighing, goods: Goods, own: int = 0) -> int:
    """Units of a locked level that a view promises to who holds `own` of those reserved there.

    What a view keeps back was there before it was held: it takes nothing from who holds it.
    """
    if level is None:
        return 0
    counts = Counts._make(getattr(level, name) for name in Counts._fields)
    kept_back = weighing.kept_back(goods.variants[level.sku], goods.locations[level.location], counts)
    return own + max(counts.free - kept_back, min(counts.free, 0))
