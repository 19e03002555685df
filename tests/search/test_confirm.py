"""Searches that are confirmed on Ray, from the command to the records."""

import json
import os
import signal
import sys
import threading
import time
from collections import Counter

import numpy as np
import pytest
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from rich.console import Console

from models.console import run as command_line
from models.errors import RunError, UserError
from models.runs import (
    SCORE,
    TAG_FOLD,
    TAG_NUMBER,
    TAG_ROLE,
    TAG_RUN_FOLDER,
    TAG_SEED,
    TAG_STATE,
    RunFolder,
)
from search.alone import alone
from search.cli import app
from search.confirm.confirmation import Asked, confirm
from search.confirm.confirmed import read_confirmation
from search.ledger import read_ledger
from search.mlflow_store import TAG_KEY, open_client
from search.outbox import Outbox
from search.plan import read_plan
from search.resources import Resources
from tests.search import fakes
from tests.search.conftest import read_json
from tests.search.finished import write_search

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray.*"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def ask(home, name, fit="tests.search.test_confirm:LeavesMuch", **asked):
    given = {"top": 10, "folds": "0,1", "seeds": 1, **asked}
    plan = read_plan(home, name).model_copy(update={"fit": fit})
    return confirm(plan, home, Asked(**given), Resources(2, 0, 0, 1), Console(quiet=True))


class LeavesMuch(fakes.FakeFit):
    """A run with a checkpoint and predictions."""

    def train_epoch(self):
        line = super().train_epoch()
        self.folder.checkpoint.write_bytes(b"checkpoint")
        return line

    def finish(self):
        (self.folder.path / "predictions").mkdir(exist_ok=True)
        (self.folder.path / "predictions" / "mouse.npz").write_bytes(b"predictions")
        super().finish()


class BreaksOnFoldOne(LeavesMuch):
    """A run that raises where fold 1 is held out."""

    def train_epoch(self):
        if self.config.data.fold == 1:
            raise ValueError("a broken fold")
        return super().train_epoch()


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs `python -m search confirm` in this process; gives the exit code and what was printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["search", "confirm", *map(str, arguments)])
        code = 0
        try:
            command_line(app, "python -m search")
        except SystemExit as left:
            code = left.code or 0
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_the_command_line_says_what_to_do(call, tmp_path):
    write_search(tmp_path, "done")
    code, text = call("done", "--folds", "0,7", "--home", tmp_path)
    assert code == 2
    assert "found '7'" in text
    assert "Traceback" not in text
    assert "no search is called 'other'" in call("other", "--home", tmp_path)[1]


def test_mistakes_say_what_to_do(tmp_path):
    write_search(tmp_path, "weak", outcomes=("pruned", "failed"))
    with pytest.raises(RunError, match="no trial of 'weak' is complete"):
        ask(tmp_path, "weak")
    write_search(tmp_path, "done")
    with pytest.raises(UserError, match="found '5'"):
        ask(tmp_path, "done", folds="0,5")
    with alone(tmp_path / "done"), pytest.raises(RunError, match="'done' is running"):
        ask(tmp_path, "done")
    with pytest.raises(RunError, match="'done' is not confirmed"):
        read_confirmation(tmp_path / "done")


def mlflow_runs(home, name):
    """MLflow's runs of a search by key."""
    client = open_client(home)
    experiment = client.get_experiment_by_name(name)
    runs = client.search_runs([experiment.experiment_id])
    return client, {run.data.tags[TAG_KEY]: run for run in runs}


def lives(folder):
    """How often each run of a confirmation was begun."""
    pids = (folder / "confirm").glob("*/*/pids")
    return {str(path.parent.relative_to(folder)): len(path.read_text().split()) for path in pids}


def test_a_confirmation_goes_on_where_it_stood_and_every_record_agrees(search, home, call):
    kinds = [fakes.GOOD, fakes.WEAK, fakes.DIES_ONCE, fakes.GOOD]
    search(kinds, "sure", floor=False, stopping="none")
    folder = home / "sure"
    first, interrupted = ask(home, "sure", folds="0,1", seeds=1, top=3)
    assert not interrupted
    assert [one.state for one in first.candidates] == ["confirmed"] * 3
    begun = lives(folder)
    assert len(begun) == 6
    assert Counter(begun.values()) == {1: 4, 2: 2}, "a lost worker's run goes on in another one"

    Outbox(folder).put({"do": "reopen", "key": "confirm/2/fold1-seed0", "time": 0})  # as if killed
    again, _ = ask(home, "sure", folds="0,1", seeds=1, top=3)
    assert again == first
    assert lives(folder) == begun, "nothing is trained twice"

    found, _ = ask(home, "sure", folds="0,1", seeds=2, top=4)
    after = lives(folder)
    assert begun.items() <= after.items()
    assert read_confirmation(folder) == found
    assert json.loads((folder / "confirm" / "confirm.json").read_text())["metric"] == SCORE
    by_number = {one.number: one for one in found.candidates}
    assert "below trial 2 over 3 blocks" in by_number[1].reason
    assert {by_number[number].state for number in (0, 2, 3)} <= {"confirmed", "stopped"}
    assert found.winner == 2
    assert by_number[2].optimism == pytest.approx(
        by_number[2].search_score - np.mean([run.score for run in by_number[2].blocks]), abs=1e-12
    ), "the stand-in scores all folds alike"
    assert_records_agree(home, found)
    code, text = call("sure", "--top", 4, "--folds", "0,1", "--seeds", 2, "--home", home)
    assert code == 0
    assert "'sure' trained again on folds 0, 1 with 2 new seeds" in text
    assert "python -m ensemble build sure" in text
    assert lives(folder) == after


