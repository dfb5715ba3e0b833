"""What a caller can act on: every refusal is one or more problems, each with a code, a sentence and a path."""

from dataclasses import dataclass
from datetime import date
from enum import Enum


class ErrorCode(Enum):
    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    NOT_ALLOWED = "NOT_ALLOWED"
    INSUFFICIENT_STOCK = "INSUFFICIENT_STOCK"
    NOT_SELLABLE = "NOT_SELLABLE"
    PROMISE_UNAVAILABLE = "PROMISE_UNAVAILABLE"
    PRICE_CHANGED = "PRICE_CHANGED"
    PROMOTION_NOT_APPLICABLE = "PROMOTION_NOT_APPLICABLE"
    PAYMENT_DECLINED = "PAYMENT_DECLINED"
    INVALID_TRANSITION = "INVALID_TRANSITION"
    RETURN_NOT_ELIGIBLE = "RETURN_NOT_ELIGIBLE"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, said to the person who can mend it.

    path: into the input, e.g. ("lines", "0", "quantity"); empty where no part of it is to blame.
    """

    code: ErrorCode
    message: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputError(Problem):
    """A problem that its code, sentence and path say whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidTransition(Problem):
    """A step that cannot be taken from where the thing is; `allowed` are the statuses it may go to from there."""

    code: ErrorCode = ErrorCode.INVALID_TRANSITION
    from_: str
    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsufficientStock(Problem):
    """available: what could be promised of it, of all that was asked for. next_available_on: when all could be."""

    sku: str
    requested: int
    available: int
    next_available_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDeclined(Problem):
    decline_code: str
    retryable: bool


class Refused(Exception):  # noqa: N818  (it is the sentence's verb: a service refuses)
    """What was asked is not done, and nothing was changed.

    problems: at least one, in the order of the input.
    """

    def __init__(self, *problems: Problem) -> None:
        assert problems, "A refusal names what is wrong."
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class Forbidden(Exception):  # noqa: N818
    """The caller may not ask this at all; says which scope it would need."""

    def __init__(self, field: str, scope: str) -> None:
        super().__init__(f"{field} needs the scope {scope}.")
        self.field = field
        self.scope = scope


def invalid(message: str, *path: str | int) -> InputError:
    return InputError(code=ErrorCode.INVALID, message=message, path=tuple(map(str, path)))


def not_found(message: str, *path: str | int) -> InputError:
    return InputError(code=ErrorCode.NOT_FOUND, message=message, path=tuple(map(str, path)))


def conflict(message: str, *path: str | int) -> InputError:
    return InputError(code=ErrorCode.CONFLICT, message=message, path=tuple(map(str, path)))


def not_allowed(message: str, *path: str | int) -> InputError:
    return InputError(code=ErrorCode.NOT_ALLOWED, message=message, path=tuple(map(str, path)))


def refuse_all(problems: list[Problem]) -> None:
    """Raise one refusal for all the problems found, if any."""
    if problems:
        raise Refused(*problems)
