"""Doing a thing once, however often it is asked: the same key and input give the first answer again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from domain.access import Viewer
from domain.errors import ErrorCode, InputError, Refused, invalid

KEY_LENGTH_MAX = 200  # A UUID has 36; some send a whole URL.
# Anonymous callers share one space of keys, so theirs must be beyond guessing: 22 characters of base 64 are 128 bits.
ANONYMOUS_KEY_LENGTH_MIN = 22
KEPT_FOR = timedelta(days=30)

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request under a key; `command` is the coerced input, compared as a keyed digest."""

    viewer: Viewer
    key: str
    command: object

    @property
    def caller(self) -> str:
        return self.viewer.subject or "anonymous"


class IdempotencyKeys(Protocol):
    async def claim(self, asked: Sequence[Asked]) -> list[Answer | InputError | None]:
        """For each: None (ours to do, now), the first answer, or the refusal of a key used with other input.

        A key that another transaction is using is waited for. A claim lives and dies with the transaction.
        """

    async def keep(self, answers: Sequence[tuple[Asked, Answer]]) -> None:
        """The answers to give again: ids and figures, never personal data."""

    async def release(self, asked: Sequence[Asked]) -> None:
        """Leave keys free that were claimed in this transaction, as what they were for was refused."""


def reused() -> InputError:
    return InputError(
        code=ErrorCode.IDEMPOTENCY_KEY_REUSED,
        message="This idempotency key was used with another input. Use a new key for a new request.",
        path=("idempotencyKey",),
    )


def key_problem(asked: Asked) -> InputError | None:
    """What is wrong with a key itself, if anything."""
    if not asked.key or len(asked.key) > KEY_LENGTH_MAX:
        return invalid(f"An idempotency key has 1 to {KEY_LENGTH_MAX} characters.", "idempotencyKey")
    if asked.viewer.subject is None and len(asked.key) < ANONYMOUS_KEY_LENGTH_MIN:
        return invalid(
            f"Without signing in, an idempotency key has at least {ANONYMOUS_KEY_LENGTH_MIN} characters.",
            "idempotencyKey",
        )
    return None


async def first_answer(keys: IdempotencyKeys, asked: Asked) -> Answer | None:
    """The answer given before under this key, or None: then do it, and `keep` its answer.

    Raises Refused where the key is malformed or was used with another input.
    """
    if problem := key_problem(asked):
        raise Refused(problem)
    (found,) = await keys.claim([asked])
    if isinstance(found, InputError):
        raise Refused(found)
    return found
