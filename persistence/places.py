"""Where postal codes and cities are: codes as they were imported, cities from a package."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import and_, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from domain.places import Destination, GeoPoint, PostalCode, postal_keys
from persistence.cities import CITIES
from persistence.database import Statements
from persistence.sql import among, given
from persistence.tables.places import POSTAL_CODES


class SqlPlaces:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._upsert = sqlite.insert if statements.is_sqlite else postgresql.insert

    async def points(self, destinations: Sequence[Destination]) -> Mapping[Destination, GeoPoint]:
        points = await self._of_postal_codes([each for each in destinations if each.postal_code])
        return points | await CITIES.points([each for each in destinations if each not in points])

    async def _of_postal_codes(self, destinations: Sequence[Destination]) -> dict[Destination, GeoPoint]:
        keys = {each: postal_keys(each.country, each.postal_code or "") for each in destinations}
        asked = {(each.country, key) for each, of in keys.items() for key in of}
        if not asked:
            return {}
        wanted = given(self._statements, sorted(asked), country=str, code=str)
        is_it = and_(POSTAL_CODES.c.country == wanted.c.country, POSTAL_CODES.c.code == wanted.c.code)
        rows = await self._statements.fetch(select(POSTAL_CODES).join(wanted, is_it))
        known = {(row.country, row.code): GeoPoint(row.latitude, row.longitude) for row in rows}
        return {
            each: known[each.country, found]
            for each, of in keys.items()
            if (found := next((key for key in of if (each.country, key) in known), None)) is not None
        }

    async def keep_postal_codes(self, codes: Iterable[PostalCode], edition: str) -> None:
        """Add places to an edition: a code is in the middle of all those that the edition has of it."""
        rows = _in_the_middle(codes, edition)
        if not rows:
            return
        statement = self._upsert(POSTAL_CODES)
        kept, new = POSTAL_CODES.c, statement.excluded
        goes_on, places = kept.edition == new.edition, kept.places + new.places
        middle = {
            name: case((goes_on, (kept[name] * kept.places + new[name] * new.places) / places), else_=new[name])
            for name in ("latitude", "longitude")
        }
        renewed = {**middle, "places": case((goes_on, places), else_=new.places), "edition": new.edition}
        await self._statements.run(
            statement.on_conflict_do_update(index_elements=["country", "code"], set_=renewed), rows
        )

    async def drop_other_editions(self, countries: Iterable[str], edition: str) -> int:
        """Forget the codes of countries that an edition does not have; how many those were."""
        others = delete(POSTAL_CODES).where(among(POSTAL_CODES.c.country, countries), POSTAL_CODES.c.edition != edition)
        return await self._statements.run(others)


def _in_the_middle(codes: Iterable[PostalCode], edition: str) -> list[dict[str, str | float | int]]:
    """A row for each code: the mean of its places, as far as they are among these."""
    places: dict[tuple[str, str], list[GeoPoint]] = {}
    for each in codes:
        places.setdefault((each.country, each.code), []).append(each.point)
    return [
        {
            "country": country,
            "code": code,
            "latitude": sum(point.latitude for point in points) / len(points),
            "longitude": sum(point.longitude for point in points) / len(points),
            "places": len(points),
            "edition": edition,
        }
        for (country, code), points in places.items()
    ]
