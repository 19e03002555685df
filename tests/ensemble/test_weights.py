"""Rules whose weights are a way uphill: simplex weights, a mouse's own, and a neuron's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.crossfit import in_sample
from ensemble.moments import Moments
from ensemble.rules.crew import Crew
from ensemble.rules.limits import Limits
from ensemble.rules.per_mouse import PerMouse
from ensemble.rules.per_neuron import PerNeuron, ascend_each, shrunk
from ensemble.rules.simplex import Simplex, project
from ensemble.rules.weights import Weights
from tests.ensemble.made_moments import made_mice, made_trials

NOISES = [2.0, 0.8, 3.0, 1.0, 9.0]


def test_simplex_weights_are_a_top():
    """The inverse variances of independent noise, and no direction within the simplex goes up."""
    found = Simplex().fit(made_mice(3, NOISES, neurons=60, blocks=20)).shared
    wanted = 1 / np.square(NOISES)
    np.testing.assert_allclose(found, wanted / wanted.sum(), atol=0.02)
    mice = made_mice(1, NOISES)
    crew, weights = Crew.of(mice), Simplex(iterations=500).fit(mice).shared
    _, slope = crew.score_and_slope(weights)
    assert np.ptp(slope[weights > 0]) < 2e-3
    assert (slope[weights == 0] <= slope[weights > 0].max() + 2e-3).all()


@settings(deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=7), st.integers(0, 99))
def test_the_projection_is_the_nearest_point_of_the_simplex(values, seed):
    point = np.array(values)
    found = project(point)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)
    others = np.random.default_rng(seed).dirichlet(np.ones(len(point)), 20)
    # The angle at the nearest point of a convex set is never acute.
    assert ((others - found) @ (point - found) <= 1e-9 * (1 + np.abs(point).max())).all()


def test_mice_with_other_best_members_get_weights_of_their_own():
    mice = {
        "one": Moments.collect(made_trials(1, [0.5, 5.0])),
        "two": Moments.collect(made_trials(2, [5.0, 0.5])),
    }
    weights = PerMouse().fit(mice)
    assert weights.of("one")[0] > 0.9
    assert weights.of("two")[1] > 0.9
    np.testing.assert_array_equal(weights.of("another"), Simplex().fit(mice).shared)
    assert in_sample(mice, weights) > in_sample(mice, Simplex().fit(mice)) + 0.1


def split_brain(seed, frames=200):
    """Half of the neurons follow the first member, half the second."""
    one, two = (
        made_trials(seed, [0.3, 6.0], frames=frames),
        made_trials(seed + 1, [6.0, 0.3], frames=frames),
    )
    return Moments.collect(
        (b, np.concatenate([p, q], axis=1), np.concatenate([r, s]))
        for (b, p, r), (_, q, s) in zip(one, two, strict=True)
    )


def test_neurons_with_other_best_members_get_weights_of_their_own():
    mice = {"mouse": split_brain(1)}
    weights = PerNeuron().fit(mice).of("mouse")
    assert (weights[:8, 0] > 0.9).all()
    assert (weights[8:, 1] > 0.9).all()
    assert in_sample(mice, PerNeuron().fit(mice)) > in_sample(mice, PerMouse().fit(mice)) + 0.1


def test_weights_of_neurons_are_drawn_to_the_mouse_where_there_is_little_to_learn():
    rule = PerNeuron()
    noisy = made_mice(5, [1.0] * 6, frames=6, noise=4.0, neurons=30)
    assert rule.best_shrinkage(Crew.of(noisy), Limits()) == 1
    assert rule.best_shrinkage(Crew.of({"mouse": split_brain(1)}), Limits()) < 0.3
    single = {"mouse": split_brain(1).of_blocks(["00"])}
    assert rule.best_shrinkage(Crew.of(single), Limits()) == 1


def test_no_neuron_falls_below_its_start():
    moments = Moments.collect(made_trials(9, NOISES, frames=6, noise=3.0, neurons=40))
    start = np.full(5, 0.2)
    reached = moments.correlation(ascend_each(moments.covariance, start, 20))
    assert (reached >= moments.correlation(start)).all()
    assert reached.mean() > moments.score(start) + 0.05


def test_a_neuron_that_is_worse_between_two_weights_keeps_its_mouses():
    """Where correlations are negative, a mean of two members is further from 0 than either."""
    trials = [(block, -p, r) for block, p, r in made_trials(1, [1.0, 1.0], neurons=3)]
    crew = Crew.of({"mouse": Moments.collect(trials)})
    own = {"mouse": np.tile([0.0, 1.0], (3, 1))}
    found = shrunk(crew, Weights(np.array([1.0, 0.0])), own, 0.5)
    assert found.of("mouse").tolist() == [[1.0, 0.0]] * 3
