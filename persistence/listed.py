"""What a long file has listed so far, in a temporary file: memory stays flat however long it is."""

import sqlite3
from collections.abc import Sequence

from domain.inventory.model import LevelKey

CACHE_KB = 32_000  # Enough for a million levels in any order; what does not fit is written and read again.


class Listed:
    """The levels that lines tell of; the file it is in is SQLite's own, and gone with it."""

    def __init__(self) -> None:
        self._kept = sqlite3.connect("", isolation_level=None)
        for statement in (
            f"PRAGMA cache_size = -{CACHE_KB}",
            "PRAGMA journal_mode = OFF",
            "CREATE TABLE listed (location TEXT, sku TEXT, line INTEGER, PRIMARY KEY (location, sku)) WITHOUT ROWID",
            "BEGIN",  # And no end: nothing of it is to last.
        ):
            self._kept.execute(statement)

    def take(self, key: LevelKey, line: int) -> int:
        """List a level as told by a line; answers the line that tells of it, which may be an earlier one."""
        sku, location = key
        listed = self._kept.execute(
            "INSERT INTO listed VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET line = excluded.line WHERE line IS NULL",
            (location, sku, line),
        )
        if listed.rowcount:
            return line
        ((earlier,),) = self._kept.execute("SELECT line FROM listed WHERE location = ? AND sku = ?", (location, sku))
        number: int = earlier
        return number

    def mention(self, key: LevelKey) -> None:
        """List a level that a line names, but tells nothing of that could be taken."""
        sku, location = key
        self._kept.execute("INSERT OR IGNORE INTO listed VALUES (?, ?, NULL)", (location, sku))

    def unlisted(self, location: str, skus: Sequence[str]) -> list[str]:
        listed = self._kept.execute(
            "SELECT sku FROM listed WHERE location = ? AND sku BETWEEN ? AND ?", (location, min(skus), max(skus))
        )
        found = {sku for (sku,) in listed}
        return [sku for sku in skus if sku not in found]

    def close(self) -> None:
        self._kept.close()
