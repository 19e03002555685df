"""TPE within each family, and the choice of the family."""

from collections import Counter

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.families import FEWEST, STARTUP, FamilyTPE
from search.reading import load_space
from search.samplers import make_sampler
from search.space import FAMILY, enqueued, sample

SPACE = load_space("demo")


def searched(sampler, trials, score):
    study = optuna.create_study(direction="maximize", sampler=sampler)
    flats = []
    for _ in range(trials):
        trial = study.ask()
        flats.append(sample(SPACE, trial))
        study.tell(trial, score(flats[-1]))
    return study, flats


def fair_but_flat(flat):
    """All linear models are fair; of motion-energy models a few are far better, most far worse."""
    family, rate = flat[FAMILY], np.log10(flat["training.learning_rate"])
    if family == "linear":
        return 0.10 + 0.001 * rate
    return 0.15 - 0.4 * (rate + 2.8) ** 2 if family == "motion_energy" else 0.05


def test_every_family_is_tried_before_one_is_preferred():
    sampler = FamilyTPE(SPACE.families, seed=0)
    _, flats = searched(sampler, 3 * sampler.startup, fair_but_flat)
    assert sampler.startup == max(FEWEST, STARTUP // 3)
    assert set(Counter(flat[FAMILY] for flat in flats).values()) == {sampler.startup}


def test_the_family_with_the_best_trial_is_preferred_whatever_its_others_are():
    _, flats = searched(FamilyTPE(SPACE.families, seed=1), 60, fair_but_flat)
    counts = Counter(flat[FAMILY] for flat in flats[15:])
    assert counts["motion_energy"] > counts["linear"] > 0
    found = max(fair_but_flat(flat) for flat in flats)
    assert found > 0.145


def test_within_a_family_tpe_sees_its_trials_alone(monkeypatch):
    seen = {}
    original = optuna.samplers.TPESampler._sample

    def spy(self, study, trial, *arguments, **options):
        past = study._get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        seen[trial.number] = {each.params[FAMILY] for each in past}
        return original(self, study, trial, *arguments, **options)

    monkeypatch.setattr(optuna.samplers.TPESampler, "_sample", spy)
    study, _ = searched(FamilyTPE(SPACE.families, seed=2), 40, fair_but_flat)
    assert seen
    for number, families in seen.items():
        assert families == {study.trials[number].params[FAMILY]}


def test_what_is_asked_for_is_of_its_own_family():
    study = optuna.create_study(direction="maximize", sampler=FamilyTPE(SPACE.families, seed=3))
    for wanted in SPACE.first:
        study.enqueue_trial(enqueued(SPACE, wanted))
    for wanted in SPACE.first:
        trial = study.ask()
        flat = sample(SPACE, trial)
        assert {name: flat[name] for name in wanted} == wanted
        study.tell(trial, 0.1)


def test_the_same_study_gives_the_same_proposals():
    one, other = (searched(FamilyTPE(SPACE.families, 4), 25, fair_but_flat)[1] for _ in range(2))
    assert one == other


def test_stopped_and_failed_trials_are_no_obstacle():
    study = optuna.create_study(direction="maximize", sampler=FamilyTPE(SPACE.families, seed=5))
    ends = (TrialState.PRUNED, TrialState.FAIL, TrialState.COMPLETE)
    for number in range(40):
        trial = study.ask()
        score = fair_but_flat(sample(SPACE, trial))
        trial.report(score if number % 7 else float("nan"), 1)
        state = ends[number % 3]
        study.tell(trial, score if state == TrialState.COMPLETE else None, state=state)
    counts = Counter(trial.params[FAMILY] for trial in study.trials)
    assert counts["motion_energy"] > counts["dwiseneuro"]


@pytest.mark.parametrize("trials", [20, None])
def test_auto_takes_it_where_families_are_to_be_chosen(trials):
    assert isinstance(make_sampler("auto", SPACE, trials, seed=0), FamilyTPE)
    assert not isinstance(make_sampler("tpe", SPACE, trials, seed=0), FamilyTPE)
