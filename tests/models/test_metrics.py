import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import metrics
from tests.shared_files import shared


@pytest.fixture(scope="module")
def golden():
    with np.load(shared("golden/metrics.npz")) as archive:
        return dict(archive)


def trials_of(golden, mouse):
    videos = golden[f"mouse{mouse}/video_of_trial"]
    for trial, video in enumerate(videos):
        here = f"mouse{mouse}/trial{trial}"
        yield int(video), golden[f"{here}/prediction"], golden[f"{here}/response"]


def test_single_trial_correlation_equals_the_organisers(golden):
    expected = json.loads(str(golden["expected"]))
    per_mouse = {
        str(name): metrics.single_trial_correlation((p, r) for _, p, r in trials_of(golden, mouse))
        for mouse, name in enumerate(golden["names"])
    }
    for name, value in expected["single_trial_per_mouse"].items():
        assert per_mouse[name].mean() == pytest.approx(value, abs=1e-6)
    assert metrics.over_mice(per_mouse) == pytest.approx(expected["single_trial"], abs=1e-6)
    weighted = expected["single_trial_neuron_weighted"]
    assert metrics.over_neurons(per_mouse) == pytest.approx(weighted, abs=1e-6)


def test_correlation_to_average_equals_the_organisers(golden):
    expected = json.loads(str(golden["expected"]))
    per_mouse = {}
    for mouse, name in enumerate(golden["names"]):
        per_mouse[str(name)] = metrics.correlation_to_average(trials_of(golden, mouse))
        wanted = golden[f"mouse{mouse}/to_average_per_neuron"]
        np.testing.assert_allclose(per_mouse[str(name)], wanted, atol=1e-6)
    wanted = expected["correlation_to_average"]
    assert metrics.over_mice(per_mouse) == pytest.approx(wanted, abs=1e-6)


def test_response_precision_equals_the_winners():
    with np.load(shared("golden/response_precision.npz")) as archive:
        precision = metrics.response_precision(archive["std"])
        np.testing.assert_allclose(precision, archive["precision"], rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_pieces_give_what_the_whole_gives(seed, lengths):
    if sum(lengths) < 2:
        return
    generator = np.random.default_rng(seed)
    pieces = [(generator.normal(5, 2, (3, n)), generator.normal(50, 9, (3, n))) for n in lengths]
    prediction, response = (np.concatenate(side, axis=1) for side in zip(*pieces, strict=True))
    direct = [np.corrcoef(p, r)[0, 1] for p, r in zip(prediction, response, strict=True)]
    np.testing.assert_allclose(metrics.single_trial_correlation(pieces), direct, atol=1e-6)


def test_a_silent_neuron_counts_as_zero():
    prediction, response = np.ones((2, 40)), np.ones((2, 40))
    response[1] = np.nan
    assert metrics.single_trial_correlation([(prediction, response)]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("length", "longest", "count"),
    [
        (300, 249, 249),
        (324, 249, 249),
        (300, 250, 250),
        (240, 249, 189),
        (240, 250, 190),
        (30, 249, 0),
    ],
)
def test_scored_frames(length, longest, count):
    window = metrics.scored_frames(length, longest)
    assert len(range(length)[window]) == count
    assert metrics.has_scored_frames(length) == (count > 0)


def test_sums_are_stored_and_joined():
    generator = np.random.default_rng(0)
    pieces = [generator.normal(size=(2, 3, frames)) for frames in (40, 0, 7)]
    whole, joined = metrics.Correlation(), metrics.Correlation()
    for prediction, response in pieces:
        part = metrics.Correlation()
        part.add(prediction, response)
        stored = metrics.Correlation.of(part.frames, part.sums)
        assert stored.sums.tobytes() == part.sums.tobytes()
        joined.join(stored)
        whole.add(prediction, response)
    assert joined.frames == whole.frames == 47
    np.testing.assert_array_equal(joined.per_neuron(), whole.per_neuron())
    with pytest.raises(ValueError, match="no frame was added"):
        metrics.Correlation.of(0, np.zeros((5, 0))).per_neuron()
