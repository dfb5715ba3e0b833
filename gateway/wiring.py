"""The one place that knows every concrete piece and puts them together."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from domain.clock import Clock, SystemClock
from domain.ids import Ids
from gateway.limits import LimitedGuesses
from gateway.settings import Settings
from persistence.database import Database
from persistence.event_bus import EventBus, MemoryBus, RedisBus
from persistence.jobs import SqlJobs
from persistence.live import LiveTail
from persistence.log import EventNumbering, SqlLog
from persistence.providers.payments import ConfiguredProviders, TestProvider, test_action_url
from persistence.sealing import Vault
from persistence.tables.log import FACTS
from persistence.unit_of_work import SqlWorld

# Facts a database knows of itself.
MADE_BY_DEMO = "made_by_demo"
SECRET_FINGERPRINT = "secret_fingerprint"


class WrongSecret(Exception):  # noqa: N818
    """The database was sealed with another ORDERLOOM_SECRET_KEY than this one."""


@dataclass(slots=True)
class Process:
    """Everything of one running process; `start` before use, `close` after."""

    world: SqlWorld
    jobs: SqlJobs
    bus: EventBus
    live: LiveTail
    numbering: EventNumbering
    guesses: LimitedGuesses

    async def start(self) -> None:
        await self.bus.start()
        await self.live.start()

    async def close(self) -> None:
        """In the reverse order, each letting what is at hand end."""
        await self.live.stop()
        await self.numbering.close()
        await self.bus.close()
        await self.guesses.close()
        await self.world.database.close()


async def wire(
    settings: Settings,
    *,
    clock: Clock | None = None,
    randomness: Callable[[int], bytes] = secrets.token_bytes,
    is_alone: bool = False,
) -> Process:
    """Everything put together on a migrated database.

    is_alone: for one long piece of work, beside which the process does nothing.
    Raises WrongSecret where the database was sealed with another secret.
    """
    clock = clock or SystemClock()
    database = Database(settings.database_url, is_alone=is_alone)
    vault = Vault(settings.secret)
    facts = await _facts(database, vault)
    if facts.get(SECRET_FINGERPRINT, vault.fingerprint) != vault.fingerprint:
        await database.close()
        raise WrongSecret(
            "This database was made with another ORDERLOOM_SECRET_KEY; with this one nobody's data opens."
        )
    bus: EventBus = RedisBus(settings.redis_url) if settings.redis_url else MemoryBus()
    numbering = EventNumbering(database, bus)
    live = LiveTail(SqlLog(database), bus, numbering)
    guesses = LimitedGuesses(settings)
    takes_test_payments = settings.test_payments or MADE_BY_DEMO in facts
    public_url = settings.public_url or "http://127.0.0.1:8000"
    url = test_action_url(public_url, vault.payment_proof)
    world = SqlWorld(
        database=database,
        clock=clock,
        ids=Ids(clock, randomness),
        digests=vault,
        providers=ConfiguredProviders(TestProvider(url)) if takes_test_payments else ConfiguredProviders(),
        numbering=numbering,
        live=live,
        guesses=guesses,
    )
    return Process(world, SqlJobs(database, clock), bus, live, numbering, guesses)


async def _facts(database: Database, vault: Vault) -> dict[str, str]:
    """What the database knows of itself; a new one learns the fingerprint of its secret."""
    facts = {row.name: row.value for row in await database.fetch(select(FACTS.c.name, FACTS.c.value))}
    if SECRET_FINGERPRINT not in facts:
        dialect = sqlite if database.is_sqlite else postgresql
        row = {"name": SECRET_FINGERPRINT, "value": vault.fingerprint}
        await database.run(dialect.insert(FACTS).values(row).on_conflict_do_nothing())
    return facts
