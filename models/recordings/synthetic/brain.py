"""One mouse's visual cortex, set so that its responses have realistic rates and magnitudes."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.recordings.synthetic.behaviour import Animal, animal
from models.recordings.synthetic.calcium import Calcium, draw_calcium
from models.recordings.synthetic.films import NATURAL, film
from models.recordings.synthetic.neurons import CEILING, Neurons, draw_neurons
from models.recordings.synthetic.seeds import generator

Array = npt.NDArray[np.float32]

TRYOUTS = 4
"""Films of their own, in no trial, on which rates and amplitudes are set."""
DRAWS = 4
"""Noisy recordings of each, for the amplitudes."""
RATE, RATE_SPREAD = 0.026, 0.5
"""Median mean rate in spikes a frame, and the spread of its logarithm over neurons."""
UNTUNED = (0.05, 0.5)
"""The part of it that no film drives, least and most over neurons."""
STD, STD_SPREAD, STD_RANGE = 10.5, 0.8, (0.9, 90.0)
"""Median standard deviation of a response in raw units, spread of its logarithm, and limits."""


@dataclass(frozen=True)
class Brain:
    """One mouse: what it does, what its neurons prefer, how they are recorded."""

    animal: Animal
    neurons: Neurons
    calcium: Calcium
    evoked: Array
    """(N, 1) spikes a frame for a drive of 1."""
    spontaneous: Array
    """(N, 1) spikes a frame without any drive."""

    def rates(self, shown: npt.NDArray[np.uint8], behaviour: Array) -> Array:
        """(N, T) expected spikes a frame for a film (T, H, W) and behaviour (4, T)."""
        evoked = self.evoked * self.neurons.drive(shown, behaviour, self.animal)
        spared = CEILING * evoked / (CEILING + evoked)  # a neuron tires at high rates
        return (self.spontaneous + spared) * self.neurons.gain(behaviour, self.animal)


def grow(seed: int, mouse: int, count: int) -> Brain:
    """The brain of one mouse with `count` neurons."""
    random = generator(seed, "brain", mouse)
    one = np.ones((count, 1), dtype=np.float32)
    habits = animal(seed, mouse)
    brain = Brain(habits, draw_neurons(random, count), draw_calcium(random, count), one, one)
    tryouts = [_tryout(seed, mouse, brain.animal, number) for number in range(TRYOUTS)]
    return _set_amplitude(random, _set_rate(random, brain, tryouts), tryouts)


def _tryout(
    seed: int, mouse: int, habits: Animal, number: int
) -> tuple[npt.NDArray[np.uint8], Array]:
    shown = film(seed, f"{NATURAL}/tryout/{number}")
    random = generator(seed, "tryout", mouse, number)
    return shown, habits.trial(random, len(shown), when=(number + 0.5) / TRYOUTS)


def _set_rate(
    random: np.random.Generator, brain: Brain, tryouts: list[tuple[npt.NDArray[np.uint8], Array]]
) -> Brain:
    wanted = RATE * random.lognormal(0, RATE_SPREAD, brain.evoked.shape)
    untuned = random.uniform(*UNTUNED, wanted.shape)
    drives = [brain.neurons.drive(*tryout, brain.animal).mean(axis=1) for tryout in tryouts]
    evoked = (1 - untuned) * wanted / np.mean(drives, axis=0)[:, None]
    spontaneous = (untuned * wanted).astype(np.float32)
    return replace(brain, evoked=evoked.astype(np.float32), spontaneous=spontaneous)


def _set_amplitude(
    random: np.random.Generator, brain: Brain, tryouts: list[tuple[npt.NDArray[np.uint8], Array]]
) -> Brain:
    wanted = (STD * random.lognormal(0, STD_SPREAD, brain.evoked.shape)).clip(*STD_RANGE)
    sums = np.zeros((2, *brain.evoked.shape))
    for tryout in tryouts:
        rates = brain.rates(*tryout)
        for _ in range(DRAWS):
            recorded = brain.calcium.recorded(rates, random)
            sums += np.stack([recorded, recorded**2]).mean(axis=-1, keepdims=True)
    mean, square = sums / (TRYOUTS * DRAWS)
    amplitude = wanted / np.sqrt(np.maximum(square - mean**2, 1e-6))
    return replace(brain, calcium=replace(brain.calcium, amplitude=amplitude.astype(np.float32)))
