import numpy as np

from ensemble.rounding import Rounding, round_mantissa


def test_rounding_keeps_the_asked_for_bits():
    values = np.random.default_rng(0).lognormal(0, 3, 1000) * np.repeat([1, -1], 500)
    for dtype in (np.float64, np.float32):
        rounded = values.astype(dtype)
        round_mantissa(rounded, 10)
        mantissa = np.frexp(rounded)[0] * 2**11
        np.testing.assert_array_equal(mantissa, np.round(mantissa))
        np.testing.assert_allclose(rounded, values, rtol=2.0**-11)
        assert np.corrcoef(rounded, values)[0, 1] > 0.999999


def test_rounding_to_all_bits_changes_nothing():
    values = np.random.default_rng(0).normal(size=100)
    kept = values.copy()
    round_mantissa(values, 52)
    assert values.tobytes() == kept.tobytes()


def parts(values, pieces=3):
    return np.array_split(values, pieces, axis=1)


def test_what_rounding_costs_is_the_correlation_of_each_neuron_over_the_file():
    given = np.random.default_rng(0).gamma(1, 1, (5, 300)) + np.arange(5)[:, None] * 100
    written = given.copy()
    round_mantissa(written, 6)
    rounding = Rounding()
    for mouse, neurons in (("a", slice(0, 2)), ("b", slice(2, 5))):
        for x, y in zip(parts(given[neurons]), parts(written[neurons]), strict=True):
            rounding.add(mouse, x, y)
    each = [np.corrcoef(x, y)[0, 1] for x, y in zip(given, written, strict=True)]
    kept = rounding.kept()
    np.testing.assert_allclose((kept.lowest, kept.mean), (min(each), np.mean(each)), atol=1e-9)
    assert f"{min(each):.9f}" in str(kept)


def test_constant_neurons_cost_nothing():
    given = np.random.default_rng(0).gamma(1, 1, (2, 40))
    given[0] = 0.1
    rounding = Rounding()
    rounding.add("a", given, given.astype(np.float32))
    assert rounding.kept().lowest > 0.999999999
    alone = Rounding()
    alone.add("a", given[:1], given[:1].astype(np.float32))
    assert (alone.kept().lowest, alone.kept().mean) == (1, 1)
