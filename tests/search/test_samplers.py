import optuna
import pytest
from optuna.trial import TrialState, create_trial

from models.errors import UserError
from models.settings import read_yaml
from search.attributes import ATTRIBUTE_REASON, ATTRIBUTE_REFUSED
from search.gaussian_process import NO_FAULT, STARTUP, values_of
from search.proposing import REPEATED, point_key
from search.reading import load_space, parse_space
from search.samplers import (
    FOR_SEVERAL,
    NAMES,
    describe_sampler,
    has_conditions,
    make_sampler,
    varied_domains,
)
from search.space import enqueued, overridden, sample

FLAT = parse_space(
    read_yaml(
        """
        fixed: {network.family: linear}
        parameters:
          training.learning_rate: {log: [1e-4, 1e-1]}
          training.weight_decay: {uniform: [0, 1]}
          network.filters: {int: [1, 4]}
          training.ema_decay: {choice: [0.9, 0.99]}
        first: [{training.learning_rate: 0.001, training.weight_decay: 0.5,
                 network.filters: 2, training.ema_decay: 0.9}]
        """
    ),
    "flat",
)
CONDITIONAL = load_space("demo")
ENDS = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)


def searched(sampler, space=FLAT, trials=24, directions=("maximize",)):
    """The configurations of a search in which trials end in all ways."""
    study = optuna.create_study(directions=directions, sampler=sampler)
    for wanted in space.first:
        study.enqueue_trial(enqueued(space, wanted))
    flats = []
    for number in range(trials):
        trial = study.ask()
        flats.append(sample(space, trial))
        score = -abs(flats[-1].get("training.weight_decay", 0.0) - 0.3)
        trial.storage.set_trial_intermediate_value(trial._trial_id, 1, score)
        state = ENDS[number % 5] if number % 5 < len(ENDS) else TrialState.COMPLETE
        if state == TrialState.FAIL:
            trial.set_user_attr(ATTRIBUTE_REASON, "the loss is nan")
        if state != TrialState.RUNNING:
            values = [score, *(float(number) for _ in directions[1:])]
            study.tell(trial, values if state == TrialState.COMPLETE else None, state=state)
    return flats


@pytest.mark.parametrize("name", NAMES)
def test_every_sampler_serves_a_search_with_all_kinds_of_ends(name):
    flats = searched(make_sampler(name, FLAT, 24, seed=0))
    assert flats[0] == {"network.family": "linear", **FLAT.first[0]}
    assert len({point_key(flat) for flat in flats}) > len(flats) / 2


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cmaes"])
def test_all_but_cmaes_serve_a_space_with_conditions(name):
    flats = searched(make_sampler(name, CONDITIONAL, 24, seed=0), CONDITIONAL)
    assert len({flat["network.family"] for flat in flats}) > 1


SEVERAL = ("score", "parameters", "seconds")


@pytest.mark.parametrize("space", [FLAT, CONDITIONAL])
@pytest.mark.parametrize("objectives", [SEVERAL[:2], SEVERAL])
@pytest.mark.parametrize("name", FOR_SEVERAL)
def test_those_for_several_objectives_serve_a_search_with_all_kinds_of_ends(
    name, objectives, space
):
    sampler = make_sampler(name, space, 24, seed=0, objectives=objectives)
    directions = ("maximize", *["minimize"] * (len(objectives) - 1))
    flats = searched(sampler, space, directions=directions)
    assert len({point_key(flat) for flat in flats}) > len(flats) / 2


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FOR_SEVERAL])
def test_the_others_are_refused_with_those_that_can(name):
    with pytest.raises(UserError, match=r"serves no search for score and parameters.*\n.*nsga2"):
        make_sampler(name, FLAT, 24, seed=0, objectives=SEVERAL[:2])


def test_auto_takes_nsga2_for_several_objectives():
    for space in (FLAT, CONDITIONAL):
        told = describe_sampler("auto", space, 20, SEVERAL[:2])
        assert told == "proposals: NSGA-II (objectives: score, parameters)"


@pytest.mark.parametrize("name", ["auto", "gp", "qmc", "random", "nsga2"])
def test_the_same_seed_proposes_the_same_and_a_resumed_search_something_else(name):
    first, again, resumed = (
        searched(make_sampler(name, FLAT, 24, seed=3, begun=begun), trials=12)
        for begun in (0, 0, 12)
    )
    assert first == again
    assert first[0] == resumed[0]
    assert name == "qmc" or not [flat for flat in resumed[1:] if flat in first]


