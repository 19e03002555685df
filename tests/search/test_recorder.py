"""What a stopped search still takes from the run folders."""

import pytest

from models.runs import SCORE, TRAIN_LOSS, RunFolder, Status
from search.reading import parse_space
from search.recorder import Recorder
from search.sampler import FLAT, NUMBER, Proposer, open_study
from search.scoreboard import Scoreboard
from search.signals import Flag
from search.steps import FINISHED


class Silent:
    """Stands for MLflow and the line of progress; keeps what it is told."""

    def __init__(self):
        self.told = []

    def __getattr__(self, name):
        return lambda *args: self.told.append((name, args))


@pytest.fixture
def recorder(tmp_path):
    learning_rate = {"training.learning_rate": {"log": [1e-3, 1e-2]}}
    space = parse_space({"parameters": learning_rate}, "a test")
    proposer = Proposer(open_study(tmp_path, "a", 0), space, 0, tmp_path / "runs", Flag())
    return Recorder(proposer, Silent(), Scoreboard(1), Silent())


def lines(epochs):
    return [{"epoch": n, SCORE: n / 10, TRAIN_LOSS: 1.0} for n in range(1, epochs + 1)]


@pytest.mark.parametrize("complete", [True, False])
def test_epochs_on_disk_count_when_a_search_is_stopped(recorder, complete):
    proposed = recorder.proposer.suggest("ray-id")
    recorder.start(proposed[NUMBER], proposed[FLAT])
    folder = RunFolder(recorder.proposer.runs / "0")
    recorder.epoch(0, lines(1)[0])
    folder.write_metrics(lines(3))
    if complete:
        folder.end(Status(state="complete", epoch=3, epochs=3, score=0.3))
    recorder.interrupt()
    (trial,) = recorder.proposer.study.trials
    assert trial.intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert trial.state.name == ("COMPLETE" if complete else "FAIL")
    assert trial.value == (0.3 if complete else None)
    assert (folder.status().epoch, folder.status().score) == (3, 0.3)
    logged = [args[1]["epoch"] for name, args in recorder.tracker.told if name == "log"]
    assert logged == [1, 2, 3]


def test_a_complete_trial_has_the_score_of_the_epoch_that_it_kept(recorder):
    proposed = recorder.proposer.suggest("ray-id")
    recorder.start(proposed[NUMBER], proposed[FLAT])
    kept = Status(state="complete", epoch=2, epochs=21, score=0.9, reason="no better score")
    RunFolder(recorder.proposer.runs / "0").end(kept)
    for line in lines(2):
        recorder.epoch(0, line)
    recorder.end(0, lines(2)[-1] | {FINISHED: True})
    assert recorder.proposer.study.best_value == 0.9
    assert recorder.board.rows[0].score == 0.9
