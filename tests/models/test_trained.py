import shutil

import numpy as np
import pytest

from models import predictions
from models.checkpoints import load_state, save_state
from models.config import InferenceConfig, load_config
from models.errors import ConfigurationError, RunError, UserError
from models.fit import Fit
from models.recordings.data_set import open_sessions
from models.recordings.folder import SessionFolder
from models.trained import TrainedRun

FRAMES = 70
TRAINING = {"epochs": 1, "clips_per_epoch": 4, "batch_size": 4}
NETWORKS = {
    "linear": ({"family": "linear", "clip_frames": 40, "filters": 1}, 4),
    "dwiseneuro": (
        {
            "family": "dwiseneuro",
            "core_features": [8],
            "spatial_strides": [2],
            "expansion_ratio": 1,
            "cortex_features": [16],
            "scale_outputs": True,
        },
        4,
    ),
}


def make_session(folder, neurons, seed):
    """Six train trials of 70 frames of noise."""
    generator = np.random.default_rng(seed)
    arrays = {
        "videos": lambda: generator.integers(0, 256, (36, 64, FRAMES)).astype(np.uint8),
        "responses": lambda: generator.gamma(1, 5, (neurons, FRAMES)),
        "behavior": lambda: generator.normal(size=(2, FRAMES)),
        "pupil_center": lambda: generator.normal(size=(2, FRAMES)),
    }
    for kind, make in arrays.items():
        (folder / "data" / kind).mkdir(parents=True)
        (folder / "meta/statistics" / kind / "all").mkdir(parents=True)
        np.save(folder / "meta/statistics" / kind / "all/std.npy", np.ones((1, 1)))
        for trial in range(6):
            np.save(folder / "data" / kind / f"{trial}.npy", make())
    for part in ("neurons", "trials"):
        (folder / "meta" / part).mkdir()
    np.save(folder / "meta/trials/tiers.npy", np.array(["train"] * 6))
    np.save(folder / "meta/neurons/unit_ids.npy", np.arange(neurons) * 2 + 3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    make_session(folder / "first", 5, 0)
    make_session(folder / "second", 4, 1)
    return folder


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """A trained run of each family."""
    folders = {}
    for family, (network, downsample) in NETWORKS.items():
        folders[family] = tmp_path_factory.mktemp(family) / "run"
        content = {
            "network": network,
            "data": {"folds": 2, "downsample": downsample},
            "training": TRAINING,
            "inference": {"stride": 30},
        }
        fit = Fit(folders[family], load_config(content), data, "cpu")
        fit.train_epoch()
        fit.finish()
    return folders


@pytest.mark.parametrize("family", NETWORKS)
def test_a_loaded_run_predicts_what_the_run_itself_predicted(runs, data, family):
    run = TrainedRun.open(runs[family], "cpu")
    compared = 0
    for session in open_sessions(data):
        for trial, stored in predictions.read(runs[family], session.name).items():
            predicted = run.predict(session, trial)
            assert predicted.dtype == np.float32
            assert predicted.shape == (session.neurons, session.length(trial))
            np.testing.assert_allclose(predicted, stored, rtol=1e-3, atol=1e-6)  # float16
            assert predicted.std() > 0
            compared += 1
    assert compared


def test_mice_keep_their_places(runs, data):
    run = TrainedRun.open(runs["linear"], "cpu")
    first, second = open_sessions(data)
    trial = first.trials("train")[0]
    video, behaviour = first.video(trial), first.behaviour(trial)
    mine = run.respond(first, video, behaviour)
    np.testing.assert_array_equal(mine, run.predict(first, trial))
    assert run.respond(second, video, behaviour).shape == (second.neurons, FRAMES)


def test_a_tier_is_predicted_trial_by_trial(runs, data):
    session = open_sessions(data)[0]
    run = TrainedRun.open(runs["dwiseneuro"], "cpu")
    predicted = run.predict_tier(session, "train")
    assert iter(predicted) is predicted  # nothing is made before it is asked for
    for number, (trial, values) in zip(session.trials("train"), predicted, strict=True):
        assert trial == number
        np.testing.assert_array_equal(values, run.predict(session, trial))
    assert not list(run.predict_tier(session, "oracle"))


def test_windows_can_be_chosen_anew(runs, data):
    session, folder = open_sessions(data)[0], runs["dwiseneuro"]
    trial = session.trials("train")[0]

    def predict(**how):
        inference = InferenceConfig(**how) if how else None
        return TrainedRun.open(folder, "cpu", inference).predict(session, trial)

    np.testing.assert_array_equal(predict(), predict(stride=30))  # as the run's configuration
    np.testing.assert_array_equal(predict(stride=1), predict(windows=16))
    assert not np.allclose(predict(stride=1), predict(stride=30), rtol=1e-3)
    assert not np.allclose(predict(stride=1), predict(windows=2), rtol=1e-3)


def test_windows_are_chosen_on_the_command_line(runs, data, tmp_path, call):
    words = ("predict", runs["dwiseneuro"], "--data", data, "--out", tmp_path, "--tier", "train")
    session = open_sessions(data)[0]
    written = []
    for more, how in ((), {"stride": 30}), (("--stride", 8), {"stride": 8}):
        code, printed, _ = call(*words, "--device", "cpu", *more)
        assert (code, f"{session.name}: 6 trials of train" in printed) == (0, True)
        run = TrainedRun.open(runs["dwiseneuro"], "cpu", InferenceConfig(**how))
        stored = predictions.read(tmp_path, session.name)
        assert list(stored) == session.trials("train")
        for trial, values in run.predict_tier(session, "train"):
            np.testing.assert_allclose(stored[trial], values, rtol=1e-3, atol=1e-6)
        written.append(stored[0])
    assert not np.allclose(*written, rtol=1e-3)


def test_stride_and_windows_together_are_no_command(runs, data, tmp_path, refused):
    words = ("predict", runs["linear"], "--data", data, "--out", tmp_path / "new")
    refused([*words, "--stride", 4, "--windows", 3], "--stride 4 and --windows 3")
    assert not (tmp_path / "new").exists()


def test_stride_and_windows_together_are_refused():
    content = {"inference": {"stride": 4, "windows": 3}}
    with pytest.raises(ConfigurationError, match="not both; found stride 4 and windows 3"):
        load_config(content)
    both = {"windows": 3, "stride": None}
    assert load_config({"inference": both}).inference == InferenceConfig(windows=3)


def test_a_mouse_it_does_not_know(runs, data, tmp_path):
    session = open_sessions(data)[0]
    renamed = SessionFolder(shutil.copytree(session.path, tmp_path / "stranger"))
    with pytest.raises(RunError, match="found stranger"):
        TrainedRun.open(runs["linear"], "cpu").predict(renamed, session.trials("train")[0])
    with pytest.raises(RunError, match="found stranger"):  # before anything is predicted
        TrainedRun.open(runs["linear"], "cpu").predict_tier(renamed, "train")


def test_other_neurons_of_a_mouse_it_knows(runs, data, tmp_path):
    session = open_sessions(data)[0]
    changed = SessionFolder(shutil.copytree(session.path, tmp_path / session.name))
    ids = changed.path / "meta/neurons/unit_ids.npy"
    np.save(ids, np.load(ids)[::-1])
    with pytest.raises(RunError, match="other neurons"):
        TrainedRun.open(runs["linear"], "cpu").predict(changed, session.trials("train")[0])


def test_frames_of_another_size(runs, data):
    session = open_sessions(data)[0]
    run = TrainedRun.open(runs["linear"], "cpu")
    video, behaviour = np.zeros((60, 16, 64), np.float32), np.zeros((4, 60), np.float32)
    with pytest.raises(RunError, match="sees frames of 9x16; found 4x16"):
        run.respond(session, video, behaviour)


def test_what_is_no_trained_run(runs, tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        TrainedRun.open(tmp_path, "cpu")
    copied = shutil.copytree(runs["linear"], tmp_path / "run")
    state = load_state(copied / "weights.pt")
    state.pop(next(iter(state)))
    save_state(copied / "weights.pt", state)
    with pytest.raises(RunError, match="does not fit"):
        TrainedRun.open(copied, "cpu")
    (copied / "weights.pt").unlink()
    with pytest.raises(RunError, match=r"weights\.pt is missing"):
        TrainedRun.open(copied, "cpu")


def test_a_device_that_is_not_there(runs):
    with pytest.raises(UserError, match="is no device"):
        TrainedRun.open(runs["linear"], "abacus")
    with pytest.raises(UserError, match="is no device"):
        TrainedRun.open(runs["linear"], "cuda:63")
