"""Work put off until after the commit, kept in the transaction that asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """kind: names its handler. payload: ids only. run_at: None is at once. key: one of a kind while it waits."""

    kind: str
    payload: Mapping[str, Any]
    run_at: datetime | None = None
    key: str | None = None


class Deferrer(Protocol):
    """Where services put work off; it is queued with the transaction's commit."""

    def later(self, job: NewJob) -> None: ...
