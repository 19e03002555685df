"""What `python -m models folds` says of folds, and how it and `pack` fail."""

import dataclasses
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from models.recordings.data_set import open_sessions
from models.recordings.fold_report import (
    FoldReport,
    film_table,
    fold_report,
    fold_table,
    sentences,
)
from models.recordings.folds import fold_of_group
from models.recordings.store.folders import packed_folder
from tests.models.broken_sessions import save
from tests.models.generated_sessions import NAME, write
from tests.models.packed_stores import SIX, brighten, contents, packed

pytestmark = pytest.mark.usefixtures("undurable")

GROUPS = {"a": "00", "b": "ff", "c": "00ff", "d": "8a41"}
"""Films by name; of five folds they fall into 2, 1, 4 and 1."""


def report_of(folds, versions=None, **mice):
    """Mice whose trials show the films of these letters."""
    shows = {
        (mouse, n): GROUPS[film] for mouse, films in mice.items() for n, film in enumerate(films)
    }
    return FoldReport(folds, shows, dict.fromkeys(shows.values(), 1) | (versions or {}))


def printed(table):
    console = Console(width=1000)
    with console.capture() as capture:
        console.print(table)
    return capture.get().splitlines()


def cells_of(table, first):
    """The cells behind the words of the line that begins with these."""
    (line,) = [line for line in printed(table) if line.strip(" │┃").startswith(first)]
    return line.strip(" │┃").removeprefix(first).replace("│", " ").split()


def test_leaks_by_hand():
    assert report_of(2, one="aab").leaked == 2 * (1 - 1 / 2)
    assert report_of(3, one="aa", two="ab").leaked == pytest.approx(3 * (1 - 1 / 9))
    assert report_of(5, one="abcd").leaked == 0
    assert FoldReport(5, {}, {}).leaked == 0


@settings(max_examples=20)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), st.integers(2, 6))
def test_leaks_are_those_of_trials_dealt_at_random(films, folds):
    report = report_of(folds, mouse=films)
    dealt = np.random.default_rng(0).integers(folds, size=(4000, len(films)))
    same_film = np.array(films)[:, None] == np.array(films)
    elsewhere = dealt[:, :, None] != dealt[:, None, :]
    leaked = (same_film & elsewhere).any(axis=2).sum(axis=1)
    error = leaked.std() / np.sqrt(len(dealt))
    assert report.leaked == pytest.approx(leaked.mean(), abs=5 * error + 0.02)


def test_trials_and_films_are_counted_by_fold():
    table = fold_table(report_of(5, one="aabd", two="cab"))
    assert cells_of(table, "one") == ["0", "2", "2", "0", "0", "4"]
    assert cells_of(table, "two") == ["0", "1", "1", "0", "1", "3"]
    assert cells_of(table, "all mice") == ["0", "3", "3", "0", "1", "7"]
    assert cells_of(table, "different films") == ["0", "2", "1", "0", "1", "4"]


def test_repeated_films_are_listed_with_where_they_are_shown():
    report = report_of(5, {"00": 3}, **{"m1-Video-x": "aab", "m2-Video-x": "aabc"})
    assert list(report.repeated) == ["00", "ff"]
    table = film_table(report, most=10)
    assert cells_of(table, "m1: 0, 1 ") == ["2", "4", "2", "3"]
    assert cells_of(table, "m1: 2 ") == ["1", "2", "2", "1"]
    assert not any("--most" in line for line in printed(table))
    short = printed(film_table(report, most=1))
    assert not any("m1: 2" in line for line in short)
    assert any("and 1 more; --most shows them" in line for line in short)


def test_sentences_say_what_is_repeated_and_what_would_leak():
    films, leaks = sentences(report_of(5, {"00": 3, "ff": 2}, one="aabbd", two="aac"))
    assert films == (
        "8 trials show 4 different films; 2 films are shown in more than one trial, 1 of them to "
        "more than one mouse, 2 in versions that are alike but not equal."
    )
    expected = 4 * (1 - 5**-3) + 2 * (1 - 1 / 5)
    assert f"In 5 folds of single trials at random, {expected:.1f} of 8 trials" in leaks
    assert f"({expected / 8:.0%})" in leaks


def test_only_trials_to_learn_from_are_counted(recordings):
    sessions = open_sessions(recordings)
    report = fold_report(sessions, folds=3)
    known = {(s.name, n) for s in sessions for n in s.trials(("train", "oracle"))}
    assert report.groups.keys() == known
    assert all(report.fold(trial) == fold_of_group(report.groups[trial], 3) for trial in known)
    assert report.versions == dict.fromkeys(report.groups.values(), 1)