def assert_records_agree(home, found):
    folder = home / "sure"
    client, runs = mlflow_runs(home, "sure")
    confirmed = {key: run for key, run in runs.items() if run.data.tags[TAG_ROLE] == "confirm"}
    there = {run.folder: (one, run) for one in found.candidates for run in one.blocks}
    assert set(confirmed) == set(there) == set(lives(folder))
    assert runs[""].info.status == "FINISHED"
    for key, run in confirmed.items():
        one, block = there[key]
        path, tags = folder / key, run.data.tags
        record = RunFolder(path)
        assert (run.info.status, tags[TAG_STATE]) == ("FINISHED", "complete")
        assert tags[MLFLOW_PARENT_RUN_ID] == runs[""].info.run_id
        assert tags[TAG_RUN_FOLDER] == str(path)
        assert (tags[TAG_NUMBER], tags[TAG_FOLD], tags[TAG_SEED]) == (
            str(one.number),
            str(block.fold),
            str(block.seed),
        )
        config = record.record().config
        assert config.data.fold == block.fold
        assert config.seed == found.seeds[block.seed]
        assert record.status().score == block.score == run.data.metrics[SCORE]
        history = client.get_metric_history(run.info.run_id, SCORE)
        assert sorted((point.step, point.value) for point in history) == [
            (line["epoch"], line[SCORE]) for line in record.metrics()
        ]
        assert_kept(client, run, record, one.state == "confirmed")
    held = {stretch.key for stretch in read_ledger(folder)}
    assert held >= set(confirmed)


def assert_kept(client, run, record, confirmed):
    """What is left of a run that has ended, on disk and in MLflow, is that of its candidate."""
    large = {"checkpoint.pt", "weights.pt", "predictions"}
    left = large & {path.name for path in record.path.iterdir()}
    assert left == ({"weights.pt", "predictions"} if confirmed else set())
    stored = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert stored >= ({"config.json", "weights.pt"} if confirmed else {"config.json"})


def test_ctrl_c_pauses_and_the_same_command_goes_on(search, home):
    search([fakes.SLOW] * 2, "broken-off", floor=False, stopping="none")
    folder = home / "broken-off"
    place = folder / "confirm"
    sender = threading.Thread(target=interrupt_when_a_run_trains, args=(place,), daemon=True)
    sender.start()
    found, interrupted = ask(home, "broken-off", folds="0", seeds=1)
    sender.join()
    assert interrupted
    assert "unfinished" in {one.state for one in found.candidates}
    ended = [one for one in found.candidates if one.state == "confirmed"]  # before Ctrl-C
    assert len(list((folder / "confirm").glob("*/*/status.json"))) == len(ended)
    assert not (folder / "confirm" / "pause").exists()
    _, runs = mlflow_runs(home, "broken-off")
    paused = {key: run for key, run in runs.items() if key.startswith("confirm/")}
    assert Counter(run.info.status for run in paused.values())["KILLED"] >= 1
    assert runs[""].info.status == "FINISHED", "the search itself is at its end"

    found, interrupted = ask(home, "broken-off", folds="0", seeds=1)
    assert not interrupted
    assert {one.state for one in found.candidates} == {"confirmed"}
    client, runs = mlflow_runs(home, "broken-off")
    for key, run in paused.items():
        assert runs[key].info.run_id == run.info.run_id
        assert (runs[key].info.status, runs[key].data.tags[TAG_STATE]) == ("FINISHED", "complete")
        history = client.get_metric_history(run.info.run_id, SCORE)
        assert sorted(point.step for point in history) == [1, 2, 3, 4]
    assert read_json(folder / "search.json")["ended"]
    assert_failures_are_kept(home, folder)


def assert_failures_are_kept(home, folder):
    """Both candidates fail on fold 1, and do so once."""
    fit = "tests.search.test_confirm:BreaksOnFoldOne"
    found, _ = ask(home, "broken-off", fit, folds="0,1", seeds=2)
    assert found.winner is None
    reasons = {(one.state, one.reason) for one in found.candidates}
    assert reasons == {("failed", "fold1-seed0: ValueError: a broken fold")}
    key = "confirm/0/fold1-seed0"
    assert RunFolder(folder / key).status().reason == "ValueError: a broken fold"
    client, runs = mlflow_runs(home, "broken-off")
    assert runs[key].info.status == "FAILED"
    files = {item.path for item in client.list_artifacts(runs[key].info.run_id)}
    assert files == {"config.json", "traceback.txt"}
    left = [path.relative_to(folder) for path in (folder / "confirm").glob("*/*/checkpoint.pt")]
    assert left == [], "neither of the failed runs nor of the complete ones"
    assert (folder / "confirm/0/fold0-seed0/weights.pt").exists(), (
        "if the failed one is tried again"
    )
    begun = lives(folder)
    assert ask(home, "broken-off", fit, folds="0,1", seeds=2)[0] == found
    assert lives(folder) == begun


def interrupt_when_a_run_trains(folder):
    """Send this process Ctrl-C as soon as a run has trained an epoch."""
    while not list(folder.glob("*/*/metrics.jsonl")):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
