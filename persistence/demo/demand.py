"""What the demo's customers ask for, day by day: who buys what, when, through which channel, and how they pay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from domain.access import ANONYMOUS, SCOPES, Role, Viewer
from domain.calendar import is_open
from domain.catalog.model import FulfillmentTrait, ImportProduct, ImportVariant, PaymentMethod
from domain.inventory.model import LocationCapability, StockLocation
from domain.orders.model import FulfillmentChoice, LineRequest, PlaceOrder
from domain.payments.model import PaymentRequest
from domain.places import distance_km
from domain.promising.model import rate_for
from persistence.demo.files import Chance, table
from persistence.demo.people import Buyer, buyer_of, guest
from persistence.demo.retailer import Retailer

# All five markets live by this clock.
ZONE = ZoneInfo("Europe/Rome")
_CURRENCY = "EUR"
# What the test provider takes for a good card.
GOES_THROUGH = "ok"
_PICKUP_REACH_KM = 25  # Who lives farther from a store has it sent.
_KEPT_FOR_OTHERS = 3  # Nobody takes more than a third of what lies there.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """An order that somebody asks for at an instant."""

    at: datetime
    command: PlaceOrder
    viewer: Viewer

    @property
    def is_paid_at_once(self) -> bool:
        return self.command.payments[0].token in {None, GOES_THROUGH}


class Demand:
    """The stream of orders of a retailer: the same for the same day and seed, whatever other days were asked for."""

    def __init__(self, shop: Retailer, seed: int, orders_per_day: int | None = None) -> None:
        self._seed = seed
        self._shop = shop
        self._rules = table("demand.toml")
        self._orders_per_day: int = self._rules["orders_per_day"] if orders_per_day is None else orders_per_day
        self._hours = list(accumulate(self._rules["hours"]))
        self._stores = [one for one in shop.locations if LocationCapability.PICKUP in one.capabilities]
        self._shelves = _Shelves(shop, self._rules["baskets"])
        self._known: dict[str, list[Buyer]] = {}
        for buyer in map(buyer_of, shop.customers):
            self._known.setdefault(buyer.address.country, []).append(buyer)

    def of_day(self, day: date, *, is_last: bool = False) -> list[Sale]:
        """The orders of a local day, in the order they come."""
        chance = Chance(self._seed, "day", day)
        crowd = self._rules["last_day"] if is_last else self._rules["weekdays"][day.weekday()]
        count = int(self._orders_per_day * crowd * chance.between(88, 112) / 100 + 0.5)
        instants = sorted(self._instant(day, chance) for _ in range(count))
        return [self._sale(at, number) for number, at in enumerate(instants, start=1)]

    def _instant(self, day: date, chance: Chance) -> datetime:
        at = time(chance.place(self._hours), chance.between(0, 59), chance.between(0, 59))
        return datetime.combine(day, at, ZONE).astimezone(UTC)

    def _sale(self, at: datetime, number: int) -> Sale:
        local = at.astimezone(ZONE)
        chance = Chance(self._seed, "sale", local.date(), number)
        open_stores = [store for store in self._stores if is_open(store.calendar, at)]
        channel = self._channel(local, chance, has_tills=bool(open_stores))
        rules = self._rules["channels"][channel]
        till = chance.one_of(open_stores) if channel == "pos" else None
        country = till.address.country if till else chance.weighed(self._rules["markets"])
        is_known = chance.happens(rules["known"])
        buyer = chance.one_of(self._known[country]) if is_known else guest(country, chance)
        store = till or self._nearest_store(buyer)
        if store and not chance.happens(rules["pickup"]):
            store = None
        lines = self._lines(at, buyer, store, chance)
        viewer = _viewer(channel, buyer, till, chance)
        command = PlaceOrder(
            idempotency_key=f"demo-{local.date().isoformat()}-{number:04d}-checkout",
            channel=channel,
            lines=lines,
            payments=(self._payment(rules["payments"], channel, local, number, chance),),
            email=buyer.email,
            customer_id=buyer.customer_id,
            language=buyer.language,
            external_reference=f"MP{local:%y%m%d}{number:04d}" if channel == "marketplace" else None,
        )
        return Sale(at=at, command=command, viewer=viewer)

    def _channel(self, local: datetime, chance: Chance, *, has_tills: bool) -> str:
        shares = {
            code: rules["share"]
            for code, rules in self._rules["channels"].items()
            if _is_staffed(rules, local) and (has_tills or code != "pos")
        }
        return chance.weighed(shares)

    def _nearest_store(self, buyer: Buyer) -> StockLocation | None:
        assert buyer.address.point
        point = buyer.address.point
        distances = [
            (distance_km(point, store.address.point), store.code, store)
            for store in self._stores
            if store.address.point
        ]
        near_km, _, nearest = min(distances)
        return nearest if near_km <= _PICKUP_REACH_KM else None

    def _lines(
        self, at: datetime, buyer: Buyer, store: StockLocation | None, chance: Chance
    ) -> tuple[LineRequest, ...]:
        """A basket: further lines are mostly of the first one's department, and no SKU comes twice."""
        rules = self._rules["baskets"]
        pickup = FulfillmentChoice(pickup_location=store.code, collector_name=buyer.name) if store else None
        department = chance.weighed(rules["departments"])
        chosen: dict[str, tuple[_Good, LineRequest]] = {}
        for i in range(int(chance.weighed(rules["lines"]))):
            if i and not chance.happens(rules["same_department"]):
                department = chance.weighed(rules["departments"])
            is_delivered = pickup is None or (i > 0 and chance.happens(rules["mixed"]))
            good = self._shelves.good(at, department, None if is_delivered or not store else store.code, chance)
            if good is None:
                continue
            quantity = self._quantity(good, chance)
            way = None if is_delivered else pickup
            chosen[good.variant.sku] = good, LineRequest(sku=good.variant.sku, quantity=quantity, fulfillment=way)
        if not chosen:
            return self._lines(at, buyer, None, chance)
        delivery = self._delivery([one for one in chosen.values() if one[1].fulfillment is None], buyer, chance)
        return tuple(line if line.fulfillment else replace(line, fulfillment=delivery) for _, line in chosen.values())

    def _quantity(self, good: "_Good", chance: Chance) -> int:
        rules = self._rules["baskets"]
        by_category = rules["quantities_by_category"]
        weights = next((by_category[code] for code in good.categories if code in by_category), rules["quantities"])
        return min(int(chance.weighed(weights)), max(1, good.units // _KEPT_FOR_OTHERS))

    def _delivery(
        self, lines: Sequence[tuple["_Good", LineRequest]], buyer: Buyer, chance: Chance
    ) -> FulfillmentChoice:
        """To the buyer's door, the way they choose if it carries what they buy, or the cheapest way."""
        weight = sum((good.variant.weight_grams or 0) * line.quantity for good, line in lines)
        code = chance.weighed(self._rules["baskets"]["methods"])
        method = next((method for method in self._shop.shipping_methods if method.code == code), None)
        country = buyer.address.country
        carries = method is not None and rate_for(
            method, country=country, region=buyer.address.region, weight_grams=weight, currency=_CURRENCY
        )
        return FulfillmentChoice(address=buyer.address, method=code if carries else None)

    def _payment(
        self, weights: Mapping[str, float], channel: str, local: datetime, number: int, chance: Chance
    ) -> PaymentRequest:
        method = PaymentMethod(chance.weighed(weights))
        if channel == "marketplace":
            return PaymentRequest(
                method=method, captured=True, provider_reference=f"settled-{local:%y%m%d}-{number:04d}"
            )
        if method not in {PaymentMethod.CARD, PaymentMethod.WALLET}:
            return PaymentRequest(method=method)
        outcomes = self._rules["payments"] if channel in {"web", "app"} else {GOES_THROUGH: 1}
        return PaymentRequest(method=method, token=chance.weighed(outcomes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Good:
    """Something one may choose, and how many of it lie where it would come from."""

    variant: ImportVariant
    categories: tuple[str, ...]
    units: int


class _Shelves:
    """What there is to choose from, by department and store; None is whatever ships."""

    def __init__(self, shop: Retailer, rules: Mapping[str, Any]) -> None:
        shipping = {one.code for one in shop.locations if LocationCapability.SHIP in one.capabilities}
        at_store: dict[str | None, dict[str, int]] = {None: {}}
        for count in shop.stock:
            units = count.on_hand - count.safety_stock
            at_store.setdefault(count.location, {})[count.sku] = units
            if count.location in shipping:
                at_store[None][count.sku] = at_store[None].get(count.sku, 0) + units
        self._rows: dict[tuple[str | None, str], tuple[list[_Good], list[float]]] = {}
        for place, units_by_sku in at_store.items():
            self._fill(place, shop.products, units_by_sku, rules)

    def _fill(
        self, place: str | None, products: Sequence[ImportProduct], units: Mapping[str, int], rules: Mapping[str, Any]
    ) -> None:
        weighed: dict[str, list[tuple[_Good, float]]] = {}
        for product in products:
            for variant in product.variants:
                parts = variant.components
                there = (
                    min(units.get(part.sku, 0) // part.quantity for part in parts)
                    if parts
                    else units.get(variant.sku, 0)
                )
                if there > 0 and _can_be_had(variant, place):
                    good = _Good(variant=variant, categories=product.category_codes, units=there)
                    weighed.setdefault(product.category_codes[-1], []).append((good, _appeal(product, good, rules)))
        for department, goods in weighed.items():
            self._rows[place, department] = [good for good, _ in goods], list(accumulate(weight for _, weight in goods))

    def good(self, at: datetime, department: str, place: str | None, chance: Chance) -> _Good | None:
        """One to the buyer's liking; None where nothing of the department is there, or it is not yet for sale."""
        goods, heights = self._rows.get((place, department), ([], []))
        if not goods:
            return None
        good = goods[chance.place(heights)]
        return good if good.variant.launch_at is None or good.variant.launch_at <= at else None


def _can_be_had(variant: ImportVariant, place: str | None) -> bool:
    kept_out = FulfillmentTrait.STORE_ONLY if place is None else FulfillmentTrait.SHIP_ONLY
    return kept_out not in variant.traits


def _appeal(product: ImportProduct, good: _Good, rules: Mapping[str, Any]) -> float:
    """How likely it is chosen, against the others of its department."""
    weight: float = good.units ** rules["depth_power"]
    if "bestseller" in product.tags:
        weight *= rules["bestsellers"]
    if good.variant.traits & {FulfillmentTrait.MADE_TO_ORDER, FulfillmentTrait.BULKY}:
        weight *= rules["thought_over"]
    return weight


def _is_staffed(rules: Mapping[str, Any], local: datetime) -> bool:
    if "hours" not in rules:
        return True
    first, last = rules["hours"]
    return bool(first <= local.hour < last)


def _viewer(channel: str, buyer: Buyer, till: StockLocation | None, chance: Chance) -> Viewer:
    """Who asks: the buyer, signed in or not, or whoever serves them; named as their tokens would name them."""
    if till is not None:
        return staff(Role.ASSOCIATE, till.code)
    if channel == "call-center":
        return staff(Role.AGENT)
    if channel == "marketplace":
        return staff(Role.INTEGRATION)
    return customer(buyer.customer_id) if buyer.customer_id else ANONYMOUS


def midnight(day: date) -> datetime:
    """When a local day begins, in UTC."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def customer(id: str) -> Viewer:
    return Viewer(id, frozenset({Role.CUSTOMER}), SCOPES[Role.CUSTOMER], customer_id=id)


def staff(role: Role, *locations: str) -> Viewer:
    """Somebody of a role, as a token of it would name them."""
    return Viewer(":".join([role.value, *locations]), frozenset({role}), SCOPES[role], locations=frozenset(locations))
