import copy
import math

import numpy as np
import pytest
import torch

from models import predictions
from models.checkpoints import load_state
from models.recordings.trials import load_trials
from models.runs import RunFolder
from models.trained import TrainedRun
from models.training.failure import TrainingFailed
from tests.models.tiny_training import fit_of, train


def failing(fit, step):
    """The loss of this step is not a number."""
    objective = fit.training.objective

    def broken(network, batch):
        return objective(network, batch) * (math.nan if fit.training.step == step - 1 else 1)

    fit.training.objective = broken
    return fit


def test_a_failure_is_written_down_and_withdrawn_where_the_run_goes_on(recordings, tmp_path):
    fit = failing(fit_of(tmp_path / "run", recordings), step=5)
    fit.train_epoch()
    assert fit.folder.status() is None
    with pytest.raises(TrainingFailed, match="the loss is nan in step 5"):
        fit.train_epoch()
    status = fit.folder.status()
    assert (status.state, status.epoch, status.epochs) == ("failed", 1, 2)
    assert (status.reason, status.score) == ("the loss is nan in step 5", fit.score)
    again = fit_of(tmp_path / "run", recordings)
    again.train_epoch()
    assert again.folder.status() is None
    again.finish()
    assert again.folder.status().state == "complete"


def test_a_run_that_fails_before_its_first_epoch_has_no_score(recordings, tmp_path):
    fit = failing(fit_of(tmp_path / "run", recordings), step=1)
    with pytest.raises(TrainingFailed):
        fit.train_epoch()
    status = fit.folder.status()
    assert (status.state, status.epoch, status.score) == ("failed", 0, None)
    assert not fit.folder.checkpoint.exists()


def with_scores(fit, scores):
    """A run whose epochs have these scores."""
    fit._held_out.score = lambda _: scores[fit.epoch - 1]
    return fit


def test_the_best_epoch_is_kept(recordings, tmp_path):
    scores, averages = (math.nan, 0.1, 0.3, 0.3, 0.2), []
    fit = with_scores(fit_of(tmp_path / "run", recordings, epochs=5, keep="best"), scores)
    for kept in (1, 2, 3, 3, 3):
        fit.train_epoch()
        averages.append(copy.deepcopy(fit.training.averaged.state_dict()))
        assert fit.kept_epoch == kept
        stored = load_state(fit.folder.weights)
        assert all(torch.equal(stored[n], t) for n, t in averages[kept - 1].items())
    fit.finish()
    status = fit.folder.status()
    assert (status.state, status.epoch, status.score) == ("complete", 5, 0.3)
    trained = TrainedRun.open(tmp_path / "run", "cpu")
    mouse = load_trials(recordings, ("train",))[0]
    stored = predictions.read(tmp_path / "run", mouse.session.name)
    for number, values in stored.items():
        predicted = trained.predict(mouse.session, number).astype(np.float16)
        np.testing.assert_array_equal(values, predicted)


def test_a_run_without_better_scores_stops_early_and_is_complete(recordings, tmp_path):
    scores = (0.1, 0.3, 0.2, 0.3, 0.25)
    settings = {"epochs": 9, "early_stop": 3}
    fit = with_scores(fit_of(tmp_path / "run", recordings, **settings), scores)
    train(fit)
    assert fit.epoch == 5
    status = fit.folder.status()
    assert (status.state, status.epoch, status.epochs, status.score) == ("complete", 5, 9, 0.25)
    assert status.reason == "no better score for 3 epochs; the best is that of epoch 2"
    assert fit_of(tmp_path / "run", recordings, **settings).done


def test_a_run_that_is_as_long_as_it_should_be_gives_no_reason(complete):
    assert RunFolder(complete).status().reason == ""


def test_scores_lower_the_rate_of_a_plateau_and_lines_tell_the_rate_of_their_epoch(
    recordings, tmp_path
):
    settings = {"schedule": "plateau", "plateau_patience": 0, "warmup": 0.0, "epochs": 4}
    fit = with_scores(fit_of(tmp_path / "run", recordings, **settings), (0.3, 0.2, 0.1, 0.0))
    rates = [fit.train_epoch()["learning_rate"] for _ in range(4)]
    assert rates == pytest.approx([2.4e-3, 2.4e-3, 0.3 * 2.4e-3, 0.09 * 2.4e-3])


def test_a_halved_portion_is_told_in_metrics_and_notes(recordings, tmp_path):
    fit = fit_of(tmp_path / "run", recordings)
    objective = fit.training.objective

    def greedy(network, batch):
        if len(batch.video) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return objective(network, batch)

    fit.training.objective = greedy
    assert fit.train_epoch()["micro_batch"] == 2
    again = fit_of(tmp_path / "run", recordings)
    assert again.notes == fit.notes != []
    assert again.train_epoch()["micro_batch"] == 2
