import copy
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoints import load_state, save_state
from models.fit import Fit
from models.networks.registry import FAMILIES
from models.runs import SCORE, RunFolder
from tests.models.tiny import config_of
from tests.models.tiny_training import (
    assert_equal,
    fit_of,
    train,
    training_of,
    weights,
)

pytestmark = pytest.mark.usefixtures("undurable")

STEPS = 6
"""Of two epochs."""
STOPS = (1, 3, 5)
"""Within the first epoch, at its end, within the second."""
SETTINGS = {"warmup": 0.4, "schedule": "plateau", "plateau_patience": 0, "early_stop": 3}


def tried(training, count):
    """Train so many steps, with a score after each epoch."""
    for _ in range(count):
        training._train_step()
        if training.step % training.steps_per_epoch == 0:
            training.validated(1.0 / training.step)
    return training


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_that_continues_from_its_state_never_stopped(family, tmp_path):
    whole = training_of(family, **SETTINGS)
    for step in range(STEPS):
        if step in STOPS:
            save_state(tmp_path / f"{step}.pt", whole.state())
        tried(whole, 1)
    for step in STOPS:
        again = training_of(family, **SETTINGS)
        torch.manual_seed(99)
        again.load_state(load_state(tmp_path / f"{step}.pt"))
        tried(again, STEPS - step)
        assert_equal(weights(whole), weights(again))
        assert_equal(whole.averaged.state_dict(), again.averaged.state_dict())
        assert again.schedule.learning_rate == whole.schedule.learning_rate


@hypothesis.settings(max_examples=6)
@given(st.lists(st.integers(1, 5), max_size=4))
def test_a_training_may_stop_any_number_of_times(stops):
    settings = {"micro_batch": 3, "gradient_clip": 5.0, "loss": "poisson_correlation"}
    whole = training_of(epochs=3, **settings)
    losses = [whole.train_epoch() for _ in range(3)]
    training, found = training_of(epochs=3, **settings), []

    class Stopped(Exception):
        pass

    def stop(step):
        if stops and step == at:
            raise Stopped

    while training.epoch < 3:
        at = training.step + stops[0] if stops else None
        try:
            found.append(training.train_epoch(stop))
        except Stopped:
            stops.pop(0)
            if training.step % training.steps_per_epoch == 0:
                found.append(losses[training.epoch - 1])  # the loss went with the process
            state = copy.deepcopy(training.state())
            training = training_of(epochs=3, **settings)
            training.load_state(state)
    assert_equal(weights(whole), weights(training))
    assert found == losses


class Killed(BaseException):
    """Nothing in a program outlives a SIGKILL; nothing in these tests catches this."""


SCORES = {1: 0.1, 2: 0.3, 3: 0.2}
KEPT = {"keep": "best", "epochs": 3, "clips_per_epoch": 8, "checkpoint_minutes": 0.0}


def scored_fit_of(folder, recordings, **changes):
    """A run whose scores are made up: its best epoch is the second of three."""
    fit = fit_of(folder, recordings, **(KEPT | changes))
    fit._held_out.score = lambda _: SCORES[fit.epoch]
    return fit


def files_of(folder):
    """Everything that a run's folder holds, without what tells the time."""
    run = RunFolder(folder)
    lines = [{n: v for n, v in line.items() if n != "seconds"} for line in run.metrics()]
    stored = sorted((folder / "predictions").rglob("*"))
    predicted = {str(path.relative_to(folder)): path.read_bytes() for path in stored}
    return load_state(run.weights), lines, run.status(), predicted


def assert_same_run(one, other):
    """Bit for bit."""
    (ours, *our_rest), (theirs, *their_rest) = files_of(one), files_of(other)
    assert_equal(ours, theirs)
    assert our_rest == their_rest
    assert not list(other.glob(".checkpoint.pt.*"))


def test_a_crash_after_any_write_leaves_a_run_that_goes_on(recordings, tmp_path, monkeypatch):
    replace, writes = Path.replace, []

    def counted(path, target):
        result = replace(path, target)
        writes.append(Path(target).name)
        if len(writes) == deadly:
            raise Killed
        return result

    monkeypatch.setattr(Path, "replace", counted)
    deadly = None
    train(scored_fit_of(tmp_path / "whole", recordings))
    total = len(writes)
    assert {"checkpoint.pt", "weights.pt", "metrics.jsonl", "status.json"} < set(writes)
    assert writes.count("checkpoint.pt") == 6  # one after every step
    for deadly in range(1, total + 1):
        folder, writes[:] = tmp_path / str(deadly), []
        with pytest.raises(Killed):
            train(scored_fit_of(folder, recordings))
        check_best(folder)
        writes[:] = [""] * total  # the next process lives
        train(scored_fit_of(folder, recordings))
        assert_same_run(tmp_path / "whole", folder)


