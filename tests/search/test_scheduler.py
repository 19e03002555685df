"""Which trial a worker that is free takes on, and which trials stop."""

import os
import pickle
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray import tune
from ray.tune.result import DONE
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from models.runs import SCORE
from search.scheduler import Scheduler
from search.trainable import NUMBER

PROCESS, GO = "process", "go"
PATIENCE = 300.0


class Trial(SimpleNamespace):
    """A trial in a state, by itself."""

    PENDING, RUNNING = "PENDING", "RUNNING"
    __hash__ = object.__hash__


def tune_with(*states):
    """A controller whose live trials, numbered from 0, are in these states.

    A trial that is COMING waits for a worker which is being started.
    """
    live = [
        Trial(config={NUMBER: number}, status=Trial.PENDING if state == "COMING" else state)
        for number, state in enumerate(states)
    ]
    workers = {trial: trial.config[NUMBER] for trial in live}
    started = [number for number, state in enumerate(states) if state == "COMING"]
    manager = SimpleNamespace(is_actor_started=started.__contains__)
    inner = SimpleNamespace(_trial_to_actor=workers, _actor_manager=manager)
    return SimpleNamespace(get_live_trials=lambda: live[::-1], _tune_controller=inner)


@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        (["COMING", "PENDING", "PENDING"], 1),
        (["PENDING", "COMING"], 0),  # its worker was lost
        (["RUNNING", "PENDING", "PENDING"], 1),
        (["RUNNING", "PENDING", "RUNNING"], 1),
        (["COMING"], 0),  # nobody else wants the free one
        (["COMING", "COMING"], 1),  # whose worker takes longest
        (["RUNNING", "RUNNING"], None),
        ([], None),
    ],
)
def test_a_free_worker_goes_to_a_trial_that_has_none_coming(states, chosen):
    found = Scheduler(lambda *_: False).choose_trial_to_run(tune_with(*states))
    assert (None if found is None else found.config[NUMBER]) == chosen


def test_a_tune_that_keeps_its_workers_elsewhere_starts_trials_in_order():
    controller = tune_with("COMING", "PENDING")
    del controller._tune_controller
    found = Scheduler(lambda *_: False).choose_trial_to_run(controller)
    assert found.config[NUMBER] == 0


class OneStep(tune.Trainable):
    """Says which process has run it; the worker of trial 1 starts once there is the file `GO`."""

    def setup(self, config):
        self.number = config[NUMBER]
        go, until = Path(config[GO]), time.monotonic() + PATIENCE
        while self.number == 1 and not go.exists() and time.monotonic() < until:
            time.sleep(0.05)

    def step(self):
        return {NUMBER: self.number, PROCESS: os.getpid(), DONE: True}

    def reset_config(self, new_config):
        self.number = new_config[NUMBER]
        return True


class UntilTheSecond(Searcher):
    """Proposes trials until trial 1 is over; three are open at a time."""

    def __init__(self, go):
        super().__init__()
        self.go, self.open, self.proposed, self.served = go, set(), 0, {}

    def suggest(self, trial_id):
        if 1 in self.served:
            return Searcher.FINISHED
        if len(self.open) == 3:
            return None
        self.open.add(trial_id)
        self.proposed += 1
        return {NUMBER: self.proposed - 1, GO: str(self.go)}

    def on_trial_complete(self, trial_id, result=None, error=False):  # noqa: ARG002
        self.open.remove(trial_id)
        self.served[result[NUMBER]] = result[PROCESS]
        if len(self.served) == 5:
            self.go.touch()


@pytest.mark.usefixtures("two_slots")
def test_a_worker_that_is_being_started_is_waited_for(tmp_path, monkeypatch):
    # Tune by itself hands the first worker over to trial 1, and gives up the one that is to come.
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "3")
    searcher = UntilTheSecond(tmp_path / "go")
    tune.Tuner(
        OneStep,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=Scheduler(lambda *_: False),
            num_samples=10**9,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=str(tmp_path),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    ).fit()
    workers = searcher.served
    assert workers[1] != workers[0]
    assert {workers[number] for number in (0, 2, 3, 4)} == {workers[0]}


def test_tune_stops_a_weak_trial_and_its_snapshot_holds_nothing():
    asked = []

    def is_weak(number, result):
        asked.append((number, result))
        return result[SCORE] < 0.5

    scheduler = Scheduler(is_weak)
    trial = SimpleNamespace(config={NUMBER: 7})
    assert scheduler.on_trial_result(None, trial, {SCORE: 0.6}) == TrialScheduler.CONTINUE
    assert scheduler.on_trial_result(None, trial, {SCORE: 0.4}) == TrialScheduler.STOP
    assert [number for number, _ in asked] == [7, 7]
    pickle.dumps(scheduler)
