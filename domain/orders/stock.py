"""Stock for orders: what an availability view promises of it, less what others of the same batch take."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from domain.availability.model import Goods
from domain.availability.rules import to_promise, to_wait_for
from domain.availability.weighing import Weighing
from domain.inventory.model import LevelKey
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
    units, beyond = {}, {}
    for sku in skus:
        for code, free in to_promise(sku, weighing, goods).items():
            if code not in without:
                units[sku, code] = free - taken.units[sku, code]
        beyond[sku] = to_wait_for(sku, weighing, goods) - taken.waiting[sku]
    return Free(units, beyond)
