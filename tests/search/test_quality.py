"""The benchmark of quality: its recipe, what it reuses, and what it says of the outcomes."""

import dataclasses
import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from models.errors import ConfigurationError, UserError
from models.recordings.synthetic import Recipe
from search.bench import quality
from search.bench.outcomes import (
    FIXED,
    RANDOM,
    STRATEGIES,
    Outcome,
    Values,
    figures,
    quality_table,
    read_outcome,
    verdicts,
    write_outcome,
)
from search.bench.quality import bench_quality
from search.bench.recipe import RECIPE, read_recipe
from search.cli import app
from search.space import build

TINY = {"mice": 1, "neurons": 2, "train_trials": 2, "videos": 1, "repeats": 1}


def outcome(score, ensemble=0.5, **changes):
    values = {"best_confirmed": score, "family": "linear", "main": ensemble, "ood": ensemble}
    counts = {"members": 5, "trials": 20, "complete": 9, "cpu_minutes": 14.0}
    return Outcome(**{**values, **counts, **changes})


def results(default, random, fixed=(0.1, 0.2)):
    scores = zip(STRATEGIES, (default, random, fixed), strict=True)
    return {strategy: [outcome(score) for score in each] for strategy, each in scores}


def recipe_file(folder, **changes):
    space = {"space": read_recipe().space}
    content = yaml.safe_load(RECIPE.read_text()) | space | changes
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_shipped_recipe_is_whole():
    recipe = read_recipe()
    assert recipe.recordings == Recipe(2, 40, 0, 120, recipe.recordings.videos, 5)
    config = build(recipe.fixed_flat)
    assert config.network.family == "dwiseneuro"
    assert set(recipe.folds) <= set(range(config.data.folds))
    assert config.data.fold in recipe.folds


def test_the_recipe_is_refused_with_all_that_is_wrong(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        read_recipe(recipe_file(tmp_path, minutes=0, seeds=0, colour="red"))
    places = {problem.where for problem in caught.value.problems}
    assert places == {"minutes", "seeds", "colour"}


def test_the_fixed_configuration_settles_every_name_of_the_space_and_no_other(tmp_path):
    values = yaml.safe_load(RECIPE.read_text())["fixed"]
    del values["training.learning_rate"]
    changed = {"network.units": 64, "network.softplus_beta": 0.5}
    with pytest.raises(ConfigurationError) as caught:
        read_recipe(recipe_file(tmp_path, fixed=values | changed))
    places = {problem.where for problem in caught.value.problems}
    assert places == {
        "fixed.training.learning_rate",
        "fixed.network.units",
        "fixed.network.softplus_beta",
    }


def test_a_fold_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="folds: from 0 to 5") as caught:
        read_recipe(recipe_file(tmp_path, folds=[0, 99]))
    assert "99" in str(caught.value)


class FakeRunner:
    """Finishes every process at once but those that it is to fail."""

    def __init__(self, failing=()):
        self.failing, self.ran = failing, []

    def __call__(self, commands, _, ended):
        for place, (_, strategy, seed, folder, data, recipe) in enumerate(commands):
            name = f"{strategy}-{seed}"
            self.ran.append(name)
            assert Path(data).is_dir()
            assert json.loads(recipe)["recordings"]["neurons"] == TINY["neurons"]
            if name in self.failing:
                ended(place, "no run was complete")
                continue
            assert not Path(folder).exists()
            Path(folder).mkdir()
            write_outcome(Path(folder), outcome(float(seed)))
            ended(place, "")


@pytest.fixture
def recipe(tmp_path):
    return read_recipe(recipe_file(tmp_path, recordings=TINY, seeds=2))


