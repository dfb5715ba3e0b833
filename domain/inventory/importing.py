"""Stock from files: a feed of many places and any length, taken in batch by batch.

The file is one feed of one moment, and every batch of it is: what `feeds` says of figures, of what moved since, of
counts and of later feeds holds. So a batch taken twice changes nothing, and an import that was stopped is begun again.
What a snapshot does not list is zeroed after its last batch.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import NamedTuple

from domain.catalog.rules import range_problems, text_problems
from domain.errors import Problem, Refused, conflict, not_found, refuse_all
from domain.inventory.feeds import brought_in_line, moment_problems, moved_since, overtaken, synced
from domain.inventory.model import BIN_LENGTH_MAX, QUANTITY_MAX, LevelKey, Movement, StockFeedMode
from domain.inventory.rules import sku_problems
from domain.inventory.service import StockWork

UNITS_DIGITS_MAX = 20  # More is no count of anything, and Python refuses to read thousands of them.

COLUMNS = ("sku", "location", "quantity")  # And a bin, where the file has one.
CELLS_MAX = 50  # Of a line with too few or too many, any two of which may name a level.

ACTOR = "import"


class StockLine(NamedTuple):
    """number: of the line in its file. key: the level it tells of. quantity: all units there, 0 to QUANTITY_MAX."""

    number: int
    key: LevelKey
    quantity: int
    bin: str | None


class Rejected(NamedTuple):
    """A line left out, and why.

    named: levels that it may tell of; None where they could be any. is_in_part: the end of it may be missing.
    """

    number: int
    reason: str
    named: Sequence[LevelKey] | None
    is_in_part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTerms:
    """locations: those that lines may tell of; none is any. Else as `SyncStock`."""

    mode: StockFeedMode
    as_of: datetime
    includes_allocated: bool
    locations: frozenset[str] = frozenset()


@dataclass(slots=True)
class Taken:
    """What became of lines. moved: how many levels changed."""

    lines: Sequence[StockLine]
    rejected: list[Rejected]
    moved: int = 0


# ── A line ──


def read_line(number: int, sku: object, location: object, quantity: object, bin: object) -> StockLine | Rejected:
    """A line as the file has it, understood or refused. An empty or missing bin is none."""
    if not isinstance(sku, str) or not isinstance(location, str):
        return Rejected(number, "A line has a SKU, a location and a quantity; the first two are texts.", None)
    key = (sku.strip(), location.strip())
    units = _units(quantity)
    if quantity is None or quantity == "":
        return Rejected(number, "It has no quantity.", [key], is_in_part=True)
    if units is None:
        return Rejected(number, f"{quantity!r:.80} is no quantity: whole units are right.", [key])
    if not 0 <= units <= QUANTITY_MAX:
        (problem,) = range_problems(units, 0, QUANTITY_MAX)
        return Rejected(number, problem.message, [key])
    shelf = bin.strip() if isinstance(bin, str) else bin
    if shelf is None or shelf == "":
        return StockLine(number, key, units, None)
    if not isinstance(shelf, str) or any(text_problems(shelf, length_max=BIN_LENGTH_MAX)):
        right = f"a text of at most {BIN_LENGTH_MAX} characters is right."
        return Rejected(number, f"{shelf!r:.80} is no bin: {right}", [key])
    return StockLine(number, key, units, shelf)


def misaligned(number: int, cells: Sequence[str], header: Sequence[str]) -> Rejected:
    """A line that has more or fewer cells than the header: its SKU and location are two of them, in the header's order.

    So what it tells of is among what those two could be, and stays as it is where the rest of a snapshot is zeroed.
    """
    reason = f"Its columns are {len(cells)}; the header has {len(header)}."
    if len(cells) > CELLS_MAX:
        return Rejected(number, reason, None)
    named: list[LevelKey] = list(combinations([cell.strip() for cell in cells], 2))
    if header.index("location") < header.index("sku"):
        named = [(sku, location) for location, sku in named]
    return Rejected(number, reason, named, is_in_part=len(cells) < len(header))


def _units(quantity: object) -> int | None:
    if isinstance(quantity, str):
        digits = quantity.strip()
        unsigned = digits.removeprefix("-")
        is_whole = unsigned.isascii() and unsigned.isdigit() and len(unsigned) <= UNITS_DIGITS_MAX
        return int(digits) if is_whole else None
    return quantity if isinstance(quantity, int) and not isinstance(quantity, bool) else None


# ── A batch ──


async def take_in_stock(work: StockWork, lines: Sequence[StockLine], terms: StockTerms) -> Taken:
    """Make levels what the lines say was there; what cannot be is left out, and says why.

    lines: each level once. Levels that do not exist are made. Feeds of the same locations wait for each other.
    """
    at = work.clock.now()
    taken = await _known(work, lines, terms)
    told = {line.key: line.quantity for line in taken.lines}
    levels = await work.inventory.open_levels(told, at)
    since = await moved_since(work, levels, terms.as_of)

    movements = brought_in_line(told, levels, since, terms.as_of, ACTOR, at, nets=terms.includes_allocated)
    bins = {line.key: line.bin for line in taken.lines if line.bin is not None and line.bin != levels[line.key].bin}

    listed = Counter(location for _, location in told)
    taken.moved = await _record(work, movements, listed, terms, at)
    await work.inventory.set_bins(bins)
    return taken


async def zero_unlisted(work: StockWork, location: str, skus: Sequence[str], terms: StockTerms) -> int:
    """Make levels zero that a snapshot, now read to its end, does not list; answers how many that were.

    As a feed does: what came after its moment stays, and so does what was counted since. Raises Refused, and changes
    nothing, where a later feed of the location was taken meanwhile.
    """
    at = work.clock.now()
    last = (await work.inventory.take_feeds([location], terms.as_of))[location]
    if last > terms.as_of:
        raise Refused(conflict(overtaken(location, last)))
    levels = await work.inventory.lock_levels([(sku, location) for sku in skus])
    since = await moved_since(work, levels, terms.as_of)

    movements = brought_in_line({}, levels, since, terms.as_of, ACTOR, at, nets=terms.includes_allocated)

    return await _record(work, movements, {}, terms, at)


async def check_terms(work: StockWork, terms: StockTerms) -> None:
    """Raises Refused where nothing could be taken in so."""
    known = await work.inventory.locations_by_code(sorted(terms.locations))
    problems = [_no_location(code) for code in sorted(terms.locations - known.keys())]
    refuse_all([*problems, *moment_problems(terms.as_of, work.clock.now())])


async def _known(work: StockWork, lines: Sequence[StockLine], terms: StockTerms) -> Taken:
    """The lines of SKUs and places there are, and those that cannot be taken. The places are then ours to feed."""
    kits = await work.catalog.are_kits(sorted({line.key[0] for line in lines}))
    named = {line.key[1] for line in lines}
    known = await work.inventory.locations_by_code(sorted(named & (terms.locations or named)))
    reasons = {line.key: _reason(line.key, kits, known.keys(), terms) for line in lines}
    fed = {line.key[1] for line in lines if not reasons[line.key]}
    for location, last in (await work.inventory.take_feeds(sorted(fed), terms.as_of)).items():
        if last > terms.as_of:
            sentence = overtaken(location, last)
            reasons |= {key: reason or sentence for key, reason in reasons.items() if key[1] == location}
    return Taken(
        [line for line in lines if not reasons[line.key]],
        [Rejected(line.number, reason, [line.key]) for line in lines if (reason := reasons[line.key])],
    )


def _reason(key: LevelKey, kits: Mapping[str, bool], known: Collection[str], terms: StockTerms) -> str:
    """Why a line cannot be taken; empty where it can."""
    sku, location = key
    if location not in known:
        is_other = bool(terms.locations) and location not in terms.locations
        return f"{location!r:.80} is none of the locations asked for." if is_other else _no_location(location).message
    return "".join(problem.message for problem in sku_problems(sku, kits))


def _no_location(code: str) -> Problem:
    return not_found(f"There is no location {code!r:.80}.")


async def _record(
    work: StockWork, movements: Sequence[Movement], listed: Mapping[str, int], terms: StockTerms, at: datetime
) -> int:
    """Write movements, and tell of each location's; answers how many they are. listed: lines, by location."""
    await work.inventory.move(movements)
    moved = Counter(movement.location for movement in movements)
    for location, count in sorted(moved.items()):
        lines = listed.get(location, 0)
        work.record(synced(location, terms.mode, terms.as_of, lines, count, ACTOR, at))
    return len(movements)
