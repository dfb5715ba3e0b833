"""The command line: `orderloom`.

Whatever a command needs is imported inside it: `orderloom --help` and `orderloom token` answer at once.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from domain.access import Role

if TYPE_CHECKING:
    from gateway.settings import Settings

T = TypeVar("T")

DRAIN_S = 20  # How long requests under way have to end after SIGTERM; orchestrators wait 30 s before they kill.
KEEP_ALIVE_S = 75  # Longer than load balancers keep idle connections (60 s), so that they are the ones to close.
SOCKET_PING_S = 20.0  # Proxies drop connections that are silent for a minute.
USAGE = 2  # The exit code for what was asked wrong, as of every command line.

app = typer.Typer(
    help="Orderloom: an open, headless order-management system behind one GraphQL schema.",
    epilog="Settings come from the environment, as ORDERLOOM_…; docs/configuration.md names them all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
imports = typer.Typer(help="Take in data from elsewhere.", no_args_is_help=True)
app.add_typer(imports, name="import")


class StockFor(Enum):
    AS_NEEDED = "as-needed"
    CHECK = "check"


class FeedMode(Enum):
    SNAPSHOT = "snapshot"
    DELTA = "delta"


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine a secret key is required.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL.")] = 1,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Load the demo retailer into an empty database first.")] = False,
) -> None:
    """Migrate the database, then serve GraphQL and do background work until stopped."""
    import uvicorn

    from gateway.settings import is_loopback

    settings = _settings(is_local=is_loopback(host))
    if workers > 1 and settings.is_sqlite:
        _stop("Several workers need PostgreSQL: set ORDERLOOM_DATABASE_URL to postgresql://…, or use one worker.")
    _run(_prepared(settings, demo=demo))
    typer.echo(_welcome(settings, host, port, has_tokens=demo and is_loopback(host)))
    # Each process reads its settings anew, and must come by the same secret and the same address.
    os.environ["ORDERLOOM_SECRET_KEY"] = settings.secret
    os.environ["ORDERLOOM_PUBLIC_URL"] = _public_url(settings, host, port)
    if workers > 1:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_emptied(settings.data_dir / f"metrics-{port}")))
    uvicorn.run(
        "gateway.app:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        **server_options(settings),
    )


@app.command()
def worker() -> None:
    """Do background work for gateways that run elsewhere, until stopped."""
    from gateway.app import work

    _run(work(_settings(is_local=False)))


@app.command()
def migrate() -> None:
    """Bring the database to the newest version; safe to run twice, and from several machines at once."""
    from persistence.migrating import migrate as migrated

    _run(migrated(_settings().database_url))


@app.command()
def demo() -> None:
    """Migrate, then load the demo retailer; a second time changes nothing."""
    _run(_prepared(_settings(), demo=True))


@app.command()
def token(
    role: Annotated[Role, typer.Option(help="Whose rights the token carries.")],
    customer: Annotated[str | None, typer.Option(help="The customer's id, for a customer.")] = None,
    location: Annotated[list[str] | None, typer.Option(help="A location's code, for an associate; may repeat.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long the token is good.")] = 30,
) -> None:
    """Print a bearer token, and nothing else."""
    from gateway.auth import issue_token

    if role is Role.CUSTOMER and not customer:
        _stop("A customer's token names the customer: --customer ID.")
    lifetime = timedelta(days=days)
    secret = _settings().secret
    typer.echo(issue_token(secret, role, customer=customer, locations=location or (), lifetime=lifetime))


@app.command()
def schema() -> None:
    """Print the schema, in GraphQL's schema definition language."""
    from gateway.app import ROOTS
    from gateway.serving import build_schema
    from gateway.settings import Settings

    typer.echo(build_schema(ROOTS, Settings.model_construct()).as_str())


@app.command()
def audit() -> None:
    """Check the laws of orders, stock and money over the whole database; names every row that breaks one."""
    from gateway import audit as laws

    raise typer.Exit(_run(laws.run(_settings())))


@imports.command("orders")
def import_orders(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, also gzipped.")],
    channel: Annotated[
        str | None, typer.Option(help="Code of the channel; imported- and the file's currency where left out.")
    ] = None,
    stock: Annotated[
        StockFor, typer.Option(help="Receive what each order lacks, or refuse the order.")
    ] = StockFor.CHECK,
    rejects: Annotated[Path | None, typer.Option(help="Where lines left out are written; beside the file.")] = None,
    *,
    create_products: Annotated[
        bool, typer.Option("--create-products", help="Make the products it does not know.")
    ] = False,
) -> None:
    """Take in orders from elsewhere; run twice, or again after being stopped, it changes nothing twice."""
    from gateway.imports.orders import import_orders as imported

    settings = _settings()
    _run(_prepared(settings))
    work = imported(
        settings, file, channel=channel, create_products=create_products, stock=stock.value, rejects=rejects
    )
    raise typer.Exit(_run(work))


