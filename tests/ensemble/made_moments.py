"""Responses and predictions from a generator, and their moments."""

import numpy as np

from ensemble.moments import Moments

BEFORE = 50
"""Frames that are not scored, at the start of each trial."""


def trial(predictions, response):
    """The same with frames before and after that are not scored; NaN, so that no one uses them."""
    pad = ((0, 0), (BEFORE, 1))
    return (
        np.pad(predictions, ((0, 0), *pad), constant_values=np.nan),
        np.pad(response, pad, constant_values=np.nan),
    )


def made_trials(seed, noises, *, neurons=8, frames=40, blocks=6, noise=1.0, scale=1.0):
    """A trial a block: the response is a signal with noise, each member the signal with its own.

    Predictions are `scale` times as large as that.
    """
    generator = np.random.default_rng(seed)
    trials = []
    for block in range(blocks):
        signal = generator.normal(size=(neurons, frames))
        response = signal + noise * generator.normal(size=signal.shape)
        members = [signal + n * generator.normal(size=signal.shape) for n in noises]
        trials.append((f"{block:02d}", *trial(scale * np.array(members), response)))
    return trials


def made_mice(seed, noises, mice=2, **sizes):
    """The moments of some mice."""
    return {
        f"mouse {m}": Moments.collect(made_trials(100 * seed + m, noises, **sizes))
        for m in range(mice)
    }
