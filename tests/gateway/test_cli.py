"""The command line says what it does, and in a sentence why it does not."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx2
import jwt
import orjson
import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.auth import signing_key
from gateway.cli import app

ORDERLOOM = [sys.executable, "-c", "from gateway.cli import main; main()"]
COMMANDS = ("serve", "worker", "migrate", "demo", "token", "schema", "audit", "import")
STARTS_WITHIN_S = 60  # A busy machine imports slowly.
STOPS_WITHIN_S = 25  # 20 s to drain, and a little to say so.


@pytest.fixture
def environment(tmp_path):
    """Nothing set but a data folder of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORDERLOOM_")}
    return inherited | {"ORDERLOOM_DATA_DIR": str(tmp_path), "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def orderloom(environment):
    """Runs a command to its end."""

    def run(*arguments, **settings):
        given = environment | {f"ORDERLOOM_{name}": value for name, value in settings.items()}
        return subprocess.run([*ORDERLOOM, *arguments], env=given, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def orderloom_here(environment, monkeypatch):
    """Runs a command to its end in this process, which has what it imports already."""
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    monkeypatch.setattr("gateway.telemetry.configure_logging", lambda _settings: None)

    def run(*arguments, **settings):
        given = environment | {f"ORDERLOOM_{name}": value for name, value in settings.items()}
        return CliRunner().invoke(app, arguments, env=given, prog_name="orderloom")

    return run


def test_help_names_every_command_without_loading_the_application(environment):
    script = "import sys; from gateway.cli import app; app(['--help'], standalone_mode=False); print(*sys.modules)"

    said = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert all(name in said.stdout for name in COMMANDS)
    assert not {"sqlalchemy", "strawberry", "starlette"}.intersection(said.stdout.split())


def test_a_token_is_printed_and_nothing_else(orderloom, tmp_path):
    done = orderloom("token", "--role", "associate", "--location", "milano", "--location", "roma", "--days", "1")

    claims = jwt.decode(
        done.stdout.strip(), signing_key((tmp_path / "secret").read_text()), ["HS256"], audience="orderloom"
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert claims["roles"] == ["associate"]
    assert claims["locations"] == ["milano", "roma"]
    assert claims["exp"] - claims["iat"] == 86_400


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "sentence"),
    [
        (["serve", "--host", "0.0.0.0"], {}, 2, "ORDERLOOM_SECRET_KEY is required here"),
        (["worker"], {}, 2, "ORDERLOOM_SECRET_KEY is required here"),
        (["serve", "--workers", "2"], {}, 2, "Several workers need PostgreSQL"),
        (["migrate"], {"DATABASE_URL": "mysql://ada:hunter2@db/shop"}, 2, "ORDERLOOM_DATABASE_URL: write postgresql"),
        (["migrate"], {"DATABASE_URL": "postgresql://ada:hunter2@127.0.0.1:1/shop"}, 1, "database cannot be used"),
        (["token", "--role", "admin"], {"SECRET_KEY": "hunter2"}, 2, "ORDERLOOM_SECRET_KEY: at least 32 characters"),
        (["token", "--role", "customer"], {}, 2, "--customer ID"),
        (["token", "--role", "king"], {}, 2, "'king' is not one of"),
        (["import", "orders", "nowhere.csv"], {}, 2, "'nowhere.csv' does not exist"),
        (["import", "stock", "nowhere.csv"], {}, 2, "'nowhere.csv' does not exist"),
        (["import", "stock", __file__, "--as-of", "yesterday"], {}, 2, "'yesterday' is no moment: write it as in 2026"),
        (["import", "stock", __file__, "--as-of", "2026-05-01T10:00:00"], {}, 2, "is no moment"),
        (["import", "stock", __file__, "--as-of", "0001-01-01T00:00:00+02:00"], {}, 2, "is no moment"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(orderloom_here, arguments, settings, code, sentence):
    done = orderloom_here(*arguments, **settings)

    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == code
    assert sentence in done.stderr
    assert "hunter2" not in done.stderr
    assert done.stdout == ""


def test_stock_is_imported_as_of_a_moment_said_with_any_offset_and_lines_left_out_end_it_with_3(
    orderloom_here, tmp_path
):
    stock = tmp_path / "stock.csv"
    stock.write_text("sku,location,quantity\nNOBODY,nowhere,1\n")

    done = orderloom_here("import", "stock", str(stock), "--as-of", "2026-05-01T12:00:00+02:00", "--mode", "delta")

    assert done.exit_code == 3
    assert f"1 lines read: 0 taken, 1 rejected (see {tmp_path / 'stock.rejects.csv'})." in done.stdout
    assert "As of 2026-05-01T10:00:00Z: 0 levels changed" in done.stdout


def test_a_database_made_with_another_secret_is_not_opened(orderloom_here, tmp_path):
    orders = tmp_path / "orders.csv"
    orders.write_text("reference,placed_at,sku,name,quantity,unit_price,currency,customer,country\n")
    orderloom_here("import", "orders", str(orders), SECRET_KEY="a" * 32)

    done = orderloom_here("import", "orders", str(orders), SECRET_KEY="b" * 32)

    assert done.exit_code == 2
    assert "another ORDERLOOM_SECRET_KEY" in done.stderr


@asynccontextmanager
async def served(environment):
    """The address of a server, and the process it runs in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *ORDERLOOM, "serve", "--port", str(port), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            while b"gateway.started" not in (line := await process.stdout.readline()):
                assert line, "The server ended before it began."
        yield f"127.0.0.1:{port}", process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_server_that_is_told_to_stop_lets_its_sockets_go_to_another(environment):
    async with served(environment) as (address, process), httpx2.AsyncClient() as http:
        asked = await http.post(f"http://{address}/graphql", json={"query": "{ channels { code } eventCursor }"})
        async with connect(f"ws://{address}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")]) as live:
            await live.send('{"type": "connection_init"}')
            acknowledged = orjson.loads(await live.recv())
            payload = {"query": "subscription { orderEvents { cursor } }"}
            await live.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())

            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                await _until_closed(live)
        async with asyncio.timeout(STOPS_WITHIN_S):
            said = await process.stdout.read()
            await process.wait()

    assert asked.json() == {"data": {"channels": [], "eventCursor": "e0"}}
    assert acknowledged == {"type": "connection_ack"}
    assert closed.value.rcvd.code == 1012  # Service restart: clients connect again and resume.
    assert b"gateway.stopping" in said
    assert b"Traceback" not in said


async def _until_closed(live):
    async with asyncio.timeout(STOPS_WITHIN_S):
        while True:
            await live.recv()
