import optuna
import pytest
from optuna.trial import TrialState

from models.settings import read_yaml
from search import sampler
from search.attributes import (
    ATTRIBUTE_FLAT,
    ATTRIBUTE_REASON,
    ATTRIBUTE_REFUSED,
    ATTRIBUTE_WARM_FLAT,
)
from search.domains import Choice, Fixed
from search.proposing import (
    REPEATED,
    Exhausted,
    complete,
    known_points,
    point_key,
    propose,
)
from search.reading import parse_space
from search.space import Space, enqueued

SPACE = """
fixed: {network.family: linear}
parameters:
  network.filters: {int: [1, 4]}
  network.pictures: {choice: [20, 40]}
first: [{network.filters: 3, network.pictures: 40}]
"""
TINY = parse_space(read_yaml(SPACE), "space.yaml")
POINTS = 8


def study_of(sampler=None):
    chosen = sampler or optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(direction="maximize", sampler=chosen)


def allowed(_):
    return ""


def few_filters(flat):
    return "has 9 parameters, over the limit 3" if flat["network.filters"] > 1 else ""


class Stubborn(optuna.samplers.RandomSampler):
    """Always proposes the lowest value."""

    def sample_independent(self, study, trial, param_name, param_distribution):  # noqa: ARG002
        return param_distribution.to_external_repr(0 if "pictures" in param_name else 1)


@pytest.mark.parametrize("sampler", [None, Stubborn()])
def test_every_point_is_proposed_once_and_then_there_is_nothing_left(sampler):
    study, known = study_of(sampler), set()
    flats = [propose(study, TINY, known, allowed, most_tries=200)[1] for _ in range(POINTS)]
    assert len({point_key(flat) for flat in flats}) == POINTS == len(known)
    with pytest.raises(Exhausted, match=rf"20 proposals .* \(20 x {REPEATED}\)"):
        propose(study, TINY, known, allowed, most_tries=20)
    assert study.sampler is not None
    assert len(study.get_trials(states=[TrialState.RUNNING])) == POINTS


def test_the_sampler_is_the_usual_one_again_after_random_draws():
    chosen = Stubborn()
    study, known = study_of(chosen), set()
    for _ in range(3):
        propose(study, TINY, known, allowed)
    assert study.sampler is chosen


def test_what_is_over_a_limit_fails_with_the_reason_and_the_next_is_asked_for():
    study = study_of()
    study.enqueue_trial(enqueued(TINY, TINY.first[0]))
    trial, flat = propose(study, TINY, set(), few_filters)
    assert flat["network.filters"] == 1
    refused = study.trials[0]
    assert (refused.state, refused.params["network.filters"]) == (TrialState.FAIL, 3)
    assert refused.user_attrs[ATTRIBUTE_REFUSED] == "has 9 parameters, over the limit 3"
    assert refused.user_attrs[ATTRIBUTE_REASON] == refused.user_attrs[ATTRIBUTE_REFUSED]
    assert ATTRIBUTE_FLAT not in refused.user_attrs
    assert study.trials[trial.number].state == TrialState.RUNNING


def test_nothing_within_the_limits_ends_with_the_reason():
    with pytest.raises(Exhausted, match=r"5 x has 9 parameters, over the limit 3\)"):
        propose(study_of(), TINY, set(), lambda _: "has 9 parameters, over the limit 3", 5)


def test_a_configuration_that_is_no_run_is_refused():
    domains = {
        "network.family": [Fixed(value="dwiseneuro")],
        "network.cortex_features": [Fixed(value=[12])],
        "network.groups": [Choice(choice=(5, 7))],
    }
    with pytest.raises(Exhausted, match="is no run: network"):
        propose(study_of(), Space(domains), set(), allowed, most_tries=3)


def test_known_are_trials_that_ran_or_run_and_those_taken_over_but_not_failures():
    study = study_of()
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.FAIL)
    for number, state in enumerate(states):
        trial = study.ask()
        trial.set_user_attr(ATTRIBUTE_FLAT, {"seed": 5 + number, "network.filters": number})
        if state != TrialState.RUNNING:
            study.tell(trial, 0.1 if state == TrialState.COMPLETE else None, state=state)
    attributes = {ATTRIBUTE_WARM_FLAT: {"network.filters": 9}}
    study.add_trial(optuna.trial.create_trial(value=0.2, user_attrs=attributes))
    study.ask()  # half asked: no configuration yet
    expected = [{"network.filters": number} for number in (0, 1, 2, 9)]
    assert known_points(study) == {point_key(flat) for flat in expected}
    assert point_key({"a": [1], "seed": 1}) == point_key({"seed": 2, "a": (1,)})
    assert point_key({"a": 1}) != point_key({"a": 2})


def test_a_half_asked_trial_keeps_what_it_has_and_gets_the_rest():
    study = study_of()
    study.enqueue_trial({"network.pictures": 40})
    study.ask().suggest_int("network.filters", 1, 4)
    (left,) = study.trials
    trial, flat = complete(study, left, TINY, set(), allowed)
    assert (trial.number, flat["network.pictures"]) == (0, 40)
    assert flat["network.filters"] == left.params["network.filters"]
    assert set(study.trials[0].params) == {"network.filters", "network.pictures"}


def test_a_half_asked_trial_that_is_refused_is_closed():
    study = study_of()
    study.enqueue_trial(enqueued(TINY, TINY.first[0]))
    trial = study.ask()
    trial.set_user_attr(ATTRIBUTE_REFUSED, "killed before it was told")
    (left,) = study.trials
    assert complete(study, left, TINY, set(), few_filters) is None
    assert study.trials[0].state == TrialState.FAIL
    assert "over the limit" in study.trials[0].user_attrs[ATTRIBUTE_REFUSED]


def test_the_attributes_are_those_of_the_searchs_own_trials():
    assert sampler.ATTRIBUTE_FLAT == ATTRIBUTE_FLAT
    assert sampler.ATTRIBUTE_REASON == ATTRIBUTE_REASON


def test_another_driver_goes_on_from_the_database(tmp_path):
    def opened():
        storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
        chosen = optuna.samplers.RandomSampler(seed=0)
        return optuna.create_study(
            storage=storage, study_name="s", sampler=chosen, load_if_exists=True
        )

    study, known = opened(), set()
    trial, flat = propose(study, TINY, known, allowed)
    trial.set_user_attr(ATTRIBUTE_FLAT, {"seed": 1, **flat})
    study.enqueue_trial(enqueued(TINY, flat))
    study.ask().suggest_int("network.filters", 1, 4)

    study = opened()
    assert known_points(study) == known
    half = study.trials[1]
    assert complete(study, half, TINY, known_points(study), allowed) is None, "the same again"
    assert study.trials[1].user_attrs[ATTRIBUTE_REFUSED] == REPEATED
    assert point_key(propose(study, TINY, known_points(study), allowed)[1]) not in known
