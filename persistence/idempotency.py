"""Idempotency keys: a row claims a key in the transaction that does the work, and falls with it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from domain.clock import Clock
from domain.errors import InputError
from domain.idempotency import Answer, Asked, reused
from persistence.database import Statements
from persistence.sealing import Vault
from persistence.tables.log import KEYS


class SqlIdempotencyKeys:
    def __init__(self, statements: Statements, vault: Vault, clock: Clock) -> None:
        self._statements = statements
        self._vault = vault
        self._clock = clock

    async def claim(self, asked: Sequence[Asked]) -> list[Answer | InputError | None]:
        if not asked:
            return []
        digested = [(each, self._vault.input_digest(each.command)) for each in asked]
        # Locked in one order, so that two batches cannot wait for each other.
        rows = {
            (each.caller, each.key): digest
            for each, digest in sorted(digested, key=lambda pair: (pair[0].caller, pair[0].key))
        }
        insert = sqlite.insert if self._statements.is_sqlite else postgresql.insert
        claimed = {
            (row.caller, row.key)
            for row in await self._statements.fetch(
                insert(KEYS)
                .values(
                    [
                        {"caller": caller, "key": key, "digest": digest, "created_at": self._clock.now()}
                        for (caller, key), digest in rows.items()
                    ]
                )
                .on_conflict_do_nothing()
                .returning(KEYS.c.caller, KEYS.c.key)
            )
        }
        known = await self._known([key for key in rows if key not in claimed])
        return [self._found(each, digest, claimed, known) for each, digest in digested]

    def _found(
        self,
        asked: Asked,
        digest: str,
        claimed: set[tuple[str, str]],
        known: dict[tuple[str, str], tuple[str, Answer]],
    ) -> Answer | InputError | None:
        key = asked.caller, asked.key
        if key in claimed:
            claimed.discard(key)  # The second of one batch under the same key is not its first.
            known[key] = (digest, {})
            return None
        first, answer = known[key]
        return answer if first == digest else reused()

    async def _known(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[str, Answer]]:
        if not keys:
            return {}
        rows = await self._statements.fetch(
            select(KEYS.c.caller, KEYS.c.key, KEYS.c.digest, KEYS.c.answer).where(
                tuple_(KEYS.c.caller, KEYS.c.key).in_(list(keys))
            )
        )
        return {(row.caller, row.key): (row.digest, row.answer or {}) for row in rows}

    async def keep(self, answers: Sequence[tuple[Asked, Answer]]) -> None:
        await self._statements.run(
            update(KEYS)
            .where(KEYS.c.caller == bindparam("of_caller"), KEYS.c.key == bindparam("of_key"))
            .values(answer=bindparam("given")),
            [{"of_caller": asked.caller, "of_key": asked.key, "given": dict(answer)} for asked, answer in answers],
        )

    async def release(self, asked: Sequence[Asked]) -> None:
        await self._statements.run(
            delete(KEYS).where(
                tuple_(KEYS.c.caller, KEYS.c.key).in_([(each.caller, each.key) for each in asked]),
                KEYS.c.answer.is_(None),
            )
        )


async def forget_keys(database: Statements, before: datetime) -> None:
    """Drop the keys that were first used before an instant."""
    await database.run(delete(KEYS).where(KEYS.c.created_at < before))