def test_a_quasi_random_sequence_goes_on_after_a_resume():
    study = optuna.create_study()
    rates = set()
    for begun in (0, 4):
        study.sampler = make_sampler("qmc", FLAT, 8, seed=0, begun=begun)
        for _ in range(4):
            trial = study.ask()
            rates.add(sample(FLAT, trial)["training.learning_rate"])
            study.tell(trial, 0.0)
    assert len(rates) == 8


def test_auto_looks_at_conditions_and_at_the_number_of_trials():
    assert describe_sampler("auto", CONDITIONAL, 20).startswith("proposals: TPE within each family")
    assert describe_sampler("auto", FLAT, 20).startswith("proposals: a Gaussian process")
    assert describe_sampler("auto", FLAT, 5000).startswith("proposals: TPE (5000 trials;")
    assert describe_sampler("auto", FLAT, None).startswith("proposals: TPE (an open number")
    assert describe_sampler("random", FLAT, 20) == "proposals: random draws"
    assert "drawn at random" in describe_sampler("gp", CONDITIONAL, 20)


def test_a_space_whose_condition_is_settled_has_none():
    settled = overridden(CONDITIONAL, {"network.family": "linear"})
    assert has_conditions(CONDITIONAL)
    assert not has_conditions(settled)
    assert len(varied_domains(settled)) == 3


def test_an_unknown_sampler_is_refused_with_the_list():
    with pytest.raises(
        UserError, match=r"did you mean cmaes\?\nChoose one of auto, tpe, families, gp"
    ):
        make_sampler("cma-es", FLAT, 20, seed=0)


def test_cmaes_is_refused_where_it_would_draw_at_random():
    with pytest.raises(UserError, match="this space has conditions"):
        make_sampler("cmaes", CONDITIONAL, 20, seed=0)
    few = overridden(FLAT, {"training.learning_rate": 0.01, "training.weight_decay": 0.1})
    with pytest.raises(UserError, match="1 numbers and 1 choices"):
        make_sampler("cmaes", few, 20, seed=0)


def ended(number, state, value=None, reports=(), **attributes):
    trial = create_trial(
        state=state, value=value, intermediate_values=dict(reports), user_attrs=attributes
    )
    trial.number = number
    return trial


def test_trials_that_were_stopped_count_as_far_behind_as_they_were():
    trials = [
        ended(0, TrialState.COMPLETE, 0.30, [(1, 0.10), (3, 0.20)]),
        ended(1, TrialState.COMPLETE, 0.20, [(1, 0.08), (3, 0.14)]),
        ended(2, TrialState.PRUNED, None, [(1, 0.05)]),
        ended(3, TrialState.PRUNED, None, [(2, 0.11)]),
        ended(4, TrialState.PRUNED, None),
        ended(5, TrialState.RUNNING, None, [(1, 0.3)]),
    ]
    values = values_of(trials)
    assert values == pytest.approx({0: 0.30, 1: 0.20, 2: 0.05 + 0.25 - 0.09, 3: 0.11})


def test_failures_count_as_the_worst_unless_nothing_was_their_fault():
    faults = {ATTRIBUTE_REASON: "the loss is nan"}, {ATTRIBUTE_REFUSED: "has 3 parameters, over"}
    innocent = [{ATTRIBUTE_REASON: f"{reason}: node"} for reason in NO_FAULT]
    trials = [
        ended(number, TrialState.FAIL, **each) for number, each in enumerate([*faults, *innocent])
    ]
    assert values_of(trials) == {}
    trials.append(ended(9, TrialState.COMPLETE, 0.4))
    trials.append(ended(10, TrialState.COMPLETE, 0.2))
    assert values_of(trials) == {0: 0.2, 1: 0.2, 9: 0.4, 10: 0.2}
    assert REPEATED in NO_FAULT


def test_the_gaussian_process_leaves_a_region_where_everything_fails():
    study = optuna.create_study(direction="maximize", sampler=make_sampler("gp", FLAT, 60, 0))
    rates = []
    for _ in range(STARTUP + 20):
        trial = study.ask()
        flat = sample(FLAT, trial)
        rates.append(flat["training.learning_rate"])
        if rates[-1] > 0.003:
            trial.set_user_attr(ATTRIBUTE_REASON, "the loss is nan")
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, rates[-1])
    late = rates[-10:]
    assert sum(rate > 0.003 for rate in late) <= 5
    assert max(rate for rate in late if rate <= 0.003) > 0.002
