"""What a long file has listed so far, in a temporary file: memory stays flat however long it is."""

import sqlite3
from collections.abc import Sequence

import orjson

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
        """List a level that a line may name, but tells nothing of that could be taken."""
        sku, location = key
        self._kept.execute("INSERT OR IGNORE INTO listed VALUES (?, ?, NULL)", (location, sku))

    def unlisted(self, location: str, skus: Sequence[str]) -> list[str]:
        """Those of the SKUs that no line names at a location, in their order."""
        unlisted = self._kept.execute(
            "SELECT value FROM json_each(?)"
            " WHERE NOT EXISTS (SELECT 1 FROM listed WHERE location = ? AND sku = value) ORDER BY key",
            (orjson.dumps(skus).decode(), location),
        )
        return [sku for (sku,) in unlisted]

    def close(self) -> None:
        self._kept.close()