def test_packed_recordings_have_the_same_report(call, tmp_path):
    for seed in range(2):
        write(tmp_path / "data", dataclasses.replace(SIX, seed=seed), f"mouse{seed}")
    code, before, _ = call("folds", tmp_path / "data")
    assert code == 0
    code, told, _ = call("pack", tmp_path / "data")
    assert code == 0
    lines = told.splitlines()
    assert [line.split(", 0.00 GB")[0] for line in lines[:2]] == [
        f"mouse{seed}: packed, 6 trials" for seed in range(2)
    ]
    assert lines[2] == f"next: python -m models folds {tmp_path / 'data'}"
    store = packed_folder(tmp_path / "data")
    assert call("folds", tmp_path / "data") == call("folds", store) == (0, before, "")
    code, again, _ = call("pack", tmp_path / "data")
    assert (code, again.count("was packed before")) == (0, 2)
    code, elsewhere, _ = call("pack", tmp_path / "data", "--to", tmp_path / "new", "--exact")
    assert (code, f"models folds {tmp_path / 'new'}" in elsewhere) == (0, True)
    for name, place in (("data", store), ("new", tmp_path / "new")):
        words = () if name == "data" else ("--to", place)
        code, same, errors = call("pack", tmp_path / "data", "--verify", *words)
        assert (code, same, errors) == (0, f"{place} holds what {tmp_path / 'data'} does\n", "")


def test_folds_of_another_number_and_the_list_s_length(call, recordings):
    code, told, _ = call("folds", recordings, "--folds", 2, "--most", 0)
    assert (code, "In 2 folds of single trials" in told) == (0, True)
    assert "Films shown in more than one trial" not in told
    code, told, _ = call("folds", recordings, "--most", 1)
    assert (code, "In 5 folds" in told) == (0, True)
    assert "Films shown in more than one trial" in told


def test_differences_from_the_source_are_told_and_mended(call, tmp_path):
    source = write(tmp_path / "data", SIX)
    store = packed(tmp_path / "data")
    brighten(source)
    code, _, errors = call("pack", tmp_path / "data", "--verify")
    assert code == 1
    assert (
        f"problem: {store / NAME}/videos.npy: holds what its source does; found trial 5" in errors
    )
    assert "--again" in errors
    code, _, errors = call("pack", tmp_path / "data")
    assert code == 2
    assert "found" in errors
    assert "data/videos/5.npy" in errors
    assert call("pack", tmp_path / "data", "--again")[0] == 0
    assert call("pack", tmp_path / "data", "--verify")[0] == 0
    shutil.rmtree(store / NAME)
    code, _, errors = call("pack", tmp_path / "data", "--verify")
    assert (code, "nothing there" in errors) == (1, True)


MISTAKES = {
    "no folder": (["pack", "{empty}/none"], "there is no folder"),
    "no recording": (["pack", "{empty}"], "holds no recording"),
    "packed already": (["pack", "{store}"], "is packed already"),
    "packed session": (["pack", f"{{store}}/{NAME}"], "is packed already"),
    "exact later": (["pack", "{data}", "--exact"], "holds exact responses; found half precision"),
    "compare nothing": (["pack", "{empty}", "--verify"], "holds no recording"),
    "no place": (["pack", "{data}", "--to", "{data}/file/store"], "cannot write"),
    "folds of nothing": (["folds", "{empty}"], "holds no recording"),
    "folds of no folder": (["folds", "{empty}/none"], "there is no folder"),
    "folds of changed": (["folds", "{changed}"], "has changed since it was packed"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_the_next_step(refused, tmp_path, mistake):
    words, message = MISTAKES[mistake]
    write(tmp_path / "data", SIX)
    save(write(tmp_path / "changed", SIX) / "data/videos/5.npy", np.zeros(3))
    places = {"data": tmp_path / "data", "changed": tmp_path / "changed"}
    stores = {name: packed(data) if name == "data" else data for name, data in places.items()}
    shutil.copytree(stores["data"], packed_folder(tmp_path / "changed"))
    (tmp_path / "data/file").write_text("")
    (tmp_path / "empty").mkdir()
    places |= {"store": stores["data"], "empty": tmp_path / "empty"}
    before = contents(stores["data"])
    refused([word.format(**places) for word in words], message)
    assert contents(stores["data"]) == before


@pytest.mark.parametrize(
    "words", [["pack"], ["pack", "x", "--jobs", "0"], ["folds"], ["folds", "x", "--folds", "1"]]
)
def test_a_wrong_command_is_a_usage_error(call, words):
    code, _, errors = call(*words)
    assert (code, "Usage: python -m models" in errors) == (2, True)
