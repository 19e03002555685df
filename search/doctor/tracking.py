"""Whether MLflow would take a search's records."""

import contextlib
import sqlite3
from pathlib import Path

from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from models.clusters import described
from models.environment import variables
from models.runs import TRACKING_VARIABLE, tracking_database, tracking_uri
from search.doctor.lines import Finding, ok, problem
from search.mlflow_store import is_embedded, open_client

NAME = "MLflow"
QUICK = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
"""One try of ten seconds."""
EXPERIMENT = ".doctor"
"""Made and removed on a server; no search can have this name."""
PATIENCE = 5.0
"""Seconds for a lock of the database."""


def check(home: Path) -> list[Finding]:
    """The server of $MLFLOW_TRACKING_URI, or the embedded database."""
    if is_embedded():
        return [check_database(home)]
    with variables(QUICK):
        return [check_server(home)]


def check_database(home: Path) -> Finding:
    """The SQLite file under the home folder can be written now and is one of MLflow's."""
    path = tracking_database(home)
    if not path.exists():
        return ok(NAME, f"no records yet; the first search makes {path}")
    remedy = "Let whoever holds it end ('fuser' names the process), or give another --home."
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE doctor (name TEXT)"
            )  # rolled back: a read-only disk refuses
            connection.rollback()
        count = len(open_client(home).search_experiments(max_results=1000))
    except sqlite3.OperationalError as error:
        return problem(NAME, f"{path} cannot be written: {error}", remedy)
    except Exception as error:  # no database, or one of another version of MLflow
        other = "Give another --home, or bring back a copy of the file that MLflow can read."
        return problem(NAME, f"{path} cannot be read: {described(error)}", other)
    return ok(NAME, f"{path} can be written; experiments: {count}")


def check_server(home: Path) -> Finding:
    """The server answers, and lets us make and remove an experiment."""
    uri = tracking_uri(home)
    try:
        version = server_version(uri)
        _make_and_remove(home)
    except Exception as error:  # MLflow raises those of requests and its own
        remedy = (
            f"Start the server, or mend ${TRACKING_VARIABLE};"
            " without it records go to a file under the home folder."
        )
        return problem(NAME, f"no records are taken at {uri}: {_reason(error)}", remedy)
    named = f" {version}" if version else ""
    return ok(NAME, f"{uri}: MLflow{named} answers and takes records")


def server_version(uri: str) -> str:
    """What a server says of itself; empty for a database, or where it does not say."""
    if not uri.startswith("http"):
        return ""
    credentials = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
    answer = http_request(credentials, "/version", "GET")  # type: ignore[no-untyped-call]
    return str(answer.text).strip() if answer.status_code == 200 else ""


def _make_and_remove(home: Path) -> None:
    """Always the same experiment: MLflow keeps those that are removed, and can bring them back."""
    client = open_client(home)
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        identity = client.create_experiment(EXPERIMENT)
    else:
        identity = found.experiment_id
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(identity)
    client.delete_experiment(identity)


def _reason(error: Exception) -> str:
    """The innermost of what a chain of exceptions says: the outer ones repeat the whole address."""
    text = described(error)
    for cause in ("Connection refused", "Name or service not known", "timed out"):
        if cause in str(error):
            return cause.lower()
    return text
