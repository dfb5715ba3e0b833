"""Where the places are that callers name: by their points, their postal codes, or their cities."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.errors import Refused, not_found
from domain.places import Destination, GeoPoint
from resolvers.context import Context


async def points(context: Context, destinations: Sequence[Destination]) -> Mapping[Destination, GeoPoint]:
    return await context.world.reads.places.points(destinations)


async def located(context: Context, destination: Destination, *path: str | int) -> Destination:
    """A destination with its point, where more is said of it than its country and region.

    Raises Refused, at the path, where nobody knows the postal code and the city it names.
    """
    if destination.point is not None or not (destination.postal_code or destination.city):
        return destination
    point: GeoPoint | None = await context.load(points, destination)
    if point is None:
        named = " ".join(part for part in (destination.postal_code, destination.city, destination.country) if part)
        sentence = f"Nobody knows where {named!r:.200} is: name a city near it, or its point."
        raise Refused(not_found(sentence, *path))
    return replace(destination, point=point)
