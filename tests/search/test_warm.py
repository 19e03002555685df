import optuna
import pytest
from optuna.trial import TrialState

from models.settings import read_yaml
from search.attributes import (
    ATTRIBUTE_FLAT,
    ATTRIBUTE_SECONDS,
    ATTRIBUTE_WARM,
    ATTRIBUTE_WARM_FLAT,
)
from search.objectives import costs_of
from search.proposing import known_points
from search.reading import parse_space
from search.sampler import open_study
from search.samplers import make_sampler
from search.space import enqueued, sample
from search.warm import Incompatible, point_of, warm_start

SPACE = """
fixed: {network.family: linear, training.epochs: 3, data.downsample: 2}
parameters:
  network.filters: {int: [1, 4]}
  training.learning_rate: {log: [1e-4, 1e-1]}
  network.pictures: {choice: [20, 40]}
"""


def space_of(*changes):
    text = SPACE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_space(read_yaml(text), "space.yaml")


HERE = space_of()


def study_of(space, wanted, ends, sampler=None):
    """A search that tried these configurations, with these ends."""
    sampler = sampler or optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for each, state in zip(wanted, ends, strict=True):
        study.enqueue_trial(enqueued(space, each))
        trial = study.ask()
        trial.set_user_attr(ATTRIBUTE_FLAT, {"seed": trial.number, **sample(space, trial)})
        trial.report(0.1, 1)
        if state != TrialState.RUNNING:
            study.tell(trial, 0.3 if state == TrialState.COMPLETE else None, state=state)
    return study


def point(filters=2, rate=0.01, pictures=20):
    return {
        "network.filters": filters,
        "training.learning_rate": rate,
        "network.pictures": pictures,
    }


ENDS = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)


def taken_over(source_space, points, ends=None, here=HERE):
    source = study_of(source_space, points, ends or [TrialState.COMPLETE] * len(points))
    study = optuna.create_study(direction="maximize")
    return study, warm_start(study, here, source, "earlier")


def test_complete_and_stopped_trials_are_taken_over_with_their_values():
    points = [point(filters) for filters in (1, 2, 3, 4)]
    study, report = taken_over(HERE, points, ENDS)
    complete, pruned = study.trials
    assert (report.added, report.left_out) == (2, {})
    assert (complete.state, complete.value) == (TrialState.COMPLETE, 0.3)
    assert (pruned.state, pruned.intermediate_values) == (TrialState.PRUNED, {1: 0.1})
    assert complete.params == point(1)
    assert complete.user_attrs[ATTRIBUTE_WARM] == "earlier"
    assert complete.user_attrs[ATTRIBUTE_WARM_FLAT]["network.filters"] == 1
    assert ATTRIBUTE_FLAT not in complete.user_attrs, "it is none of this search's own"
    assert len(known_points(study)) == 2


def test_they_have_the_distributions_that_proposals_have():
    study, _ = taken_over(HERE, [point()])
    trial = study.ask()
    sample(HERE, trial)
    assert study.trials[0].distributions == trial.distributions


def test_twice_adds_nothing_twice():
    source = study_of(HERE, [point(1), point(1)], [TrialState.COMPLETE] * 2)
    study = optuna.create_study(direction="maximize")
    first, second = (warm_start(study, HERE, source, "earlier") for _ in range(2))
    assert (first.added, second.added, len(study.trials)) == (1, 0, 1)
    assert sum(second.left_out.values()) == 2
    assert "already" in second.lines()[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("int: [1, 4]", "int: [3, 4]"), "network.filters is not among the values"),
        (("1e-4, 1e-1", "1e-4, 1e-3"), "training.learning_rate is not among"),
        (("[20, 40]", "[40, 60]"), "network.pictures is not among"),
        (("epochs: 3", "epochs: 5"), "training.epochs is 3 there and 5 here: another budget"),
        (("downsample: 2", "downsample: 1"), "data.downsample is 2 there and 1 here"),
        ((", data.downsample: 2", ""), "data.downsample is 2 there and 1 here"),
    ],
)
def test_trials_that_are_none_of_this_space_are_left_out_with_the_reason(change, reason):
    study, report = taken_over(HERE, [point(), point(rate=0.02)], here=space_of(change))
    assert (report.added, len(study.trials)) == (0, 0)
    (found,) = report.left_out
    assert reason in found
    assert report.left_out[found] == 2
    assert report.lines()[1] == f"  2 left out: {found}"


