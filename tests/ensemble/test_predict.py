import numpy as np
import pytest

from ensemble.predict import Crowd, ServerUnits, plain_weights
from models.metrics import response_precision
from models.recordings.data_set import open_sessions
from models.trained import TrainedRun
from tests.ensemble.small_sessions import make_session


class Fixed:
    """Stands in for a loaded run: it always predicts the same."""

    def __init__(self, values):
        self.values = np.asarray(values, dtype=np.float32)

    def respond(self, *_):
        return self.values


def test_weights_of_equal_members_add_up_to_one():
    assert plain_weights(4) == (0.25, 0.25, 0.25, 0.25)
    assert sum(plain_weights(7)) == pytest.approx(1)


def test_members_are_combined_with_their_weights():
    crowd = Crowd((Fixed([[1, 2]]), Fixed([[5, 10]])), (0.75, 0.25))
    predictions = crowd.respond(None, None, None)
    combined = crowd.combine(predictions)
    np.testing.assert_allclose(combined, [[2, 4]])
    assert combined.dtype == np.float64


def test_loaded_runs_are_averaged(demo):
    session = open_sessions(demo.data)[0]
    trial = session.trials("live_test_bonus")[0]
    runs = tuple(TrainedRun.open(demo.run(number), "cpu") for number in (0, 1))
    crowd = Crowd(runs, plain_weights(2))
    each = crowd.respond(session, session.video(trial), session.behaviour(trial))
    first, second = (run.predict(session, trial) for run in runs)
    assert not np.allclose(first, second, rtol=1e-3)
    np.testing.assert_array_equal(each, [first, second])
    np.testing.assert_allclose(crowd.combine(each), (first.astype(float) + second) / 2)


@pytest.mark.parametrize(
    ("length", "frames", "window"),
    [
        (300, 249, slice(50, 299)),
        (324, 250, slice(50, 300)),
        (240, 249, slice(50, 239)),
        (240, 250, slice(50, 240)),
    ],
)
def test_a_row_is_cut_and_multiplied_by_the_precision(tmp_path, length, frames, window):
    session = make_session(tmp_path / "mouse", [3, 1, 8])
    std = np.random.default_rng(0).gamma(2, 3, (3, 324))
    std[:, 300:] = np.nan
    std[0, 60] = 1e-9
    np.save(session.path / "meta/statistics/responses/all/std.npy", std)
    prediction = np.random.default_rng(1).gamma(2, 1, (3, length)).astype(np.float32)
    row = ServerUnits(frames).row(session, 2, prediction)
    expected = prediction[:, window].astype(float) * response_precision(std)[:, window]
    np.testing.assert_allclose(row.prediction, expected, rtol=1e-12)
    assert (row.mouse, row.trial) == ("mouse", 2)
    assert row.neuron_ids.tolist() == [3, 1, 8]


def test_a_precision_that_is_constant_in_time(tmp_path):
    session = make_session(tmp_path / "mouse", [1, 2], std=4.0)
    row = ServerUnits().row(session, 2, np.full((2, 300), 8.0))
    np.testing.assert_array_equal(row.prediction, np.full((2, 249), 2.0))


def test_without_normalising_the_units_are_raw(tmp_path):
    session = make_session(tmp_path / "mouse", [1, 2], std=4.0)
    row = ServerUnits(normalise=False).row(session, 2, np.full((2, 300), 8.0))
    np.testing.assert_array_equal(row.prediction, np.full((2, 249), 8.0))


def test_rows_are_never_negative_and_keep_what_is_not_finite(tmp_path):
    session = make_session(tmp_path / "mouse", [1, 2])
    prediction = np.full((2, 300), -1e-3)
    prediction[1, 70] = np.nan
    values = ServerUnits().row(session, 2, prediction).prediction
    assert np.isnan(values[1, 20])
    assert np.nansum(values) == 0
