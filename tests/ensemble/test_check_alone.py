"""What is told of a file where no recordings are at hand."""

import sys

import numpy as np
import pytest

from ensemble.check import check_submission
from ensemble.checks.alone import UNCHECKED
from ensemble.checks.published import NEURONS, TRIALS
from ensemble.cli import app
from ensemble.naming import targets
from ensemble.submission import Row, write_submission
from ensemble.verdicts import lines
from ensemble.zips import write_zips
from models import console
from tests.ensemble.mutations import PROBLEMS_ALONE, Good
from tests.ensemble.shifted_sessions import make_jumping
from tests.ensemble.small_sessions import LIVE_MAIN, only, table_of, write_right

MICE = list(TRIALS)


@pytest.fixture(scope="module")
def jumping(tmp_path_factory):
    return make_jumping(tmp_path_factory.mktemp("jumping"))


def competition_rows(tier="live_test_main", neurons=2):
    """The right number of rows of each of the five mice; far too few neurons."""
    rows = []
    for mouse, trials in TRIALS.items():
        for trial in range(trials[tier]):
            values = np.random.default_rng(trial).gamma(1, 1, (neurons, 249))
            rows.append(Row(mouse, trial, values, np.arange(1, neurons + 1)))
    return rows


def test_published_numbers_are_those_of_the_files_that_were_accepted():
    """Values a file at 249 frames (189 of random dots), in millions."""
    for tier, millions in (("live_test_main", 576.5), ("final_test_main", 582.3)):
        values = sum(NEURONS[mouse] * TRIALS[mouse][tier] * 249 for mouse in MICE)
        assert round(values / 1e6, 1) == millions
    assert len(MICE) == 5


def test_a_right_file_is_not_called_accepted(tmp_path, sessions):
    path = write_right(tmp_path, sessions)
    report = check_submission(path)
    assert (report.problems, report.rows, report.frames) == ((), 6, 249)
    assert report.unchecked == UNCHECKED
    told = "\n".join(lines(report))
    assert "nothing in the file alone is wrong" in told
    assert "not checked without --data" in told
    assert "would take it" not in told
    # Mice that nobody published are no fault, as recordings may be generated.
    assert "the competition's five" in only(report.warnings).rule


def test_all_tiers_and_zips_are_looked_at(tmp_path, sessions):
    for target in targets("user"):
        write_right(tmp_path, sessions, target.file, target.tier)
    for path in write_zips(tmp_path):
        report = check_submission(path)
        assert (report.problems, report.unchecked) == ((), UNCHECKED)
        assert [member.rows > 0 for member in report.members] == [True, True]


@pytest.mark.parametrize(
    ("name", "mutate", "words"), PROBLEMS_ALONE, ids=[p[0] for p in PROBLEMS_ALONE]
)
def test_a_fault_of_the_file_alone(name, mutate, words, jumping, tmp_path):
    good = Good(jumping)
    mutate(good)
    problem = only(check_submission(good.write(tmp_path)).problems)
    assert all(word in str(problem) for word in words), (name, str(problem))


def test_a_constant_neuron_is_seen_without_recordings(jumping, tmp_path):
    good = Good(jumping)
    good.values(lambda values: np.where(np.arange(24)[:, None] == 2, 0.5, values))
    assert "1 of 24 neurons at one value" in str(check_submission(good.write(tmp_path)).warnings)


def test_other_counts_of_frames_are_a_warning(jumping, tmp_path):
    good = Good(jumping)
    good.values(lambda values: values[:, :200], [1])
    report = check_submission(good.write(tmp_path))
    assert report.ok
    assert "189 or 190; found 200" in str(report.warnings[0])


def test_the_competition_s_mice_are_held_against_what_is_published(tmp_path):
    path = tmp_path / LIVE_MAIN
    write_submission(path, competition_rows())
    problems = check_submission(path).problems
    assert [problem.where for problem in problems] == MICE
    assert problems[0].found == "2 instead of 7,863"


def test_their_rows_are_counted_and_strangers_among_them_named(tmp_path):
    rows = competition_rows()
    wrong = MICE[0].replace("9b4f", "9b4e")
    rows = [Row(wrong, *_rest(row)) if row.mouse == MICE[0] else row for row in rows[:-3]]
    write_submission(tmp_path / LIVE_MAIN, rows)
    told = [str(problem) for problem in check_submission(tmp_path / LIVE_MAIN).problems]
    assert any(f"'{wrong}'; perhaps {MICE[0]} is meant" in problem for problem in told)
    assert any(p.startswith(f"{MICE[0]}: each") and "0 of 56 trials" in p for p in told)
    assert any(p.startswith(f"{MICE[4]}: each") and "57 of 60 trials" in p for p in told)


def test_many_mice_do_not_fill_the_memory(tmp_path):
    rows = [Row(f"m{n}", 1, np.ones((1, 249)) * (n % 7 + 1), np.array([1])) for n in range(200)]
    table_of(rows).to_parquet(tmp_path / LIVE_MAIN, compression="brotli", index=False)
    report = check_submission(tmp_path / LIVE_MAIN)
    assert report.rows == 200
    assert len(report.mice) == 50


def _rest(row):
    return row.trial, row.prediction, row.neuron_ids


def run(monkeypatch, *words):
    """The exit code of a command line."""
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(sys, "argv", ["ensemble", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        console.run(app, "python -m ensemble")
    return caught.value.code or 0


def test_the_command_line_needs_no_recordings(sessions, tmp_path, monkeypatch, capsys):
    path = write_right(tmp_path, sessions)
    assert run(monkeypatch, "check", path) == 0
    assert "not checked without --data" in capsys.readouterr().out
    path.rename(tmp_path / "mine.parquet.brotli")
    assert run(monkeypatch, "check", tmp_path) == 1
    assert run(monkeypatch, "check", tmp_path, "--mice", "m") == 2
    assert "--data DIR" in capsys.readouterr().err
