"""What a report's figures and tables are made of."""

import optuna
import pytest

from models.pages import Note, Table
from search.report import hours, parallel
from search.report.budget import best_over_hours, hours_by
from search.report.curves import learning_curves
from search.report.failures import by_reason
from search.report.history import read_history
from search.report.importance import importance, importances, readable
from search.report.overview import overview
from search.report.page import FILE, sections
from search.report.parameters import Parameter, parameters_of
from search.report.rungs import rungs_of
from tests.search.finished import MANY, OUTCOMES, SECONDS, write_search


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


def notes(blocks):
    return " ".join(block.text for block in blocks if isinstance(block, Note))


def test_curves_have_a_line_a_trial_coloured_by_outcome_and_the_floor(small):
    history = read_history(small, "done")
    figure = learning_curves(history)[-1].figure
    lines = {line.hovertemplate.split(":")[0]: line for line in figure.data}
    for trial in (each for each in history.trials if each.curve):
        line = lines[f"<b>trial {trial.number}</b>"]
        assert list(zip(line.x, line.y, strict=True)) == list(trial.curve)
    named = {line.name: line for line in figure.data if line.showlegend is not False}
    assert set(named) == {"complete (4)", "stopped early (3)", "floor 0.0654"}
    assert named["floor 0.0654"].line.dash == "dash"
    assert len({line.line.color for line in named.values()}) == 3


def test_axes_are_logarithmic_for_log_ranges_and_places_for_choices():
    rates = parallel.axis(Parameter("a.rate", "rate", "log"), [1e-3, 1e-2, None])
    assert rates["values"][:2] == [-3, -2]
    assert rates["values"][2] < -3
    assert (
        dict(zip(rates["ticktext"], rates["tickvals"], strict=True)).items()
        >= {
            "0.001": -3.0,
            "0.01": -2.0,
            "none": rates["values"][2],
        }.items()
    )
    sizes = parallel.axis(Parameter("a.size", "size", "choice"), [128, 32, 64, 32])
    assert (sizes["values"], sizes["ticktext"]) == ([2, 0, 1, 0], ["32", "64", "128"])
    lists = parallel.axis(Parameter("a.list", "list", "choice"), [[16, 32], [8], None])
    assert lists["ticktext"][0] == "none"
    assert set(lists["ticktext"]) == {"none", "[16,32]", "[8]"}


def test_a_conditional_space_has_a_figure_a_family_of_its_complete_trials(searches):
    history = read_history(searches, "many")
    notes_, *charts = parallel.parallel_coordinates(history)
    assert "stopped early are left out" in notes_.text
    for chart in charts:
        family = chart.title.partition(":")[0]
        axes = chart.figure.data[0].dimensions
        assert [axis.label for axis in axes[:-1]] == [
            each.label for each in history.parameters(family)
        ]
        scores = [trial.score for trial in history.ranked(family)]
        assert list(axes[-1].values) == scores[::-1] == list(chart.figure.data[0].line.color)
    assert len(charts) == 3


def test_the_parameters_of_a_family_are_those_that_vary_in_it():
    domains = {
        "network.family": [{"choice": ["a", "b"]}],
        "training.rate": [{"value": 1, "when": {"network.family": "a"}}, {"log": [1, 2]}],
        "network.size": [{"int": [1, 2], "when": {"network.family": ["a"]}}],
        "training.size": [{"uniform": [1, 2], "when": {"x.y": 1}}, {"value": 3}],
    }
    found = {family: parameters_of(domains, family) for family in "ab"}
    assert found["a"] == [
        Parameter("network.size", "network.size", "int"),
        Parameter("training.size", "training.size", "uniform"),
    ]
    assert found["b"] == [
        Parameter("training.rate", "rate", "log"),
        Parameter("training.size", "size", "uniform"),
    ]


def test_importance_finds_what_matters_and_is_silent_with_few_trials(searches, small):
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(
        lambda trial: trial.suggest_float("a.x", 0, 1) + 0 * trial.suggest_float("a.y", 0, 1), 60
    )
    shares = importances(study.trials)
    assert set(shares) == {"x", "y"}
    assert shares["x"] > 0.8
    assert "below 8 of a family" in notes(importance(read_history(small, "done")))
    history = read_history(searches, "many")
    enough = [family for family in history.families() if len(history.ranked(family)) >= 8]
    drawn = [each.title.partition(":")[0] for each in importance(history)[1:]]
    assert drawn == sorted(enough)
    assert drawn


