import json
import shutil

import numpy as np
import pytest
import torch

from models import predictions
from models.checkpoints import load_state, save_state
from models.errors import RecordingError, RunError, UserError
from models.fit import Fit
from models.metrics import over_mice, scored_frames, single_trial_correlation
from models.recordings.data_set import open_sessions
from models.recordings.trials import load_trials
from models.runs import SCORE, TRAIN_LOSS, RunFolder
from models.trained import TrainedRun
from tests.models.tiny import config_of
from tests.models.tiny_training import fit_of, train


def without_times(lines):
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def assert_equal_states(one, other):
    one, other = load_state(one), load_state(other)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_s_folder_holds_everything(complete, recordings):
    folder = RunFolder(complete)
    names = {path.name for path in complete.iterdir()}
    assert names == {
        *("config.json", "weights.pt", "checkpoint.pt"),
        *("metrics.jsonl", "predictions", "status.json"),
    }
    record, status, lines = folder.record(), folder.status(), folder.metrics()
    sessions = open_sessions(recordings)
    assert record.config == config_of()
    assert record.frame_size == (9, 16)
    assert [mouse.name for mouse in record.mice] == [session.name for session in sessions]
    assert record.mice[1].unit_ids == sessions[1].unit_ids.tolist()
    assert (status.state, status.epoch, status.epochs) == ("complete", 2, 2)
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[-1][SCORE] == status.score
    assert all(np.isfinite(line[TRAIN_LOSS]) and line["seconds"] > 0 for line in lines)


def test_predictions_are_those_of_the_held_out_trials_and_give_the_score(complete, recordings):
    per_mouse, trained = {}, TrainedRun.open(complete, "cpu")
    for mouse in load_trials(recordings, ("train",)):
        stored = predictions.read(complete, mouse.session.name)
        _, held_out = mouse.split(2, 0)
        assert sorted(stored) == [trial.number for trial in held_out]
        pairs = []
        for trial in held_out:
            predicted = trained.predict(mouse.session, trial.number)
            np.testing.assert_array_equal(stored[trial.number], predicted.astype(np.float16))
            assert stored[trial.number].shape == mouse.responses(trial).shape
            frames = scored_frames(trial.length)
            pairs.append((predicted[:, frames], mouse.responses(trial)[:, frames]))
        per_mouse[mouse.session.name] = single_trial_correlation(pairs)
    assert len(per_mouse) == 2
    assert over_mice(per_mouse) == pytest.approx(RunFolder(complete).status().score, abs=1e-6)


@pytest.mark.parametrize("family", ["motion_energy", "dwiseneuro"])
def test_an_interrupted_run_goes_on_as_if_it_never_stopped(recordings, tmp_path, family):
    one = train(fit_of(tmp_path / "one", recordings, family))
    fit_of(tmp_path / "two", recordings, family).train_epoch()
    torch.manual_seed(99)
    again = fit_of(tmp_path / "two", recordings, family)
    assert (again.epoch, again.done) == (1, False)
    two = train(again)
    assert_equal_states(one.folder.weights, two.folder.weights)
    last = [load_state(fit.folder.checkpoint) for fit in (one, two)]
    assert last[0].keys() == last[1].keys()
    networks = [state["training"]["network"] for state in last]
    assert all(torch.equal(tensor, networks[1][name]) for name, tensor in networks[0].items())
    lines = [without_times(fit.folder.metrics()) for fit in (one, two)]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 2
    assert two.folder.status() == one.folder.status()


def test_the_same_configuration_gives_the_same_run(recordings, tmp_path):
    for name in ("one", "two"):
        fit_of(tmp_path / name, recordings).train_epoch()
    assert_equal_states(tmp_path / "one/weights.pt", tmp_path / "two/weights.pt")


def test_a_checkpoint_of_another_version_is_refused(recordings, tmp_path):
    fit = fit_of(tmp_path / "run", recordings)
    fit.train_epoch()
    save_state(fit.folder.checkpoint, fit.training.state())
    with pytest.raises(RunError, match="does not fit this version's training"):
        fit_of(tmp_path / "run", recordings)


