"""Stock held for quotes: reserved and given back by movements, and no longer counted from the instant it lapses.

Nobody has to be quick for that. Readers count what has lapsed as free (`ReservationsReads.lapsed`); who is about to
decide on locked levels sweeps these first (`lock_swept`); a job of the quote sweeps the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from domain.inventory.model import LevelKey, Levels, Movement, Reservation, StockCounter, StockMovementReason
from domain.inventory.ports import Inventory, Reservations

SWEEPER = "system"  # Who gives back what lapsed, in the ledger.


class ReservingWork(Protocol):
    @property
    def inventory(self) -> Inventory: ...
    @property
    def reservations(self) -> Reservations: ...


async def lock_swept(work: ReservingWork, keys: Iterable[LevelKey], now: datetime) -> Levels:
    """The levels, locked as `lock_levels` does, without what had lapsed there: that is given back first."""
    wanted = list(keys)
    levels = dict(await work.inventory.lock_levels(wanted))
    swept = await work.reservations.sweep(wanted, now)
    await work.inventory.move(moved(swept, (), SWEEPER, now))
    for key, units in units_by_level(swept).items():
        levels[key] = replace(levels[key], reserved=levels[key].reserved - units)
    return levels


def moved(before: Sequence[Reservation], after: Sequence[Reservation], actor: str, at: datetime) -> list[Movement]:
    """The movements that make reservations of `before` those of `after`; one that only lasts longer moves nothing."""
    units: dict[tuple[str, LevelKey], int] = {}
    for reservations, sign in ((before, -1), (after, 1)):
        for each in reservations:
            name = each.reference, each.key
            units[name] = units.get(name, 0) + sign * each.units
    return [
        Movement(
            sku=key[0],
            location=key[1],
            counter=StockCounter.RESERVED,
            delta=delta,
            reason=StockMovementReason.RESERVATION if delta > 0 else StockMovementReason.RESERVATION_RELEASE,
            actor=actor,
            at=at,
            reference=reference,
        )
        for (reference, key), delta in units.items()
        if delta
    ]


def units_by_level(reservations: Iterable[Reservation]) -> Mapping[LevelKey, int]:
    units: dict[LevelKey, int] = {}
    for each in reservations:
        units[each.key] = units.get(each.key, 0) + each.units
    return units
