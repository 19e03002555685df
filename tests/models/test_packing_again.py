"""Packing what is packed already, comparing it with its source, and what keeps packing from it."""

import dataclasses
import errno
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from models.errors import ProblemsFound, RecordingError, StorageError, UserError
from models.recordings.check import check_data_set
from models.recordings.data_set import open_sessions
from models.recordings.folder import SessionFolder
from models.recordings.locks import locking
from models.recordings.store import packing
from models.recordings.store.folders import packed_folder
from models.recordings.store.pack import plan_packing
from models.recordings.store.packing import partial_folder
from models.recordings.store.verify import verify_store
from tests.models.broken_sessions import cut_short, save
from tests.models.generated_sessions import NAME, write
from tests.models.packed_stores import SIX, begun, brighten, contents, packed, times

pytestmark = pytest.mark.usefixtures("undurable")


@pytest.fixture
def source(tmp_path):
    """A session of six trials in a data set of its own."""
    return write(tmp_path / "data", SIX)


@pytest.fixture
def three(tmp_path):
    """A data set of three sessions with films of their own."""
    return [
        write(tmp_path / "data", dataclasses.replace(SIX, seed=seed), f"mouse{seed}")
        for seed in range(3)
    ]


def test_packing_twice_writes_nothing(three, tmp_path, monkeypatch):
    store = packed(tmp_path / "data")
    before = times(store)
    monkeypatch.setattr("shutil.disk_usage", None)  # nor does it ask for room
    told = []
    packed(tmp_path / "data", told=lambda *done: told.append(done))
    assert times(store) == before
    assert told == []
    plan = plan_packing(tmp_path / "data", store)
    assert plan.size == 0
    assert [line.split(",")[0] for line in plan.told()] == [
        f"{source.name}: was packed before" for source in three
    ]


def test_changed_sources_are_all_told_and_packed_anew_when_told_to(three, tmp_path):
    store = packed(tmp_path / "data")
    for source in three[1:]:
        brighten(source)
    with pytest.raises(ProblemsFound) as caught:
        packed(tmp_path / "data")
    assert [problem.where for problem in caught.value.problems] == [
        str(store / source.name) for source in three[1:]
    ]
    assert all("1 files, data/videos/5.npy" in problem.found for problem in caught.value.problems)
    assert "--again" in caught.value.remedy
    before = times(store / "mouse0")
    packed(tmp_path / "data", again=True)
    assert times(store / "mouse0") == before
    assert verify_store(tmp_path / "data", store) == []
    assert [session.name for session in open_sessions(tmp_path / "data")] == [
        source.name for source in three
    ]
    hidden = [path.name for path in store.iterdir() if path.name.startswith(".")]
    assert not hidden


def test_exact_responses_are_packed_anew_only_when_told_to(source, tmp_path):
    store = packed(tmp_path / "data")
    with pytest.raises(ProblemsFound, match="holds exact responses; found half precision"):
        packed(tmp_path / "data", exact=True)
    packed(tmp_path / "data", exact=True, again=True)
    (session,) = open_sessions(store)
    assert session.header.exact
    assert session.responses(5).tolist() == SessionFolder(source).responses(5).tolist()
    assert verify_store(tmp_path / "data", store) == []
    packed(tmp_path / "data")  # more precise than asked for is no reason
    assert open_sessions(store)[0].header.exact


def test_what_was_begun_in_another_precision_begins_anew(source, tmp_path):
    store = packed_folder(tmp_path / "data")
    begun(source, store, trials=4)
    packed(tmp_path / "data", exact=True)
    assert verify_store(tmp_path / "data", store) == []
    assert open_sessions(store)[0].arrays.responses.dtype == np.float32


@pytest.mark.usefixtures("source")
def test_a_damaged_session_is_packed_anew_when_told_to(tmp_path):
    store = packed(tmp_path / "data")
    whole = contents(store)
    cut_short(store / NAME / "header.json")
    with pytest.raises(ProblemsFound, match=r"header\.json is damaged"):
        packed(tmp_path / "data")
    packed(tmp_path / "data", again=True)
    assert contents(store) == whole


def test_a_crash_between_the_old_session_and_the_new_one_is_mended(source, tmp_path):
    store = packed(tmp_path / "data")
    whole = contents(store)
    (store / NAME).rename(store / f".{NAME}.old")
    shutil.copytree(store / f".{NAME}.old", partial_folder(store, NAME))  # its journal is gone
    assert [type(session) for session in open_sessions(source)] == [SessionFolder]
    packed(tmp_path / "data")
    assert contents(store) == whole


def test_only_one_process_packs_into_a_store(source, tmp_path):
    store = packed_folder(tmp_path / "data")
    store.mkdir()
    with locking(store / ".lock"), pytest.raises(UserError, match="another process") as caught:
        packed(source.parent)
    assert "--to" in caught.value.remedy
    assert [path.name for path in packed(source.parent).iterdir() if path.is_dir()] == [NAME]


