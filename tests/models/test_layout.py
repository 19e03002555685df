import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import RecordingError
from models.recordings.data_set import open_sessions, scored_sessions
from models.recordings.folder import SessionFolder
from models.recordings.layout import (
    NEW_HASH,
    OLD_HASH,
    TEST_TIERS,
    read_array,
    session_folders,
    valid_frames,
)
from tests.models.broken_sessions import LOST, NEURONS, TRIALS, WITHHELD, Trap, make_session, save


@pytest.fixture
def session(tmp_path):
    return SessionFolder(make_session(tmp_path / "mouse"))


def raw(session, kind, trial):
    return np.load(session.file(kind, trial))


def test_all_irregularities_at_once_are_read_through(session):
    assert {raw(session, "videos", trial).dtype.kind for trial in TRIALS} == {"u", "f"}
    for trial, (tier, length) in TRIALS.items():
        assert session.tiers[trial] == tier
        assert session.length(trial) == length
        video, behaviour = session.video(trial), session.behaviour(trial)
        assert (video.shape, video.dtype) == ((length, 36, 64), np.float32)
        assert (behaviour.shape, behaviour.dtype) == ((4, length), np.float32)
        assert np.isfinite(video).all()
        assert np.isfinite(behaviour).all()


def test_axes_are_those_of_the_files_with_time_first_in_videos(session):
    np.testing.assert_array_equal(session.video(7)[4, 30, 50], raw(session, "videos", 7)[30, 50, 4])
    np.testing.assert_array_equal(session.behaviour(7)[:2], raw(session, "behavior", 7))
    np.testing.assert_array_equal(session.behaviour(7)[2:], raw(session, "pupil_center", 7))
    np.testing.assert_array_equal(session.responses(7), raw(session, "responses", 7))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float64])
def test_any_number_type_is_read(session, dtype):
    values = np.arange(NEURONS * 60).reshape(NEURONS, 60) % 200
    save(session.file("responses", 0), values.astype(dtype))
    np.testing.assert_array_equal(session.responses(0), values[:, : session.length(0)])
    assert session.responses(0).dtype == np.float32


def test_every_session_has_a_length_of_its_own(session):
    for kind, rows in (("videos", (36, 64)), ("behavior", (2,)), ("pupil_center", (2,))):
        save(session.file(kind, 7), np.ones((*rows, 71)))
    assert session.video(7).shape == (71, 36, 64)
    assert session.length(0) == TRIALS[0][1]


def test_missing_and_withheld_responses_are_none(session):
    unknown = {trial for trial in TRIALS if session.responses(trial) is None}
    assert unknown == {*LOST, *WITHHELD}
    assert all(session.has_responses(trial) != (trial in unknown) for trial in TRIALS)


def test_zeros_are_withheld_responses_in_test_tiers_only(session):
    for trial in TRIALS:
        save(session.file("responses", trial), np.zeros((NEURONS, 60)))
    unknown = {trial for trial in TRIALS if session.responses(trial) is None}
    assert unknown == set(session.trials(TEST_TIERS))
    assert (session.responses(0) == 0).all()


def test_tiny_negative_responses_are_clamped(session):
    values = np.full((NEURONS, 60), -3e-7)
    values[0] = 2
    save(session.file("responses", 6), values)
    assert session.responses(6)[0].tolist() == [2] * 55
    assert not np.signbit(session.responses(6)[1:]).any()


def test_gaps_and_trials_without_a_tier_belong_to_no_tier(session):
    assert list(session.tiers) == sorted(TRIALS)
    save(session.file("videos", 5), np.ones((36, 64, 60)))  # its tier is `none`
    save(session.file("videos", 12), np.ones((36, 64, 60)))  # it has none
    again = SessionFolder(session.path)
    assert again.tiers[5] == "none"
    assert 12 not in again.tiers
    assert again.trials(("train", "oracle", *TEST_TIERS)) == list(session.tiers)


def test_trials_are_in_the_order_of_numbers(session):
    save(session.file("videos", 10), raw(session, "videos", 0))
    tiers = np.array([TRIALS.get(trial, ("train",))[0] for trial in range(11)])
    save(session.path / "meta/trials/tiers.npy", tiers)
    assert SessionFolder(session.path).trials("train") == [0, 1, 2, 10]
    assert SessionFolder(session.path).trials(["oracle", "train"]) == [0, 1, 2, 3, 10]


