"""What a store is packed from: sources that change, are broken or lie beside others."""

import dataclasses
import shutil

import numpy as np
import pytest

from models.errors import ProblemsFound
from models.recordings.data_set import open_sessions
from models.recordings.films import known
from models.recordings.folder import SessionFolder
from models.recordings.folds import as_text
from models.recordings.store.folders import packed_folder
from models.recordings.store.packed import PackedSession
from models.recordings.store.packing import partial_folder
from models.recordings.store.verify import verify_store
from tests.models.broken_sessions import cut_short, save
from tests.models.generated_sessions import NAME, assert_same, everything, write
from tests.models.packed_stores import SIX, begun, brighten, contents, packed

pytestmark = pytest.mark.usefixtures("undurable")


@pytest.fixture
def source(tmp_path):
    """A session of six trials in a data set of its own."""
    return write(tmp_path / "data", SIX)


def grow(path):
    path.write_bytes(path.read_bytes() + b"\0")


def test_a_source_that_changed_while_packing_stood_still_is_refused_by_name(source, tmp_path):
    begun(source, packed_folder(tmp_path / "data"), trials=4)
    for file in ("data/videos/9.npy", "meta/trials/tiers.npy"):
        grow(source / file)
    with pytest.raises(ProblemsFound, match="has changed since it was packed: 2 files") as caught:
        packed(tmp_path / "data")
    assert "data/videos/9.npy, meta/trials/tiers.npy" in caught.value.message
    assert "--again" in caught.value.message
    assert not (packed_folder(tmp_path / "data") / NAME).exists()


def test_a_packing_whose_source_changed_begins_anew_when_told_to(source, tmp_path):
    begun(source, packed_folder(tmp_path / "data"), trials=4)
    brighten(source)
    store = packed(tmp_path / "data", again=True)
    assert contents(store) == contents(packed(tmp_path / "data", tmp_path / "whole"))
    assert verify_store(tmp_path / "data", store) == []


def test_a_packing_of_the_same_files_goes_on_when_told_to_pack_anew(source, tmp_path):
    partial = begun(source, packed_folder(tmp_path / "data"), trials=4)
    before = (partial / "videos.npy").stat()
    packed(tmp_path / "data", again=True)
    after = (packed_folder(tmp_path / "data") / NAME / "videos.npy").stat()
    assert after.st_ino == before.st_ino


@pytest.mark.parametrize("trial", [0, 9])
def test_a_source_that_changes_while_it_is_packed_is_refused(source, tmp_path, trial):
    changed = iter([True])

    def told(*_):
        if next(changed, False):
            brighten(source, trial)

    with pytest.raises(ProblemsFound, match=f"1 files, data/videos/{trial}.npy"):
        packed(tmp_path / "data", told=told)
    store = packed_folder(tmp_path / "data")
    assert not (store / NAME).exists()
    packed(tmp_path / "data", again=True)
    assert verify_store(tmp_path / "data", store) == []


WIDER = {
    "fractional grey values": (np.float16, np.float16),
    "large responses": (np.uint8, np.float32),
    "missing pixels within": (np.float16, np.float16),
    "infinite responses": (np.uint8, np.float16),
}


@pytest.mark.parametrize("oddity", WIDER)
@pytest.mark.parametrize("stopped", [0, 4])
def test_types_widen_when_a_later_trial_asks_for_it(tmp_path, oddity, stopped):
    odd = dataclasses.replace(SIX.trials[9], oddities=frozenset({oddity}))
    source = write(tmp_path / "data", dataclasses.replace(SIX, trials=SIX.trials | {9: odd}))
    if stopped:
        begun(source, packed_folder(tmp_path / "data"), trials=stopped)
    session = PackedSession(packed(tmp_path / "data") / NAME)
    types = (session.arrays.videos.dtype, session.arrays.responses.dtype)
    assert types == WIDER[oddity]
    said, wanted = everything(session), everything(SessionFolder(source))
    for trial in (0, 1, 2, 5, 6):  # in spite of the wide type, as precise as ever
        assert said[trial, "video"].tolist() == wanted[trial, "video"].tolist()
        half = wanted[trial, "responses"].astype(np.float16)
        assert said[trial, "responses"].tolist() == half.tolist()
    if oddity == "large responses":
        assert said[9, "responses"].tolist() == wanted[9, "responses"].tolist()


@pytest.fixture
def three(tmp_path):
    """A data set of three sessions with films of their own."""
    return [
        write(tmp_path / "data", dataclasses.replace(SIX, seed=seed), f"mouse{seed}")
        for seed in range(3)
    ]


BREAKERS = {
    "first trial": lambda source: cut_short(source / "data/behavior/0.npy"),
    "first video": lambda source: cut_short(source / "data/videos/0.npy"),
    "last trial": lambda source: (source / "data/pupil_center/9.npy").unlink(),
    "tiers": lambda source: save(source / "meta/trials/tiers.npy", np.arange(10)),
    "neurons": lambda source: (source / "meta/neurons/unit_ids.npy").unlink(),
    "statistics": lambda source: shutil.rmtree(source / "meta/statistics"),
    "link to nowhere": lambda source: (source / "data/videos/7.npy").symlink_to("nowhere"),
    "no trial": lambda source: shutil.rmtree(source / "data/videos"),
    "size": lambda source: save(source / "data/videos/9.npy", np.ones((3, 3, 13))),
    "no frame": lambda source: save(source / "data/behavior/9.npy", np.full((2, 13), np.nan)),
}


@pytest.mark.parametrize("breaker", BREAKERS)
def test_a_broken_session_keeps_no_other_from_being_packed(three, tmp_path, breaker):
    BREAKERS[breaker](three[1])
    store = packed_folder(tmp_path / "data")
    for _ in range(2):  # and running it again changes nothing
        with pytest.raises(ProblemsFound) as caught:
            packed(tmp_path / "data")
        (problem,) = caught.value.problems
        assert problem.where == "mouse1"
        assert str(three[1]) in problem.found
        visible = sorted(path.name for path in store.iterdir() if path.name[0] != ".")
        assert visible == ["films.json", "mouse0", "mouse2"]
        sessions = open_sessions(store)
        films = {as_text(session.film(n)) for session in sessions for n in session.tiers}
        assert known(sessions).keys() == films


def test_all_broken_sessions_are_told_at_once_and_packed_when_mended(three, tmp_path):
    whole = {path: path.read_bytes() for path in three[0].rglob("6.npy")}
    for source in three[:2]:
        cut_short(source / "data/videos/6.npy")
    with pytest.raises(ProblemsFound) as caught:
        packed(tmp_path / "data")
    assert sorted(problem.where for problem in caught.value.problems) == ["mouse0", "mouse1"]
    assert "--again" in caught.value.remedy
    store = packed_folder(tmp_path / "data")
    assert partial_folder(store, "mouse0").is_dir()
    for path, content in whole.items():
        path.write_bytes(content)
    with pytest.raises(ProblemsFound) as caught:
        packed(tmp_path / "data", again=True)
    assert [problem.where for problem in caught.value.problems] == ["mouse1"]
    assert [path.name for path in sorted(store.iterdir()) if path.is_dir()] == [
        *(".mouse1.partial", "mouse0", "mouse2")
    ]
    fresh = packed(three[0], tmp_path / "fresh")
    assert_same(everything(PackedSession(store / "mouse0")), everything(open_sessions(fresh)[0]))
