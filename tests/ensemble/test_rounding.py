import numpy as np

from ensemble.rounding import round_mantissa


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
