"""`orderloom audit`: the three laws over a database, a line for each check and for each row that breaks one."""

import typer

from gateway.settings import Settings
from persistence.audit import CHECKS, audit
from persistence.database import Database

CLEAN, BROKEN = 0, 1


async def run(settings: Settings) -> int:
    """Check everything and say what is found; answers the exit code."""
    database = Database(settings.database_url)
    broken = 0
    try:
        number = 0
        async for verdict in audit(database):
            number += 1
            said = f"BROKEN by {verdict.rows}" if verdict.rows else "ok"
            typer.echo(f"[{number:2}/{len(CHECKS)}] {verdict.check}: {said}")
            for each in verdict.breaks:
                typer.echo(f"        {each}")
            named = len({each.row for each in verdict.breaks})
            if verdict.rows > named:
                typer.echo(f"        … and {verdict.rows - named} more")
            broken += verdict.rows
    finally:
        await database.close()
    typer.echo(f"{broken} rows break a law." if broken else "Every law holds.")
    return BROKEN if broken else CLEAN
