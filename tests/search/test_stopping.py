"""Which trials stop early, in studies made by hand."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from models.errors import UserError
from models.runs import SCORE
from search.attributes import ATTRIBUTE_WARM
from search.halving import SuccessiveHalving, places, rungs_within
from search.plan import Plan
from search.reading import parse_space
from search.sampler import open_study
from search.stopping import (
    STARTUP,
    check_stopping,
    grace_epochs,
    has_score,
    make_pruner,
)

EPOCHS, GRACE, REDUCTION = 21, 2, 3
SHORT = 7
RULES = ("asha", "hyperband", "median", "none")


def study_with(rule, grace=GRACE, brackets=1):
    return optuna.create_study(
        study_name="by hand",
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=make_pruner(rule, EPOCHS, grace, REDUCTION, brackets),
    )


def train(study, score, epochs=EPOCHS):
    """A trial with this score, or this function of the epoch; the epoch at which it is stopped."""
    trial = study.ask()
    for epoch in range(1, epochs + 1):
        trial.report(score(epoch) if callable(score) else score, epoch)
        if epoch < epochs and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return epoch
    study.tell(trial, 1.0)
    return None


@pytest.mark.parametrize(
    ("epochs", "wanted"), [(1, 1), (2, 2), (3, 2), (14, 2), (21, 3), (35, 5), (100, 14)]
)
def test_the_grace_is_a_seventh_of_the_budget_or_two_epochs(epochs, wanted):
    assert grace_epochs(epochs) == wanted


def test_asha_stops_the_weak_at_its_rungs():
    study = study_with("asha")
    assert [train(study, score) for score in (0.5, 0.6, 0.7)] == [None, None, None]
    assert train(study, 0.1) == GRACE
    assert train(study, lambda epoch: 0.9 if epoch < 4 else 0.1) == GRACE * REDUCTION
    assert train(study, lambda epoch: 0.9 if epoch < 15 else 0.1) == GRACE * REDUCTION**2
    assert train(study, lambda epoch: 0.1 if epoch == 4 else 0.95) is None, "between rungs"


def test_of_many_trials_one_in_so_many_goes_on():
    study = study_with("asha")
    scores = np.random.default_rng(0).permutation(90) / 90
    ends = [train(study, score) for score in scores]
    assert 0.5 < ends.count(GRACE) / len(ends) < 0.75
    assert 0 < ends.count(None) < 20
    assert set(ends) <= {None, 2, 6, 18}
    best = max(range(90), key=lambda number: scores[number])
    assert ends[best] is None


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("grace", [1, 2, 3, 7, 21, 50])
def test_every_trial_may_train_its_grace_epochs(rule, grace):
    study = study_with(rule, grace)
    ends = [train(study, score) for score in np.linspace(0.9, 0.1, 20)]
    assert all(end is None or end >= min(grace, EPOCHS) for end in ends)
    stopped = [end for end in ends if end is not None]
    assert bool(stopped) == (rule != "none" and grace < EPOCHS)
    if rule in ("asha", "median") and stopped:
        assert min(stopped) == grace


def test_hyperband_has_ladders_with_different_first_rungs():
    study = study_with("hyperband")
    ends = [train(study, score) for score in np.linspace(0.9, 0.1, 60)]
    assert {2, 6} <= set(ends)
    assert set(ends) <= {None, 2, 6, 18}


def test_the_median_says_nothing_before_enough_trials_are_complete():
    study = study_with("median")
    for number in range(STARTUP):
        assert train(study, 0.5 - number / 10) is None
    assert train(study, 0.1) == GRACE
    assert train(study, 0.4) is None


@pytest.mark.parametrize(
    ("rule", "brackets"), [("asha", 1), ("asha", 2), ("hyperband", 1), ("median", 1)]
)
def test_a_new_process_decides_as_the_old_one_would(tmp_path, rule, brackets):
    def decisions(folder, reopened):
        """Of eight trials, two at a time, with a new process in the middle of them where asked."""
        folder.mkdir()

        def opened():
            study = open_study(folder, "search")
            study.pruner = make_pruner(rule, SHORT, GRACE, REDUCTION, brackets)
            study.sampler = optuna.samplers.RandomSampler(seed=0)
            return study

        study, found = opened(), []
        scores = np.linspace(0.9, 0.2, 8)[:, None] + np.random.default_rng(1).random((8, SHORT)) / 9
        for pair in range(4):
            open_trials = {study.ask().number for _ in range(2)}
            for epoch in range(1, SHORT):
                study = opened() if reopened and epoch in (2, 5) else study
                for number in sorted(open_trials):
                    trial = optuna.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)
                    trial.report(scores[number, epoch], epoch)
                    found.append((pair, number, epoch, trial.should_prune()))
                    if found[-1][-1]:
                        study.tell(number, state=TrialState.PRUNED)
                        open_trials.discard(number)
            for number in open_trials:
                study.tell(number, scores[number, -1])
        return found

    steady = decisions(tmp_path / "steady", reopened=False)
    assert decisions(tmp_path / "reopened", reopened=True) == steady
    assert any(weak for *_, weak in steady)


def taken_over(score):
    return create_trial(
        state=TrialState.COMPLETE,
        value=score,
        intermediate_values=dict.fromkeys(range(1, EPOCHS + 1), score),
        user_attrs={ATTRIBUTE_WARM: "an earlier search"},
    )


@pytest.mark.parametrize(
    ("rule", "end"), [("asha", GRACE), ("hyperband", None), ("median", GRACE), ("none", None)]
)
def test_hyperband_alone_passes_over_trials_that_were_taken_over(rule, end):
    """Optuna keeps its rungs with the trials that reached them: one taken over stands on none."""
    study = study_with(rule)
    study.add_trials([taken_over(0.8)] * STARTUP)
    assert train(study, 0.1) == end


@pytest.mark.parametrize(
    ("reduction", "wanted"),
    [(2, [None, None, 2, None, 2]), (3, [None, None, None, None, 2]), (4, [None] * 4 + [2])],
)
def test_the_first_go_on_and_then_a_share_that_is_rounded_up(reduction, wanted):
    """The third is last of three, the fourth second of four, the fifth fourth of five."""
    study = optuna.create_study(direction="maximize", pruner=SuccessiveHalving(GRACE, reduction))
    assert [train(study, score) for score in (0.9, 0.5, 0.1, 0.7, 0.2)] == wanted


def test_with_brackets_trials_are_compared_with_those_of_theirs_alone():
    study = study_with("asha", brackets=2)
    pruner = study.pruner
    scores = np.random.default_rng(0).permutation(80) / 80
    ends = [train(study, score) for score in scores]
    first = [end for number, end in enumerate(ends) if pruner.bracket(number) == 0]
    second = [end for number, end in enumerate(ends) if pruner.bracket(number) == 1]
    assert (len(first), len(second)) == (48, 32)
    assert set(first) == {None, 2, 6, 18}
    assert set(second) == {None, 6, 18}
    alone = study_with("asha")
    own = [score for number, score in enumerate(scores) if pruner.bracket(number) == 0]
    assert [train(alone, score) for score in own] == first


@pytest.mark.parametrize(
    ("brackets", "reduction", "shares"), [(1, 3, [1]), (2, 3, [3, 2]), (3, 2, [4, 3, 3])]
)
def test_trials_are_dealt_to_brackets_in_the_shares_of_hyperband(brackets, reduction, shares):
    """The budget of each: trials * rungs' epochs * rungs."""
    dealt = places(brackets, reduction)
    assert [dealt.count(bracket) for bracket in range(brackets)] == shares
    assert dealt == places(brackets, reduction)
    for stop in range(1, len(dealt)):
        for bracket, share in enumerate(shares):
            assert abs(dealt[:stop].count(bracket) - share * stop / len(dealt)) <= 1


