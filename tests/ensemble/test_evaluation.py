import numpy as np
import pytest

from ensemble.evaluation import ENSEMBLE, FLOOR, Evaluation, tiers_to_evaluate
from ensemble.tally import Tally
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
            made = {"0": a, "1": b, ENSEMBLE: (a + b) / 2, FLOOR: floor}
            for name, prediction in made.items():
                evaluation.add(session, trial, {name: prediction}, response)
            evaluation.end(session, trial, response)
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


def evaluated(demo, mice):
    """An evaluation of made-up predictions of all known trials of these mice."""
    evaluation = Evaluation(Answers.beside(demo.data), ("oracle", *TEST_TIERS), 250)
    for session in open_sessions(demo.data):
        for trial in session.trials(evaluation.tiers) if session.name in mice else []:
            response = evaluation.response(session, trial)
            generator = np.random.default_rng(trial)
            names = ("0", "1", ENSEMBLE)
            made = dict(zip(names, generator.gamma(2, 1, (3, *response.shape)), strict=True))
            evaluation.add(session, trial, made, response)
            evaluation.end(session, trial, response)
    return evaluation


def test_parts_of_an_evaluation_are_stored_and_joined_to_the_bit(demo):
    mice = [session.name for session in open_sessions(demo.data)]
    whole, joined = evaluated(demo, mice), Evaluation(Answers(), ("oracle", *TEST_TIERS), 250)
    for mouse in mice:
        joined.tally.join(Tally.of(evaluated(demo, [mouse]).tally.arrays()))
    for normalise in (True, False):
        assert joined.scores(normalise) == whole.scores(normalise)
    assert len(whole.scores()) == 5


def test_an_evaluation_of_nothing_is_stored_too():
    evaluation = Evaluation(Answers(), ("oracle",), 250)
    evaluation.tally.join(Tally.of(Tally(250).arrays()))
    assert not evaluation.scores()


def test_a_tier_that_is_not_evaluated_needs_no_response(demo):
    session = open_sessions(demo.data)[0]
    evaluation = Evaluation(Answers.beside(demo.data), ("oracle",))
    assert evaluation.response(session, session.trials("live_test_main")[0]) is None
    assert evaluation.response(session, session.trials("oracle")[0]) is not None