@pytest.mark.parametrize("exact", [False, True])
def test_without_room_nothing_is_written(tmp_path, monkeypatch, exact):
    source = write(tmp_path / "data", dataclasses.replace(SIX, size=(36, 64)))
    wanted = sum(map(len, contents(packed(tmp_path / "data", tmp_path / "other", exact)).values()))
    asked, store = [], tmp_path / "new/store"

    def too_little(path):
        asked.append(path)
        return SimpleNamespace(free=3 * wanted // 4)

    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", too_little)
        with pytest.raises(StorageError, match=r"packing needs .* GB; .* has .* GB left") as caught:
            packed(tmp_path / "data", store, exact)
    assert "--to" in caught.value.remedy
    assert asked == [tmp_path]  # the nearest folder that is there
    assert not store.parent.exists()
    begun(source, store, trials=5, exact=exact)  # what is written already needs no more room
    monkeypatch.setattr("shutil.disk_usage", too_little)
    packed(tmp_path / "data", store, exact)
    assert asked[1:] == [store]


def test_a_full_disk_is_told_and_leaves_what_is_written(source, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(packing, "write_header", full)
        with pytest.raises(ProblemsFound, match="no space left while writing"):
            packed(tmp_path / "data")
    store = packed_folder(tmp_path / "data")
    assert not (store / NAME).exists()
    assert contents(packed(tmp_path / "data")) == contents(packed(source.parent, tmp_path / "new"))


CHANGES = {
    "grey value": ("data/videos/5.npy", (1, 2, 3), "videos.npy"),
    "behaviour": ("data/behavior/5.npy", (1, 3), "behaviour.npy"),
    "gaze": ("data/pupil_center/9.npy", (0, 0), "behaviour.npy"),
    "response": ("data/responses/0.npy", (2, 0), "responses.npy"),
    "neuron": ("meta/neurons/unit_ids.npy", 1, "meta/neurons/unit_ids.npy"),
    "statistic": ("meta/statistics/videos/all/max.npy", 0, "meta/statistics/videos/all/max.npy"),
}


def silently(path, change):
    """Change an array and leave the size and the times of its file as they are."""
    before, values = path.stat(), np.load(path)
    change(values)
    np.save(path, values)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("by", [1, 256])
def test_a_changed_value_is_found_though_size_and_time_are_the_same(source, tmp_path, change, by):
    file, place, found = CHANGES[change]
    store = packed(tmp_path / "data")
    assert verify_store(tmp_path / "data", store) == []

    def add(values):
        values[place] += by

    silently(source / file, add)
    assert open_sessions(tmp_path / "data")  # so that nothing else tells
    where = {problem.where for problem in verify_store(tmp_path / "data", store)}
    assert f"{store / NAME}/{found}" in where


@pytest.mark.parametrize("value", [0.5, np.nan, 255.5])
def test_a_grey_value_that_a_byte_cannot_hold_is_found(source, tmp_path, value):
    store = packed(tmp_path / "data")

    def change(values):
        values[0, 0, 0] = np.floor(values[0, 0, 0]) + value

    silently(source / "data/videos/5.npy", change)
    problems = verify_store(tmp_path / "data", store)
    assert f"{store / NAME}/videos.npy" in {problem.where for problem in problems}


def test_every_difference_of_every_session_is_told(three, tmp_path):
    store = packed(tmp_path / "data")
    for trial in (0, 5):
        brighten(three[0], trial)
    (three[0] / "data/responses/9.npy").unlink()
    cut_short(three[1] / "data/videos/6.npy")
    save(three[1] / "meta/trials/tiers.npy", np.array(["train"] * 9 + ["oracle"]))
    shutil.rmtree(store / "mouse2")
    told = [f"{p.where} {p.found}" for p in verify_store(tmp_path / "data", store)]
    for place, found in (
        ("mouse0/videos.npy", "trial 0 differs"),
        ("mouse0/videos.npy", "trial 5 differs"),
        ("mouse0/responses.npy", "trial 9 differs"),
        ("mouse0", "trial 9"),
        ("mouse1", str(three[1] / "data/videos/6.npy")),
        ("mouse1", "others in 9"),
        ("mouse1/meta/trials/tiers.npy", "another content"),
        ("mouse2", "nothing there"),
    ):
        assert any(line.startswith(f"{store / place} ") and found in line for line in told)


def test_other_times_alone_are_noted_by_comparing(source, tmp_path):
    store = packed(tmp_path / "data")
    os.utime(source / "data/videos/5.npy", ns=(5, 5))
    with pytest.raises(RecordingError, match="has changed since it was packed"):
        open_sessions(tmp_path / "data")
    before = contents(store)
    assert verify_store(tmp_path / "data", store) == []
    changed = {name for name, content in contents(store).items() if before[name] != content}
    assert changed == {f"{NAME}/source.json"}
    (session,) = open_sessions(tmp_path / "data")
    assert session.source_marks.files["data/videos/5.npy"][1] == 5
    assert check_data_set(store).ok


def test_what_changes_while_it_is_compared_is_not_noted(source, tmp_path):
    store = packed(tmp_path / "data")
    os.utime(source / "data/videos/5.npy", ns=(5, 5))
    found = verify_store(tmp_path / "data", store, lambda *_: brighten(source, trial=0))
    assert found == []  # trial 0 was compared before it changed
    with pytest.raises(RecordingError, match=r"1 files, data/videos/0\.npy"):
        open_sessions(tmp_path / "data")


def test_a_source_that_may_only_be_read_is_left_as_it_is(source, tmp_path):
    folders = [source, *(path for path in source.rglob("*") if path.is_dir())]
    for path in source.rglob("*.npy"):
        path.chmod(0o444)
    for path in folders:
        path.chmod(0o555)
    before = contents(source), times(source)
    store = packed(tmp_path / "data")
    assert (contents(source), times(source)) == before
    assert all(path.stat().st_mode & 0o200 for path in store.rglob("*"))
    for path in folders:
        path.chmod(0o755)
