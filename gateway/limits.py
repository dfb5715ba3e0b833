"""How much one operation, and one caller, may ask for."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import structlog
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    value_from_ast_untyped,
)
from limits import RateLimitItem, parse_many
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from domain.access import Viewer
from gateway.settings import Settings

LIST_LENGTH_ASSUMED = 10  # Of a list nobody says the length of: lines of an order, variants of a product.
PAGE_LENGTH_ASSUMED = 50  # What a connection answers where neither `first` nor `last` is given.

# ── One operation ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Measures:
    """How big an operation is. cost: the fields it answers, lists multiplied out."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0


class Measuring:
    """Measures one operation of a valid document; every fragment is measured once for each length it is met with.

    Introspection counts towards aliases and cost, but not towards depth: graphql-core limits it by itself.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[tuple[str, int | None], Measures] = {}

    def operation(self, node: OperationDefinitionNode) -> Measures:
        defaults = {
            definition.variable.name.value: value_from_ast_untyped(definition.default_value)
            for definition in node.variable_definitions or ()
            if definition.default_value
        }
        self._variables = {**defaults, **self._variables}
        root = self._schema.get_root_type(node.operation)
        assert root, "A valid document has operations of kinds the schema has."
        return self._selections(node.selection_set, root, None)

    def _selections(self, chosen: SelectionSetNode, parent: GraphQLCompositeType, page: int | None) -> Measures:
        """page: how many nodes the connection has whose fields these are."""
        each = [self._selection(selection, parent, page) for selection in chosen.selections]
        return Measures(
            max((one.depth for one in each), default=0),
            sum(one.aliases for one in each),
            sum(one.cost for one in each),
        )

    def _selection(self, node: SelectionNode, parent: GraphQLCompositeType, page: int | None) -> Measures:
        if isinstance(node, FieldNode):
            return self._field(node, parent, page)
        if isinstance(node, InlineFragmentNode):
            named = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
            return self._selections(node.selection_set, named, page)  # type: ignore[arg-type]  # Valid: it is composite.
        return self._fragment(node.name.value, page)  # type: ignore[attr-defined]  # Only a spread is left.

    def _fragment(self, name: str, page: int | None) -> Measures:
        found = self._measured.get((name, page))
        if found is None:
            fragment = self._fragments[name]
            named: Any = self._schema.get_type(fragment.type_condition.name.value)
            found = self._measured[name, page] = self._selections(fragment.selection_set, named, page)
        return found

    def _field(self, node: FieldNode, parent: GraphQLCompositeType, page: int | None) -> Measures:
        alias = 1 if node.alias else 0
        if node.selection_set is None:
            return Measures(1, alias, 1)
        kind, hidden = self._answer(node.name.value, parent)
        if kind is None:
            return Measures(1, alias, 1)
        named: Any = get_named_type(kind)
        many = is_list_type(get_nullable_type(kind))
        inner = self._selections(node.selection_set, named, None if many else self._page(node, named))
        times = (self._length(node) or page or LIST_LENGTH_ASSUMED) if many else 1
        return Measures(0 if hidden else 1 + inner.depth, alias + inner.aliases, 1 + times * inner.cost)

    def _answer(self, name: str, parent: GraphQLCompositeType) -> tuple[GraphQLOutputType | None, bool]:
        """A field's type, and whether it is introspection's."""
        if name.startswith("__"):
            field = self._schema.get_field(parent, name)
            return (field.type if field else None), True
        known = parent.fields if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else {}
        return (known[name].type if name in known else None), False

    def _page(self, node: FieldNode, named: Any) -> int | None:
        """How many nodes a connection is asked for; None for what is no connection."""
        if not named.name.endswith("Connection"):
            return None
        asked = [
            self._number(argument.value)
            for argument in node.arguments or ()
            if argument.name.value in {"first", "last"}
        ]
        return max((number for number in asked if number is not None), default=PAGE_LENGTH_ASSUMED)

    def _length(self, node: FieldNode) -> int | None:
        """How long a list field's answer is, as its arguments say: as long as the list asked for, or as `first`."""
        lengths = []
        for argument in node.arguments or ():
            if argument.name.value in {"first", "last"}:
                lengths.append(self._number(argument.value))
            elif isinstance(argument.value, ListValueNode):
                lengths.append(len(argument.value.values))
            elif isinstance(argument.value, VariableNode):
                value = self._variables.get(argument.value.name.value)
                lengths.append(len(value) if isinstance(value, list) else None)
        return max((length for length in lengths if length is not None), default=None)

    def _number(self, node: ValueNode) -> int | None:
        value: object = None
        if isinstance(node, IntValueNode):
            value = int(node.value)
        elif isinstance(node, VariableNode):
            value = self._variables.get(node.name.value)
        return max(value, 0) if isinstance(value, int) else None


