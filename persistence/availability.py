"""What availability needs to know: stock as it is now, in one statement, and the catalog as it is remembered.

Stock changes all the time and is read each time. What variants, locations, channels and views are changes seldom, so
each process remembers it, and asks together with the stock whether it is still so: `catalog_generation` has another
number after each transaction that wrote to them, whoever wrote (triggers see to it: migrations 0003 and 0004).

Nothing that is answered is older than the question. A number is read before whatever is remembered under it; so what
is remembered is at least as new as the number. And a number that is read with the stock, after the question came, says
that nothing was committed since to make it old.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import groupby
from operator import itemgetter
from time import monotonic
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from domain.availability.model import Counts, Due, Goods
from domain.availability.views import KeptView, uses_load
from domain.catalog.model import SKU_LENGTH_MAX, Channel, Variant
from domain.catalog.rules import ancestors, can_be_kept
from domain.clock import Clock
from domain.inventory.model import InboundSupplyKind, InboundSupplyStatus, LevelKey, StockLocation
from persistence.catalog import SqlCatalog
from persistence.database import Database, Statements
from persistence.direct import DIRECT_CONNECTIONS
from persistence.inventory import SqlInventory
from persistence.joined import JoinedReads
from persistence.sql import among_texts
from persistence.supply import IS_OPEN
from persistence.tables.catalog import GENERATION
from persistence.tables.columns import UtcDateTime
from persistence.tables.inventory import LEVELS, RESERVATIONS, SUPPLY
from persistence.tables.orders import BACKORDERS
from persistence.views import SqlViews

T = TypeVar("T", Counts, Due)

# Variants that a process remembers: 150 MB of them, of which the garbage collector sees two objects each. To read those
# of a page takes as long as to answer about them. Then it starts anew.
VARIANTS_MAX = 100_000

SKUS_TOGETHER_MAX = 2_000  # Read by one statement for several callers: a few milliseconds.

# How old it may be how much work stores have: as old as anything a process answers, for it is added up over all orders.
LOAD_S = 1.0

# ── One statement ──

# What a row of the statement tells of: the generation, in one row; a level; units on their way; units waited for; units
# of holds that have lapsed and that nobody swept yet.
_GENERATION, _LEVEL, _DUE, _WAITED_FOR, _LAPSED = range(5)
_COUNTERS = Counts._fields[2:]
_KINDS, _STATUSES = tuple(InboundSupplyKind), tuple(InboundSupplyStatus)
# Thousands in an answer, so that no Python runs for each of them: it would in `Counts._make`.
_COLUMNS_OF_COUNTS = itemgetter(slice(1, 1 + len(Counts._fields)))
_COUNTS_OF: Callable[[Iterable[Any]], Counts] = partial(tuple.__new__, Counts)
_LOCATION = itemgetter(2)


def _telling(
    what: int,
    *figures: ColumnElement[Any],
    sku: ColumnElement[Any] | None = None,
    location: ColumnElement[Any] | None = None,
    at: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """Rows of one kind, all with the same columns: as many figures as a level has, and an instant."""
    no_text, no_number, no_instant = (cast(null(), of) for of in (Text, BigInteger, UtcDateTime))
    padded = [*figures, *(no_number for _ in _COUNTERS[len(figures) :])]
    return select(
        literal_column(str(what)).label("what"),
        (no_text if sku is None else sku).label("sku"),
        (no_text if location is None else location).label("location"),
        *(figure.label(name) for name, figure in zip(_COUNTERS, padded, strict=True)),
        (no_instant if at is None else at).label("at"),
    )


def _place_among(values: Sequence[Enum], column: ColumnElement[Any]) -> ColumnElement[Any]:
    return case(
        *(
            (column == literal_column(f"'{each.value}'"), literal_column(str(place)))
            for place, each in enumerate(values)
        )
    )


_LEVELS = _telling(
    _LEVEL, *(LEVELS.c[name] for name in _COUNTERS), sku=LEVELS.c.sku, location=LEVELS.c.location_code
).where(among_texts(LEVELS.c.sku, "skus"))
_SUPPLY = _telling(
    _DUE,
    SUPPLY.c.ordered - SUPPLY.c.received,
    _place_among(_KINDS, SUPPLY.c.kind),
    _place_among(_STATUSES, SUPPLY.c.status),
    sku=SUPPLY.c.sku,
    location=SUPPLY.c.destination_code,
    at=SUPPLY.c.expected_at,
).where(among_texts(SUPPLY.c.sku, "skus"), IS_OPEN)
_WAITING = (
    _telling(_WAITED_FOR, cast(func.sum(BACKORDERS.c.quantity), BigInteger), sku=BACKORDERS.c.sku)
    .where(among_texts(BACKORDERS.c.sku, "skus"))
    .group_by(BACKORDERS.c.sku)
)
_HOLDS = (
    _telling(
        _LAPSED,
        cast(func.sum(RESERVATIONS.c.units), BigInteger),
        sku=RESERVATIONS.c.sku,
        location=RESERVATIONS.c.location_code,
    )
    .where(
        among_texts(RESERVATIONS.c.sku, "skus"),
        RESERVATIONS.c.expires_at <= bindparam("now", type_=UtcDateTime()),
    )
    .group_by(RESERVATIONS.c.sku, RESERVATIONS.c.location_code)
)
_EVERYTHING = union_all(_telling(_GENERATION, GENERATION.c.number), _LEVELS, _SUPPLY, _WAITING, _HOLDS).subquery("told")
_STOCK = select(_EVERYTHING).order_by(_EVERYTHING.c.what, _EVERYTHING.c.sku, _EVERYTHING.c.at, _EVERYTHING.c.location)


@dataclass(frozen=True, slots=True)
class Stock:
    """What some SKUs have, as of one moment.

    generation: the number of what was remembered then. locations: the codes of all places that have or get some.
    """

    generation: int
    counts: Mapping[str, Sequence[Counts]]
    due: Mapping[str, Sequence[Due]]
    waiting: Mapping[str, int]
    lapsed: frozenset[LevelKey]
    locations: frozenset[str]

    @classmethod
    def told(cls, rows: Sequence[Sequence[Any]]) -> "Stock":
        """Of the rows of the statement, which come in the order of what they tell of."""
        number = rows[0][3]
        kinds = [row[0] for row in rows]
        due_from, waiting_from, lapsed_from = (bisect_left(kinds, kind) for kind in (_DUE, _WAITED_FOR, _LAPSED))
        counts = list(map(_COUNTS_OF, map(_COLUMNS_OF_COUNTS, rows[1:due_from])))
        lapsed = {(sku, location): units for _, sku, location, units, *_ in rows[lapsed_from:]}
        if lapsed:
            counts = [each.without(lapsed.get((each.sku, each.location), 0)) for each in counts]
        due = [
            Due(sku, location, units, _KINDS[kind], _STATUSES[status], at)
            for _, sku, location, units, kind, status, *_, at in rows[due_from:waiting_from]
        ]
        return cls(
            number,
            _by_sku(counts),
            _by_sku(due),
            {row[1]: row[3] for row in rows[waiting_from:lapsed_from]},
            frozenset(lapsed),
            frozenset(map(_LOCATION, rows[1:waiting_from])),
        )


def _by_sku(told: Iterable[T]) -> dict[str, list[T]]:
    """Levels, or units on their way, which come in the order of SKUs."""
    return {sku: list(each) for sku, each in groupby(told, key=itemgetter(0))}


# ── What is remembered ──


@dataclass(slots=True)
class Generation:
    """The catalog, the locations and the views, as far as they were asked for while the generation had this number.

    variants: None for a SKU there is none of. locations: as many as the business has, at most.
    """

    number: int | None
    variants: dict[str, Variant | None] = field(default_factory=dict)
    locations: dict[str, StockLocation] = field(default_factory=dict)
    settings: "Settings | None" = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What all answers depend on. families: of each category, itself and all that it lies under.

    look_at_load: whether any view looks at how much work stores have.
    """

    channels: Mapping[str, Channel]
    views: Mapping[str, KeptView]
    families: Mapping[str, frozenset[str]]
    look_at_load: bool