def test_finished_strategies_are_not_run_again_and_failed_ones_are(recipe, tmp_path):
    place, told = tmp_path / "place", []
    runner = FakeRunner(failing=["random-1"])
    with pytest.raises(UserError, match="random-1: no run was complete"):
        bench_quality(recipe, 1, place, told.append, runner)
    assert len(runner.ran) == 6
    (place / "random-1").mkdir()  # what it left
    again = FakeRunner()
    found = bench_quality(recipe, 1, place, told.append, again)
    assert again.ran == ["random-1"]
    assert {name: [each.best_confirmed for each in every] for name, every in found.items()} == {
        name: [0.0, 1.0] for name in STRATEGIES
    }
    more = FakeRunner()
    bench_quality(recipe.model_copy(update={"seeds": 3}), 1, place, told.append, more)
    assert more.ran == [f"{name}-2" for name in STRATEGIES]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Recordings that are there already."""
    monkeypatch.setattr(quality, "_recordings", lambda *_: tmp_path)


@pytest.mark.usefixtures("made")
def test_another_recipe_in_the_folder_is_refused(recipe, tmp_path):
    bench_quality(recipe, 1, tmp_path / "place", print, FakeRunner())
    other = recipe.model_copy(update={"minutes": recipe.minutes + 1})
    runner = FakeRunner()
    with pytest.raises(UserError, match="made with other minutes"):
        bench_quality(other, 1, tmp_path / "place", print, runner)
    space = Path(recipe.space)
    fewer = {"network.family": {"choice": ["motion_energy", "dwiseneuro"]}}
    content = yaml.safe_load(space.read_text())
    changed = content | {"parameters": content["parameters"] | fewer}
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(changed))
    other = recipe.model_copy(update={"space": str(tmp_path / "space.yaml")})
    with pytest.raises(UserError, match="made with other space"):
        bench_quality(other, 1, tmp_path / "place", print, runner)
    (tmp_path / "same.yaml").write_text(space.read_text())
    same = recipe.model_copy(update={"space": str(tmp_path / "same.yaml")})  # by its content
    bench_quality(same, 1, tmp_path / "place", print, runner)
    assert not runner.ran


@pytest.mark.usefixtures("made")
def test_without_a_folder_nothing_stays(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    assert len(bench_quality(recipe, 1, None, print, FakeRunner())[FIXED]) == 2
    assert set(tmp_path.iterdir()) == before


def test_an_outcome_is_read_back_and_nothing_is_one_of_half_a_strategy(tmp_path):
    assert read_outcome(tmp_path) is None
    write_outcome(tmp_path, outcome(0.25))
    assert read_outcome(tmp_path) == outcome(0.25)


def test_figures_are_means_and_spreads_beside_those_of_random_draws():
    made = {each.name: each for each in figures(results((0.3, 0.5), (0.1, 0.3)))}
    mean, spread = made["best_confirmed.default"], made["best_confirmed_spread.default"]
    assert (mean.value, mean.baseline, mean.ratio) == pytest.approx((0.4, 0.2, 2.0))
    assert (spread.value, spread.baseline) == pytest.approx((0.02**0.5, 0.02**0.5))
    assert made["best_confirmed.random"].ratio == 1
    assert {f"ensemble_top5.{name}" for name in STRATEGIES} <= set(made)
    assert not any(name.startswith("ensemble_top5_spread") for name in made)  # all are equal
    json.dumps([dataclasses.asdict(each) for each in made.values()], allow_nan=False)


def test_the_table_has_a_row_a_strategy_with_spread():
    shown = quality_table(results((0.3, 0.5), (0.1, 0.3)), 15)
    assert [*shown.columns[0].cells] == [*STRATEGIES]
    assert next(iter(shown.columns[1].cells)) == "0.4000 +- 0.1414"
    assert [*shown.columns[6].cells] == ["14.0"] * 3


@pytest.mark.parametrize(
    ("default", "random", "words"),
    [
        ((0.31, 0.5), (0.1, 0.3), "default beats random outside the spread"),
        ((0.30, 0.5), (0.1, 0.3), "does not beat random outside the spread; the means are +0.2000"),
        ((0.1, 0.2), (0.3, 0.4), "random beats default outside the spread"),
        ((0.9,), (0.1,), "one seed does not tell"),
    ],
)
def test_the_verdict_is_of_the_worst_seed_against_the_best(default, random, words):
    first, second = verdicts(results(default, random))
    assert first.startswith("best confirmed score: ")
    assert words in first
    assert second.startswith("top-5 ensemble: ")
    assert "beats" not in second or "does not" in second or "one seed" in second


def test_the_command_prints_what_came_out(tmp_path, monkeypatch):
    def bench(recipe, jobs, *_):
        assert (recipe.minutes, recipe.seeds, jobs) == (2.5, 2, 1)
        return results((0.3, 0.5), (0.1, 0.2))

    monkeypatch.setattr(quality, "bench_quality", bench)
    written = tmp_path / "figures.json"
    options = ["--minutes", "2.5", "--seeds", "2", "--json", str(written)]
    done = CliRunner().invoke(app, ["bench", "quality", *options])
    assert done.exit_code == 0, done.output
    assert "default beats random outside the spread" in done.output
    names = {each["name"] for each in json.loads(written.read_text())}
    assert f"best_confirmed.{RANDOM}" in names
    assert Values((0.3, 0.5)).mean == pytest.approx(0.4)
