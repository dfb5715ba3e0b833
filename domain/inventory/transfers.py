"""Stock that is sent from one place of ours to another: it leaves the one at once, and is on its way to the other."""

from collections.abc import Iterator, Mapping

from domain.access import Viewer, locations_stocked
from domain.catalog.rules import range_problems, text_problems
from domain.errors import ErrorCode, InsufficientStock, Problem, Refused, conflict, invalid, not_found, refuse_all
from domain.events import EventKind, NewEvent
from domain.idempotency import Asked, first_answer
from domain.ids import Ids, prefixed
from domain.inventory.model import (
    QUANTITY_MAX,
    SUPPLY_LINES_MAX,
    InboundSupply,
    InboundSupplyKind,
    InboundSupplyStatus,
    Levels,
    StockCounter,
    StockLocation,
    StockMovementReason,
    SupplyKey,
    TransferStock,
)
from domain.inventory.reservations import lock_swept
from domain.inventory.rules import REFERENCE_LENGTH_MAX, sku_problems
from domain.inventory.supply import SupplyWork, as_it_is, told
from domain.inventory.supply_rules import movement


async def transfer_stock(work: SupplyWork, command: TransferStock, viewer: Viewer) -> list[InboundSupply]:
    """Units leave the origin now and are on their way to the destination, where `receive_supply` takes them in.

    What may leave is what is whole and promised to nobody; of safety stock too, which is kept back from buyers and not
    from those who run the place. All lines or none. Answers the supply in the order of the lines; under a key used
    before, the same supply as it is now. An associate sends from their own places, to any.
    """
    asked = Asked(viewer, command.idempotency_key, command)
    answer = await first_answer(work.keys, asked)
    if answer is not None:
        return await as_it_is(work.supply, answer["supply"])
    if not 1 <= len(command.lines) <= SUPPLY_LINES_MAX:
        raise Refused(invalid(f"1 to {SUPPLY_LINES_MAX} lines are transferred at a time.", "lines"))

    kits = await work.catalog.are_kits(sorted({line.sku for line in command.lines}))
    locations = dict(await work.inventory.locations_by_code([command.origin, command.destination]))
    if not locations_stocked(viewer).includes(command.origin):
        locations.pop(command.origin, None)
    refuse_all(list(_problems(command, kits, locations)))
    sent = _sent(command, work.ids)
    there = await work.supply.open(sent)
    at = work.clock.now()
    levels = await lock_swept(work, [(line.sku, command.origin) for line in command.lines], at)

    refuse_all([*_told_before(sent, there), *_short(command, levels)])

    counter, reason = StockCounter.ON_HAND, StockMovementReason.TRANSFER_OUT
    await work.inventory.move(
        [movement(each, command.origin, counter, -each.ordered, reason, viewer.actor, at) for each in sent]
    )
    data = {
        "reference": command.reference,
        "origin": command.origin,
        "location": command.destination,
        **told(sent, {each.id: each.ordered for each in sent}),
    }
    work.record(
        NewEvent(
            kind=EventKind.STOCK_TRANSFERRED,
            subject=prefixed("loc", command.origin),
            actor=viewer.actor,
            at=at,
            data=data,
        )
    )
    await work.keys.keep([(asked, {"supply": [each.id for each in sent]})])
    return sent


def _problems(
    command: TransferStock, kits: Mapping[str, bool], locations: Mapping[str, StockLocation]
) -> Iterator[Problem]:
    """What is wrong whatever the levels are. locations: the origin among them only if the caller may send from it."""
    yield from text_problems(command.reference, "reference", length_max=REFERENCE_LENGTH_MAX)
    for name, code in (("origin", command.origin), ("destination", command.destination)):
        if code not in locations:
            yield not_found(f"There is no location {code!r:.80}.", name)
    if command.origin == command.destination:
        yield invalid("A transfer goes from one place to another.", "destination")
    named = set()
    for place, line in enumerate(command.lines):
        yield from sku_problems(line.sku, kits, "lines", place, "sku")
        yield from range_problems(line.quantity, 1, QUANTITY_MAX, "lines", place, "quantity")
        if line.sku in named:
            yield invalid(f"{line.sku!r:.80} is named twice; name it once, with all its units.", "lines", place, "sku")
        named.add(line.sku)


def _sent(command: TransferStock, ids: Ids) -> list[InboundSupply]:
    return [
        InboundSupply(
            id=ids.new("sup"),
            reference=command.reference,
            kind=InboundSupplyKind.TRANSFER,
            sku=line.sku,
            destination=command.destination,
            origin=command.origin,
            ordered=line.quantity,
            received=0,
            allocated=0,
            expected_at=command.expected_at,
            status=InboundSupplyStatus.IN_TRANSIT,
        )
        for line in command.lines
    ]


def _told_before(sent: list[InboundSupply], there: Mapping[SupplyKey, InboundSupply]) -> Iterator[Problem]:
    for place, each in enumerate(sent):
        if each.key in there:
            yield conflict(
                f"{each.sku} is on its way to {each.destination} under {each.reference} already, or was. "
                "Another transfer has another reference.",
                "lines",
                place,
                "sku",
            )


def _short(command: TransferStock, levels: Levels) -> Iterator[Problem]:
    for place, line in enumerate(command.lines):
        level = levels.get((line.sku, command.origin))
        free = max(0, level.free + level.safety_stock) if level else 0
        if line.quantity > free:
            yield InsufficientStock(
                code=ErrorCode.INSUFFICIENT_STOCK,
                message=f"{free} of {line.sku} can leave {command.origin}; {line.quantity} were asked.",
                path=("lines", str(place), "quantity"),
                sku=line.sku,
                requested=line.quantity,
                available=free,
            )