def test_importance_of_a_parameter_that_few_trials_have_does_not_warn():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))

    def score(trial):
        if trial.number == 0:
            trial.suggest_float("a.z", 0, 1)
        return trial.suggest_float("a.x", 0, 1)

    study.optimize(score, 12)
    with pytest.warns(UserWarning, match="Some regimes"):
        optuna.importance.get_param_importances(study)
    assert importances(study.trials)["x"] > 0


def test_importance_is_silent_where_hardly_a_score_differs():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: float(trial.suggest_float("a.x", 0, 1) > 2), 10)
    assert importances(study.trials) == {}
    study.optimize(lambda trial: trial.suggest_float("a.x", 0, 1) * 0 + (trial.number == 10), 1)
    assert importances(study.trials) == {}


def test_names_of_parameters_are_as_short_as_they_can_be():
    labels = ["n.k (a.b=1)", "n.k (else)", "t.rate (network.family=linear)", "n.size", "t.size"]
    assert list(readable(dict.fromkeys(labels, 0.1))) == [
        "k (a.b=1)",
        "k (else)",
        "rate",
        "n.size",
        "t.size",
    ]


def test_rungs_count_who_reached_them_and_who_was_stopped(small):
    rungs = {rung.epoch: rung for rung in rungs_of(read_history(small, "done").trials)}
    assert {epoch: rung.reached for epoch, rung in rungs.items()} == {
        0: 8,
        1: 7,
        2: 7,
        3: 7,
        4: 4,
        5: 4,
        6: 4,
    }
    assert rungs[0].ended["failed"] == 1
    assert (rungs[3].ended["pruned"], rungs[3].went_on) == (3, 4)
    assert (rungs[6].ended["complete"], rungs[6].went_on) == (4, 0)
    (table,) = [
        block
        for section in sections(read_history(small, "done"), small / FILE)
        for block in section.blocks
        if section.key == "rungs" and isinstance(block, Table)
    ]
    assert list(table.rows) == [["3", "7", "3", "43%", "0", "4"]]


def test_hours_are_those_of_the_ledger_and_else_of_the_epochs(small):
    history = read_history(small, "done")
    assert not history.hours.measured
    epochs = {"complete": 6, "pruned": 3, "failed": 0}
    spent = hours_by(history.trials)
    for state, each in epochs.items():
        count = OUTCOMES.count(state)
        hours_ = sum(value for (_, key), value in spent.items() if key == state)
        assert hours_ == pytest.approx(count * each * SECONDS / 3600)
    stretches = [
        hours.Stretch("search", 0.0, 0, 7200),
        hours.Stretch("0", 2.0, 0, 1800),
        hours.Stretch("0", 2.0, 3600, 5400),
        hours.Stretch("floor", 0.0, 0, 3600),
    ]
    assert hours.sum_of(stretches) == {"0": 2.0, "floor": 1.0}
    folder = small / "done" / "ledger"
    folder.mkdir()
    (folder / "1.json").write_text('{"gpus": 0.5, "stretches": [["0", 0, 7200]]}')
    history = read_history(small, "done")
    assert (history.hours.measured, history.trials[0].hours) == (True, 1.0)
    assert history.trials[1].hours is None
    assert "1 slot-hours" in dict(overview(history).pairs)["used"]


def test_the_best_score_over_hours_only_rises(searches):
    history = read_history(searches, "many")
    steps = best_over_hours(history.trials)
    spent, scores, numbers = zip(*steps, strict=True)
    assert len(steps) == MANY.count("complete")
    assert list(spent) == sorted(spent)
    assert list(scores) == sorted(scores)
    leader = history.ranked()[0]
    assert (scores[-1], numbers[-1]) == (leader.score, leader.number)
    assert spent[-1] == pytest.approx(sum(each.hours or 0 for each in history.trials))


def test_failures_are_grouped_by_reason_but_for_its_numbers(tmp_path):
    write_search(tmp_path, "bad", ["failed", "complete", "failed"])
    trials = read_history(tmp_path, "bad").trials
    assert [[each.number for each in group] for group in by_reason(trials)] == [[0, 2]]
