"""Availability views, as they are kept: each saving is a revision, and none is ever changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import Row, case, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.availability.views import (
    AvailabilityRules,
    AvailabilityViewRevision,
    AvailabilityViewStatus,
    FinanceRule,
    KeepBackRule,
    KeptView,
    LocationRule,
    ProductRule,
    StoreRule,
    SupplyRule,
)
from domain.clock import Clock
from domain.inventory.model import LocationCapability, StockLocationKind
from domain.money import Money
from persistence.database import Statements
from persistence.rows import grouped
from persistence.sql import among
from persistence.tables.availability import REVISIONS, VIEWS
from persistence.tables.catalog import CHANNELS

R = TypeVar("R")


class SqlViews:
    def __init__(self, statements: Statements, clock: Clock) -> None:
        self._statements = statements
        self._clock = clock
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    async def all(self) -> Mapping[str, KeptView]:
        now = self._clock.now()
        # Of those that have come the last stands first; where none has, one that is to come does.
        newest_first = (
            case((REVISIONS.c.effective_from <= now, 0), else_=1),
            REVISIONS.c.effective_from.desc(),
            REVISIONS.c.version.desc(),
        )
        place = func.row_number().over(partition_by=REVISIONS.c.view_code, order_by=newest_first).label("place")
        placed = select(REVISIONS, VIEWS.c.version.label("saved"), place).join(VIEWS).subquery()
        rows = await self._statements.fetch(
            select(placed)
            .where(or_(placed.c.place == 1, placed.c.effective_from > now))
            .order_by(placed.c.view_code, placed.c.version)
        )
        saved = {row.view_code: row.saved for row in rows}
        revisions = grouped((row.view_code, _revision(row)) for row in rows)
        return {code: KeptView(code, version, tuple(revisions[code])) for code, version in saved.items()}

    async def history(self, codes: Sequence[str], limit: int) -> Mapping[str, list[AvailabilityViewRevision]]:
        place = func.row_number().over(partition_by=REVISIONS.c.view_code, order_by=REVISIONS.c.version.desc())
        last = select(REVISIONS, place.label("place")).where(among(REVISIONS.c.view_code, codes)).subquery()
        rows = await self._statements.fetch(
            select(last).where(last.c.place <= limit).order_by(last.c.view_code, last.c.version.desc())
        )
        return grouped((row.view_code, _revision(row)) for row in rows)

    async def lock(self, code: str) -> KeptView | None:
        # Made first, so that there is a row to lock for whoever would make it too; taken back where nothing is added.
        made = self._upsert(VIEWS).values(code=code, version=0).on_conflict_do_nothing()
        await self._statements.run(made)
        await self._statements.fetch(select(VIEWS).where(VIEWS.c.code == code).with_for_update())
        return (await self.all()).get(code)

    async def add(self, code: str, revision: AvailabilityViewRevision) -> None:
        await self._statements.run(VIEWS.update().where(VIEWS.c.code == code).values(version=revision.version))
        row = {
            name: getattr(revision, name) for name in ("version", "name", "changed_by", "changed_at", "effective_from")
        }
        row |= {"view_code": code, "status": revision.status.value, "rules": _kept_rules(revision.rules)}
        await self._statements.run(REVISIONS.insert().values(row))

    async def channels_through(self, code: str) -> Collection[str]:
        rows = await self._statements.fetch(select(CHANNELS.c.code).where(CHANNELS.c.availability_view == code))
        return {row.code for row in rows}


def _revision(row: Row[Any]) -> AvailabilityViewRevision:
    return AvailabilityViewRevision(
        version=row.version,
        name=row.name,
        status=AvailabilityViewStatus(row.status),
        rules=_rules(row.rules),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        effective_from=row.effective_from,
    )


# ── Rules as JSON: what is not kept is as it is where nobody says ──


def _kept_rules(rules: AvailabilityRules) -> dict[str, Any]:
    return asdict(rules, dict_factory=lambda items: {name: _plain(value) for name, value in items})


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def _rules(kept: Mapping[str, Any]) -> AvailabilityRules:
    finance = dict(kept.get("finance", {}))
    cost = finance.pop("max_handling_cost", None)
    return AvailabilityRules(
        locations=_rule(LocationRule, kept.get("locations", {})),
        products=_rule(ProductRule, kept.get("products", {})),
        supply=_rule(SupplyRule, kept.get("supply", {})),
        keep_back=tuple(_rule(KeepBackRule, each) for each in kept.get("keep_back", ())),
        store=_rule(StoreRule, kept.get("store", {})),
        finance=FinanceRule(**finance, max_handling_cost=Money(**cost) if cost else None),
        **{name: kept[name] for name in ("low_stock_threshold",) if name in kept},
    )


_ENUMS: Mapping[str, type[Enum]] = {"kinds": StockLocationKind, "capabilities": LocationCapability}


def _rule(rule: type[R], kept: Mapping[str, Any]) -> R:
    known = {each.name for each in fields(rule)}  # type: ignore[arg-type]  # Every rule is a dataclass.
    return rule(**{name: _read(name, value) for name, value in kept.items() if name in known})


def _read(name: str, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return tuple(map(_ENUMS[name], value)) if name in _ENUMS else tuple(value)
