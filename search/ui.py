"""MLflow's UI on the search's database, on this machine only."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from models.errors import UserError
from models.runs import tracking_database

HOST = "127.0.0.1"
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def command(home: Path, port: int) -> list[str]:
    """The command that serves the UI of the searches in `home`."""
    database = f"sqlite:///{tracking_database(home)}"
    place = ["--backend-store-uri", database, "--host", HOST, "--port", str(port)]
    return [sys.executable, "-m", "mlflow", "server", *place, "--workers", "1"]


def check(home: Path, port: int) -> None:
    """Raise UserError if there is nothing to show or the port is in use."""
    remote = os.environ.get("MLFLOW_TRACKING_URI", "")
    if remote.startswith("http"):
        raise UserError(f"the records are kept by the server at {remote}", f"Open {remote}.")
    if not tracking_database(home).is_file():
        remedy = "Start a search with 'python -m search run DATA --name NAME', or give --home."
        raise UserError(f"there is no search in {home} yet", remedy)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(f"port {port} is in use", f"Give --port {port + 1}.") from error


def serve(home: Path, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM, which end all of the server's processes; its exit code."""
    environment = {**os.environ, **ENVIRONMENT}
    server = subprocess.Popen(command(home, port), env=environment, start_new_session=True)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGTERM, before)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()
