"""What availability needs to know, in one statement: levels as they are now, and the catalog as it is remembered.

Levels change all the time and are read each time. What variants, locations and channels are changes seldom, so each
process remembers it, and asks together with the levels whether it is still so: `catalog_generation` has another number
after each transaction that wrote to them, whoever wrote (triggers see to it: migration 0003).

Nothing that is answered is older than the question. A number is read before whatever is remembered under it; so what
is remembered is at least as new as the number. And a number that is read with the levels, after the question came, says
that nothing was committed since to make it old.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select

from domain.availability.model import Counts, Goods
from domain.catalog.model import SKU_LENGTH_MAX, Channel, Variant
from domain.catalog.rules import can_be_kept
from domain.inventory.model import StockLocation
from persistence.catalog import SqlCatalog
from persistence.database import Database
from persistence.direct import DIRECT_CONNECTIONS
from persistence.inventory import SqlInventory
from persistence.joined import JoinedReads
from persistence.rows import grouped
from persistence.sql import among_texts
from persistence.tables.catalog import GENERATION
from persistence.tables.inventory import LEVELS

# Variants that a process remembers, at 1 to 2 KB each; more would slow the garbage collector down. Then it starts anew.
VARIANTS_MAX = 20_000

SKUS_TOGETHER_MAX = 2_000  # Read by one statement for several callers: a few milliseconds.

# The generation in each row; in one with no level, where none of the SKUs has any.
_LEVELS = (
    select(GENERATION.c.number, *(LEVELS.c["location_code" if name == "location" else name] for name in Counts._fields))
    .select_from(GENERATION.outerjoin(LEVELS, among_texts(LEVELS.c.sku, "skus")))
    .order_by(LEVELS.c.sku, LEVELS.c.location_code)
)

Levels = Mapping[str, Sequence[Counts]]


@dataclass(slots=True)
class Generation:
    """The catalog and the locations, as far as they were asked for while the generation had this number.

    variants: None for a SKU there is none of. locations: as many as the business has, at most.
    """

    number: int | None
    variants: dict[str, Variant | None] = field(default_factory=dict)
    locations: dict[str, StockLocation] = field(default_factory=dict)
    channels: Mapping[str, Channel] | None = None


class SqlAvailability:
    """Only for reads outside of transactions: one's own writes end a generation as they are committed."""

    def __init__(self, database: Database, catalog: SqlCatalog, inventory: SqlInventory) -> None:
        self._database = database
        self._catalog = catalog
        self._inventory = inventory
        self._remembered = Generation(None)
        self._levels = JoinedReads(self._read_levels, at_once=DIRECT_CONNECTIONS, keys_max=SKUS_TOGETHER_MAX)

    async def goods(self, skus: Sequence[str]) -> Goods:
        known = self._remembered.variants
        skus = [sku for sku in dict.fromkeys(skus) if sku in known or (len(sku) <= SKU_LENGTH_MAX and can_be_kept(sku))]
        asked = _stocked(skus, known)
        number, levels = await self._levels.of(asked)
        if number != self._remembered.number:
            self._remembered = Generation(number)
        generation = self._remembered  # It stays right for this question, whatever is committed meanwhile.
        variants = await self._variants(generation, skus)
        stocked = _stocked(skus, variants)
        if not stocked <= asked:
            _, levels = await self._levels.of(stocked)
        return Goods(
            {sku: variant for sku, variant in variants.items() if variant is not None},
            levels,
            await self._locations(generation, {each.location for sku in stocked for each in levels.get(sku, ())}),
            await self._channels(generation),
        )

    async def _read_levels(self, skus: Sequence[str]) -> tuple[int, Levels]:
        """The number of the generation, and the levels of each SKU by location code, as of one moment."""
        rows = await self._database.fetch_directly(_LEVELS, {"skus": skus})
        number: int = rows[0][0]
        counts = [Counts._make(row[1:]) for row in rows if row[1] is not None]
        return number, grouped((each.sku, each) for each in counts)

    async def _variants(self, generation: Generation, skus: Sequence[str]) -> Mapping[str, Variant | None]:
        found = {sku: generation.variants[sku] for sku in skus if sku in generation.variants}
        if missing := [sku for sku in skus if sku not in found]:
            read = await self._catalog.variants_by_sku(missing)
            new = {sku: read.get(sku) for sku in missing}
            if len(generation.variants) + len(new) > VARIANTS_MAX:
                generation.variants.clear()
            generation.variants.update(new)
            found.update(new)
        return found

    async def _locations(self, generation: Generation, codes: set[str]) -> Mapping[str, StockLocation]:
        known = generation.locations
        if missing := sorted(codes - known.keys()):
            known.update(await self._inventory.locations_by_code(missing))
        return known

    async def _channels(self, generation: Generation) -> Mapping[str, Channel]:
        if generation.channels is None:
            generation.channels = {channel.code: channel for channel in await self._catalog.channels()}
        return generation.channels


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
