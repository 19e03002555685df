"""A damaged store is refused with the file's name, or gives exactly the right numbers: never others."""

import contextlib
import os
import shutil

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import RecordingError
from models.recordings.check import check_data_set
from models.recordings.data_set import open_sessions
from models.recordings.films import FILMS, film_groups, known
from models.recordings.store import sealed
from models.recordings.store.packed import PackedSession
from models.recordings.synthetic import Recipe, write_data_set
from models.recordings.trials import load_trials
from tests.models.broken_sessions import make_session
from tests.models.generated_sessions import NAME, Plan, Trial, assert_same, everything, write
from tests.models.packed_stores import packed
from tests.models.tiny import config_of

pytestmark = pytest.mark.usefixtures("undurable")
PLAN = Plan(
    {
        0: Trial(length=5),
        2: Trial("oracle", length=4, oddities=frozenset({"large responses"})),
        5: Trial("live_test_main", responses="zeros"),
        7: Trial("none", oddities=frozenset({"fractional grey values"})),
    }
)
ARRAYS = ("videos.npy", "behaviour.npy", "responses.npy", "moments.npy")
META = ("neurons/unit_ids", "trials/tiers", "statistics/responses/all/std")
FILES = ("header.json", "source.json", *ARRAYS, *(f"meta/{name}.npy" for name in META))


@pytest.fixture(scope="module")
def store(tmp_path_factory, undurable):  # noqa: ARG001
    """A store of one session; whoever damages it mends it."""
    data = tmp_path_factory.mktemp("store") / "data"
    write(data, PLAN)
    return packed(data)


@pytest.fixture
def spoilt(store, tmp_path):
    """A store to spoil."""
    return shutil.copytree(store, tmp_path / "data.packed")


def all_of(store):
    """Everything that a process can read of a store."""
    session = PackedSession(store / NAME)
    said = everything(session)
    moments = {n: session.moments(n) for n in session.tiers if session.has_responses(n)}
    return said | moments | {"marks": session.source_marks, "films": known([session])}


@pytest.fixture(scope="module")
def sound(store):
    return all_of(store)


def place_of(store, file):
    return store / file if file == FILMS else store / NAME / file


def said_by(store):
    """All of a store, or the error instead."""
    try:
        return all_of(store)
    except RecordingError as error:
        return error


def flip(path, place, bit=0):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


@contextlib.contextmanager
def flipped(path, place, bit=0):
    """A bit of a file is another one for a while."""
    flip(path, place, bit)
    try:
        yield
    finally:
        flip(path, place, bit)


@settings(max_examples=300)
@given(st.sampled_from((*FILES, FILMS)), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
@example(FILMS, 0.09, 0)
def test_no_flipped_bit_gives_other_numbers(store, sound, file, part, bit):
    path = place_of(store, file)
    place = int(part * path.stat().st_size)
    with flipped(path, place, bit):
        said = said_by(store)
    if isinstance(said, RecordingError):
        assert str(path) in said.message
        assert said.remedy
    else:
        assert_same(said, sound)


@pytest.mark.parametrize("file", [FILMS, "header.json"])
@pytest.mark.parametrize("bit", range(8))
def test_no_flipped_bit_in_the_beginning_of_a_sealed_file_is_passed_over(store, file, bit):
    path = place_of(store, file)
    for place in range(path.read_bytes().index(b"\n") + 1):
        with flipped(path, place, bit):
            said = said_by(store)
        assert isinstance(said, RecordingError)
        assert str(path) in said.message


def truncated(path):
    os.truncate(path, path.stat().st_size - 1)


def extended(path):
    path.write_bytes(path.read_bytes() + b"\n")


def emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncated, extended, emptied, os.unlink])
@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_size_is_named(spoilt, file, damage):
    damage(spoilt / NAME / file)
    (session,) = check_data_set(spoilt).sessions
    (problem,) = session.problems
    assert f"{NAME}/{file} " in problem.found.replace(":", " ")
    (remedy,) = session.remedies
    assert f"Remove {spoilt / NAME} and pack the session again" in remedy
    if "tiers" not in file:  # the tiers of a packed session are in its header
        with pytest.raises(RecordingError) as caught:
            all_of(spoilt)
        assert caught.value.message == problem.found
        assert caught.value.remedy == remedy


@pytest.mark.parametrize("damage", [truncated, extended, emptied])
def test_damaged_groups_of_films_are_named(spoilt, damage):
    damage(spoilt / FILMS)
    for read in (
        lambda: load_trials(spoilt, ("train",)),
        lambda: film_groups(open_sessions(spoilt)),
    ):
        with pytest.raises(RecordingError, match=r"films\.json is damaged") as caught:
            read()
        assert "pack again" in caught.value.remedy


def test_without_its_groups_a_store_groups_its_films_anew(spoilt):
    sessions = open_sessions(spoilt)
    groups = film_groups(sessions)
    (spoilt / FILMS).unlink()
    assert film_groups(sessions) == groups


def test_a_store_of_another_version_is_refused_with_both_numbers(spoilt, monkeypatch):
    header, films = spoilt / NAME / "header.json", spoilt / FILMS
    for path in (header, films):
        content = sealed.read_sealed(path, "")
        with monkeypatch.context() as later:
            later.setattr(sealed, "VERSION", 2)
            sealed.write_sealed(path, content)
        with pytest.raises(RecordingError, match="is of version 2; this code reads version 1"):
            all_of(spoilt)
        sealed.write_sealed(path, content)
    all_of(spoilt)


