"""Who may do what: roles, their scopes, and the row rules, all in one place."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from domain.errors import Forbidden


class Role(Enum):
    STOREFRONT = "storefront"
    CUSTOMER = "customer"
    ASSOCIATE = "associate"
    AGENT = "agent"
    MERCHANDISER = "merchandiser"
    OPERATIONS = "operations"
    ADMIN = "admin"
    INTEGRATION = "integration"


class Scope(Enum):
    CATALOG_WRITE = "catalog:write"
    SETTINGS_WRITE = "settings:write"
    INVENTORY_READ = "inventory:read"
    INVENTORY_WRITE = "inventory:write"
    AVAILABILITY_WRITE = "availability:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_PRICE = "orders:price"
    ORDERS_IMPORT = "orders:import"
    PAYMENTS_RECORD = "payments:record"
    FULFILLMENT_READ = "fulfillment:read"
    FULFILLMENT_WRITE = "fulfillment:write"
    TRACKING_WRITE = "tracking:write"
    CUSTOMERS_READ = "customers:read"
    CUSTOMERS_WRITE = "customers:write"
    EVENTS_READ = "events:read"
    METRICS_READ = "metrics:read"


_CARE = {Scope.ORDERS_READ, Scope.ORDERS_WRITE, Scope.CUSTOMERS_READ, Scope.CUSTOMERS_WRITE, Scope.INVENTORY_READ}
_OPERATIONS = _CARE | {
    Scope.INVENTORY_WRITE,
    Scope.AVAILABILITY_WRITE,
    Scope.FULFILLMENT_READ,
    Scope.FULFILLMENT_WRITE,
    Scope.TRACKING_WRITE,
    Scope.SETTINGS_WRITE,
    Scope.EVENTS_READ,
    Scope.METRICS_READ,
}

SCOPES: dict[Role, frozenset[Scope]] = {
    Role.STOREFRONT: frozenset(),
    Role.CUSTOMER: frozenset(),
    Role.ASSOCIATE: frozenset(
        {
            Scope.ORDERS_READ,
            Scope.INVENTORY_READ,
            Scope.INVENTORY_WRITE,
            Scope.FULFILLMENT_READ,
            Scope.FULFILLMENT_WRITE,
            Scope.PAYMENTS_RECORD,
        }
    ),
    Role.AGENT: frozenset(_CARE | {Scope.FULFILLMENT_READ, Scope.ORDERS_PRICE}),
    Role.MERCHANDISER: frozenset({Scope.CATALOG_WRITE, Scope.INVENTORY_READ, Scope.AVAILABILITY_WRITE}),
    Role.OPERATIONS: frozenset(_OPERATIONS),
    Role.ADMIN: frozenset(Scope),
    Role.INTEGRATION: frozenset(Scope),
}

# Roles that may name another's customer id, and pay in cash or by invoice (ACCEPTANCE 45).
STAFF = frozenset({Role.ASSOCIATE, Role.AGENT, Role.OPERATIONS, Role.ADMIN, Role.INTEGRATION})

# An associate works at a few places; a token with more is a mistake.
VIEWER_LOCATIONS_MAX = 50

ADDRESSES_KEPT_MAX = 10_000  # As many as there are sockets; some 2 MB.


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking.

    subject: None for an anonymous caller. customer_id: set for a customer. locations: codes, for an associate.
    expires_at: when the token ends that says so; None where nothing ends.
    """

    subject: str | None = None
    roles: frozenset[Role] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    customer_id: str | None = None
    locations: frozenset[str] = frozenset()
    expires_at: datetime | None = None

    @property
    def is_staff(self) -> bool:
        return not self.roles.isdisjoint(STAFF)

    @property
    def is_bound_to_locations(self) -> bool:
        """An associate sees the work of their own places, and of no other."""
        return Role.ASSOCIATE in self.roles and not self.roles & {Role.OPERATIONS, Role.ADMIN, Role.INTEGRATION}

    @property
    def actor(self) -> str:
        """How ledgers and events name the caller: never personal data."""
        if self.subject is None:
            return "anonymous"
        return self.customer_id or self.subject

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes

    def require(self, scope: Scope, field: str) -> None:
        """Raises Forbidden, naming the field and the scope, where the caller lacks it."""
        if scope not in self.scopes:
            raise Forbidden(field, scope.value)


ANONYMOUS = Viewer()
SYSTEM = Viewer("system", frozenset({Role.ADMIN}), frozenset(Scope))


@dataclass(frozen=True, slots=True)
class OrdersSeen:
    """Which orders a caller may see: the row rule of orders and of all that hangs on them.

    all: every one. Otherwise those of `customer_id`, those with work or a pickup at `locations`,
    and `order_ids`, which access tokens opened; none of them set is none.
    """

    all: bool = False
    customer_id: str | None = None
    locations: frozenset[str] = frozenset()
    order_ids: frozenset[str] = frozenset()


EVERY_ORDER = OrdersSeen(all=True)


def orders_seen(viewer: Viewer, *opened: str | None) -> OrdersSeen:
    """The row rule for a caller; `opened` are the orders whose access tokens they showed."""
    if viewer.has(Scope.ORDERS_READ) and not viewer.is_bound_to_locations:
        return EVERY_ORDER
    locations = viewer.locations if viewer.has(Scope.ORDERS_READ) else frozenset[str]()
    return OrdersSeen(customer_id=viewer.customer_id, locations=locations, order_ids=frozenset(filter(None, opened)))


@dataclass(frozen=True, slots=True)
class LocationsSeen:
    """Whose work, stock and pickups a caller may see and do: all places, or these codes."""

    all: bool = False
    codes: frozenset[str] = frozenset()

    def includes(self, code: str) -> bool:
        return self.all or code in self.codes


def locations_worked(viewer: Viewer) -> LocationsSeen:
    """The places whose fulfillment work a caller may see and do."""
    if not viewer.has(Scope.FULFILLMENT_READ):
        return LocationsSeen()
    return LocationsSeen(codes=viewer.locations) if viewer.is_bound_to_locations else LocationsSeen(all=True)


def work_seen(viewer: Viewer, orders: OrdersSeen) -> OrdersSeen:
    """The row rule of fulfillment work and pickups: staff see that of their places, an order's owner all of its."""
    worked = locations_worked(viewer)
    owned = OrdersSeen(customer_id=orders.customer_id, order_ids=orders.order_ids)
    return EVERY_ORDER if worked.all else replace(owned, locations=worked.codes)


def locations_stocked(viewer: Viewer) -> LocationsSeen:
    """The places whose stock a caller may see and change."""
    if not viewer.has(Scope.INVENTORY_READ):
        return LocationsSeen()
    return LocationsSeen(codes=viewer.locations) if viewer.is_bound_to_locations else LocationsSeen(all=True)


def unlisted_products_seen(viewer: Viewer) -> bool:
    """Whether a caller sees products that are not ACTIVE, and their variants."""
    return viewer.has(Scope.CATALOG_WRITE)


@lru_cache(ADDRESSES_KEPT_MAX)
def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that an IPv6 customer is given whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{address}/64", strict=False)) if isinstance(parsed, IPv6Address) else address
