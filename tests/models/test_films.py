"""Groups of films over mice and stores: who shares a film shares a group, and keeps its name."""

import itertools
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import RecordingError
from models.recordings.check import check_data_set
from models.recordings.data_set import open_sessions
from models.recordings.films import FILMS, film_groups, known, remember
from models.recordings.folds import as_text, film_hash
from models.recordings.store.packed import PackedSession
from models.recordings.trials import load_trials
from tests.models.broken_sessions import save
from tests.models.generated_sessions import Plan, Trial, write
from tests.models.packed_stores import SIX, packed
from tests.models.test_folds import flipped, natural_film

pytestmark = pytest.mark.usefixtures("undurable")

FRAMES = 60
FILMS_OF = {name: natural_film(seed, FRAMES) for seed, name in enumerate("abcd")}


def shown(name):
    """A film (T, H, W) as it is stored: `a` as it is, `a+` noisy, `a^` brighter, `a~` in bytes."""
    film = FILMS_OF[name[0]]
    noise = np.random.default_rng(len(name)).normal(0, 4, film.shape)
    how = {"+": film + noise, "^": film + 3, "~": film.astype(np.uint8)}
    return how.get(name[1:], film)


def session_of(data, name, *films):
    """A session whose trials show these films."""
    plan = Plan({n: Trial(length=FRAMES) for n in range(len(films))}, size=(36, 64))
    folder = write(data, plan, name)
    for number, film in enumerate(films):
        save(folder / f"data/videos/{number}.npy", shown(film).transpose(1, 2, 0))
    return folder


MICE = {"one": ("a", "b", "a+"), "two": ("c", "a^", "b~"), "three": ("b+", "d", "c")}


def assert_grouped_as(groups, mice):
    """Trials are in one group exactly where they show one film."""
    shows = {(mouse, n): film[0] for mouse, films in mice.items() for n, film in enumerate(films)}
    assert groups.keys() == shows.keys()
    for one, other in itertools.combinations(shows, 2):
        assert (groups[one] == groups[other]) == (shows[one] == shows[other]), (one, other)


def test_films_that_recur_in_any_form_are_one_group_over_mice(tmp_path):
    data = tmp_path / "data"
    for name, films in MICE.items():
        session_of(data, name, *films)
    before = film_groups(open_sessions(data))
    assert_grouped_as(before, MICE)
    store = packed(data)
    assert {type(session) for session in open_sessions(data)} == {PackedSession}
    assert film_groups(open_sessions(data)) == film_groups(open_sessions(store)) == before
    (store / FILMS).unlink()
    assert film_groups(open_sessions(data)) == before
    shutil.rmtree(store / "two")
    assert film_groups(open_sessions(data)) == before  # one of them read from its source
    groups = {
        (mouse.session.name, trial.number): trial.group
        for mouse in load_trials(data, ("train",))
        for trial in mouse.trials
    }
    assert groups == before


def smaller_and_larger(name):
    """Two forms of a film, by their hashes."""
    return sorted((name, f"{name}+"), key=lambda form: as_text(film_hash(shown(form))))


@pytest.mark.parametrize("first", [0, 1])
def test_a_session_with_near_films_that_is_added_renames_none(tmp_path, first):
    data, forms = tmp_path / "data", [smaller_and_larger(name) for name in "ab"]
    session_of(data, "one", forms[0][first], forms[1][first], "c")
    store = packed(data)
    before = film_groups(open_sessions(data))
    assert before["one", 0] == as_text(open_sessions(data)[0].film(0))
    session_of(data, "two", *(form[1 - first] for form in forms), forms[0][1 - first], "d")
    added = film_groups(open_sessions(data))  # not yet packed
    packed(data)
    assert film_groups(open_sessions(data)) == film_groups(open_sessions(store)) == added
    assert {trial: added[trial] for trial in before} == before
    assert_grouped_as(added, {"one": ("a", "b", "c"), "two": ("a", "b", "a", "d")})
    shutil.rmtree(data / "one")
    shutil.rmtree(store / "one")
    packed(data)
    left = film_groups(open_sessions(data))
    assert left == {trial: group for trial, group in added.items() if trial[0] == "two"}
    session_of(data, "one", forms[0][first], forms[1][first], "c")
    packed(data)
    assert film_groups(open_sessions(data)) == added


