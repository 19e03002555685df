from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ensemble import cross_products
from ensemble.moments import Moments, bytes_needed
from models.metrics import Correlation, scored_frames, single_trial_correlation
from tests.ensemble.made_moments import made_trials, trial


def made_up(seed, members, neurons, lengths, offset=0.0, scale=1.0, gaps=0.0):
    """Trials of correlated variables; the last neuron's response is constant."""
    generator = np.random.default_rng(seed)
    trials = []
    for block, length in enumerate(lengths):
        signal = generator.normal(size=(neurons, length))
        both = np.stack([signal + generator.normal(size=signal.shape) for _ in range(members + 1)])
        both = offset + scale * both
        both[-1, -1] = offset
        both[generator.random(both.shape) < gaps] = np.nan
        trials.append((str(block), *trial(both[:-1], both[-1])))
    return trials


def scored(trials):
    """(M, N, F) and (N, F): all scored frames end to end."""
    windows = [(p, r, scored_frames(r.shape[1])) for _, p, r in trials]
    predictions = np.concatenate([p[..., window] for p, _, window in windows], axis=-1)
    return predictions, np.concatenate([r[:, window] for _, r, window in windows], axis=-1)


def directly(trials, weights):
    """(N,) correlations from everything at once, over the frames in which all is finite.

    Values are taken from the first frame on: that is exact where an offset is large, so rounding of
    the weighted mean costs no digits here.
    """
    predictions, response = scored(trials)
    found = []
    for neuron in range(len(response)):
        both = np.vstack([predictions[:, neuron], response[None, neuron]])
        both = both[:, np.isfinite(both).all(axis=0)]
        if not both.size:
            found.append(0.0)
            continue
        both -= both[:, :1]
        own = weights if weights.ndim == 1 else weights[neuron]
        pair = ((own @ both[:-1])[None], both[None, -1])
        found.append(float(single_trial_correlation([pair])[0]))
    return np.array(found)


def some_weights(seed, *shape):
    weights = np.random.default_rng(seed).exponential(size=shape)
    return weights / weights.sum(axis=-1, keepdims=True)


@settings(max_examples=60, deadline=None)
@example(0, 3, 4, [30, 40], 1e4, 1e-4, 0.0)
@example(0, 3, 4, [30, 40], -1e4, 1e-4, 0.1)
@example(852, 2, 4, [1, 2], -1e4, 1e-4, 0.0)
@example(3, 2, 5, [1, 20, 20], 1e4, 1e-2, 0.5)
@example(0, 1, 1, [3], 0.0, 1.0, 0.9)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(1, 5),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.sampled_from([0.0, 1.0, -1e4, 1e4]),
    st.sampled_from([1e-4, 1.0, 1e3]),
    st.sampled_from([0.0, 0.05, 0.5]),
)
def test_correlations_are_those_of_the_direct_computation(
    seed, members, neurons, lengths, offset, scale, gaps
):
    trials = made_up(seed, members, neurons, lengths, offset, scale, gaps)
    found = Moments.collect(trials)
    for weights in (some_weights(seed, members), some_weights(seed, neurons, members)):
        wanted = directly(trials, weights)
        np.testing.assert_allclose(found.correlation(weights), wanted, rtol=0, atol=1e-8)
        assert found.score(weights) == pytest.approx(wanted.mean(), abs=1e-8)


def test_weights_that_differ_between_blocks_add_up_to_one_correlation():
    """What cross-fitting needs: each block predicted with its own weights, then all as one."""
    trials = [(b, p + 3, r) for b, p, r in made_trials(3, [0.5, 1, 2], blocks=3)]
    moments = Moments.collect(trials)
    weights = {block: some_weights(i, 3) for i, block in enumerate(moments.blocks)}
    weights["01"] = 0.9 * some_weights(9, 8, 3)
    parts = [moments.blocks[block].mixed(own) for block, own in weights.items()]
    whole = Correlation()
    for block, predictions, response in trials:
        window = scored_frames(response.shape[1])
        own = np.broadcast_to(weights[block], (8, 3))
        mixed = np.einsum("nm,mnt->nt", own, predictions[..., window])
        whole.add(mixed, response[:, window])
    total = parts[0] + parts[1] + parts[2]
    found = Moments({"all": total}).correlation(np.ones(1))
    np.testing.assert_allclose(found, whole.per_neuron(), rtol=0, atol=1e-12)


def test_blocks_add_in_any_order():
    trials = made_up(5, 3, 4, [9, 30, 20], offset=1e4, scale=1e-2, gaps=0.05)
    weights = some_weights(5, 3)
    wanted = Moments.collect(trials).correlation(weights)
    for order in permutations(trials):
        parts = [Moments.collect([each]) for each in order]
        for total in ((parts[0] + parts[1]) + parts[2], parts[0] + (parts[1] + parts[2])):
            np.testing.assert_allclose(total.correlation(weights), wanted, rtol=0, atol=1e-10)
            assert total.left_out == Moments.collect(trials).left_out


def test_blocks_of_one_name_become_one():
    trials = made_trials(1, [1, 2], blocks=4)
    one_block = [("same", *rest) for _, *rest in trials]
    weights = some_weights(0, 2)
    joined = Moments.collect(one_block[:2]) + Moments.collect(one_block[2:])
    assert [*joined.blocks] == ["same"]
    wanted = Moments.collect(trials).correlation(weights)
    np.testing.assert_allclose(joined.correlation(weights), wanted, rtol=0, atol=1e-12)


