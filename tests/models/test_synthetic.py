"""The folders that generated recordings consist of; plan and brain have files of their own."""

import filecmp
import json
from pathlib import Path

import numpy as np
import pytest

from models.errors import UserError
from models.recordings.data_set import open_sessions
from models.recordings.layout import (
    BONUS_TIERS,
    KINDS,
    STATISTICS,
    TEST_TIERS,
)
from models.recordings.synthetic import Recipe, stimuli, write_data_set
from models.recordings.synthetic.films import film
from models.recordings.synthetic.plan import plan_session
from models.recordings.truth import Truth, truth_folder

RECIPE = Recipe(mice=2, neurons=5, train_trials=7, videos=1, repeats=2, old_mice=1, seed=3)
SMALL = {"mice": 1, "neurons": 3, "train_trials": 2, "videos": 1, "repeats": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("synthetic") / "data"
    write_data_set(out, RECIPE)
    return out


@pytest.fixture(scope="module")
def old(data):
    return next(session for session in open_sessions(data) if plan_of(session).old)


@pytest.fixture(scope="module")
def new(data):
    return next(session for session in open_sessions(data) if not plan_of(session).old)


@pytest.fixture(scope="module")
def truth(data):
    return Truth(truth_folder(data))


def plan_of(session):
    plans = [plan_session(RECIPE, mouse) for mouse in range(RECIPE.mice)]
    return next(plan for plan in plans if plan.name == session.name)


def raw(session, kind, trial):
    return np.load(session.file(kind, trial))


def ids(session, kind):
    return {int(file.stem) for file in (session.path / "data" / kind).iterdir()}


def same_files(one, other):
    names = {file.relative_to(one) for file in one.rglob("*") if file.is_file()}
    assert names == {file.relative_to(other) for file in other.rglob("*") if file.is_file()}
    assert names
    return all(filecmp.cmp(one / name, other / name, shallow=False) for name in names)


def test_a_new_session_is_what_the_organisers_loader_needs(new):
    tiers = np.load(new.path / "meta/trials/tiers.npy")
    assert tiers.dtype.kind == "U"
    assert all(ids(new, kind) == set(range(len(tiers))) for kind in KINDS)
    assert json.loads((new.path / "config.json").read_text()) == {"links": {}}
    assert np.load(new.path / "meta/neurons/cell_motor_coordinates.npy").shape == (5, 3)
    length = raw(new, "videos", 0).shape[-1]
    rows = {"videos": (36, 64), "responses": (5,), "behavior": (2,), "pupil_center": (2,)}
    for kind in KINDS:
        assert {raw(new, kind, trial).shape for trial in ids(new, kind)} == {(*rows[kind], length)}
        for name in STATISTICS:
            shape = np.load(new.path / f"meta/statistics/{kind}/all/{name}.npy").shape
            assert shape in {(*rows[kind], 1), (*rows[kind], length)}


def test_a_new_session_withholds_the_responses_of_its_test_tiers(new, truth):
    for trial, tier in new.tiers.items():
        padded = raw(new, "responses", trial)
        if tier in TEST_TIERS:
            assert not padded.any()
            assert new.responses(trial) is None
            assert truth.responses(new.name, trial).any()
        else:
            assert padded[:, :300].any()
            assert np.isnan(padded[:, 300:]).all()
            assert truth.responses(new.name, trial) is None


def test_a_new_session_names_its_presentations(new):
    presented = np.load(new.path / "meta/trials/trial_idx.npy")
    assert presented.dtype.kind == "U"
    assert len(set(presented)) == len(new.tiers)
    assert presented.tolist() != [str(trial) for trial in new.tiers]
    assert "none" not in new.tiers.values()


def test_an_old_session_has_gaps_and_lost_responses_and_withholds_nothing(old, truth):
    tiers = np.load(old.path / "meta/trials/tiers.npy")
    here = ids(old, "videos")
    assert {trial for trial, tier in enumerate(tiers) if tier == "none"} == set(
        range(len(tiers))
    ) - here
    assert len(here) < len(tiers)
    assert ids(old, "responses") < here
    assert not (old.path / "meta/trials/trial_idx.npy").exists()
    for trial in old.trials(TEST_TIERS):
        if trial in ids(old, "responses"):
            np.testing.assert_array_equal(old.responses(trial), truth.responses(old.name, trial))


def test_what_follows_the_valid_frames_is_missing(old, new, truth):
    lengths = set()
    for session in (old, new):
        for trial in session.tiers:
            shown = raw(session, "videos", trial).astype(float)
            length = session.length(trial)
            lengths.add(length)
            assert np.isnan(shown[..., length:]).all()
            np.testing.assert_array_equal(shown[..., :length], np.rint(shown[..., :length]))
            assert 0 <= shown[..., :length].min() <= shown[..., :length].max() <= 255
            assert np.isnan(raw(session, "pupil_center", trial)[:, length:]).all()
            assert np.isfinite(session.behaviour(trial)).all()
            free = truth.noise_free(session.name, trial)
            assert (free is None) == (session.tiers[trial] == "train")
            assert free is None or (free.shape == (5, length) and (free >= 0).all())
    assert {300, 315, 240} <= lengths


def test_storage_types_differ_over_the_mice(old, new):
    types = {
        kind: {
            raw(session, kind, trial).dtype
            for session in (old, new)
            for trial in ids(session, kind)
        }
        for kind in KINDS
    }
    assert all(len(found) > 1 for found in types.values())


def test_the_statistics_are_those_of_the_train_tier(old):
    functions = {"mean": np.mean, "std": np.std, "min": np.min, "max": np.max, "median": np.median}
    trials = [trial for trial in old.trials("train") if trial in ids(old, "responses")]
    for name, function in functions.items():
        expected = function([raw(old, "responses", trial)[:, :300] for trial in trials], axis=0)
        found = old.statistic("responses", name)
        np.testing.assert_allclose(found[:, :300], expected, rtol=1e-4, atol=1e-5)
        assert np.isnan(found[:, 300:]).all()
        films = np.concatenate([old.video(trial) for trial in old.trials("train")])
        expected = function(films.astype(float), axis=0)[..., None]
        np.testing.assert_allclose(old.statistic("videos", name), expected, rtol=1e-5)


def test_the_truth_knows_films_and_kinds(old, new, truth):
    for session in (old, new):
        for trial, tier in session.tiers.items():
            kind = truth.kind(session.name, trial)
            assert (kind in stimuli.KINDS) if tier in BONUS_TIERS else (kind is None)
        films = [truth.video_id(session.name, trial) for trial in session.trials("oracle")]
        assert sorted(films.count(name) for name in set(films)) == [2]
        shown = {}
        for trial, name in zip(session.trials("oracle"), films, strict=True):
            np.testing.assert_array_equal(
                shown.setdefault(name, session.video(trial)), session.video(trial)
            )


def test_repeats_of_a_film_differ_in_behaviour_and_noise(new):
    oracle = new.trials("oracle")
    assert len({new.behaviour(trial).tobytes() for trial in oracle}) == len(oracle)
    assert len({new.responses(trial).tobytes() for trial in oracle}) == len(oracle)


def test_the_same_recipe_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    for folder, seed in (("one", 0), ("again", 0), ("other", 1)):
        film.cache_clear()
        write_data_set(tmp_path / folder, Recipe(**SMALL, seed=seed))
    assert same_files(tmp_path / "one", tmp_path / "again")
    assert same_files(tmp_path / "one.truth", tmp_path / "again.truth")
    one, other = (open_sessions(tmp_path / folder)[0] for folder in ("one", "other"))
    assert one.name != other.name
    trial, another = one.trials("train")[0], other.trials("train")[0]
    assert not np.array_equal(one.video(trial), other.video(another))
    assert not np.array_equal(one.responses(trial), other.responses(another))


def test_more_mice_leave_the_first_as_it_was(tmp_path):
    for mice in (1, 2):
        write_data_set(tmp_path / str(mice), Recipe(**SMALL | {"mice": mice}))
    first = open_sessions(tmp_path / "1")[0]
    assert same_files(first.path, tmp_path / "2" / first.name)
    assert same_files(tmp_path / "1.truth" / first.name, tmp_path / "2.truth" / first.name)


def test_more_trials_leave_the_shared_ones_as_they_were(tmp_path):
    recipes = {"few": Recipe(**SMALL), "many": Recipe(**SMALL | {"train_trials": 4, "repeats": 2})}
    trials = {}
    for name, recipe in recipes.items():
        write_data_set(tmp_path / name, recipe)
        session = open_sessions(tmp_path / name)[0]
        trials[name] = {
            showing.key: [raw(session, kind, trial).tobytes() for kind in KINDS]
            for trial, showing in plan_session(recipe, 0).showings.items()
        }
    assert trials["few"].items() <= trials["many"].items()


def test_a_taken_folder_is_refused(tmp_path):
    for taken in (tmp_path / "data", tmp_path / "data.truth"):
        taken.mkdir()
        (taken / "mine").write_text("precious")
        with pytest.raises(UserError, match="is taken") as caught:
            write_data_set(tmp_path / "data", Recipe(**SMALL))
        assert str(taken) in caught.value.message
        assert (taken / "mine").read_text() == "precious"
        (taken / "mine").unlink()
        taken.rmdir()
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UserError, match="is taken"):
        write_data_set(tmp_path / "data", Recipe(**SMALL))


def test_an_empty_folder_is_taken_over_and_progress_is_told(tmp_path):
    (tmp_path / "data").mkdir()
    told = []
    write_data_set(tmp_path / "data", Recipe(**SMALL), lambda *what: told.append(what))
    name = open_sessions(tmp_path / "data")[0].name
    assert told == [(name, done, 8) for done in range(1, 9)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "data.truth"]


def test_a_run_that_fails_leaves_nothing(tmp_path):
    def stop(_session, done, _total):
        assert not (tmp_path / "data").exists()
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_data_set(tmp_path / "data", Recipe(**SMALL), stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_the_users_business(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(UserError, match="no space left"):
        write_data_set(tmp_path / "data", Recipe(**SMALL))
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_truth_lies_in_the_data(data):
    assert {path.name for path in data.iterdir()} == {
        session.name for session in open_sessions(data)
    }
    assert truth_folder(data) == Path(f"{data}.truth")
