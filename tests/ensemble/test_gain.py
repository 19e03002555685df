"""What is said of an ensemble, in a sentence."""

from types import SimpleNamespace

import pytest

from ensemble.chosen import Ensemble
from ensemble.evaluation import TierScores
from ensemble.gain import verdict
from ensemble.rules import Weights
from ensemble.rules.weights import equal
from ensemble.selection import CandidateScore, RuleScore, Selection


def tier(name, members, ensemble, **options):
    return TierScores(name, 4, ("a",), members, ensemble, **options)


def made(members, rule, reason, cross_fitted=0.41):
    """An ensemble of so many of two candidates, by a rule."""
    single = CandidateScore("7", 0.40, 0.40, 0.01, 1 / members)
    second = CandidateScore("3", 0.39, 0.42, 0.01, 1 - 1 / members)
    score = RuleScore(rule, members, 0.42, cross_fitted, 0.01, 0.0, 0.0)
    selection = Selection((single, second), (score,), rule, reason, ((1, 0.5), (0.5, 1)), 4)
    runs = tuple(SimpleNamespace(label=each) for each in ("7", "3")[:members])
    return Ensemble(runs, Weights(equal(range(members), members)), selection, "", {}, None)


MEAN = "plain mean, 0.4100 on blocks that it was not fitted to, the best of 8 rules"
SINGLE = "best single, 0.4100 on blocks that it was not fitted to, the best of 8 rules"
TWO, ONE = made(2, "plain mean", MEAN), made(1, "best single", SINGLE)


@pytest.mark.parametrize(
    ("ensemble", "scores", "expected"),
    [
        (
            TWO,
            [tier("oracle", (0.398, 0.39), 0.412), tier("live_test_main", (0.3, 0.3), 0.31)],
            "the ensemble of 2 scores 0.4120 on oracle, above its best single member (0.3980)",
        ),
        (
            TWO,
            [tier("oracle", (0.398, 0.39), 0.412), tier("final_test_bonus", (0.3, 0.2), 0.25)],
            "the ensemble of 2 scores 0.4120 on oracle, above its best single member (0.3980); "
            "but 0.2500 on OOD final, not above its best single member (0.3000)",
        ),
        (
            TWO,
            [tier("oracle", (0.400, 0.390), 0.399)],
            "the ensemble of 2 scores 0.3990 on oracle, not above its best single member (0.4000): "
            "the difference of 0.0010 is within the spread of its members' scores (standard "
            "deviation 0.0071)",
        ),
        (
            TWO,
            [tier("oracle", (0.400, 0.399), 0.390, floor=0.391)],
            "the ensemble of 2 scores 0.3900 on oracle, not above its best single member (0.4000): "
            f"its weights were chosen on other trials ({MEAN}), and here the weaker members pull it "
            "down: they score 0.3990 to 0.4000; the floor, a linear model, is no worse (0.3910 on "
            "oracle)",
        ),
        (
            ONE,
            [tier("oracle", (0.37,), 0.37, floor=0.1)],
            "the ensemble is one model, run 7 (0.3700 on oracle), and so not above its best single "
            f"member: {SINGLE}",
        ),
        (
            TWO,
            [],
            "the ensemble of 2 scores 0.4100 on held-out trials, cross-fitted (the best member alone "
            "0.4000); no other trials with known responses",
        ),
        (
            made(2, "plain mean", MEAN, cross_fitted=None),
            [],
            "the ensemble of 2 scores 0.4200 on the held-out trials that it was chosen on (the best "
            "member alone 0.4000); no other trials with known responses",
        ),
    ],
)
def test_the_gain_in_words(ensemble, scores, expected):
    assert verdict(ensemble, tuple(scores)) == expected