@pytest.mark.parametrize(
    ("epochs", "grace", "reduction", "wanted"),
    [(21, 2, 3, 3), (18, 2, 3, 2), (19, 2, 3, 3), (2, 2, 3, 0), (4, 1, 2, 2)],
)
def test_rungs_lie_before_the_end(epochs, grace, reduction, wanted):
    assert rungs_within(epochs, grace, reduction) == wanted


SPACE = parse_space(
    {
        "fixed": {"network.family": "linear", "training.epochs": EPOCHS},
        "parameters": {"network.filters": {"int": [1, 4]}},
    },
    "a",
)


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"brackets": 4, "grace": 2}, r"3 lie within 21 epochs .* found --brackets 4"),
        ({"brackets": 2, "grace": 21}, r"0 lie within 21 epochs .*\n.*Give --brackets 1"),
        ({"brackets": 2, "stopping": "median"}, "brackets are of --stopping asha; found"),
        ({"objectives": ("score", "seconds"), "stopping": "hyperband"}, "compares scores alone"),
    ],
)
def test_a_rule_that_cannot_do_what_is_asked_is_refused(asked, wanted):
    with pytest.raises(UserError, match=wanted):
        check_stopping(Plan(name="a", data="/data", **asked), SPACE)


def test_all_that_a_rule_cannot_do_is_said_at_once():
    asked = {"brackets": 2, "stopping": "median", "objectives": ("score", "seconds")}
    with pytest.raises(UserError, match=r"brackets are .*; --stopping median compares"):
        check_stopping(Plan(name="a", data="/data", **asked), None)


@pytest.mark.parametrize(
    "asked",
    [
        {"brackets": 3, "grace": 2},
        {"stopping": "median"},
        {"objectives": ("score", "parameters"), "brackets": 2},
        {"objectives": ("score", "parameters"), "stopping": "none"},
    ],
)
def test_what_a_rule_can_do_is_not_refused(asked):
    check_stopping(Plan(name="a", data="/data", **asked), SPACE)


@pytest.mark.parametrize(
    ("score", "wanted"),
    [(0.1, True), (-1, True), (float("nan"), False), (float("inf"), False), (None, False)],
)
def test_a_score_is_a_finite_number(score, wanted):
    assert has_score({SCORE: score}) is wanted
    assert not has_score({})