def test_some_blocks_are_those_of_their_trials():
    trials = made_trials(2, [1, 2], blocks=4)
    some = Moments.collect(trials).of_blocks(["03", "01", "not there"])
    weights = some_weights(0, 2)
    np.testing.assert_allclose(
        some.correlation(weights), directly([trials[1], trials[3]], weights), rtol=0, atol=1e-12
    )


def test_only_scored_frames_count():
    generator = np.random.default_rng(0)
    predictions, response = generator.normal(size=(2, 3, 320)), generator.normal(size=(3, 320))
    weights = some_weights(0, 2)
    found = Moments.collect([("a", predictions, response)])
    mixed = np.einsum("m,mnt->nt", weights, predictions)
    pair = (mixed[:, 50:299], response[:, 50:299])
    np.testing.assert_allclose(found.correlation(weights), single_trial_correlation([pair]))
    assert found.total.counts.tolist() == [249] * 3
    longer = Moments.collect([("a", predictions, response)], longest=250)
    assert longer.total.counts.tolist() == [250] * 3


def test_a_frame_that_one_member_lacks_counts_for_none():
    ((block, predictions, response),) = made_trials(0, [1, 2], neurons=2, blocks=1)
    holed = predictions.copy()
    holed[0, 1, 60:65] = np.nan
    found = Moments.collect([(block, holed, response)])
    assert found.left_out == 5
    assert found.total.counts.tolist() == [40, 35]
    other = response.copy()
    other[1, 60:65] = np.inf
    second = np.array([0.0, 1.0])  # of the member without a hole
    same = Moments.collect([(block, predictions, other)])
    np.testing.assert_array_equal(found.correlation(second), same.correlation(second))
    assert found.correlation(second)[1] != pytest.approx(
        Moments.collect([(block, predictions, response)]).correlation(second)[1], abs=1e-6
    )


def test_what_is_undefined_counts_as_zero():
    """A constant response, a constant member, and a neuron without any frame."""
    trials = made_trials(0, [1, 2], neurons=3, blocks=1, frames=37)  # a mean of 37 is rounded
    ((block, predictions, response),) = trials
    response[0] = 1e4
    predictions[:, 1] = 0.3
    response[2] = np.nan
    found = Moments.collect([(block, predictions, response)])
    predictions[:, 0] = 1e7 + 0.1
    response[0] = 1e7 + 0.3
    both = Moments.collect([(block, predictions, response)])
    np.testing.assert_allclose(both.correlation(some_weights(0, 2)), 0, atol=1e-8)
    for weights in (some_weights(0, 2), some_weights(0, 3, 2)):
        np.testing.assert_allclose(found.correlation(weights), 0, atol=1e-8)
        assert np.isfinite(found.covariance.correlation_and_slope(weights)[1]).all()
    assert np.isfinite(found.member_correlations()).all()


def test_each_member_is_worth_what_the_plain_mean_loses_without_it():
    trials = made_trials(4, [0.5, 1, 6])
    found = Moments.collect(trials)
    everyone = directly(trials, np.full(3, 1 / 3)).mean()
    pairs = [(0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    wanted = [everyone - directly(trials, np.array(pair)).mean() for pair in pairs]
    np.testing.assert_allclose(found.leave_one_out(), wanted, rtol=0, atol=1e-10)
    assert found.leave_one_out()[2] < 0 < found.leave_one_out()[0]
    alone = Moments.collect(made_trials(4, [1]))
    assert np.isnan(alone.leave_one_out()).tolist() == [True]


def test_correlations_between_members():
    trials = made_trials(6, [0.5, 1, 2])
    predictions, _ = scored(trials)
    wanted = np.mean([np.corrcoef(predictions[:, n]) for n in range(8)], axis=0)
    found = Moments.collect(trials).member_correlations()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("per_neuron", [False, True])
def test_slopes_are_exact(per_neuron):
    covariance = Moments.collect(made_trials(7, [0.5, 1, 2])).covariance
    weights = some_weights(1, 8, 3) if per_neuron else some_weights(1, 3)
    _, slope = covariance.correlation_and_slope(weights)
    for member in range(3):
        step = np.zeros_like(weights)
        step[..., member] = 1e-6
        up, down = covariance.correlation(weights + step), covariance.correlation(weights - step)
        np.testing.assert_allclose(slope[member], (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


def test_neurons_are_worked_through_in_chunks(monkeypatch):
    trials = made_trials(8, [1, 2], neurons=7)
    whole = Moments.collect(trials)
    monkeypatch.setattr(cross_products, "CHUNK_BYTES", 2 * 8 * 3 * 40)
    chunked = Moments.collect(trials)
    np.testing.assert_allclose(chunked.total.products, whole.total.products, rtol=1e-13)
    means, wanted = (each.total.means + each.total.rest for each in (chunked, whole))
    np.testing.assert_allclose(means, wanted, rtol=0, atol=1e-14)


def test_memory_is_known_before():
    moments = Moments.collect(made_trials(0, [1, 2, 3], neurons=7, blocks=5))
    assert moments.nbytes == bytes_needed(members=3, neurons=7, blocks=5)


def test_what_does_not_fit_together_is_refused():
    (block, predictions, response), *_ = made_trials(0, [1, 2])
    with pytest.raises(ValueError, match=r"predictions have the shape \(2, 8, 40\)"):
        Moments.collect([(block, predictions, response[1:])])
    one, other = Moments.collect(made_trials(0, [1, 2])), Moments.collect(made_trials(0, [1]))
    with pytest.raises(ValueError, match="the sums have the shapes"):
        _ = (one + other).total
    with pytest.raises(ValueError, match="weights have the shape"):
        one.total.mixed(np.ones(3))
    with pytest.raises(ValueError, match="no trial"):
        _ = Moments.collect([]).total
