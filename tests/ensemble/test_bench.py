"""What the room promises, measured at tiny sizes: the figures are there, and both ways agree."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from ensemble.bench import checking, made, plain, selecting, writing
from ensemble.bench.collecting import FILMS, Held
from ensemble.bench.measured import check_room
from ensemble.check import check_submission
from ensemble.cli import app
from ensemble.moments import Moments
from ensemble.reader import read_rows
from ensemble.submission import write_submission
from models.errors import StorageError
from models.metrics import single_trial_correlation
from models.recordings.data_set import open_sessions

TINY = 0.003
SMALL = selecting.Size(members=5, neurons=12, frames=130, block=40, steps=9)
FIGURES = {
    "write": ["write_ratio_float64", "write_ratio_float32", "write_peak_mb", "write_wall_s"],
    "select": ["select_ratio", "select_error", "moments_peak_mb"],
    "check": ["check_peak_mb"],
}


def test_the_promised_figures_are_those_of_the_design():
    promised = [*writing.PROMISES, *selecting.PROMISES, *checking.PROMISES]
    assert promised == [name for names in FIGURES.values() for name in names]


def test_a_whole_file_is_of_the_competitions_size():
    mice = made.mice()
    assert (len(mice), sum(m.trials for m in mice), sum(m.neurons for m in mice)) == (5, 289, 40034)
    assert made.values_of(mice) == pytest.approx(576.5e6, rel=1e-4)
    assert (mice[0].neurons, made.SCORED) == (7863, 249)


def test_values_are_like_predictions():
    mouse = made.mice(0.05)[1]
    rows = list(mouse.rows())
    values = np.concatenate([row.prediction for row in rows], axis=1)
    assert (len(rows), values.shape[0]) == (mouse.trials, mouse.neurons)
    assert values.min() > 0
    assert 0.4 < np.median(values.mean(axis=1)) < 1.2  # over the spread of the responses
    following = np.log(values[:, 1:100]), np.log(values[:, :99])
    assert np.corrcoef(*map(np.ravel, following))[0, 1] > 0.8
    low_bits = values.view(np.int32) & 0xFF
    assert len(np.unique(low_bits)) == 256
    assert not np.array_equal(rows[0].prediction, rows[1].prediction)


def test_the_recordings_fit_the_file(tmp_path):
    mice = made.mice(TINY)
    for mouse in mice:
        mouse.write_session(tmp_path / "data")
    write_submission(tmp_path / made.FILE, made.rows_of(mice))
    report = check_submission(tmp_path / made.FILE, open_sessions(tmp_path / "data"))
    assert report.ok
    assert (report.rows, report.values) == (289, made.values_of(mice))


def test_a_slice_is_the_beginning_of_the_file():
    mice = made.mice(TINY)
    rows = made.slice_of(mice)
    assert [row.trial for row in rows] == [*range(8)]
    for row, same in zip(rows, made.rows_of(mice), strict=False):
        np.testing.assert_array_equal(row.prediction, same.prediction)


def test_making_rows_is_clocked(monkeypatch):
    times = iter([1.0, 3.0, 10.0, 14.0, 20.0, 21.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    making = writing.Making(iter(made.slice_of(made.mice(TINY))[:2]))
    assert (len(list(making)), making.seconds) == (2, 2.0 + 4.0 + 1.0)


def test_other_values_are_no_figures(tmp_path):
    rows = made.slice_of(made.mice(TINY))
    write_submission(tmp_path / "ours", rows)
    plain.write_records(tmp_path / "plain", rows)
    writing._check_same(tmp_path / "ours", tmp_path / "plain", rows)
    write_submission(tmp_path / "ours", rows, mantissa_bits=10)
    with pytest.raises(ArithmeticError, match="both ways write the same values"):
        writing._check_same(tmp_path / "ours", tmp_path / "plain", rows)


def test_the_plain_way_writes_floats_where_a_schema_says_so(tmp_path):
    rows = made.slice_of(made.mice(TINY))
    plain.write_records(tmp_path / "doubles", rows)
    plain.write_records(tmp_path / "floats", rows, writing.schema(dtype="float32"))
    first = [next(read_rows(tmp_path / name)).prediction for name in ("doubles", "floats")]
    assert [values.dtype for values in first] == [np.float64, np.float32]
    assert plain.read(str(tmp_path / "doubles")) == sum(row.prediction.size for row in rows)


def test_moments_score_what_the_plain_way_scores():
    found = selecting.compare(SMALL)
    assert 0 <= found.error < 1e-12 < found.plain_error < 1e-5
    assert found.scored == SMALL.steps
    assert min(found.ours_s, found.plain_s, found.collect_s) > 0


def test_a_wrong_score_on_the_way_is_seen(monkeypatch):
    def wrong(*arguments):
        points, scores = way(*arguments)
        return points, [*scores[:-1], scores[-1] + 1e-3]

    way = selecting.way
    monkeypatch.setattr(selecting, "way", wrong)
    assert selecting.compare(SMALL).error == pytest.approx(1e-3)


def test_the_plain_correlation_is_the_organisers():
    predictions, response = selecting._made(SMALL)
    wanted = single_trial_correlation([(predictions[1], response)])
    both = predictions[1].astype(np.float64), response.astype(np.float64)
    np.testing.assert_allclose(selecting.correlations(*both), wanted, rtol=0, atol=1e-12)
    total = both[0] * 3
    score = selecting.candidate_score(total, both[0], 4, both[1])
    assert score == pytest.approx(wanted.mean(), abs=1e-12)


def test_held_out_trials_are_read_from_files(tmp_path):
    held = Held(members=3, trials=7, neurons=4, frames=60)
    held.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]
    trials = list(held.read(tmp_path))
    assert [len(predicted) for _, predicted, _ in trials] == [3] * 7
    moments = Moments.collect(trials)
    assert (moments.members, len(moments.blocks), moments.left_out) == (3, FILMS, 0)


def test_a_disk_without_room_is_refused(tmp_path):
    check_room(tmp_path, 1)
    with pytest.raises(StorageError, match="the benchmark writes up to"):
        check_room(tmp_path, 1e18)


@pytest.mark.slow
@pytest.mark.parametrize("part", FIGURES)
def test_a_part_measures_its_figures_and_leaves_nothing(part, tmp_path):
    place, written = tmp_path / "place", tmp_path / "figures.json"
    place.mkdir()
    sizes = ["--members", "4", "--neurons", "10", "--frames", "300"] if part == "select" else []
    where = ["--share", str(TINY), "--folder", str(place), "--json", str(written)]
    done = CliRunner().invoke(app, ["bench", part, *sizes, *where])
    assert done.exit_code == 0, done.output
    figures = json.loads(written.read_text())
    assert [each["name"] for each in figures] == FIGURES[part]
    assert all(each["value"] > 0 and each["baseline"] > 0 for each in figures)
    assert all(each["name"] in done.output for each in figures)
    assert not list(place.iterdir())
    names = {"name", "value", "unit", "baseline", "ratio", "commit", "machine"}
    assert all(each.keys() == names for each in figures)


def test_sizes_are_what_was_promised():
    assert dataclasses.astuple(selecting.Size()) == (20, 2000, 8000, 250, 40)
    assert dataclasses.astuple(Held()) == (50, 58, 7863, 300)
