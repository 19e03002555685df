"""Members by what MLflow knows of them: a query for trials, in MLflow's own words."""

import logging
import os
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from ensemble.candidates import members_of_trials
from ensemble.members import Candidates
from ensemble.stores import bring_record
from models.errors import Problem, ProblemsFound, UserError
from models.runs import (
    TAG_NUMBER,
    TAG_ROLE,
    TAG_RUN_FOLDER,
    RunFolder,
    tracking_database,
    tracking_uri,
)

EXAMPLE = "params.network.family = 'swin' and metrics.validation_correlation > 0.2"
PAGE = 1000


def members_by_query(home: Path, query: str, unconfirmed: bool) -> Candidates:
    """The members among the trials that MLflow finds, of any search, as `members_of_trials`.

    Raises UserError where MLflow is away or refuses the query, and where no trial is found;
    ProblemsFound with each trial whose folder is not on this machine.
    """
    runs = _found(home, query)
    if not runs:
        raise UserError(f"MLflow has no trial with {query}", "See 'python -m search ui'.")
    problems, searches = [], dict[Path, set[int]]()
    for run in runs:
        folder = Path(run.data.tags.get(TAG_RUN_FOLDER, ""))
        bring_record(RunFolder(folder))
        if not RunFolder(folder).exists:
            name = f"trial {run.data.tags.get(TAG_NUMBER)} ({run.info.run_id})"
            problems.append(Problem(name, "its run folder is on this machine", str(folder)))
        searches.setdefault(folder.parent.parent, set()).add(int(run.data.tags[TAG_NUMBER]))
    if problems:
        raise ProblemsFound("what MLflow found", problems, "Run this where the searches lie.")
    return members_of_trials(searches, f"MLflow's trials with {query}", unconfirmed)


def _found(home: Path, query: str) -> list[Run]:
    """The trials, those of all searches."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = tracking_uri(home)
    if uri.startswith("sqlite:///") and not tracking_database(home).is_file():
        message = f"there is no MLflow database in {home}"
        raise UserError(message, "Give --home, or set MLFLOW_TRACKING_URI.")
    try:
        return _pages(MlflowClient(uri), f"tags.`{TAG_ROLE}` = 'trial' and {query}")
    except MlflowException as error:
        message = f"MLflow at {uri} refuses or fails: {str(error).splitlines()[0]}"
        raise UserError(message, f"A query is like: {EXAMPLE}") from error


def _pages(client: MlflowClient, query: str) -> list[Run]:
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs: list[Run] = []
    token = None
    while experiments:
        page = client.search_runs(experiments, query, max_results=PAGE, page_token=token)
        runs += page
        token = page.token
        if not token:
            break
    return runs
