"""What makes a plan give a value back to graphql-core, which then says in its own words what is wrong with it."""

from typing import Any

from graphql import Undefined

NULL = "null"  # Nothing where there must be something.
FAULT = "fault"  # An exception, raised or standing in place of the value.
CLASS = "class"  # An object of a class its type does not know.
VALUE = "value"  # A scalar that is not one, a list that is none, a value still to be awaited.
REASONS = (NULL, FAULT, CLASS, VALUE)


class Odd(Exception):  # noqa: N818  (no error yet: graphql-core decides whether it is one)
    """A value that a plan does not complete."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Exception):  # noqa: N818  (no error: this part of a document is left to graphql-core)
    """Something in a document or schema for which no plan is made."""


def reason_of(error: Exception) -> str:
    return error.reason if isinstance(error, Odd) else FAULT


def odd(value: Any, otherwise: str) -> Odd:
    """Why `value` is not completed; `otherwise` where it is neither null nor a fault."""
    if value is None or value is Undefined:
        return Odd(NULL)
    return Odd(FAULT if isinstance(value, Exception) else otherwise)
