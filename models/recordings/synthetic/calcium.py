"""From expected spikes to what is recorded: noise, calcium, imaging, deconvolution.

Every step after the spikes is linear and every random factor has mean 1 whatever the film and the
animal do, so the expected recording is the same linear filter on the expected spikes: exactly, with
no sampling. Steps: a gain that all neurons share drifts; spikes are Poisson and differ in size;
calcium decays as c[t] = a c[t-1] + s[t]; the deconvolution assumes a decay a' a little too small
and so leaves d[t] = c[t] - a' c[t-1] = s[t] + (a - a') c[t-1]; each plane is visited every fourth
frame and interpolated linearly between.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from models.recordings.synthetic.seeds import wander

Array = npt.NDArray[np.float32]

LEAD_IN = 60
"""Frames before a trial, with the rates of its first frame, so that no trial starts from nothing."""
DECAY = 0.95
"""The calcium left after a frame: a time constant of 0.65 s at 30 Hz."""
IMAGING = np.array([1, 2, 3, 4, 3, 2, 1]) / 16
"""Linear interpolation between visits four frames apart."""
SPIKE_SHAPE = 1.5
"""The Gamma distribution of a spike's size: its variance is 1 / SPIKE_SHAPE."""
GAIN_MEMORY = 45.0
"""Frames after which the shared gain has forgotten its past."""


@dataclass(frozen=True)
class Calcium:
    """How the activity of N neurons is recorded; arrays are (N, 1)."""

    amplitude: Array
    """Raw response units of one spike."""
    leak: Array
    """a - a', the part of the calcium that the deconvolution leaves in."""
    loading: Array
    """How much a neuron takes part in the shared gain: the standard deviation of its logarithm."""

    def expected(self, rates: Array) -> Array:
        """(N, T) expectation of `recorded` given the expected spikes a frame (N, T)."""
        return self._imaged(_with_lead_in(rates))

    def recorded(self, rates: Array, random: np.random.Generator) -> Array:
        """(N, T) one noisy recording, never below 0."""
        led = _with_lead_in(rates)
        walk = wander(random, 1, led.shape[1], GAIN_MEMORY)
        gain = np.exp(self.loading * walk - self.loading**2 / 2)
        spikes = random.poisson(led * gain).astype(np.float32)
        fired = spikes > 0
        spikes[fired] = random.gamma(SPIKE_SHAPE * spikes[fired]) / SPIKE_SHAPE
        return self._imaged(spikes)

    def _imaged(self, spikes: npt.NDArray[np.floating]) -> Array:
        """(N, T) from (N, LEAD_IN + T)."""
        calcium = signal.lfilter([0.0, 1.0], [1.0, -DECAY], spikes, axis=-1)  # c[t - 1]
        left = spikes + self.leak * calcium
        imaged = signal.lfilter(IMAGING, [1.0], left, axis=-1)[:, LEAD_IN:]
        return np.asarray(self.amplitude * imaged, dtype=np.float32)


def draw_calcium(random: np.random.Generator, count: int) -> Calcium:
    """The recording of `count` neurons, with an amplitude of 1 that is still to be set."""
    return Calcium(
        amplitude=np.ones((count, 1), dtype=np.float32),
        leak=random.uniform(0.002, 0.02, (count, 1)).astype(np.float32),
        loading=random.uniform(0.3, 1.0, (count, 1)).astype(np.float32),
    )


def _with_lead_in(rates: Array) -> Array:
    return np.pad(rates, ((0, 0), (LEAD_IN, 0)), mode="edge")
