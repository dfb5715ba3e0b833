"""The carriers' side of the past: parcels travel, mostly on time, and what carriers say of them comes in batches."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from domain.access import Role
from domain.fulfillment.model import TRACKING_EVENTS_MAX, Shipment, ShipmentStatus, TrackingReport
from domain.fulfillment.tracking import record_tracking
from domain.inventory.model import StockLocation
from domain.places import Address
from domain.promising.model import ShippingMethod, rate_for
from gateway.demo.agenda import Story
from persistence.demo.demand import ZONE, staff
from persistence.demo.files import Chance
from persistence.demo.retailer import Retailer

TOLD_EVERY = timedelta(hours=3)
LATE = 0.06
NOBODY_HOME = 0.05
TOLD_LATE = 0.12  # Scans that the carrier sends with the next morning's batch.
SUNDAY = 6


class Carriers:
    def __init__(self, shop: Retailer, seed: int) -> None:
        self._seed = seed
        self._methods = {(method.carrier, method.service_level.value): method for method in shop.shipping_methods}
        # Scanned but not told yet, by when the carrier will tell it.
        self._scans: list[tuple[datetime, TrackingReport]] = []

    async def tell(self, begins_at: datetime) -> Story:
        """The feed of all carriers: every so often, what was scanned since."""
        at = begins_at
        while True:
            at += TOLD_EVERY
            work = yield at
            heard = [report for told_at, report in self._scans if told_at <= at]
            self._scans = [scan for scan in self._scans if scan[0] > at]
            for start in range(0, len(heard), TRACKING_EVENTS_MAX):
                await record_tracking(work, heard[start : start + TRACKING_EVENTS_MAX], staff(Role.INTEGRATION))

    def carry(self, shipment: Shipment, origin: StockLocation, destination: Address) -> None:
        """Take a parcel along; what will be scanned on its way is told in time."""
        chance = Chance(self._seed, "parcel", shipment.number)
        for number, (at, status, description, place) in enumerate(self._journey(shipment, origin, destination, chance)):
            told_at = at + timedelta(hours=chance.between(10, 20)) if chance.happens(TOLD_LATE) else at
            report = TrackingReport(
                event_id=f"{shipment.number}-{number + 1}",
                carrier=shipment.carrier,
                tracking_number=shipment.tracking_number or "",
                status=status,
                description=description,
                place=place,
                point=destination.point if status is ShipmentStatus.DELIVERED else None,
                readings=None,
                at=at,
            )
            self._scans.append((told_at, report))

    def _journey(
        self, shipment: Shipment, origin: StockLocation, destination: Address, chance: Chance
    ) -> Iterator[tuple[datetime, ShipmentStatus, str, str]]:
        assert shipment.shipped_at
        moving = ShipmentStatus.IN_TRANSIT
        left_at = shipment.shipped_at
        left_on = left_at.astimezone(ZONE).date()
        yield left_at + timedelta(minutes=chance.between(20, 150)), moving, "Taken over", origin.address.city
        days = self._transit_days(shipment, destination, chance)
        night = left_on + timedelta(days=1)
        yield _at(night, 1, 5, chance), moving, "Sorted at the hub", f"Hub {origin.address.country}"
        due_on = _working_day(left_on, days)
        if chance.happens(LATE):
            yield _at(due_on, 9, 12, chance), ShipmentStatus.DELAYED, "Delayed on the way", f"Hub {destination.country}"
            due_on = _working_day(due_on, chance.between(1, 4))
        if chance.happens(NOBODY_HOME):
            yield _at(due_on, 7, 8, chance), ShipmentStatus.OUT_FOR_DELIVERY, "With the driver", destination.city
            yield _at(due_on, 10, 17, chance), ShipmentStatus.DELIVERY_ATTEMPTED, "Nobody at home", destination.city
            due_on = _working_day(due_on, 1)
        yield _at(due_on, 6, 8, chance), ShipmentStatus.OUT_FOR_DELIVERY, "With the driver", destination.city
        yield _at(due_on, 9, 19, chance), ShipmentStatus.DELIVERED, "Handed over", destination.city

    def _transit_days(self, shipment: Shipment, destination: Address, chance: Chance) -> int:
        method: ShippingMethod | None = self._methods.get((shipment.carrier, shipment.service))
        weight = sum(package.weight_grams for package in shipment.packages)
        rate = method and rate_for(
            method, country=destination.country, region=destination.region, weight_grams=weight, currency="EUR"
        )
        return chance.between(rate.min_transit_days, rate.max_transit_days) if rate else chance.between(2, 4)


def _working_day(start: date, days: int) -> date:
    """So many days later, as carriers count them: Monday to Saturday."""
    day = start
    while days:
        day += timedelta(days=1)
        days -= day.weekday() != SUNDAY
    return day


def _at(day: date, first_hour: int, last_hour: int, chance: Chance) -> datetime:
    local = time(chance.between(first_hour, last_hour - 1), chance.between(0, 59))
    return datetime.combine(day, local, ZONE)