@imports.command("stock")
def import_stock(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV or JSON lines, also gzipped.")
    ],
    mode: Annotated[
        FeedMode, typer.Option(help="The whole truth of its locations, or only what it lists.")
    ] = FeedMode.SNAPSHOT,
    location: Annotated[
        list[str] | None, typer.Option(help="A location's code; may repeat. All those in the file where left out.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="The moment it tells of, in ISO 8601 with an offset; when it was last written.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where lines left out are written; beside the file.")] = None,
    *,
    net_of_allocations: Annotated[
        bool, typer.Option("--net-of-allocations", help="Its figures lack what orders have allocated.")
    ] = False,
) -> None:
    """Bring stock in line with a file; run twice, or again after being stopped, it changes nothing twice.

    Ends with 3 where it left lines out, and names them.
    """
    from gateway.imports.stock import import_stock as imported

    moment = _instant(as_of) if as_of else None
    settings = _settings()
    _run(_prepared(settings))
    work = imported(
        settings,
        file,
        mode=mode.name,
        locations=location or (),
        as_of=moment,
        includes_allocated=net_of_allocations,
        rejects=rejects,
    )
    raise typer.Exit(_run(work))


@imports.command("places")
def import_places(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, readable=True, help="Postal codes as GeoNames has them, also gzipped."
        ),
    ],
    rejects: Annotated[Path | None, typer.Option(help="Where lines left out are written; beside the file.")] = None,
) -> None:
    """Learn where postal codes are, in place of all that was known of the file's countries.

    Run twice it changes nothing. Ends with 3 where it left lines out, and names them.
    """
    from gateway.imports.places import import_places as imported

    settings = _settings()
    _run(_prepared(settings))
    raise typer.Exit(_run(imported(settings, file, rejects=rejects)))


def main() -> None:
    app(prog_name="orderloom")


def server_options(settings: "Settings") -> dict[str, Any]:
    """What the HTTP server is told beside what it serves and where."""
    return {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # Whose word about a caller's address is taken is our own setting.
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": DRAIN_S,
        "ws_max_size": settings.socket_message_bytes_max,
        "ws_ping_interval": SOCKET_PING_S,
        # Compression would cost each of thousands of connections some 300 KiB.
        "ws_per_message_deflate": False,
    }


def _settings(*, is_local: bool = True) -> "Settings":
    """The settings, with a secret; is_local: where there is none, one may be made and kept on this machine."""
    from gateway.settings import SettingsError, read_settings, unknown_settings, with_secret
    from gateway.telemetry import configure_logging

    for sentence in unknown_settings():
        typer.secho(sentence, err=True, fg=typer.colors.YELLOW)
    try:
        settings = read_settings()
        if not is_local and settings.secret_key is None:
            _stop("ORDERLOOM_SECRET_KEY is required here: 32 characters or more, and the same for every process.")
        settings = with_secret(settings)
    except SettingsError as error:
        _stop(str(error))
    configure_logging(settings)
    return settings


def _instant(text: str) -> datetime:
    try:
        said = datetime.fromisoformat(text)
        instant = said.astimezone(UTC) if said.tzinfo else None
    except (ValueError, OverflowError):
        instant = None
    if instant is None:
        _stop(f"{text!r:.40} is no moment: write it as in 2026-05-01T10:00:00Z.")
    return instant


async def _prepared(settings: "Settings", *, demo: bool = False) -> None:
    """Migrated, opened once with our secret, and with the demo in it where that is asked."""
    from gateway.wiring import wire
    from persistence.migrating import migrate as migrated

    await migrated(settings.database_url)
    process = await wire(settings)
    await process.close()
    if demo:
        from gateway.demo import load_demo

        with _bars() as progress:
            is_new = await load_demo(settings, progress=progress)
        typer.echo("The demo retailer is loaded." if is_new else "The demo retailer is there already.", err=True)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; what an operator can mend is said in a sentence."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from gateway.demo import HoldsOtherData
    from gateway.wiring import WrongSecret

    try:
        return asyncio.run(work)
    except (HoldsOtherData, WrongSecret) as error:
        _stop(str(error))
    except (OSError, SQLAlchemyError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        _stop(f"The database cannot be used: {cause or type(error).__name__}", code=1)


@contextmanager
def _bars() -> Iterator[Callable[[str, float], None]]:
    """A bar for each thing that is being done; it is told how much of it is, 0 to 1."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True)) as bars:
        shown: dict[str, TaskID] = {}

        def progress(what: str, share: float) -> None:
            if what not in shown:
                shown[what] = bars.add_task(what, total=1)
            bars.update(shown[what], completed=share)

        yield progress


def _emptied(folder: Path) -> Path:
    """Where the processes of one server keep their figures for each other, from one start to the next."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _public_url(settings: "Settings", host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return (settings.public_url or f"http://{shown}:{port}").rstrip("/")


def _welcome(settings: "Settings", host: str, port: int, *, has_tokens: bool) -> str:
    url = _public_url(settings, host, port)
    lines = [
        "",
        "  Orderloom",
        "",
        f"  Start here   {url}/",
        f"  GraphQL      {url}/graphql   (a browser is shown GraphiQL)",
        f"  Live         {url.replace('http', 'ws', 1)}/graphql   (graphql-transport-ws)",
        "",
    ]
    if has_tokens:
        lines += ["  Tokens, good for 30 days. Send one as: authorization: Bearer <token>", "", *_tokens(settings), ""]
    return "\n".join(lines)


def _tokens(settings: "Settings") -> list[str]:
    from gateway.auth import issue_token
    from gateway.demo import CUSTOMER, LOCATION

    whose: dict[Role, dict[str, Any]] = {
        Role.CUSTOMER: {"customer": CUSTOMER},
        Role.ASSOCIATE: {"locations": (LOCATION,)},
    }
    tokens = {role: issue_token(settings.secret, role, **whose.get(role, {})) for role in Role}
    return [f"  {role.value:<13}{token}" for role, token in tokens.items()]


def _stop(sentence: str, *, code: int = USAGE) -> NoReturn:
    typer.secho(sentence, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)
