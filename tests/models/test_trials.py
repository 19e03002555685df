import shutil

import numpy as np
import pytest
import torch

from models.errors import RecordingError
from models.recordings.clips import downsampled
from models.recordings.data_set import open_sessions
from models.recordings.folder import SessionFolder
from models.recordings.session import fingerprint
from models.recordings.trials import load_trials
from tests.models.broken_sessions import make_session, save, setting
from tests.models.tiny import mouse_trials, trial_of


def test_trials_hold_what_the_session_says(recordings):
    for mouse in load_trials(recordings, ("train",)):
        assert [trial.number for trial in mouse.trials] == mouse.session.trials("train")
        for trial in mouse.trials:
            video = mouse.session.video(trial.number)
            np.testing.assert_array_equal(mouse.video(trial), video)
            np.testing.assert_array_equal(
                mouse.behaviour(trial), mouse.session.behaviour(trial.number)
            )
            responses = mouse.session.responses(trial.number)
            np.testing.assert_array_equal(mouse.responses(trial), responses.astype(np.float16))
        assert mouse.arrays.videos.dtype == np.uint8


def test_only_the_tiers_that_are_asked_for_are_read(recordings):
    train, both = (load_trials(recordings, tiers) for tiers in (("train",), ("train", "oracle")))
    for few, many in zip(train, both, strict=True):
        added = {trial.number for trial in many.trials} - {trial.number for trial in few.trials}
        assert added == set(few.session.trials("oracle"))


def test_downsampling_averages_squares():
    video = torch.arange(2 * 4 * 6, dtype=torch.uint8).reshape(2, 4, 6)
    np.testing.assert_array_equal(downsampled(video, 1), video)
    halved = downsampled(video, 2)
    assert halved.shape == (2, 2, 3)
    assert halved[1, 1, 2] == video[1, 2:4, 4:6].float().mean()
    assert halved.mean() == video.float().mean()


def test_trials_without_responses_are_left_out_and_a_mouse_without_any_is_an_error(tmp_path):
    session = make_session(tmp_path / "mouse")
    (mouse,) = load_trials(session, ("train", "oracle"))
    assert [trial.number for trial in mouse.trials] == [0, 1, 3]
    lost = shutil.copytree(session, tmp_path / "lost")
    for trial in (0, 1):
        (lost / f"data/responses/{trial}.npy").unlink()
    with pytest.raises(
        RecordingError, match="no trial with responses in the tiers train"
    ) as caught:
        load_trials(tmp_path, ("train",))
    assert str(lost) in caught.value.message


def test_magnitudes_are_those_of_the_given_trials_alone(tmp_path):
    trials = tuple(trial_of(number, 20 + number, neurons=5) for number in (1, 2, 7))
    held = mouse_trials(trials, SessionFolder(make_session(tmp_path / "mouse")))
    mouse = held.mouse(held.trials[:2])
    responses = np.concatenate([trial.responses for trial in trials[:2]], axis=1)
    behaviour = np.concatenate([trial.behaviour for trial in trials[:2]], axis=1)
    np.testing.assert_allclose(mouse.response_mean, responses.mean(axis=1))
    np.testing.assert_allclose(mouse.response_std, responses.std(axis=1))
    np.testing.assert_allclose(mouse.behaviour_mean, behaviour.mean(axis=1))
    np.testing.assert_allclose(mouse.behaviour_std, behaviour.std(axis=1))
    assert (mouse.name, mouse.neurons) == ("mouse", 5)


def test_every_trial_is_held_out_in_one_fold_and_trained_on_in_the_others(recordings):
    for mouse in load_trials(recordings, ("train",)):
        held_out = []
        for fold in range(3):
            training, validation = mouse.split(3, fold)
            numbers = sorted(trial.number for trial in training + validation)
            assert numbers == [trial.number for trial in mouse.trials]
            assert not {trial.group for trial in training} & {trial.group for trial in validation}
            held_out += [trial.number for trial in validation]
        assert sorted(held_out) == [trial.number for trial in mouse.trials]


CHANGES = {
    "meta/neurons/unit_ids.npy": setting(99, place=0),
    "meta/trials/tiers.npy": setting("none", place=0),
    "meta/statistics/responses/all/std.npy": setting(3.0, place=(0, 0)),
    "meta/statistics/behavior/all/std.npy": setting(3.0, place=(0, 0)),
}


@pytest.mark.parametrize("file", CHANGES)
def test_a_fingerprint_changes_with_the_recordings(tmp_path, file):
    session = make_session(tmp_path / "mouse")
    before = fingerprint([SessionFolder(session)])
    CHANGES[file](session / file)
    assert fingerprint([SessionFolder(session)]) != before


def test_a_fingerprint_changes_with_mice_and_trials_but_not_with_the_place(tmp_path):
    session = make_session(tmp_path / "mouse")
    before = fingerprint(open_sessions(session))
    moved = shutil.copytree(tmp_path, tmp_path / "moved")
    assert fingerprint(open_sessions(moved)) == before
    (moved / "mouse").rename(moved / "rat")
    assert fingerprint(open_sessions(moved)) != before
    save(session / "data/videos/5.npy", np.ones((36, 64, 60)))
    assert fingerprint(open_sessions(session)) != before