def test_what_killed_processes_left_is_removed(recordings, tmp_path):
    fit_of(tmp_path / "run", recordings)
    abandoned = tmp_path / "run/.checkpoint.pt.k3h_2abc"
    abandoned.touch()
    fit_of(tmp_path / "run", recordings)
    assert not abandoned.exists()


def test_an_epoch_whose_checkpoint_was_not_written_is_trained_again(recordings, tmp_path):
    fit = fit_of(tmp_path / "run", recordings)
    fit.train_epoch()
    checkpoint = fit.folder.checkpoint.read_bytes()
    fit.train_epoch()
    lines = without_times(fit.folder.metrics())
    fit.folder.checkpoint.write_bytes(checkpoint)  # as if killed between metrics and checkpoint
    again = fit_of(tmp_path / "run", recordings)
    assert again.epoch == 1
    assert again.score == lines[0][SCORE]
    again.train_epoch()
    assert without_times(again.folder.metrics()) == lines


def test_a_complete_run_is_not_trained_further(complete, recordings):
    fit = fit_of(complete, recordings)
    assert fit.done
    assert fit.score == RunFolder(complete).status().score


def test_nothing_is_scored_before_the_first_epoch(recordings, tmp_path):
    assert np.isnan(fit_of(tmp_path / "run", recordings).score)


def test_a_fold_that_cannot_be_held_out_says_how_films_fall(recordings, tmp_path):
    with pytest.raises(RecordingError, match="fold 49 of 50 cannot be held out") as caught:
        fit_of(tmp_path / "run", recordings, data={"folds": 50, "fold": 49})
    sizes = caught.value.message.split("folds of ")[1].split(", but")[0].split(", ")
    films = {trial.group for m in load_trials(recordings, ("train",)) for trial in m.trials}
    assert (len(sizes), sum(map(int, sizes))) == (50, len(films))
    assert f"the {len(films)} different films" in caught.value.message
    assert not (tmp_path / "run").exists()


def test_a_folder_of_another_run_is_refused_and_left(complete, recordings):
    files = {path: path.read_bytes() for path in complete.rglob("*") if path.is_file()}
    with pytest.raises(RunError, match="holds a run with another configuration"):
        fit_of(complete, recordings, seed=1)
    alone = open_sessions(recordings)[0].path
    with pytest.raises(RunError, match="holds a run on other recordings") as caught:
        fit_of(complete, alone)
    assert str(recordings) in caught.value.message
    assert files == {path: path.read_bytes() for path in complete.rglob("*") if path.is_file()}


def test_recordings_may_have_moved(complete, recordings, tmp_path):
    run = shutil.copytree(complete, tmp_path / "run")
    moved = shutil.copytree(recordings, tmp_path / "moved")
    assert fit_of(run, moved).epoch == 2


def test_a_device_that_is_not_there_takes_no_folder(recordings, tmp_path):
    with pytest.raises(UserError, match="is no device"):
        Fit(tmp_path / "run", config_of(), recordings, "abacus")
    assert not (tmp_path / "run").exists()


def test_clips_longer_than_all_trials(recordings, tmp_path):
    network = config_of().network.model_copy(update={"clip_frames": 400})
    config = config_of().model_copy(update={"network": network})
    with pytest.raises(RecordingError, match="a clip spans 400 frames"):
        Fit(tmp_path / "run", config, recordings, "cpu")


def test_a_run_is_read_back_by_its_folder_alone(complete, recordings):
    trained = TrainedRun.open(complete, "cpu")
    session = open_sessions(recordings)[0]
    trial, stored = next(iter(predictions.read(complete, session.name).items()))
    np.testing.assert_allclose(trained.predict(session, trial), stored, rtol=2e-3, atol=1e-4)
    content = json.loads((complete / "config.json").read_text())
    assert content["data"] == str(recordings)
    assert content["packages"]["torch"] == torch.__version__
