"""Real searches on Ray, of trials that train nothing."""

import os
import re
import signal
import threading
import time

import pytest
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME
from optuna.trial import TrialState

from models.errors import RunError, UserError
from models.runs import (
    SCORE,
    TAG_COMMIT,
    TAG_DATA,
    TAG_NUMBER,
    TAG_REASON,
    TAG_ROLE,
    TAG_RUN_FOLDER,
    TAG_SEARCH,
    TAG_STATE,
    TRAIN_LOSS,
    RunFolder,
    runs_of_search,
    search_folder,
)
from search.limits import Limits
from search.mlflow_store import open_client
from search.sampler import load_study, trial_seed
from search.tables import floor_status, rows_of, search_table
from tests.search import fakes
from tests.search.conftest import read_json

pytestmark = [
    # MLflow's own model definitions, and Ray's use of its own old names
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

KINDS = [
    fakes.GOOD,
    fakes.GOOD,
    fakes.DIVERGES,
    fakes.RAISES,
    fakes.NAN_SCORE,
    fakes.DIES_ONCE,
    fakes.WEAK,
    fakes.WEAK,
]
COMPLETE, FAILED, PRUNED = (0, 1, 5), (2, 3, 4), (6, 7)


def mlflow_runs(home, name):
    """MLflow's runs of a search: the parent, and the children by title."""
    client = open_client(home)
    experiment = client.get_experiment_by_name(name)
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    parents = [run for run in runs.values() if run.data.tags[TAG_ROLE] == "search"]
    (parent,) = parents
    del runs[parent.data.tags[MLFLOW_RUN_NAME]]
    return client, parent, runs


def test_every_record_agrees_on_every_trial(search, home):
    board, output = search(KINDS, "demo", slots=2, reduction=2)
    study = load_study(home / "demo", "demo")
    client, parent, runs = mlflow_runs(home, "demo")
    states = {"complete": COMPLETE, "failed": FAILED, "pruned": PRUNED}
    expected = {number: state for state, numbers in states.items() for number in numbers}

    assert {number: row.state for number, row in board.rows.items()} == expected
    assert parent.info.status == "FINISHED"
    assert set(runs) == {"floor", *(f"trial {number}" for number in expected)}
    for trial in study.trials:
        folder = home / "demo" / "runs" / str(trial.number)
        status, run = RunFolder(folder).status(), runs[f"trial {trial.number}"]
        assert_agree(expected[trial.number], trial, status, run)
        assert trial.user_attrs["run_folder"] == f"runs/{trial.number}"
        assert run.data.tags[TAG_RUN_FOLDER] == str(folder)
        assert run.data.tags[MLFLOW_PARENT_RUN_ID] == parent.info.run_id
        history = client.get_metric_history(run.info.run_id, SCORE)
        assert {point.step: point.value for point in history} == trial.intermediate_values
        assert len(history) == len(RunFolder(folder).metrics()) - (trial.number == 4), (
            "NaN is left out"
        )
    assert study.best_trial.number in COMPLETE
    assert_reasons_are_kept(study, runs)
    assert_workers_are_reused(home / "demo", expected)
    assert_floor_is_there(home, board, runs["floor"], parent)
    assert_files_are_kept(client, home, runs)
    assert_progress_is_readable(output)
    assert_table_shows(home)


def assert_agree(state, trial, status, run):
    stored = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    ended = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
    assert trial.state == TrialState[stored[state]]
    assert status.state == run.data.tags[TAG_STATE] == state
    assert run.info.status == ended[state]
    assert trial.user_attrs.get("reason", "") == run.data.tags.get(TAG_REASON, "") == status.reason
    assert run.data.tags[TAG_NUMBER] == str(trial.number)
    assert (run.data.tags[TAG_SEARCH], run.data.tags[TAG_DATA]) == ("demo", "fingerprint")
    assert run.data.tags[TAG_COMMIT]
    if state == "complete":
        assert trial.value == status.score == run.data.metrics[SCORE]
        assert status.epoch == fakes.EPOCHS
    if state == "pruned":
        assert status.epoch == 2 < fakes.EPOCHS
        assert trial.value == status.score


def assert_reasons_are_kept(study, runs):
    reasons = {number: study.trials[number].user_attrs["reason"] for number in FAILED}
    assert reasons == {
        2: "the loss is nan in epoch 1",
        3: "ValueError: a broken layer",
        4: "the validation score is nan",
    }
    params = runs["trial 0"].data.params
    assert params["network.filters"] == str(fakes.GOOD)
    assert params["training.batch_size"] == "32", "what does not vary is recorded too"
    assert params["seed"] == str(trial_seed(0, 0))
    assert {TRAIN_LOSS, "learning_rate", "seconds"} <= set(runs["trial 0"].data.metrics)


def assert_workers_are_reused(folder, expected):
    pids = {n: (folder / "runs" / str(n) / "pids").read_text().split() for n in expected}
    assert len(pids[5]) == 2, "the trial whose worker died went on in another one"
    everyone = {pid for each in pids.values() for pid in each}
    assert len(everyone) <= 4 < len(pids), "a worker serves one trial after the other"


def assert_floor_is_there(home, board, run, parent):
    status = floor_status(home / "demo")
    assert status.state == board.floor.state == run.data.tags[TAG_STATE] == "complete"
    assert run.data.tags[TAG_ROLE] == "floor"
    assert run.data.tags[MLFLOW_PARENT_RUN_ID] == parent.info.run_id
    assert run.data.metrics[SCORE] == status.score
    assert len(runs_of_search(search_folder(home, "demo"))) == len(KINDS), "it is no trial"


def assert_progress_is_readable(output):
    last = [line for line in output.splitlines() if " trials · " in line][-1]
    assert last.startswith("8/8 trials · 0 running · 2 stopped early · 3 failed · best 0.9")
    assert "trial 3 (linear) failed at epoch 1/4, 0.4" in output
    assert "Traceback" not in output


def assert_table_shows(home):
    rows = rows_of(load_study(home / "demo", "demo"))
    assert [row.state for row in rows] == ["complete"] * 3 + ["pruned"] * 2 + ["failed"] * 3
    assert rows[0].number == 5
    table = search_table(home, "demo")
    assert table.row_count == len(KINDS) + 1
    assert list(table.columns[0].cells)[-1] == "floor"
    assert "filters=1" in str(list(table.columns[-1].cells)[1])


def assert_files_are_kept(client, home, runs):
    def kept(title):
        return {item.path for item in client.list_artifacts(runs[title].info.run_id)}

    assert kept("trial 0") == {"config.json", "weights.pt"}
    assert kept("floor") == {"config.json"}
    assert kept("trial 3") == {"config.json", "traceback.txt"}
    assert (home / "artifacts" / "demo").is_dir()
    plan = read_json(home / "demo" / "search.json")
    assert (plan["limits"]["trials"], plan["slots"], bool(plan["ended"])) == (8, 2, True)
    assert plan["recorded"]["parameters"]["network.filters"][0]["int"] == [1, fakes.SLOW]


def test_a_taken_name_is_refused(search, home):
    (home / "here").mkdir()
    with pytest.raises(RunError, match="the name 'here' is taken"):
        search([fakes.GOOD], "here")
    assert not list((home / "here").iterdir())
    open_client(home).create_experiment("there")
    with pytest.raises(RunError, match=r"MLflow at .* already has an experiment 'there'"):
        search([fakes.GOOD], "there")
    assert not (home / "there").exists()


def test_a_stopped_search_goes_on_where_it_stood(search, home):
    sender = threading.Thread(target=interrupt_when_a_trial_runs, args=(home / "stopped",))
    sender.start()
    board, output = search([fakes.SLOW] * 4, "stopped", floor=False, stopping="none")
    sender.join()
    assert board.interrupted
    assert re.search(r"Ctrl-C: running trials \([12]\) write their checkpoints", output)
    _, parent, runs = mlflow_runs(home, "stopped")
    assert {run.info.status for run in [parent, *runs.values()]} == {"KILLED"}
    assert {run.data.tags[TAG_STATE] for run in runs.values()} == {"interrupted"}
    states = {trial.state for trial in load_study(home / "stopped", "stopped").trials}
    assert states == {TrialState.RUNNING, TrialState.WAITING}
    assert not list((home / "stopped" / "runs").glob("*/status.json"))
    assert read_json(home / "stopped" / "search.json")["ended"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    epochs = len(RunFolder(home / "stopped" / "runs" / "0").metrics())
    board = search.resume("stopped")
    assert {number: row.state for number, row in board.rows.items()} == dict.fromkeys(
        range(4), "complete"
    )
    client, parent, after = mlflow_runs(home, "stopped")
    assert {run.info.status for run in [parent, *after.values()]} == {"FINISHED"}
    assert len(after) == 4
    for title, run in runs.items():
        assert after[title].info.run_id == run.info.run_id, "MLflow has one run a trial"
    history = client.get_metric_history(after["trial 0"].info.run_id, SCORE)
    assert [point.step for point in history] == [1, 2, 3, 4]
    assert 1 <= epochs < 4


def interrupt_when_a_trial_runs(folder):
    """Send this process Ctrl-C as soon as the first trial has trained an epoch."""
    while not (folder / "runs" / "0" / "metrics.jsonl").exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)


def test_a_search_with_several_objectives_tells_and_shows_them_all(search, home):
    asked = {"objectives": ("score", "seconds"), "reduction": 2, "brackets": 2, "grace": 1}
    board, output = search([fakes.GOOD] * 3, "several", floor=False, keep=1, **asked)
    assert "proposals: NSGA-II (objectives: score, seconds)" in output
    assert all(row.costs == {"seconds": pytest.approx(0.01)} for row in board.rows.values())
    complete = [row for row in board.rows.values() if row.state == "complete"]
    trials = load_study(home / "several", "several").trials
    told = {trial.number: trial.values for trial in trials if trial.values}
    assert told == {row.number: [row.score, row.costs["seconds"]] for row in complete}
    assert any("*" in str(cell) for cell in search_table(home, "several").columns[0].cells)
    _, parent, runs = mlflow_runs(home, "several")
    assert parent.data.params["objectives"] == "['score', 'seconds']"
    assert len(runs) == 3
    board = search.resume("several", limits=Limits(trials=4))
    assert board.settled == 4


def test_all_that_is_in_the_way_is_said_before_anything_starts(search, home):
    with pytest.raises(UserError) as caught:
        search([], name="a/b", limits=Limits())
    message = caught.value.message
    assert "nothing ends this search" in message
    assert "found 'a/b'" in message
    assert not (home / "a").exists()