def test_films_are_grouped_over_several_stores(tmp_path):
    data = tmp_path / "data"
    for name, films in MICE.items():
        packed(session_of(data, name, *films))
    sessions = open_sessions(data)
    assert len({session.path.parent for session in sessions}) == 3
    assert_grouped_as(film_groups(sessions), MICE)


def test_a_trial_without_a_frame_is_named_instead_of_grouped(tmp_path):
    trials = {0: Trial(), 3: Trial("none")}
    session = write(tmp_path / "data", Plan(trials))
    save(session / "data/behavior/3.npy", np.full((2, 9), np.nan))
    with pytest.raises(RecordingError, match=r"trial 3 of .* has no valid frame") as caught:
        load_trials(tmp_path / "data", ("train",))
    assert "models check" in caught.value.remedy


@dataclass(frozen=True)
class Shown(PackedSession):
    """A packed session of which nothing but its films is known."""

    films: tuple = ()

    def _read_tiers(self):
        return dict.fromkeys(range(len(self.films)), "train")

    def film(self, trial):
        return HASHES[self.films[trial]]


STEP, CHAINS, LINKS = 30, 3, 5
"""Neighbours in a chain differ in 30 bits and are near; others in 60 or more and are not."""
STARTS = np.random.default_rng(8).random((CHAINS, 640)) < 0.5
HASHES = {
    (chain, link): flipped(start, STEP * link)
    for chain, start in enumerate(STARTS)
    for link in range(LINKS)
}
hashes = st.tuples(st.integers(0, CHAINS - 1), st.integers(0, LINKS - 1))
steps = st.lists(st.one_of(st.lists(hashes, min_size=1, max_size=3), st.integers(0, 3)), max_size=6)


@settings(max_examples=100)
@given(steps=steps)
@example([[(0, 0)], [(0, 2), (0, 3)], 0, [(0, 1)], [(0, 0)]])
@example([[(0, 0)], 0, [(0, 1)], [(0, 0)]])
def test_sessions_come_and_go_and_near_films_stay_together(tmp_path_factory, steps):
    """A step packs a session with these films, or removes the session of this place."""
    store = tmp_path_factory.mktemp("store")
    sessions, seen = [], set()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            del sessions[step : step + 1]
            continue
        sessions.append(Shown(store / f"mouse{number}", tuple(step)))
        before = film_groups(sessions[:-1]) if sessions[:-1] else {}
        remember(store, sessions)
        after, seen = film_groups(sessions), seen | set(step)
        films = {(s.name, n): film for s in sessions for n, film in enumerate(s.films)}
        for one, other in itertools.combinations(films, 2):
            assert (after[one] == after[other]) == linked(films[one], films[other], seen)
        renamed = {group: after[trial] for trial, group in before.items() if after[trial] != group}
        assert all(after[trial] == renamed.get(group, group) for trial, group in before.items())
        assert set(renamed.values()) <= set(before.values())
        assert known(sessions).keys() == {as_text(HASHES[film]) for film in seen}


def linked(one, other, seen):
    """Whether films that the store has seen connect two films."""
    (chain, first), (other_chain, last) = sorted((one, other))
    return chain == other_chain and all((chain, n) in seen for n in range(first, last + 1))


@pytest.mark.parametrize("damage", [b"{}", b"nothing", b""])
def test_damaged_groups_are_a_problem_of_the_data_set(tmp_path, damage):
    write(tmp_path / "data", SIX)
    store = packed(tmp_path / "data")
    assert check_data_set(store).ok
    (store / FILMS).write_bytes(damage)
    report = check_data_set(store)
    (problem,) = report.problems
    assert str(store / FILMS) in problem.found
    assert "pack again" in report.remedy
