"""What a mutation answers: the thing, or what the caller can act on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

from domain.errors import Problem, Refused

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """value: None where it was refused. user_errors: empty where it was done."""

    value: T | None = None
    user_errors: tuple[Problem, ...] = ()


def reports(resolver: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[Outcome[T]]]:
    """A mutation's resolver: what it refuses becomes the payload's user errors."""

    @wraps(resolver)
    async def reporting(*args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
        try:
            return Outcome(await resolver(*args, **kwargs))
        except Refused as refusal:
            return Outcome(user_errors=refusal.problems)

    return reporting


def value_of(outcome: Outcome[Any]) -> Any:
    return outcome.value
