"""The report of searches that were written as they end, without Ray."""

import math
import shutil

import optuna
import pytest
from typer.testing import CliRunner

from models.errors import RunError, StorageError
from models.pages import Link
from models.runs import SCORE, TRAIN_LOSS, RunFolder
from models.settings import read_settings
from search.cli import app
from search.report import best
from search.report.curves import hover
from search.report.history import read_history
from search.report.page import FILE, write_report
from search.space import build
from tests.pages import Page
from tests.search.finished import MANY, write_search

SECTIONS = ["best", "curves", "parameters", "importance", "rungs", "budget", "failures", "again"]


@pytest.fixture(scope="module")
def searches(tmp_path_factory):
    """A folder with a search of many complete trials, which is left as it is."""
    folder = tmp_path_factory.mktemp("searches")
    write_search(folder, "many", MANY)
    return folder


@pytest.fixture
def small(tmp_path):
    """A search of eight trials that a test may change."""
    write_search(tmp_path)
    return tmp_path


def read_page(home, name, **where):
    return Page(write_report(home, name, **where).read_text())


def test_the_page_has_every_part_and_the_facts_of_the_search(searches):
    page, history = read_page(searches, "many"), read_history(searches, "many")
    assert [each["id"] for tag, each in page.tags if tag == "section"] == SECTIONS
    links = [each["href"] for tag, each in page.tags if tag == "a"]
    assert links[: len(SECTIONS)] == [f"#{key}" for key in SECTIONS]
    leader = history.ranked()[0]
    assert f"{leader.score:.4f}: trial {leader.number}, {leader.family}" in page.text
    assert "32 of 32 begun: 28 complete, 3 stopped early, 1 failed" in page.text
    for fact in ("0.0654", "2026-08-01 10:00 UTC", "2026-08-01 20:30 UTC", "limits: 32 trials"):
        assert fact in page.text
    assert f"runs/{leader.number}/" not in links
    assert f"runs/{leader.number}" in links


def test_the_page_needs_nothing_from_elsewhere_and_has_plotly_once(searches):
    page = read_page(searches, "many")
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "img", "object")]
    scripts = [each for tag, each in page.tags if tag == "script"]
    assert not any("src" in each for each in scripts)
    text = (searches / "many" / FILE).read_text()
    assert text.count("plotly.js v") == 1
    assert text.count('"showSendToCloud": false') == text.count("Plotly.newPlot(  ")
    assert "@import" not in text.split("<script>")[0]


def test_what_others_wrote_is_shown_and_not_run(small):
    page = read_page(small, "done")
    assert "RuntimeError: <script>alert('3')</script> tried to allocate 3.5 GiB" in page.text
    assert "<script>alert" not in (small / "done" / FILE).read_text()
    trial = next(each for each in read_history(small, "done").trials if each.state == "failed")
    shown = hover(trial, ["rate=%{x}"])
    assert "&lt;script&gt;" in shown
    assert shown.count("%{x}") == 1


def test_an_old_page_is_replaced_whole_or_not_at_all(small, monkeypatch):
    path = small / "elsewhere" / "page.html"
    assert write_report(small, "done", path) == path
    before = path.read_bytes()
    monkeypatch.setattr("models.files.flush", raise_full)
    with pytest.raises(StorageError, match="no space left"):
        write_report(small, "done", path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def raise_full(_):
    raise OSError(28, "No space left on device")


def test_links_lead_to_run_folders_that_are_there(small):
    history = read_history(small, "done")
    trial = history.ranked()[0]
    inside = best.run_link(history, trial, small / "done" / FILE)
    assert inside == Link(f"runs/{trial.number}", f"runs/{trial.number}")
    outside = best.run_link(history, trial, small / FILE)
    assert outside.address == trial.run.path.as_uri()
    recorded = best.configuration(trial)
    shutil.rmtree(trial.run.path)
    page = read_page(small, "done")
    assert "removed" in page.text
    assert "Nothing tells the hours of 2 of the trials" in page.text, "one failed before an epoch"
    assert best.configuration(read_history(small, "done").ranked()[0]) == recorded


def test_the_best_configuration_trains_the_same_run_again(small, tmp_path):
    history = read_history(small, "done")
    trial, file = history.ranked()[0], tmp_path / "best.yaml"
    file.write_text(best.configuration(trial))
    assert read_settings(file, []) == build(trial.flat)
    command = best.again(history)[-1].text
    assert command.startswith(f"python -m models train {small / 'data'} --run ")


@pytest.mark.parametrize("outcomes", [["running"], ["pruned", "failed"], ["complete"]])
def test_a_search_with_little_in_it_says_what_is_missing(tmp_path, outcomes):
    write_search(tmp_path, "few", outcomes, ended=None)
    page = read_page(tmp_path, "few")
    assert "no two complete trials of one family" in page.text
    assert "importances would be noise" in page.text
    assert "not yet: it is running, or was lost" in page.text
    assert ("No trial has failed." in page.text) == ("failed" not in outcomes)
    unranked = "No trial has trained its full budget yet; half-trained ones are not ranked."
    assert page.text.count(unranked) == (0 if "complete" in outcomes else 2)


def test_the_command_says_where_the_page_is(small):
    told = CliRunner().invoke(app, ["report", "done", "--home", str(small)])
    assert (told.exit_code, told.stdout.strip()) == (0, str(small / "done" / FILE))
    assert (small / "done" / FILE).is_file()


def test_a_search_that_has_not_begun_or_is_unknown_is_refused(tmp_path, small):
    (small / "done" / "study.db").unlink()
    for name, words in (("done", "has not tried anything yet"), ("other", "known here: done")):
        with pytest.raises(RunError, match=words):
            write_report(tmp_path, name)
    assert not (small / "done" / FILE).exists()


def test_reading_leaves_the_study_as_it_is(small):
    before = (small / "done" / "study.db").read_bytes()
    write_report(small, "done")
    assert (small / "done" / "study.db").read_bytes() == before


def test_open_trials_of_a_search_that_ended_are_interrupted(tmp_path):
    write_search(tmp_path, "left", ["running", "complete"])
    assert [each.state for each in read_history(tmp_path, "left").trials] == [
        "interrupted",
        "complete",
    ]


def test_scores_that_are_not_numbers_are_left_out(small):
    study = optuna.load_study(study_name="done", storage=f"sqlite:///{small / 'done' / 'study.db'}")
    trial = study.ask()
    trial.set_user_attr("configuration", read_history(small, "done").trials[0].flat)
    trial.report(0.1, 1)
    trial.report(math.nan, 2)
    RunFolder(small / "done" / "runs" / "8").write_metrics([{SCORE: math.nan, TRAIN_LOSS: 1.0}])
    last = read_history(small, "done").trials[-1]
    assert (last.number, list(last.curve), last.score, last.hours) == (8, [(1, 0.1)], None, None)
    assert "NaN" not in read_page(small, "done").text
