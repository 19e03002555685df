import numpy as np
import pytest

from ensemble import networks as networks_module
from ensemble.networks import Networks
from ensemble.predict import Crowd, Inputs, ServerUnits, Voice
from ensemble.rules.weights import Weights
from models.metrics import response_precision
from models.recordings.data_set import open_sessions
from models.trained import TrainedRun
from tests.ensemble.small_sessions import make_session


@pytest.fixture
def trials(demo):
    """Two trials of a mouse."""
    session = open_sessions(demo.data)[0]
    return [Inputs.read(session, trial) for trial in session.trials("train")[:2]]


def predicted(demo, number, trials):
    run = TrainedRun.open(demo.run(number), "cpu")
    return [run.predict(each.session, each.trial) for each in trials]


@pytest.mark.parametrize("numbers", [(0,), (0, 1), (0, 1, 4)])
def test_a_voice_is_the_mean_of_its_runs(demo, trials, numbers):
    voice = Voice(tuple(demo.run(number) for number in numbers), Networks("cpu"))
    each = [predicted(demo, number, trials) for number in numbers]
    for found, runs in zip(voice.respond(trials), zip(*each, strict=True), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.mean(runs, axis=0, dtype=np.float32))
    assert len(trials) == 2


def test_a_crowd_hears_one_member_after_the_other(demo, trials):
    networks = Networks("cpu", resident=False)
    crowd = Crowd(tuple(Voice((demo.run(n),), networks) for n in (0, 1)), Weights(np.ones(2) / 2))
    first, second = crowd.respond(trials)
    np.testing.assert_array_equal(first, predicted(demo, 0, trials))
    np.testing.assert_array_equal(second, predicted(demo, 1, trials))
    assert not np.allclose(first, second, rtol=1e-3)


def test_shares_are_those_of_the_mouse_and_of_its_neurons():
    own = {"a": np.array([[1.0, 0.0], [0.25, 0.75]])}
    crowd = Crowd((), Weights(np.array([0.75, 0.25]), own))
    first, second = np.array([[1, 2], [3, 4]], np.float32), np.array([[5, 6], [7, 8]], np.float32)
    for mouse, expected in (("b", [[2, 3], [4, 5]]), ("a", [[1, 2], [6, 7]])):
        total = crowd.share(0, first, mouse) + crowd.share(1, second, mouse)
        np.testing.assert_allclose(total, expected)
        assert total.dtype == np.float64


@pytest.mark.parametrize(
    ("weights", "plain"),
    [
        (Weights(np.ones(3) / 3), True),
        (Weights(np.array([0.5, 0.25, 0.25])), False),
        (Weights(np.ones(2) / 2, {"a": np.array([1.0, 0.0])}), False),
    ],
)
def test_a_crowd_is_plain_where_all_count_the_same_everywhere(weights, plain):
    assert Crowd((), weights).is_plain == plain


@pytest.mark.parametrize(("room", "resident"), [(3.9, False), (4.1, True), (8.2, True)])
def test_networks_stay_in_memory_where_a_quarter_of_it_is_enough(demo, monkeypatch, room, resident):
    runs = [demo.run(number) for number in (0, 1)]
    weights = sum((run / "weights.pt").stat().st_size for run in runs)
    monkeypatch.setattr(networks_module, "free_memory", lambda _: int(room * weights))
    networks = Networks("cpu", runs)
    assert networks.resident == resident
    first = networks.open(runs[0])
    networks.open(runs[1])
    assert (networks.open(runs[0]) is first) == resident
    assert Networks("cpu", runs, share=0.5).resident == (room > 8)
    assert not Networks("cpu", runs, resident=False).resident
    assert Networks("cpu", runs, resident=True, share=0).resident


def test_memory_that_is_free_is_some_of_this_machines():
    assert 0 < networks_module.free_memory(networks_module.usable_device("cpu")) < 2**50


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
    np.testing.assert_array_equal(row.prediction, expected.astype(np.float32))
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
