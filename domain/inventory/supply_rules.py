"""What supply may become, and what its arrivals come to in the ledger: pure, each problem at its path."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.catalog.rules import range_problems, text_problems
from domain.errors import InvalidTransition, Problem, conflict, invalid, not_found
from domain.inventory.model import (
    QUANTITY_MAX,
    InboundSupply,
    InboundSupplyStatus,
    LevelKey,
    Levels,
    Movement,
    ReceiveLine,
    SaveInboundSupply,
    StockCounter,
    StockLocation,
    StockMovementReason,
)
from domain.inventory.rules import REFERENCE_LENGTH_MAX, sku_problems

_TOLD = (None, InboundSupplyStatus.ON_ORDER, InboundSupplyStatus.IN_TRANSIT)


# ── Announcing ──


def announcement_problems(
    supply: Sequence[SaveInboundSupply], kits: Mapping[str, bool], locations: Mapping[str, StockLocation]
) -> Iterator[Problem]:
    """What is wrong with lines whatever was announced before. locations: those that the caller may announce to."""
    told = set()
    for place, line in enumerate(supply):
        path = ("supply", place)
        yield from text_problems(line.reference, *path, "reference", length_max=REFERENCE_LENGTH_MAX)
        yield from sku_problems(line.sku, kits, *path, "sku")
        if line.destination not in locations:
            yield not_found(f"There is no location {line.destination!r:.80}.", *path, "destination")
        yield from range_problems(line.quantity, 1, QUANTITY_MAX, *path, "quantity")
        if line.status not in _TOLD:
            yield invalid(
                "Supply is saved as ON_ORDER or IN_TRANSIT; receiveSupply and cancelSupply take it from there.",
                *path,
                "status",
            )
        if line.key in told:
            yield invalid("This reference, SKU and destination are given twice; name them once.", *path)
        told.add(line.key)


def restated(line: SaveInboundSupply, before: InboundSupply, *path: str | int) -> tuple[InboundSupply, list[Problem]]:
    """What was announced, as it is stated now, and why it cannot be that."""
    problems: list[Problem] = []
    if before.status is InboundSupplyStatus.CANCELED:
        problems.append(transition_refused(before, *path))
    elif before.left_a_place and (line.kind is not before.kind or line.quantity != before.ordered):
        problems.append(
            conflict(
                f"{before.reference} is a transfer of {before.ordered} that left {before.origin}: "
                "only its date changes.",
                *path,
            )
        )
    elif line.quantity < before.received:
        problems.append(
            invalid(f"{before.received} of it are there already: at least that many are right.", *path, "quantity")
        )
    origin = before.origin if line.kind is before.kind else None
    after = replace(before, kind=line.kind, origin=origin, ordered=line.quantity, expected_at=line.expected_at)
    return replace(after, status=_status(after, line.status)), problems


def _status(supply: InboundSupply, told: InboundSupplyStatus | None) -> InboundSupplyStatus:
    """A function of its units; of what is due, as it was told, else as it was."""
    if supply.received >= supply.ordered:
        return InboundSupplyStatus.RECEIVED
    if supply.left_a_place:
        return InboundSupplyStatus.IN_TRANSIT
    return told or (supply.status if supply.is_open else InboundSupplyStatus.ON_ORDER)


def transition_refused(supply: InboundSupply, *path: str | int) -> InvalidTransition:
    """Of a step that supply which has arrived, or was canceled, cannot take any more."""
    return InvalidTransition(
        message=f"{supply.reference} of {supply.sku} is {supply.status.value}: nothing more of it is on its way.",
        path=tuple(map(str, path)),
        from_=supply.status.value,
        allowed=(),
    )


# ── Arriving ──


def receipt_problems(lines: Sequence[ReceiveLine], supply: Mapping[str, InboundSupply]) -> Iterator[Problem]:
    """supply: what the caller may receive, by id."""
    times_named = Counter(line.supply_id for line in lines)
    for place, line in enumerate(lines):
        path = ("lines", place)
        of = supply.get(line.supply_id)
        if of is None:
            yield not_found("There is no such supply on its way to a place of yours.", *path, "supplyId")
        elif not of.is_open:
            yield transition_refused(of, *path, "supplyId")
        elif line.quantity > of.due:
            yield invalid(
                f"{of.due} of {of.sku} are due under {of.reference}; {line.quantity} were told. "
                "If more arrived, save the supply with its new quantity first.",
                *path,
                "quantity",
            )
        if times_named[line.supply_id] > 1:
            yield invalid("This supply is named twice; name it once, with all that arrived.", *path, "supplyId")
        if line.quantity < 1:
            yield invalid(f"A quantity is at least 1; {line.quantity} was told.", *path, "quantity")
        yield from range_problems(line.damaged, 0, max(0, line.quantity), *path, "damaged")


@dataclass(frozen=True, slots=True)
class Arrived:
    """The supply as it is then, in the order of the lines; the movements of its arrival; what is wrong with them."""

    supply: tuple[InboundSupply, ...]
    movements: tuple[Movement, ...]
    problems: tuple[Problem, ...]


def arrivals(
    lines: Sequence[ReceiveLine], supply: Mapping[str, InboundSupply], levels: Levels, actor: str, at: datetime
) -> Arrived:
    """What receipts come to. levels: every level that rises, as it is now."""
    after: list[InboundSupply] = []
    movements: list[Movement] = []
    problems: list[Problem] = []
    on_hand: dict[LevelKey, int] = {key: level.on_hand for key, level in levels.items()}
    for place, line in enumerate(lines):
        before = supply[line.supply_id]
        received = replace(before, received=before.received + line.quantity)
        after.append(replace(received, status=_status(received, before.status)))
        on_hand[before.level] += line.quantity
        if on_hand[before.level] > QUANTITY_MAX:
            problems.append(invalid(f"At most {QUANTITY_MAX} are kept at one place.", "lines", place, "quantity"))
        reason = StockMovementReason.TRANSFER_IN if before.left_a_place else StockMovementReason.RECEIPT
        buckets = {StockCounter.ON_HAND: line.quantity, StockCounter.DAMAGED: line.damaged}
        movements += [
            movement(before, before.destination, counter, units, reason, actor, at)
            for counter, units in buckets.items()
            if units
        ]
    return Arrived(tuple(after), tuple(movements), tuple(problems))


def called_off(supply: InboundSupply, actor: str, at: datetime, *, restore: bool) -> list[Movement]:
    """What canceling comes to: units of a transfer return to its origin's books, and are written off from them."""
    if not supply.left_a_place:
        return []
    assert supply.origin is not None
    steps = {StockMovementReason.TRANSFER_IN: supply.due}
    if not restore:
        steps[StockMovementReason.WRITE_OFF] = -supply.due
    return [
        movement(supply, supply.origin, StockCounter.ON_HAND, units, reason, actor, at)
        for reason, units in steps.items()
    ]


def movement(
    supply: InboundSupply,
    location: str,
    counter: StockCounter,
    delta: int,
    reason: StockMovementReason,
    actor: str,
    at: datetime,
) -> Movement:
    """A line of the ledger that tells of supply; it stands there under the supply's reference."""
    return Movement(
        sku=supply.sku,
        location=location,
        counter=counter,
        delta=delta,
        reason=reason,
        actor=actor,
        at=at,
        reference=supply.reference,
    )
