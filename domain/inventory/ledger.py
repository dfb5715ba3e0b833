"""What the event log says of the stock ledger: each transaction that moved stock tells which lines of it it wrote.

The ledger's own numbers are given before commits, so that a lower one may appear after a higher one was read; an
event's position never does. Whoever follows the ledger therefore follows these events.
"""

from collections.abc import Sequence
from datetime import datetime

from domain.events import Event, EventKind, NewEvent

SUBJECT = "stock"


def moved(numbers: Sequence[int], actor: str, at: datetime) -> NewEvent:
    """The event of one transaction's movements; numbers: of all of them, told as [first, last] of each run."""
    data = {"count": len(numbers), "movements": runs(numbers)}
    return NewEvent(kind=EventKind.STOCK_MOVED, subject=SUBJECT, actor=actor, at=at, data=data)


def runs(numbers: Sequence[int]) -> list[list[int]]:
    """Whole numbers as [first, last] of each run of neighbors, ascending."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def numbers_of(event: Event) -> list[int]:
    """The numbers of an event's movements, ascending."""
    return [number for first, last in event.data["movements"] for number in range(first, last + 1)]