def root_fields(document: DocumentNode, node: OperationDefinitionNode) -> list[str]:
    """The names of the fields an operation asks of its root, once for each time it is answered."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    answered: dict[str, str] = {}
    seen: set[str] = set()

    def gather(chosen: SelectionSetNode) -> None:
        for selection in chosen.selections:
            if isinstance(selection, FieldNode):
                name = selection.name.value
                answered[selection.alias.value if selection.alias else name] = name
            elif isinstance(selection, InlineFragmentNode):
                gather(selection.selection_set)
            elif (spread := selection.name.value) not in seen:  # type: ignore[attr-defined]  # Only a spread is left.
                seen.add(spread)
                gather(fragments[spread].selection_set)

    gather(node.selection_set)
    return list(answered.values())


def too_big(settings: Settings, measures: Measures, roots: int) -> list[GraphQLError]:
    """What of an operation is over its limit; each error says how much it is, how much may be, and the cost."""
    limits = (
        ("DEPTH", "fields deep", measures.depth, settings.depth_max),
        ("ALIASES", "aliases", measures.aliases, settings.aliases_max),
        ("ROOT_FIELDS", "root fields", roots, settings.root_fields_max),
        ("COST", "fields to answer, lists multiplied out", measures.cost, settings.cost_max),
    )
    return [
        GraphQLError(
            f"The operation is too big: {asked} {what}; at most {most} are answered.",
            extensions={"code": f"TOO_BIG_{name}", "asked": asked, "maximum": most, "cost": measures.cost},
        )
        for name, what, asked, most in limits
        if asked > most
    ]


# ── One caller ───────────────────────────────────────────────────────────────────────────────────────────────────

log = structlog.get_logger(__name__)

REDIS_WAIT_S = 0.25  # A limit is not worth waiting for longer than the request itself takes.
REDIS_REST_S = 5.0  # How long this process counts by itself after Redis failed it.


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that an IPv6 customer is given whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{address}/64", strict=False)) if isinstance(parsed, IPv6Address) else address


class LimitedGuesses:
    """How often a caller may be wrong about what only its owner knows: for each of them, and for their address.

    Counted in Redis where there is one, so that all processes count together; while it does not answer, each
    process counts by itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._per_caller = parse_many(settings.guesses_per_caller)
        self._per_address = parse_many(settings.guesses_per_address)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._redis = _redis(settings.redis_url) if settings.redis_url else None
        self._redis_again_at = 0.0

    async def allow(self, what: str, viewer: Viewer, address: str) -> bool:
        hits = [(rate, "address", network_of(address)) for rate in self._per_address]
        if viewer.subject is not None:
            hits += [(rate, "caller", viewer.subject) for rate in self._per_caller]
        if self._redis and time.monotonic() >= self._redis_again_at:
            try:
                async with asyncio.timeout(REDIS_WAIT_S):
                    return await self._within(FixedWindowRateLimiter(self._redis), what, hits)
            except (RedisError, OSError) as error:  # A timeout is an OSError.
                self._redis_again_at = time.monotonic() + REDIS_REST_S
                log.warning("limits.redis_unavailable", error=type(error).__name__)
        return await self._within(self._own, what, hits)

    async def _within(
        self, limiter: FixedWindowRateLimiter, what: str, hits: list[tuple[RateLimitItem, str, str]]
    ) -> bool:
        # Every try counts towards every rate, so that none is spared by another that is already over.
        return all([await limiter.hit(rate, what, kind, who) for rate, kind, who in hits])

    async def close(self) -> None:
        if self._redis:
            await self._redis.bridge.get_connection().aclose()  # type: ignore[attr-defined]  # redis-py's own client.


class RequestRate:
    """How many requests a caller may send.

    Each process counts by itself, in a dictionary it drops as a window ends: asking Redis would cost a request
    more than this spares, and a look through all callers for those long gone more still.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._windows = [_Window(rate.amount, rate.get_expiry()) for rate in parse_many(settings.request_rate)]
        self._now = now

    def wait(self, viewer: Viewer, address: str) -> int:
        """Count a request: 0 where it may come now; else the seconds until one may."""
        caller = viewer.subject or network_of(address)
        return max(window.wait(caller, self._now()) for window in self._windows)


class _Window:
    def __init__(self, amount: int, seconds: int) -> None:
        self._amount = amount
        self._seconds = seconds
        self._began = 0
        self._counted: dict[str, int] = {}

    def wait(self, caller: str, now: float) -> int:
        began = int(now // self._seconds)
        if began != self._began:
            self._began, self._counted = began, {}
        count = self._counted[caller] = self._counted.get(caller, 0) + 1
        return 0 if count <= self._amount else math.ceil((began + 1) * self._seconds - now)


def _redis(url: str) -> RedisStorage:
    limits_url = url.replace("unix://", "redis+unix://", 1) if url.startswith("unix://") else url
    return RedisStorage(f"async+{limits_url}", implementation="redispy", key_prefix="orderloom:limits")