class SqlAvailability:
    """Only for reads outside of transactions: one's own writes end a generation as they are committed."""

    def __init__(self, database: Database, reads: "CatalogReads", clock: Clock) -> None:
        self._database = database
        self._reads = reads
        self._clock = clock
        self._remembered = Generation(None)
        self._stock = JoinedReads(self._read_stock, at_once=DIRECT_CONNECTIONS, keys_max=SKUS_TOGETHER_MAX)
        self._load: tuple[float, Mapping[str, int]] = (0.0, {})

    async def goods(self, skus: Sequence[str]) -> Goods:
        known = self._remembered.variants
        skus = [sku for sku in dict.fromkeys(skus) if sku in known or (len(sku) <= SKU_LENGTH_MAX and can_be_kept(sku))]
        asked = _stocked(skus, known)
        stock = await self._stock.of(asked)
        if stock.generation != self._remembered.number:
            self._remembered = Generation(stock.generation)
        generation = self._remembered  # It stays right for this question, whatever is committed meanwhile.
        variants = await self._variants(generation, skus)
        stocked = _stocked(skus, variants)
        if not stocked <= asked:
            stock = await self._stock.of(stocked)
        parts = await self._variants(generation, sorted(stocked - variants.keys()))
        settings = await self._settings(generation)
        return _goods(
            stock,
            settings,
            variants={sku: each for sku, each in (*variants.items(), *parts.items()) if each is not None},
            locations=await self._locations(generation, stock.locations),
            open_units=await self._open_units(settings),
        )

    async def _read_stock(self, skus: Sequence[str]) -> Stock:
        return Stock.told(await self._database.fetch_directly(_STOCK, {"skus": skus, "now": self._clock.now()}))

    async def _variants(self, generation: Generation, skus: Sequence[str]) -> Mapping[str, Variant | None]:
        found = {sku: generation.variants[sku] for sku in skus if sku in generation.variants}
        if missing := [sku for sku in skus if sku not in found]:
            read = await self._reads.catalog.variants_by_sku(missing)
            new = {sku: read.get(sku) for sku in missing}
            if len(generation.variants) + len(new) > VARIANTS_MAX:
                generation.variants.clear()
            generation.variants.update(new)
            found.update(new)
        return found

    async def _locations(self, generation: Generation, codes: frozenset[str]) -> Mapping[str, StockLocation]:
        known = generation.locations
        if missing := sorted(codes - known.keys()):
            known.update(await self._reads.inventory.locations_by_code(missing))
        return known

    async def _settings(self, generation: Generation) -> Settings:
        if generation.settings is None:
            generation.settings = await _settings(self._reads)
        return generation.settings

    async def _open_units(self, settings: Settings) -> Mapping[str, int]:
        if not settings.look_at_load:
            return {}
        read_at, load = self._load
        if monotonic() - read_at > LOAD_S:
            load = await self._reads.inventory.open_units()
            self._load = (monotonic(), load)
        return load


