import numpy as np
import pytest

from ensemble.evaluation import ENSEMBLE, FLOOR, Evaluation, TierScores, tiers_to_evaluate
from ensemble.gain import verdict
from ensemble.selection import Prefix, Selection
from models.answers import Answers
from models.errors import RecordingError
from models.recordings import truth
from models.recordings.data_set import open_sessions
from models.recordings.layout import TEST_TIERS
from models.scoring import Scoreboard


def test_withheld_responses_come_from_the_truth(demo):
    session = open_sessions(demo.data)[0]
    trial = session.trials("live_test_bonus")[0]
    known, unknown = Answers.beside(demo.data), Answers()
    stored = truth.Truth(truth.truth_folder(demo.data))
    np.testing.assert_array_equal(
        known.response(session, trial), stored.responses(session.name, trial)
    )
    assert known.kind(session, trial) == stored.kind(session.name, trial)
    assert unknown.response(session, trial) is None
    assert unknown.noise_free(session, trial) is None
    assert unknown.kind(session, trial) == ""
    oracle = session.trials("oracle")[0]
    np.testing.assert_array_equal(unknown.response(session, oracle), session.responses(oracle))


def test_a_truth_that_is_named_must_be_there(demo, tmp_path):
    assert Answers.beside(tmp_path).truth is None
    with pytest.raises(RecordingError, match="holds no truth"):
        Answers.beside(demo.data, tmp_path)


def test_tiers_to_evaluate(demo):
    sessions = open_sessions(demo.data)
    with_truth = Answers.beside(demo.data)
    assert tiers_to_evaluate(sessions, with_truth, {"train"}) == ["oracle", *TEST_TIERS]
    assert tiers_to_evaluate(sessions, with_truth, {"train", "oracle"}) == [*TEST_TIERS]
    assert tiers_to_evaluate(sessions, Answers(), {"train"}) == ["oracle"]


def test_scores_are_the_scoreboards(demo):
    answers, sessions = Answers.beside(demo.data), open_sessions(demo.data)
    evaluation = Evaluation(answers, ("live_test_main", "oracle"))
    boards = [Scoreboard() for _ in range(5)]
    generator = np.random.default_rng(0)
    for session in sessions:
        for trial in session.trials("oracle"):
            response = evaluation.response(session, trial)
            a, b, floor = generator.gamma(2, 1, (3, *response.shape))
            made = {ENSEMBLE: (a + b) / 2, FLOOR: floor}
            evaluation.add(session, trial, [a, b], made, response)
            every = (a, b, (a + b) / 2, floor, answers.noise_free(session, trial))
            for board, prediction in zip(boards, every, strict=True):
                board.add(session, "oracle", "", prediction, response)
    (scores,) = evaluation.scores()  # no trial of the other tier was added
    first, second, ensemble, floor, ceiling = (board.score("oracle") for board in boards)
    assert scores.members == (first, second)
    assert (scores.ensemble, scores.floor, scores.ceiling) == (ensemble, floor, ceiling)
    assert scores.best_single == first
    assert scores.mean_of_singles == pytest.approx((first + second) / 2)
    assert scores.share == pytest.approx(ensemble / ceiling)
    assert scores.mice == tuple(session.name for session in sessions)
    assert scores.trials == 2


def test_a_tier_that_is_not_evaluated_needs_no_response(demo):
    session = open_sessions(demo.data)[0]
    evaluation = Evaluation(Answers.beside(demo.data), ("oracle",))
    assert evaluation.response(session, session.trials("live_test_main")[0]) is None
    assert evaluation.response(session, session.trials("oracle")[0]) is not None


def tier(name, members, ensemble, **options):
    return TierScores(name, 4, ("a",), members, ensemble, **options)


TWO = Selection((Prefix(1, "7", 0.40, 0.40), Prefix(2, "3", 0.39, 0.42)), 2)
ONE = Selection((Prefix(1, "7", 0.40, 0.40), Prefix(2, "3", 0.39, 0.38)), 1)


@pytest.mark.parametrize(
    ("selection", "scores", "expected"),
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
            "its number of members was chosen on other trials (on the held-out fold the mean of the "
            "top 2 scored 0.4200, the best run alone 0.4000), and here the weaker members pull it "
            "down: they score 0.3990 to 0.4000; the floor, a linear model, is no worse (0.3910 on "
            "oracle)",
        ),
        (
            ONE,
            [tier("oracle", (0.37,), 0.37, floor=0.1)],
            "the ensemble is one model, run 7 (0.3700 on oracle), and so not above its best single "
            "member: on the held-out fold the mean of the top 2 scored 0.3800, the best run alone "
            "0.4000",
        ),
        (
            TWO,
            [],
            "the ensemble of 2 is above its best single member on the trials it was chosen on (on "
            "the held-out fold the mean of the top 2 scored 0.4200, the best run alone 0.4000); no "
            "other trials with known responses",
        ),
    ],
)
def test_the_gain_in_words(selection, scores, expected):
    assert verdict(selection, tuple(scores)) == expected
