"""Values with sensible defaults: a test states only what matters to its claim."""

import itertools
from datetime import UTC, datetime

from domain.access import SCOPES, Role, Viewer
from domain.catalog.model import Channel, ChannelKind, Component, ImportProduct, ImportVariant, PaymentMethod
from domain.inventory.model import (
    LocationCapability,
    Movement,
    StockCounter,
    StockLocation,
    StockLocationKind,
    StockMovementReason,
)
from domain.money import Money
from domain.orders.model import FulfillmentChoice, LineRequest, PlaceOrder
from domain.orders.quotes import CreateQuote
from domain.payments.model import PaymentRequest
from domain.places import Address
from domain.promising.model import ServiceLevel, ShippingMethod, ShippingRate

NOW = datetime(2026, 5, 5, 10, 0, tzinfo=UTC)  # A Tuesday.
MILAN = Address(name="Ada Rossi", line1="Via Brera 1", city="Milano", postal_code="20121", country="IT")

# A channel as saveChannel takes it.
WEB = {
    "code": "web",
    "name": "Shop",
    "kind": "WEB",
    "currency": "EUR",
    "countries": ["IT"],
    "languages": ["it"],
    "pricesIncludeTax": True,
    "availabilityView": "on-hand",
    "sourcingStrategy": "nearest",
    "paymentMethods": ["CARD"],
}

_numbers = itertools.count(1)


def key() -> str:
    """An idempotency key nobody used, long enough for an anonymous caller."""
    return f"a-key-of-this-test-run-{next(_numbers):06d}"


def a_viewer(role: Role, *, customer_id: str | None = None, locations: frozenset[str] = frozenset()) -> Viewer:
    return Viewer(customer_id or role.value, frozenset({role}), SCOPES[role], customer_id, locations)


def a_channel(code: str = "web", **changes) -> Channel:
    values = {
        "code": code,
        "name": code,
        "kind": ChannelKind.WEB,
        "currency": "EUR",
        "countries": ("IT", "FR", "DE"),
        "languages": ("en", "it"),
        "prices_include_tax": True,
        "payment_methods": (PaymentMethod.CARD, PaymentMethod.CASH, PaymentMethod.INVOICE),
    }
    return Channel(**{**values, **changes})


def a_product(sku: str, *, price: int = 1000, components: dict[str, int] | None = None, **changes) -> ImportProduct:
    """A product with one variant, of the same code, sold in the channel `web`."""
    parts = tuple(Component(part, quantity) for part, quantity in (components or {}).items())
    variant = ImportVariant(sku=sku, prices={"web": price}, components=parts, weight_grams=500, **changes)
    return ImportProduct(code=sku, names={"en": f"The {sku}", "it": f"Il {sku}"}, variants=(variant,))


def a_location(code: str, *, capabilities: str = "SHIP PICKUP", **changes) -> StockLocation:
    values = {
        "code": code,
        "name": code,
        "kind": StockLocationKind.WAREHOUSE,
        "address": Address(line1="Via Roma 1", city="Milano", country="IT"),
        "timezone": "Europe/Rome",
        "capabilities": frozenset(LocationCapability(name) for name in capabilities.split()),
    }
    return StockLocation(**{**values, **changes})


def a_shipping_method(code: str = "standard", *, price: int = 500, free_from: int | None = None) -> ShippingMethod:
    rate = ShippingRate(
        countries=("IT", "FR", "DE"),
        price=Money(price, "EUR"),
        free_from=Money(free_from, "EUR") if free_from else None,
        min_transit_days=1,
        max_transit_days=3,
    )
    return ShippingMethod(
        code=code,
        names={"en": code},
        carrier="carovia",
        service_level=ServiceLevel.STANDARD,
        countries=("IT", "FR", "DE"),
        rates=(rate,),
    )


def a_count(sku: str, location: str, units: int) -> Movement:
    return Movement(
        sku=sku,
        location=location,
        counter=StockCounter.ON_HAND,
        delta=units,
        reason=StockMovementReason.COUNT,
        actor="test",
        at=NOW,
    )


def to_milan(**changes) -> FulfillmentChoice:
    return FulfillmentChoice(address=MILAN, **changes)


def an_order(*lines: tuple[str, int], token: str = "ok", **changes) -> PlaceOrder:
    """An order from `web` to Milan, paid by card."""
    values = {
        "idempotency_key": key(),
        "channel": "web",
        "lines": tuple(LineRequest(sku=sku, quantity=quantity) for sku, quantity in lines),
        "payments": (PaymentRequest(method=PaymentMethod.CARD, token=token),),
        "fulfillment": to_milan(),
        "email": "ada@example.com",
    }
    return PlaceOrder(**{**values, **changes})


def a_quote(*lines: tuple[str, int], **changes) -> CreateQuote:
    """A quote in `web` for what goes to Milan, which holds its stock for ten minutes."""
    values = {
        "idempotency_key": key(),
        "channel": "web",
        "lines": tuple(LineRequest(sku=sku, quantity=quantity) for sku, quantity in lines),
        "fulfillment": to_milan(),
        "hold_minutes": 10,
    }
    return CreateQuote(**{**values, **changes})


def an_order_of(quote_id: str, **changes) -> PlaceOrder:
    """An order that takes up a quote, and leaves to it what to deliver and where."""
    return an_order(**{"quote_id": quote_id, "fulfillment": None, **changes})
