"""MLflow as the place that records are delivered to."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")  # the outbox tries again, and says so
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from models.bringing import bring
from models.runs import TRACKING_VARIABLE, RunFolder, tracking_database, tracking_uri
from search.outbox import Record
from search.tracking import PARENT

TAG_KEY = "sensorium.key"
ALIAS = "best"
LONGEST_VALUE = 5000  # MLflow refuses tags over 5,000 characters, and cuts parameters at 6,000
PARAMS_A_BATCH = 100
REFUSALS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
"""Error codes of what MLflow will never take, however often it is sent.

BAD_REQUEST is none of them: MLflow says it for a connection that its database has lost.
"""


class Refused(Exception):
    """A record that MLflow will never take; the text says why."""


def is_embedded() -> bool:
    """Whether records go to the SQLite file under the home folder."""
    return not os.environ.get(TRACKING_VARIABLE)


def open_client(home: Path) -> MlflowClient:
    """A client of the tracking store; an embedded database is made if it is not there."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    home.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri(home))


class Store:
    """The experiment of one search."""

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.name = home, name
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._runs: dict[str, str] = {}
        self._places: dict[str, str] = {}
        """By run, where its artifacts lie; MLflow's client reads the whole run to find that out."""
        self._steps: dict[tuple[str, str], set[int]] = {}
        """By run and metric, those that MLflow had when it was asked."""
        self._knows = False
        """Whether the runs are those that MLflow has: not where a record failed half-way."""

    def deliver(self, record: Record, doubtful: bool) -> None:
        """Store a record; `doubtful` is whether it may be there already.

        Raises Refused, or anything else where MLflow is away.
        """
        if not self._knows:
            self._connect()
        self._check_run(record)
        self._knows = False
        try:
            getattr(self, f"_{record['do']}")(record, doubtful)
        except MlflowException as error:
            if error.error_code not in REFUSALS:
                raise
            self._knows = True
            raise Refused(reason(error)) from error
        self._knows = True

    @property
    def client(self) -> MlflowClient:
        """The client; only after the first record."""
        assert self._client is not None
        return self._client

    @property
    def uri(self) -> str:
        """Where MLflow is."""
        return tracking_uri(self.home)

    def is_missing(self) -> bool:
        """Whether MLflow has nothing of this search. Raises where MLflow is away."""
        return open_client(self.home).get_experiment_by_name(self.name) is None

    def _connect(self) -> None:
        """Find the experiment and its runs, or begin the experiment."""
        self._client = client = open_client(self.home)
        found = client.get_experiment_by_name(self.name)
        place = (self.home / "artifacts" / self.name).as_uri() if is_embedded() else None
        if found is None:
            self._experiment = client.create_experiment(self.name, artifact_location=place)
        else:
            self._experiment = found.experiment_id
            if place is not None and found.artifact_location != place:
                _relocate(tracking_database(self.home), found.artifact_location, place)
        self._runs, self._steps = self._known_runs(), {}

    def _known_runs(self) -> dict[str, str]:
        runs: dict[str, str] = {}
        page = None
        while True:
            found = self.client.search_runs([self._experiment], max_results=1000, page_token=page)
            runs |= {run.data.tags.get(TAG_KEY, "?"): run.info.run_id for run in found}
            self._places |= {run.info.run_id: run.info.artifact_uri for run in found}
            page = found.token
            if not page:
                return runs

    def _check_run(self, record: Record) -> None:
        """Raise Refused where the run of a record, or the one above it, is not there: deleted, say."""
        key = PARENT if record["do"] == "run" else record["key"]
        if key not in self._runs and (record["do"], record["key"]) != ("run", PARENT):
            raise Refused(f"it has no run '{key or self.name}' of the search '{self.name}'")

    def _run(self, record: Record, _: bool) -> None:
        key = record["key"]
        if key not in self._runs:
            tags = {MLFLOW_RUN_NAME: record["title"], TAG_KEY: key, **record["tags"]}
            if key != PARENT:
                tags[MLFLOW_PARENT_RUN_ID] = self._runs[PARENT]
            run = self.client.create_run(self._experiment, record["time"], tags=_cut(tags))
            self._runs[key] = str(run.info.run_id)
            self._places[self._runs[key]] = str(run.info.artifact_uri)
        params = [Param(name, value) for name, value in _cut(record["params"]).items()]
        for start in range(0, len(params), PARAMS_A_BATCH):
            batch = params[start : start + PARAMS_A_BATCH]
            self.client.log_batch(self._runs[key], params=batch)

    def _reopen(self, record: Record, _: bool) -> None:
        self.client.update_run(self._runs[record["key"]], status="RUNNING")

    def _metrics(self, record: Record, doubtful: bool) -> None:
        run, step = self._runs[record["key"]], record["step"]
        metrics = [
            Metric(name, value, record["time"], step)
            for name, value in record["values"].items()
            if not (doubtful and self._has(run, name, step))
        ]
        if metrics:
            self.client.log_batch(run, metrics=metrics)
            for metric in metrics:
                self._steps.get((run, metric.key), set()).add(step)

    def _has(self, run: str, name: str, step: int) -> bool:
        if (run, name) not in self._steps:
            history = self.client.get_metric_history(run, name)
            self._steps[run, name] = {point.step for point in history}
        return step in self._steps[run, name]

    def _tags(self, record: Record, _: bool) -> None:
        tags = [RunTag(name, value) for name, value in _cut(record["tags"]).items()]
        self.client.log_batch(self._runs[record["key"]], tags=tags)

    def _file(self, record: Record, _: bool) -> None:
        path = self.home / self.name / record["path"]
        bring(RunFolder(path.parent), [path.name])
        if path.exists():  # it may have been removed since, with the run
            place = self._places[self._runs[record["key"]]]
            artifacts: Any = get_artifact_repository(place, tracking_uri=self.uri)
            artifacts.log_artifact(str(path))

    def _text(self, record: Record, _: bool) -> None:
        self.client.log_text(self._runs[record["key"]], record["text"], record["name"])

    def _end(self, record: Record, _: bool) -> None:
        self.client.set_terminated(self._runs[record["key"]], record["status"], record["time"])

    def _register(self, record: Record, _: bool) -> None:
        """A version of the registered model of the search's name, once a run, called best."""
        name, run = record["name"], self._runs[record["key"]]
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        versions = self.client.search_model_versions(f"name = '{name}'")
        mine = [version for version in versions if version.run_id == run]
        source = f"{self.client.get_run(run).info.artifact_uri}/weights.pt"
        version = mine[0] if mine else self.client.create_model_version(name, source, run)
        self.client.set_registered_model_alias(name, ALIAS, version.version)


def reason(error: Exception) -> str:
    """The first line of what an exception says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _cut(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:LONGEST_VALUE] for name, value in values.items()}


def _relocate(database: Path, old: str, new: str) -> None:
    """Where the artifacts of an embedded experiment are, after its home was moved.

    MLflow keeps absolute addresses and offers nothing to change them.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("model_versions", "source"),
        ):
            moved = f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
            connection.execute(
                f"{moved} WHERE substr({column}, 1, ?) = ?", (new, len(old) + 1, len(old), old)
            )
