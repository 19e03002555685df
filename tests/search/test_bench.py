"""What the room promises, measured: from time stamps to figures, and one small run of it all."""

import json
import os
import time

import pytest
from typer.testing import CliRunner

from search.bench import proposals
from search.bench.driving import Driven
from search.bench.overhead import LEAST_MB, PROMISES, figures_of
from search.bench.times import FILE, Served, gaps, read_served, stamp
from search.bench.trivial import TrivialFit
from search.bench.watch import Watch
from search.cli import app
from search.reading import load_space
from search.space import build, draw


def test_a_gap_is_from_the_end_of_a_trial_to_the_first_step_of_the_next_on_its_slot():
    first, second = 17, 18
    served = [
        Served(first, 0.0, 1.0),
        Served(second, 0.5, 3.0),
        Served(first, 1.25, 2.0),
        Served(second, 3.5, 4.0),
        Served(first, 4.0, 5.0),
    ]
    assert sorted(gaps(reversed(served))) == [0.25, 0.5, 2.0]
    assert gaps(served[:2]) == []


def test_stamps_of_a_trial_are_read_back_as_one_stretch(tmp_path):
    for number, times in ((0, [5.0, 6.0, 7.0, 8.0]), (1, [1.0, 2.0])):
        (tmp_path / str(number)).mkdir()
        lines = [json.dumps({"process": 17, "time": each}) + "\n" for each in times]
        (tmp_path / str(number) / FILE).write_text("".join(lines))
    (tmp_path / "without").mkdir()
    assert read_served(tmp_path) == [Served(17, 1.0, 2.0), Served(17, 5.0, 8.0)]


def test_a_stamp_has_the_process_and_the_time(tmp_path):
    before = time.time()
    stamp(tmp_path)
    stamp(tmp_path)
    first, second = map(json.loads, (tmp_path / FILE).read_text().splitlines())
    assert first["process"] == second["process"] == os.getpid()
    assert before <= first["time"] <= second["time"] <= time.time()


def test_a_trivial_trial_keeps_the_contract_and_goes_on_where_it_stood(tmp_path):
    config = build({"seed": 3, "training.epochs": 2})

    def fit() -> TrivialFit:
        return TrivialFit(tmp_path / "run", config, tmp_path, "cpu", lambda: False)

    assert not fit().done
    first = fit().train_epoch()
    again = fit()
    assert (again.lines, again.done) == ([first], False)
    again.train_epoch()
    again.finish()
    run = again.run
    status = run.status()
    assert (status.state, status.epoch, status.score) == (
        "complete",
        2,
        run.metrics()[-1]["validation_correlation"],
    )
    assert run.weights.exists()
    assert run.record().config == config


def test_growth_counts_from_the_first_sample_after_the_beginning():
    watch = Watch(times=[0.0, 1.0, 2.0], megabytes=[5.0, 7.0, 10.0])
    assert watch.growth(watch.megabytes, 0.5) == 3.0
    assert watch.growth(watch.megabytes, 0.0) == 5.0
    assert watch.growth(watch.megabytes, 9.0) == 0.0
    watch.sample()
    assert watch.megabytes[-1] > 1
    assert len(watch.seconds) == 1


def driven(**changes):
    values = {"trials": 200, "wall_s": 20.0, "processor_s": 10.0, "growth_mb": 4.0}
    return Driven(**{**values, "between_s": 0.1, "worst_between_s": 0.4, **changes})


def test_figures_are_per_trial_and_per_thousand_trials():
    bare = driven(wall_s=2.0, between_s=0.01, growth_mb=-1.0)
    figures = {each.name: each for each in figures_of(driven(), bare)}
    assert set(figures) == set(PROMISES) - {"propose_1000_s"}
    values = {name: (each.value, each.baseline) for name, each in figures.items()}
    assert values["between_trials_s"] == (0.1, 0.01)
    assert values["overhead_per_trial_s"] == (0.1, 0.01)
    assert values["driver_mb_per_1000"] == (20.0, LEAST_MB)
    assert figures["between_trials_s"].ratio == pytest.approx(0.1)


def test_both_ways_propose_from_the_same_trials():
    space = load_space(proposals.SPACE)
    trials = proposals.trials_of(space, 7)
    assert [trial.params for trial in trials] == [
        trial.params for trial in proposals.trials_of(space, 7)
    ]
    assert [trial.state.name for trial in trials[:4]] == [
        "COMPLETE",
        "PRUNED",
        "PRUNED",
        "COMPLETE",
    ]
    assert all(set(trial.params) <= set(trial.distributions) for trial in trials)
    assert draw(space, proposals.Random(0))


@pytest.mark.slow
def test_the_benchmark_measures_every_figure_and_leaves_nothing(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    written = tmp_path / "figures.json"
    size = ["--trials", "4", "--warm-up", "4", "--past", "30"]
    done = CliRunner().invoke(app, ["bench", "overhead", *size, "--json", str(written)])
    assert done.exit_code == 0, done.output
    figures = json.loads(written.read_text())
    assert [each["name"] for each in figures] == list(PROMISES)
    assert all(each["value"] > 0 and each["baseline"] > 0 for each in figures)
    assert all(each["name"] in done.output for each in figures)
    assert not list(place.iterdir())