def test_another_family_has_not_what_this_space_asks_for():
    family = "network.family: {choice: [linear, gru]}\n"
    here = space_of(
        ("network.family: linear, ", ""),
        ("parameters:\n", f"parameters:\n  {family}"),
        ("filters: {int: [1, 4]}", "filters: {int: [1, 4], when: {network.family: linear}}"),
        (
            "pictures: {choice: [20, 40]}",
            "pictures: {choice: [20, 40], when: {network.family: linear}}",
        ),
    )
    study, report = taken_over(HERE, [point()], here=here)
    assert report.added == 1, "a space of one family is part of one of several"
    assert study.trials[0].params["network.family"] == "linear"
    with pytest.raises(Incompatible, match=r"network\.family is gru there and linear here"):
        point_of(HERE, {"network.family": "gru"})


def test_a_default_is_as_good_as_a_name_that_is_written_out():
    short = space_of((", data.downsample: 2", ""))
    written = space_of(("data.downsample: 2", "data.downsample: 1"))
    _, report = taken_over(short, [point()], here=written)
    assert report.added == 1


def test_a_search_for_the_score_alone_learns_from_one_with_several_objectives(tmp_path):
    source = source_with(tmp_path, "score", "parameters", "seconds")
    study = optuna.create_study(direction="maximize")
    assert warm_start(study, HERE, source, "earlier").added == 2
    assert [trial.values for trial in study.trials] == [[0.3], None]
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.PRUNED]


def source_with(tmp_path, *objectives):
    """A search with a complete trial and one that was stopped."""
    study = open_study(tmp_path, "earlier", objectives)
    for filters, state in ((1, TrialState.COMPLETE), (2, TrialState.PRUNED)):
        study.enqueue_trial(enqueued(HERE, point(filters)))
        trial = study.ask()
        trial.set_user_attr(ATTRIBUTE_FLAT, {"seed": trial.number, **sample(HERE, trial)})
        if "seconds" in objectives:
            trial.set_user_attr(ATTRIBUTE_SECONDS, {"1": 3.0, "2": 5.0})
        study._storage.set_trial_intermediate_value(trial._trial_id, 1, 0.1)
        values = [0.3, *(9.0 for _ in objectives[1:])]
        study.tell(trial, values if state == TrialState.COMPLETE else None, state=state)
    return study


def test_trials_count_with_the_objectives_of_this_search(tmp_path):
    source = source_with(tmp_path, "score", "seconds")
    here = open_study(tmp_path, "here", ("score", "parameters", "seconds"))
    report = warm_start(here, HERE, source, "earlier", lambda flat: 100 * flat["network.filters"])
    assert (report.added, report.left_out) == (2, {})
    complete, stopped = here.trials
    assert (complete.values, stopped.values) == ([0.3, 100.0, 4.0], None)
    assert costs_of(stopped.user_attrs) == {"parameters": 200, "seconds": 4.0}


def test_trials_that_lack_an_objective_are_left_out_with_the_reason(tmp_path):
    source = source_with(tmp_path, "score", "parameters")
    here = open_study(tmp_path, "here", ("score", "seconds"))
    report = warm_start(here, HERE, source, "earlier")
    assert (report.added, here.trials) == (0, [])
    assert report.lines()[1] == "  2 left out: they do not tell seconds, an objective here"


def test_trials_that_were_taken_over_are_not_handed_on():
    second, _ = taken_over(HERE, [point()])
    study = optuna.create_study(direction="maximize")
    assert warm_start(study, HERE, second, "second").added == 0


@pytest.mark.parametrize("name", ["tpe", "gp"])
def test_a_sampler_learns_from_what_was_taken_over(name):
    rates = [10 ** -(1 + 0.1 * index) for index in range(15)]
    source = study_of(HERE, [point(rate=rate) for rate in rates], [TrialState.RUNNING] * 15)
    for trial, rate in zip(source.trials, rates, strict=True):
        source.tell(trial.number, -abs(rate - 0.05))
    study = optuna.create_study(direction="maximize")
    warm_start(study, HERE, source, "earlier")
    study.sampler = make_sampler(name, HERE, 50, seed=0, begun=len(study.trials))
    proposed = []
    for _ in range(8):
        trial = study.ask()
        proposed.append(sample(HERE, trial)["training.learning_rate"])
        study.tell(trial, -abs(proposed[-1] - 0.05))
    assert any(0.04 < rate < 0.06 for rate in proposed)
