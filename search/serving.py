"""MLflow's server on a cluster's head: started again whenever it ends, its database copied away.

<backup>/mlflow-2026-11-25.db    the database at the last copy of that day
"""

import contextlib
import datetime
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from models.console import out
from models.recordings.locks import locking
from search.ui import ENVIRONMENT, HOST

LOOK = 1.0
"""Seconds between looks at the server."""
REST = 5.0
"""Seconds before a server that has ended is started again."""
NAMES = f"{HOST}:*,localhost:*"
"""What the server may be called, at any port: that of a tunnel's end differs."""


@dataclass(frozen=True)
class Server:
    """What is served, and where its database is copied to."""

    database: Path
    artifacts: str
    """A URI, as s3://bucket/artifacts."""
    backup: str | None
    """A URI of a folder."""
    port: int

    def command(self) -> list[str]:
        """Listens on this machine only; others reach it through ssh."""
        return [
            *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{self.database}"),
            *("--artifacts-destination", self.artifacts, "--serve-artifacts"),
            *("--host", HOST, "--port", str(self.port), "--allowed-hosts", NAMES),
        ]


def serve(
    database: Annotated[Path, typer.Option(help="SQLite file, on a disk of this machine.")],
    artifacts: Annotated[str, typer.Option(help="Where artifacts go, as s3://bucket/artifacts.")],
    backup: Annotated[
        str | None, typer.Option(help="Where copies of the database go, as s3://bucket/mlflow.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="Between two copies.")] = 30.0,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On 127.0.0.1.")] = 5000,
) -> None:
    """Keep MLflow's server running on a cluster's head; a second one leaves the first alone."""
    server = Server(database.expanduser().resolve(), artifacts, backup, port)
    server.database.parent.mkdir(parents=True, exist_ok=True)
    with locking(server.database.with_suffix(".lock")) as mine:
        if not mine:
            out.print(f"a server of {server.database} is kept running already")
            return
        keep_serving(server, minutes * 60, out.print)


def keep_serving(server: Server, every: float, tell: Callable[[str], None]) -> None:
    """Until SIGTERM or Ctrl-C, which end the server after a last copy; `every` is in seconds."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    due = time.monotonic() + every
    try:
        while True:
            with _running(server) as process:
                while process.poll() is None:
                    time.sleep(LOOK)
                    if server.backup and time.monotonic() > due:
                        due = time.monotonic() + every
                        try_to_back_up(server, tell)
            tell(f"the server has ended with {process.returncode}, and is started again")
            time.sleep(REST)
    except KeyboardInterrupt:
        if server.backup:
            try_to_back_up(server, tell)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _running(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """The server, which with all of its processes does not outlive the block."""
    environment = {**os.environ, **ENVIRONMENT}
    environment.pop("MLFLOW_TRACKING_URI", None)  # it is this server itself
    process = subprocess.Popen(server.command(), env=environment, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def try_to_back_up(server: Server, tell: Callable[[str], None]) -> None:
    """Copy the database; what goes wrong is said, since the server is worth more than its copy."""
    assert server.backup is not None
    try:
        back_up(server.database, server.backup)
    except Exception as error:  # whatever a network, a bucket or a disk may raise
        tell(f"{server.database} was not copied to {server.backup}: {error}")


def back_up(database: Path, folder: str) -> None:
    """Copy a database that may be in use, as of one moment, to a folder given as a URI."""
    from pyarrow import fs

    if not database.exists():
        return
    place, path = fs.FileSystem.from_uri(folder)
    place.create_dir(path, recursive=True)
    today = datetime.datetime.now(datetime.UTC).date()
    with tempfile.TemporaryDirectory(dir=database.parent) as temporary:
        copy = Path(temporary) / f"mlflow-{today}.db"
        _copy(database, copy)
        here = fs.LocalFileSystem()
        fs.copy_files(str(copy), f"{path}/{copy.name}", here, place)


def _copy(database: Path, copy: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