def check_best(folder):
    """After a crash weights and metrics are of the checkpoint's epoch, or of the one before."""
    run = RunFolder(folder)
    lines = run.metrics()
    if run.checkpoint.exists():
        known = load_state(run.checkpoint)["metrics"]
        assert lines in (known, known[:-1])
    if lines:
        assert run.weights.exists()


def test_a_kept_epoch_is_the_one_that_the_metrics_name(recordings, tmp_path, monkeypatch):
    """Even where training again would give other scores, as a GPU's rounding does."""
    fit = scored_fit_of(tmp_path / "run", recordings)
    averages = {}
    for _ in range(2):
        fit.train_epoch()
        averages[fit.epoch] = copy.deepcopy(fit.training.averaged.state_dict())
    assert_equal(load_state(fit.folder.weights), averages[2])
    monkeypatch.setattr(RunFolder, "write_metrics", killed)
    with pytest.raises(Killed):
        fit.train_epoch()
    monkeypatch.undo()
    monkeypatch.setitem(SCORES, 3, 0.9)
    again = scored_fit_of(tmp_path / "run", recordings)
    assert (again.epoch, again.kept_epoch, again.score) == (3, 2, 0.3)
    assert [line[SCORE] for line in again.folder.metrics()] == [0.1, 0.3, 0.2]
    assert_equal(load_state(again.folder.weights), averages[2])


def test_weights_that_a_crash_kept_from_being_written_are_made_up_for(
    recordings, tmp_path, monkeypatch
):
    fit = scored_fit_of(tmp_path / "run", recordings)
    fit.train_epoch()
    first = load_state(fit.folder.weights)
    monkeypatch.setattr("models.fit.Fit._write_epoch", killed)
    with pytest.raises(Killed):
        fit.train_epoch()
    monkeypatch.undo()
    assert_equal(load_state(fit.folder.weights), first)
    again = scored_fit_of(tmp_path / "run", recordings)
    assert_equal(load_state(again.folder.weights), fit.training.averaged.state_dict())
    assert len(again.folder.metrics()) == again.epoch == 2


def killed(*_):
    raise Killed


def test_a_checkpoint_within_an_epoch_is_written_when_it_is_time(recordings, tmp_path):
    for minutes, found in ((0.0, 1), (1000.0, 0)):
        folder = tmp_path / str(minutes)
        fit = scored_fit_of(folder, recordings, checkpoint_minutes=minutes)
        fit.training.train_epoch(fit._after_step)
        assert len(list(folder.glob("checkpoint.pt"))) == found
    state = load_state(tmp_path / "0.0/checkpoint.pt")
    assert state["training"]["step"] == 1  # of two; the second ends the epoch
    assert state["seconds"] > 0
    again = scored_fit_of(tmp_path / "0.0", recordings)
    assert (again.epoch, again.training.step) == (0, 1)
    assert not again.folder.weights.exists()


WORDS = (sys.executable, "-m", "models", "train")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.mark.slow
def test_a_run_that_is_killed_at_a_random_moment_ends_with_the_same_weights(recordings, tmp_path):
    settings = {"epochs": 3, "clips_per_epoch": 120, "checkpoint_minutes": 0.0, "keep": "best"}
    config = config_of("motion_energy", **settings)
    train(Fit(tmp_path / "whole", config, recordings, "cpu"))
    file, run = tmp_path / "config.json", tmp_path / "killed"
    file.write_text(json.dumps(config.model_dump(mode="json")))
    words = (*WORDS, str(recordings), "--device", "cpu", "--config", str(file), "--run", str(run))
    process = subprocess.Popen(words, env=ENVIRONMENT)
    while not (run / "checkpoint.pt").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.4))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    (run / ".checkpoint.pt.abandoned").touch()  # as a kill while it is written leaves one
    assert RunFolder(run).status() is None
    subprocess.run(words, env=ENVIRONMENT, check=True)
    assert_same_run(tmp_path / "whole", run)