class SqlAvailabilityNow:
    """The same within a transaction, of its own writes too: everything is read anew."""

    def __init__(self, statements: Statements, reads: "CatalogReads", clock: Clock) -> None:
        self._statements = statements
        self._reads = reads
        self._clock = clock

    async def goods(self, skus: Sequence[str]) -> Goods:
        variants = dict(await self._reads.catalog.variants_by_sku(skus))
        stocked = _stocked(variants, variants)
        if parts := sorted(stocked - variants.keys()):
            variants |= await self._reads.catalog.variants_by_sku(parts)
        now = self._clock.now()
        stock = Stock.told(await self._statements.fetch(_STOCK, {"skus": sorted(stocked), "now": now}))
        settings = await _settings(self._reads)
        return _goods(
            stock,
            settings,
            variants=variants,
            locations={location.code: location for location in await self._reads.inventory.locations()},
            open_units=await self._reads.inventory.open_units() if settings.look_at_load else {},
        )


def _goods(
    stock: Stock,
    settings: Settings,
    *,
    variants: Mapping[str, Variant],
    locations: Mapping[str, StockLocation],
    open_units: Mapping[str, int],
) -> Goods:
    return Goods(
        variants=variants,
        counts=stock.counts,
        due=stock.due,
        waiting=stock.waiting,
        lapsed=stock.lapsed,
        locations=locations,
        channels=settings.channels,
        views=settings.views,
        families=settings.families,
        open_units=open_units,
    )


class CatalogReads(Protocol):
    """What is read beside the stock."""

    @property
    def catalog(self) -> SqlCatalog: ...
    @property
    def inventory(self) -> SqlInventory: ...
    @property
    def views(self) -> SqlViews: ...


async def _settings(reads: CatalogReads) -> Settings:
    parents = {category.code: category.parent_code for category in await reads.catalog.categories()}
    views = await reads.views.all()
    return Settings(
        channels={channel.code: channel for channel in await reads.catalog.channels()},
        views=views,
        families={code: frozenset({code, *ancestors(code, parents)}) for code in parents},
        look_at_load=uses_load(views.values()),
    )


def _stocked(skus: Iterable[str], variants: Mapping[str, Variant | None]) -> set[str]:
    """The SKUs that levels are counted of: a kit's are its components', as far as it is known to be one."""
    stocked = set[str]()
    for sku in skus:
        variant = variants.get(sku)
        if variant is not None and variant.components:
            stocked.update(part.sku for part in variant.components)
        else:
            stocked.add(sku)
    return stocked
