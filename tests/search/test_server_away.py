"""A search whose MLflow is away from its first moment on: it trains, says so, and delivers later."""

import re
import socket

import pytest

from models.runs import SCORE, TRACKING_VARIABLE
from search.mlflow_store import open_client
from tests.search import fakes

pytestmark = [
    # MLflow's own model definitions, and Ray's use of its own old names
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_what_a_search_could_not_deliver_is_delivered_when_it_is_resumed(search, home, monkeypatch):
    with socket.socket() as unheard:  # bound but not listening: it refuses
        unheard.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        monkeypatch.setenv(TRACKING_VARIABLE, uri)
        board, output = search([fakes.GOOD], "away", floor=False)
    assert board.count("complete") == 1
    assert f"MLflow at {uri} cannot be reached, its records wait on disk" in output
    assert re.search(r"\d+ records wait for MLflow in .*'python -m search resume away'", output)

    monkeypatch.delenv(TRACKING_VARIABLE)
    assert search.resume("away").count("complete") == 1
    client = open_client(home)
    experiment = client.get_experiment_by_name("away")
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name for run in runs} == {"away", "trial 0"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    (trial,) = [run for run in runs if run.info.run_name == "trial 0"]
    history = client.get_metric_history(trial.info.run_id, SCORE)
    assert [point.step for point in history] == list(range(1, fakes.EPOCHS + 1))
