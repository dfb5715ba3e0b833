"""Ids: a prefix that says what a thing is, then either its human key or 26 sortable characters."""

import secrets
from collections.abc import Callable

from domain.clock import Clock

# Crockford's base 32: no I, L, O, U, so that a number read aloud is written down right.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_SECRET_CHARACTERS = 26  # Of five bits each.

# What stands before the underscore of an id, and the type `node` answers it with.
PREFIXES = {
    "Channel": "chn",
    "Category": "cat",
    "Product": "prd",
    "ProductVariant": "var",
    "ShippingMethod": "shm",
    "StockLocation": "loc",
    "StockLevel": "lvl",
    "StockMovement": "mov",
    "InboundSupply": "sup",
    "Customer": "cus",
    "Quote": "quo",
    "Order": "ord",
    "OrderLine": "oln",
    "Payment": "pay",
    "FulfillmentOrder": "ful",
    "Pickup": "pck",
    "Shipment": "shp",
    "Event": "evt",
}


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


class Ids:
    """Makes ids and numbers. `randomness` is the system's, or a seeded one for a past that is made the same twice."""

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._clock = clock
        self._randomness = randomness

    def new(self, prefix: str) -> str:
        """`ord_01JD…`: 48 bits of milliseconds and 80 of chance, so that ids sort by when they were made.

        Source: the ULID specification.
        """
        milliseconds = int(self._clock.now().timestamp() * 1000)
        chance = int.from_bytes(self._randomness(10), "big")
        return f"{prefix}_{_base32(milliseconds << 80 | chance, 26)}"

    def new_secret(self, prefix: str) -> str:
        """An id that opens what it names to whoever knows it: as `new`, and 130 bits of chance behind it."""
        chance = int.from_bytes(self._randomness(17), "big")
        return f"{self.new(prefix)}{_base32(chance, _SECRET_CHARACTERS)}"

    def order_number(self) -> str:
        """Ten characters of chance (50 bits), `4K7QM-2XN9D`: says nothing of sales, and cannot be counted up."""
        characters = _base32(int.from_bytes(self._randomness(7), "big") >> 6, 10)
        return f"{characters[:5]}-{characters[5:]}"


def without_secret(id: str) -> str:
    """What may be told of an id that `new_secret` made: enough to tell it from others, too little to open anything."""
    return id[:-_SECRET_CHARACTERS]


def prefixed(prefix: str, key: str) -> str:
    return f"{prefix}_{key}"


def split(id: str) -> tuple[str, str]:
    """("ord", "01JD…"); ("", id) where the id has no prefix."""
    prefix, underscore, key = id.partition("_")
    return (prefix, key) if underscore else ("", id)