def test_a_renamed_session_is_told_its_name(spoilt):
    (spoilt / NAME).rename(spoilt / "mouse")
    with pytest.raises(RecordingError, match=f"was packed as {NAME}") as caught:
        _ = open_sessions(spoilt)[0].tiers
    assert caught.value.remedy == f"Call the folder {NAME} again."
    assert [NAME in problem.found for problem in check_data_set(spoilt).problems] == [True]
    (spoilt / "mouse").rename(spoilt / NAME)
    moved = spoilt.rename(spoilt.with_name("elsewhere"))  # only the session's name matters
    assert check_data_set(moved).ok


@pytest.fixture
def two(tmp_path):
    """Two sessions, one of them in the old mice's form, and their store."""
    data = tmp_path / "data"
    write_data_set(data, Recipe(2, 3, train_trials=2, videos=1, repeats=1, old_mice=1))
    return data, packed(data)


def test_a_sound_store_is_counted_as_its_source(two, tmp_path):
    make_session(tmp_path / "more/mouse")
    for data in (two[0], tmp_path / "more"):
        before, seen = check_data_set(data), []
        after = check_data_set(packed(data), lambda *done, seen=seen: seen.append(done))
        assert after.ok
        assert after.warnings == []
        for ours, theirs in zip(after.sessions, before.sessions, strict=True):
            for name in ("name", "kind", "neurons", "lengths", "tiers", "known", "videos"):
                assert getattr(ours, name) == getattr(theirs, name), name
        every = sum(session.videos for session in before.sessions)
        assert [done for _, done, _ in seen] == list(range(1, every + 1))
        assert {(name, of) for name, _, of in seen} == {(s.name, every) for s in before.sessions}


def test_all_damages_of_all_sessions_are_told_at_once(two):
    _, store = two
    one, other = (path for path in sorted(store.iterdir()) if path.is_dir())
    session = PackedSession(one)
    first, *_, last = session.tiers
    flip(one / "videos.npy", first_byte(session, last, "videos"))
    for name in ("videos", "behaviour", "moments"):
        flip(one / f"{name}.npy", first_byte(session, first, name))
    truncated(one / "meta/statistics/videos/all/std.npy")
    truncated(other / "videos.npy")
    emptied(other / "responses.npy")
    (other / "source.json").unlink()
    report = check_data_set(store)
    told = [{p.found.removeprefix(f"{s.path}/") for p in s.problems} for s in report.sessions]
    in_trials = {("videos", last), ("videos", first), ("behaviour", first), ("moments", first)}
    assert told[0] == {
        "meta/statistics/videos/all/std.npy is damaged: its checksum does not fit its content",
        *(f"{n}.npy is damaged in trial {t}: its checksum does not fit" for n, t in in_trials),
    }
    assert {line.split()[0]: line.split()[1] for line in told[1]} == {
        "videos.npy": "has",
        "responses.npy": "is",
        "source.json": "is",
    }
    assert len(report.remedy.splitlines()) == 2


def first_byte(session, trial, name):
    """Where a trial's first byte of an array lies, behind numpy's header of 128 bytes."""
    array = session.header.arrays[name]
    row = int(np.prod(array.shape[1:])) * np.dtype(array.dtype).itemsize
    return 128 + row * session.places[trial].rows(name).start


@pytest.mark.parametrize("part", ["meta", "meta/neurons", "meta/statistics"])
def test_a_packed_session_without_a_folder_is_a_damaged_one(spoilt, part):
    shutil.rmtree(spoilt / NAME / part)
    (session,) = check_data_set(spoilt).sessions
    assert session.problems
    assert all(f"{NAME}/{part}" in problem.found for problem in session.problems)


@pytest.fixture(scope="module")
def training(recordings, tmp_path_factory, undurable):  # noqa: ARG001
    """Generated recordings with a store; whoever damages it mends it."""
    data = tmp_path_factory.mktemp("training") / "data"
    data.mkdir()
    for session in recordings.iterdir():
        (data / session.name).symlink_to(session)
    packed(data)
    return data


@pytest.mark.parametrize("name", ["videos", "behaviour", "responses", "moments"])
@pytest.mark.parametrize("held_out", [False, True])
def test_training_on_a_damaged_trial_ends_with_its_name(call, training, tmp_path, name, held_out):
    config = tmp_path / "config.json"  # enough clips to draw from every trial
    config.write_text(config_of(epochs=1, clips_per_epoch=60).model_dump_json())
    mouse = load_trials(training, ("train",))[0]
    trial = mouse.split(2, 0)[held_out][0].number
    path = mouse.session.path / f"{name}.npy"
    place = first_byte(mouse.session, trial, name) + 1
    with flipped(path, place):
        code, _, errors = call("train", training, "--run", tmp_path / "run", "--config", config)
    if name == "moments" and held_out:  # magnitudes are those of training trials alone
        assert code == 0
        return
    assert code == 2
    assert errors.lstrip().startswith(f"error: {path} is damaged in trial {trial}: ")
    assert f"next:  Remove {path.parent}" in errors
