"""The packed store says what the organisers' folder does."""

import dataclasses
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import RecordingError
from models.recordings.data_set import open_sessions
from models.recordings.folder import SessionFolder
from models.recordings.store.packed import PackedSession
from models.recordings.trials import load_trials
from tests.models.broken_sessions import save
from tests.models.generated_sessions import (
    NAME,
    Plan,
    Trial,
    assert_same,
    everything,
    halved,
    plans,
    write,
)
from tests.models.packed_stores import packed

pytestmark = pytest.mark.usefixtures("undurable")


def answers_once_packed(source, exact):
    """What the source says, in the precision of a store."""
    said = everything(source)
    for trial in source.tiers:
        said[trial, "video"] = halved(said[trial, "video"])
        responses = said[trial, "responses"]
        if responses is not None and not exact:
            said[trial, "responses"] = halved(responses)
    return said


@settings(max_examples=80)
@given(plans(), st.booleans())
def test_a_packed_session_answers_as_its_source_does(plan, exact):
    with tempfile.TemporaryDirectory() as folder:
        source = SessionFolder(write(Path(folder) / "data", plan))
        session = PackedSession(packed(source.path.parent, exact=exact) / NAME)
        assert_same(everything(session), answers_once_packed(source, exact))
        known = [trial for trial in plan.trials if source.has_responses(trial)]
        for trial in known:
            (mean, deviation), values = session.moments(trial), session.responses(trial)
            values = values.astype(np.float64)
            with np.errstate(invalid="ignore"):  # infinite responses
                np.testing.assert_allclose(mean, values.mean(axis=1))
                np.testing.assert_allclose(deviation, values.std(axis=1), atol=1e-9)


def test_types_are_the_least_that_hold_every_trial(tmp_path):
    plain = {2: Trial(length=5), 4: Trial(length=6, tier="none")}
    odd = dataclasses.replace(plain[4], oddities=frozenset({"fractional grey values"}))
    large = dataclasses.replace(plain[4], oddities=frozenset({"large responses"}))
    wide = {0: plain, 1: plain | {4: odd}, 2: plain | {4: large}}
    for seed, trials in wide.items():
        write(tmp_path / "data", Plan(trials, seed=seed), f"mouse{seed}")
    stored = [session.arrays for session in open_sessions(packed(tmp_path / "data"))]
    assert [arrays.videos.dtype for arrays in stored] == [np.uint8, np.float16, np.uint8]
    assert [arrays.responses.dtype for arrays in stored] == [np.float16, np.float16, np.float32]
    assert [len(arrays.videos) for arrays in stored] == [11, 11, 11]


def test_a_session_without_any_responses_is_packed(tmp_path):
    trials = {
        0: Trial(responses="missing"),
        3: Trial("final_test_main", responses="zeros"),
        4: Trial("none", responses="missing"),
    }
    session = PackedSession(packed(write(tmp_path / "data", Plan(trials)).parent) / NAME)
    assert session.arrays.responses.shape == (0, 3)
    assert np.load(session.path / "moments.npy").shape == (0, 2, 3)
    assert [session.responses(trial) for trial in trials] == [None, None, None]
    assert session.withholds
    assert session.video(4).shape == (9, 2, 3)
    with pytest.raises(RecordingError, match="no trial with responses in the tiers train"):
        load_trials(tmp_path / "data", ("train",))


def test_zeros_are_withheld_whatever_lies_behind_the_valid_frames(tmp_path):
    plan = Plan({0: Trial("oracle"), 1: Trial("final_test_main", responses="zeros")})
    source = SessionFolder(write(tmp_path / "data", plan))
    behind = np.concatenate([np.zeros((3, 9)), np.ones((3, 2))], axis=1)
    save(source.file("responses", 1), behind)
    assert source.responses(1) is None
    assert (source.has_responses(1), source.withholds_responses(1)) == (False, True)
    session = PackedSession(packed(source.path.parent, exact=True) / NAME)
    assert_same(everything(session), everything(source))


def test_what_is_handed_out_is_the_caller_s_own(tmp_path):
    plan = Plan({0: Trial(length=1), 1: Trial()}, neurons=1)
    session = PackedSession(packed(write(tmp_path / "data", plan).parent, exact=True) / NAME)
    before = everything(session)
    for trial in plan.trials:
        for read in (session.video, session.behaviour, session.responses):
            mine = read(trial)
            mine[:] = 77
            session.release()
            assert (mine == 77).all()
    assert_same(everything(session), before)


def kinds_of(sessions):
    return [type(session) for session in sessions]


def test_the_store_of_a_single_session_is_found_from_both_sides(tmp_path):
    session = write(tmp_path / "data", Plan({0: Trial()}))
    store = packed(session)
    assert store == tmp_path / "data" / f"{NAME}.packed"
    (alone,), (of_folder,) = open_sessions(session), open_sessions(tmp_path / "data")
    assert alone == of_folder == PackedSession(store / NAME)


def test_the_store_of_linked_sessions_is_found(tmp_path):
    session = write(tmp_path / "elsewhere", Plan({0: Trial()}))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / NAME).symlink_to(session)
    packed(tmp_path / "data")
    assert kinds_of(open_sessions(tmp_path / "data")) == [PackedSession]


def grow(path):
    path.write_bytes(path.read_bytes() + b"\0")


CHANGES = {
    "another size": ("data/behavior/0.npy", grow),
    "another time": ("meta/trials/tiers.npy", lambda path: os.utime(path, ns=(1, 1))),
    "a file less": ("data/responses/0.npy", Path.unlink),
    "a file more": ("data/videos/7.npy", lambda path: path.write_bytes(b"new")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_store_of_other_files_is_refused(tmp_path, change):
    source = write(tmp_path / "data", Plan({0: Trial()}))
    store = packed(tmp_path / "data")
    file, changing = CHANGES[change]
    changing(source / file)
    with pytest.raises(RecordingError, match="has changed since it was packed: 1 files") as caught:
        open_sessions(tmp_path / "data")
    assert f"{source} " in caught.value.message
    assert file in caught.value.message
    assert "--again" in caught.value.remedy
    assert kinds_of(open_sessions(store)) == [PackedSession]  # whoever asks for it gets it


def test_hidden_files_and_other_times_of_reading_change_nothing(tmp_path):
    source = write(tmp_path / "data", Plan({0: Trial()}))
    packed(tmp_path / "data")
    (source / "data/.DS_Store").write_bytes(b"hidden")
    path = source / "data/videos/0.npy"
    os.utime(path, ns=(1, path.stat().st_mtime_ns))
    assert kinds_of(open_sessions(tmp_path / "data")) == [PackedSession]
