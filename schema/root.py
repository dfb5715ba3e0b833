"""The three roots: all that can be asked, done and followed."""

import strawberry

from schema.availability import AvailabilityMutations, AvailabilityQueries, AvailabilitySubscriptions
from schema.catalog import CatalogMutations, CatalogQueries
from schema.common import InputError, InvalidTransition
from schema.customers import CustomerQueries
from schema.events import EventQueries, EventSubscriptions
from schema.fulfillment import FulfillmentMutations, FulfillmentQueries
from schema.inventory import InventoryMutations, InventoryQueries, InventorySubscriptions
from schema.nodes import NodeQueries
from schema.orders import InsufficientStock, OrderMutations, OrderQueries
from schema.payments import PaymentDeclined
from schema.promising import PromisingMutations, PromisingQueries
from schema.quotes import QuoteMutations, QuoteQueries


@strawberry.type
class Query(
    NodeQueries,
    CatalogQueries,
    PromisingQueries,
    InventoryQueries,
    AvailabilityQueries,
    QuoteQueries,
    OrderQueries,
    FulfillmentQueries,
    CustomerQueries,
    EventQueries,
): ...


@strawberry.type
class Mutation(
    CatalogMutations,
    PromisingMutations,
    InventoryMutations,
    AvailabilityMutations,
    QuoteMutations,
    OrderMutations,
    FulfillmentMutations,
): ...


@strawberry.type
class Subscription(EventSubscriptions, InventorySubscriptions, AvailabilitySubscriptions): ...


# Types that no field names, but that an interface may turn out to be.
TYPES = (InputError, InsufficientStock, InvalidTransition, PaymentDeclined)
