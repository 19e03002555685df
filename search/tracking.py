"""MLflow: one experiment a search, in it a parent run and below it a run per trial and the floor.

Everything is written by the driver, so that experiments are not raced for and no worker needs the
address; per-epoch metrics go in batches.
"""

import logging
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from models.config import RunConfig, flatten
from models.runs import (
    TAG_COMMIT,
    TAG_DATA,
    TAG_NUMBER,
    TAG_REASON,
    TAG_ROLE,
    TAG_RUN_FOLDER,
    TAG_SEARCH,
    TAG_STATE,
    RunFolder,
    Status,
    code_version,
    tracking_database,
)

TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
LONGEST_VALUE = 5000  # MLflow refuses tags over 5,000 characters, and cuts parameters at 6,000
PARAMS_A_BATCH = 100


def quiet_mlflow() -> None:
    """Only warnings from MLflow and from alembic, which sets up its database."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def tracking_uri(home: Path) -> str:
    """$MLFLOW_TRACKING_URI, else the SQLite file under the home folder."""
    return os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{tracking_database(home)}"


def open_client(home: Path) -> MlflowClient:
    """A client of the tracking store; an embedded database is made if it is not there."""
    quiet_mlflow()
    home.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri(home))


class Tracker:
    """The record of one search."""

    def __init__(
        self, client: MlflowClient, home: Path, name: str, asked: Mapping[str, Any]
    ) -> None:
        """Begin the experiment and its parent run, whose parameters are what was `asked` for."""
        self.client, self.name = client, name
        embedded = TRACKING_VARIABLE not in os.environ
        artifacts = (home / "artifacts" / name).as_uri() if embedded else None
        self.experiment = client.create_experiment(name, artifact_location=artifacts)
        self.commit = code_version()
        self._runs: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        self.parent = self._create(name, {TAG_ROLE: "search"})
        self._log_params(self.parent, asked)

    def start(self, key: str, role: str, config: RunConfig, folder: Path) -> None:
        """Begin a child run, unless it runs already; `key` is a trial's number, or the floor's name."""
        if key in self._runs:
            return
        tags = {MLFLOW_PARENT_RUN_ID: self.parent, TAG_ROLE: role, TAG_RUN_FOLDER: str(folder)}
        title = f"trial {key}" if key.isdecimal() else key
        tags |= {TAG_NUMBER: key} if key.isdecimal() else {}
        self._runs[key] = self._create(title, tags)
        self._log_params(self._runs[key], flatten(config.model_dump(mode="json")))

    def log(self, key: str, line: Mapping[str, Any]) -> None:
        """Store an epoch's metrics, numbers only; an epoch that is stored already is passed over."""
        epoch = int(line["epoch"])
        if epoch <= self._epochs.get(key, 0):
            return
        self._epochs[key] = epoch
        milliseconds = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), milliseconds, epoch)
            for name, value in line.items()
            if name != "epoch" and is_finite(value)
        ]
        self.client.log_batch(self._runs[key], metrics=metrics)

    def end(self, key: str, status: Status, folder: Path, killed: bool, trace: str = "") -> None:
        """Close a child run with its state, reason, configuration and weights."""
        run, record = self._runs[key], RunFolder(folder)
        tags = {TAG_STATE: status.state, TAG_REASON: status.reason}
        if record.exists:
            tags[TAG_DATA] = record.record().fingerprint
        self._tag(run, {name: value for name, value in tags.items() if value})
        for path in (folder / "config.json", record.weights):
            if path.exists():
                self.client.log_artifact(run, str(path))
        if trace:
            self.client.log_text(run, trace, "traceback.txt")
        ended = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}[status.state]
        self.client.set_terminated(run, "KILLED" if killed else ended)
        del self._runs[key]

    def close(self, interrupted: bool) -> None:
        """Close the parent run, and a child whose end was broken off."""
        for run in [*self._runs.values(), self.parent]:
            self.client.set_terminated(run, "KILLED" if interrupted else "FINISHED")
        self._runs.clear()

    def _create(self, title: str, tags: Mapping[str, str]) -> str:
        shared = {MLFLOW_RUN_NAME: title, TAG_SEARCH: self.name, TAG_COMMIT: self.commit}
        run = self.client.create_run(self.experiment, tags={**shared, **tags})
        return str(run.info.run_id)

    def _log_params(self, run: str, values: Mapping[str, Any]) -> None:
        params = [Param(name, str(value)[:LONGEST_VALUE]) for name, value in values.items()]
        for start in range(0, len(params), PARAMS_A_BATCH):
            self.client.log_batch(run, params=params[start : start + PARAMS_A_BATCH])

    def _tag(self, run: str, tags: Mapping[str, str]) -> None:
        entities = [RunTag(name, value[:LONGEST_VALUE]) for name, value in tags.items()]
        self.client.log_batch(run, tags=entities)


def is_finite(value: Any) -> bool:
    """Whether a value is a number that MLflow can draw."""
    return isinstance(value, int | float) and math.isfinite(value)
