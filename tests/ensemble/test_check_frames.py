"""Where shifted frames, a missing precision and constant neurons can be told, and where not."""

import numpy as np
import pytest

from ensemble.checks.constant import Constant
from ensemble.checks.lag import Lag
from ensemble.checks.precision import PrecisionTrace
from models.answers import Answers
from models.metrics import response_precision
from models.recordings.data_set import open_sessions
from models.scoring import server_units
from tests.ensemble.shifted_sessions import Known, jumping_rows, make_jumping, precision


@pytest.fixture(scope="module")
def jumping(tmp_path_factory):
    return make_jumping(tmp_path_factory.mktemp("jumping"))


def trace_of(each, given):
    trace = PrecisionTrace(each)
    for values in given:
        trace.add(values)
    return trace


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("neurons", [6, 900])
def test_the_precision_that_was_used_is_recognised(late, neurons):
    generator = np.random.default_rng(0)
    each = response_precision(generator.gamma(30, 0.3, (neurons, 320)))
    smooth = 1 + np.cumsum(generator.gamma(1, 0.01, (4, neurons, 249)), axis=2)
    trace = trace_of(each, smooth * each[:, 50 + late : 299 + late])
    np.testing.assert_allclose(trace.shares(), np.eye(3)[1 + late], atol=0.02)
    assert trace.lag() == late
    assert not trace.absent()
    none = trace_of(each, smooth)
    assert none.absent()
    assert none.lag() is None


def test_generated_recordings_of_any_size_show_it(demo):
    answers = Answers.beside(demo.data)
    for session in open_sessions(demo.data):
        given = [answers.noise_free(session, t) for t in session.trials("live_test_main")]
        right = trace_of(session.precision, [server_units(session, each) for each in given])
        assert right.lag() == 0
        assert trace_of(session.precision, [each[:, 50:299] for each in given]).absent()


def test_what_cannot_be_told_is_not_told():
    generator = np.random.default_rng(0)
    each = response_precision(generator.gamma(30, 0.3, (6, 320)))
    wild = generator.gamma(0.3, 1, (1, 6, 249)) + 1e-6
    without_time, without_jumps = each[:, :1], np.ones_like(each)
    for trace in (
        trace_of(without_time, np.ones((2, 6, 249))),
        trace_of(without_jumps, np.ones((2, 6, 249))),
        trace_of(each, wild),
        trace_of(each, np.zeros((2, 6, 249))),
        trace_of(each, np.full((2, 6, 249), np.nan)),
        trace_of(each, np.ones((2, 6, 10))),
        trace_of(each[:, :60], np.ones((2, 6, 249))),
        trace_of(each, []),
    ):
        assert trace.shares() is None
        assert trace.lag() is None
        assert not trace.absent()


def lag_warnings(session, answers, **shift):
    lag = Lag(session, answers)
    for row in jumping_rows([session], **shift):
        lag.add(row.trial, row.prediction)
    return lag.warnings()


def test_shifted_predictions_are_told_by_responses_alone(jumping):
    assert not lag_warnings(jumping[0], Known())
    (after,) = lag_warnings(jumping[0], Known(), late=1)
    (before,) = lag_warnings(jumping[1], Known(), late=-1, longest=250)
    assert "the frame after it" in after.found
    assert "the frame before it" in before.found
    assert not lag_warnings(jumping[0], Answers(), late=1)


def test_few_neurons_or_a_model_that_knows_nothing_tell_no_shift(jumping, monkeypatch):
    class Noise(Known):
        def response(self, session, trial):
            made = super().response(session, trial)
            return np.random.default_rng(trial).normal(size=made.shape)

    assert not lag_warnings(jumping[0], Noise(), late=1)
    monkeypatch.setattr("ensemble.checks.lag._FEWEST_NEURONS", 25)
    assert not lag_warnings(jumping[0], Known(), late=1)


def test_a_neuron_is_constant_or_not():
    each = np.random.default_rng(0).gamma(30, 0.3, (5, 320))
    plain, divided = Constant(5), Constant(5, each)
    for trial in range(3):
        values = np.ones((5, 249))
        values[0] = 0
        values[1] = 3.0 + 1e-4 * trial  # what rounding leaves of a constant
        values[2] = 2 * each[2, 50:299]
        values[3] = np.nan
        values[4, trial] = 2
        plain.add(values)
        divided.add(values)
    assert plain.at_zero().tolist() == [0]
    assert plain.elsewhere().tolist() == [1]
    assert divided.elsewhere().tolist() == [2]
    untold = Constant(5)
    assert (untold.at_zero().size, untold.elsewhere().size) == (0, 0)


def test_more_values_than_frames_are_left_to_others(jumping):
    divided = Constant(24, precision(jumping[0]))
    divided.add(np.ones((24, 400)))
    assert divided.elsewhere().size == 0