@pytest.mark.parametrize(
    "name", ["notes.txt", "a.npy", "9.npy.part", ".9.npy.x1", "-1.npy", "09.npy"]
)
def test_stray_files_are_passed_over(session, name):
    (session.path / "data/videos" / name).write_bytes(b"stray")
    assert list(SessionFolder(session.path).tiers) == sorted(TRIALS)


def test_tiers_of_other_types_are_refused_without_opening_objects(session):
    path = session.path / "meta/trials/tiers.npy"
    for tiers in (np.array([b"train"]), np.array([Trap()], dtype=object), np.arange(3)):
        save(path, tiers)
        with pytest.raises(RecordingError, match=r"tiers\.npy"):
            _ = SessionFolder(session.path).tiers


@pytest.mark.parametrize("kept", [0, 5, 40, 5000])
def test_a_truncated_file_is_named(session, kept):
    path = session.file("videos", 0)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RecordingError, match=r"not a readable array") as caught:
        session.video(0)
    assert str(path) in caught.value.message
    assert "Unpack the session again" in caught.value.remedy


def test_a_missing_file_and_words_for_numbers(session):
    with pytest.raises(RecordingError, match=r"99\.npy is missing"):
        session.length(99)
    save(session.file("videos", 0), np.array(["grey"]))
    with pytest.raises(RecordingError, match="not numbers"):
        session.video(0)
    with pytest.raises(RecordingError, match="is missing"):
        read_array(session.path / "none.npy")


@given(st.integers(0, 9), st.integers(1, 9), st.data())
def test_valid_frames_end_with_the_last_that_is_not_all_missing(valid, padding, data):
    array = np.full((3, valid + padding), np.nan)
    array[:, :valid] = data.draw(st.sampled_from([0.0, 7.0]))
    if valid > 1:
        array[:, data.draw(st.integers(0, valid - 2))] = np.nan  # a gap within the trial
        array[:2, valid - 1] = np.nan  # one value is enough
    assert valid_frames(array) == valid
    assert valid_frames(np.zeros((3, valid + padding), np.int16)) == valid + padding


def test_nothing_has_no_valid_frames():
    assert valid_frames(np.empty((2, 0), np.float32)) == 0
    assert valid_frames(np.full((2, 5), np.nan)) == 0


def test_sessions_are_found_by_name_or_given_alone(tmp_path):
    for name in ("b", "a", ".hidden"):
        make_session(tmp_path / name)
    (tmp_path / "results").mkdir()
    (tmp_path / "readme.txt").write_text("")
    assert [session.name for session in open_sessions(tmp_path)] == ["a", "b"]
    assert [session.name for session in open_sessions(tmp_path / "b")] == ["b"]
    assert [path.name for path in session_folders(tmp_path)] == ["a", "b", "results"]


def test_folders_without_recordings(tmp_path):
    with pytest.raises(RecordingError, match="holds no recording") as caught:
        open_sessions(tmp_path)
    assert "models synth" in caught.value.remedy
    with pytest.raises(RecordingError, match="there is no folder"):
        open_sessions(tmp_path / "none")


def test_scored_are_the_new_mice_else_those_that_withhold_else_all(tmp_path):
    withholding = make_session(tmp_path / f"b-{OLD_HASH}")
    public = shutil.copytree(withholding, tmp_path / "c-synthetic")
    new = shutil.copytree(withholding, tmp_path / f"a-{NEW_HASH}")
    for trial in WITHHELD:
        save(public / f"data/responses/{trial}.npy", np.ones((NEURONS, 60)))
        save(new / f"data/responses/{trial}.npy", np.ones((NEURONS, 60)))
    new, withholding, public = open_sessions(tmp_path)
    assert (withholding.withholds, public.withholds) == (True, False)
    assert scored_sessions([public, withholding, new]) == [new]
    assert scored_sessions([public, withholding]) == [withholding]
    assert scored_sessions([public]) == [public]
