"""The driver's study: what memory says, the database says as well."""

import math

import optuna
import pytest
from optuna.trial import TrialState

from search.sampler import load_study, open_study
from search.study_storage import one_transaction


@pytest.fixture
def study(tmp_path):
    """A study with an ended, a stopped, a running and a waiting trial."""
    study = open_study(tmp_path, "first")
    study.set_user_attr("of the study", [1, 2])
    study.enqueue_trial({"x": 0.5})
    study.enqueue_trial({"x": 0.25})
    for state in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.suggest_categorical("kind", ["a", "b"])
        trial.report(0.1, 1)
        trial.set_user_attr("configuration", {"x": [1, "two"]})
        if state != TrialState.RUNNING:
            study.tell(trial, 0.2 if state == TrialState.COMPLETE else None, state=state)
    study.enqueue_trial({"x": 0.75})
    return study


def content(study):
    """All of a study but its ids and the microseconds of its times."""
    return [
        (
            trial.number,
            trial.state,
            trial.values,
            trial.params,
            trial.distributions,
            trial.user_attrs,
            trial.system_attrs,
            trial.intermediate_values,
        )
        for trial in study.trials
    ]


def test_memory_and_database_agree(study, tmp_path):
    stored = load_study(tmp_path, "first")
    assert content(study) == content(stored)
    assert study.user_attrs == stored.user_attrs
    assert study.direction == stored.direction


def test_a_study_that_is_opened_again_goes_on(study, tmp_path):
    again = open_study(tmp_path, "first")
    assert content(again) == content(study)
    running = again.get_trials(states=(TrialState.RUNNING,))[0]
    trial = optuna.Trial(again, running._trial_id)
    trial.report(0.3, 2)
    again.tell(trial, 0.3)
    following = again.ask()
    assert following.number == 3
    assert following.suggest_float("x", 0, 1) == 0.75, "what was enqueued comes first"
    stored = load_study(tmp_path, "first")
    assert content(again) == content(stored)
    assert stored.trials[2].value == 0.3


def test_two_studies_in_a_database_are_kept_apart(study, tmp_path):
    other = open_study(tmp_path, "second")
    trial = other.ask()
    trial.suggest_float("x", 0, 1)
    other.tell(trial, 0.9)
    assert trial.number == 0
    assert content(load_study(tmp_path, "second")) == content(other)
    assert content(load_study(tmp_path, "first")) == content(study)


def test_readers_see_a_transaction_at_its_end(study, tmp_path):
    with one_transaction(study):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        with one_transaction(study):
            trial.set_user_attr("configuration", {})
        assert len(study.trials) == 4
        assert load_study(tmp_path, "first").trials[3].state == TrialState.WAITING
    assert content(load_study(tmp_path, "first")) == content(study)
    study.tell(trial, 0.1)
    assert load_study(tmp_path, "first").trials[3].state == TrialState.COMPLETE


def test_the_last_of_what_is_noted_twice_in_a_transaction_counts(study, tmp_path):
    with one_transaction(study):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.suggest_categorical("kind", ["a", "b"])
        for said in ("first", "second"):
            trial.set_user_attr("said", said)
        for step, score in ((1, float("nan")), (2, 0.5), (3, float("-inf"))):
            study._storage.set_trial_intermediate_value(trial._trial_id, step, score)
        study._storage.set_trial_intermediate_value(trial._trial_id, 2, 0.25)
    trial.set_user_attr("said", "third")
    here, stored = study.trials[3], load_study(tmp_path, "first").trials[3]
    assert stored.params == here.params
    assert stored.distributions == here.distributions
    assert stored.user_attrs == here.user_attrs == {"said": "third"}
    assert math.isnan(stored.intermediate_values[1])
    assert stored.intermediate_values[2] == 0.25
    assert stored.intermediate_values[3] == float("-inf")


def test_a_transaction_that_fails_leaves_nothing_in_the_database(study, tmp_path):
    before = content(load_study(tmp_path, "first"))

    def propose():
        with one_transaction(study):
            study.ask().suggest_float("x", 0, 1)
            raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        propose()
    assert content(load_study(tmp_path, "first")) == before
    assert content(open_study(tmp_path, "first")) == before


def test_a_study_in_memory_has_no_transactions():
    study = optuna.create_study()
    with one_transaction(study):
        study.ask()
    assert len(study.trials) == 1
