"""Neurons of a visual cortex: from a film and an animal's state to expected spikes.

Quadrature pairs of space-time filters on the film, shifted with the gaze; simple cells rectify one
phase, complex ones take the energy, direction-selective ones combine fast and slow kernels
(Adelson and Bergen, 1985); all are divided by the contrast around them (Heeger, 1992), raised to a
power, and scaled by running and pupil. Nothing in here is random but the neurons' own properties.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import signal

from models.recordings.layout import HEIGHT, WIDTH
from models.recordings.synthetic.behaviour import Animal
from models.recordings.synthetic.fields import CHUNK, REACH, Fields, convolve, draw_fields
from models.recordings.synthetic.windows import windows

Array = npt.NDArray[np.float32]

GREY, CONTRAST = 79.0, 57.0
CEILING = 1.5  # spikes a frame, which is 45 a second
FIELD_OF_VIEW = 630.0  # micrometres


@dataclass(frozen=True)
class Neurons:
    """The properties of N neurons; arrays are (N, 1) unless said otherwise."""

    coordinates: npt.NDArray[np.int64]
    """(N, 3) micrometres."""
    fields: Fields
    phase: Array
    complexity: Array
    """0 for a simple cell, 1 for a complex one."""
    direction: Array
    """-1 or 1 for full selectivity to either direction, 0 for none."""
    semisaturation: Array
    exponent: Array
    running_gain: Array
    pupil_gain: Array
    gaze: npt.NDArray[np.float64]
    """(2, 2) film pixels (down, right) for a pupil centre's step (horizontal, vertical)."""

    def drive(self, film: npt.NDArray[np.uint8], behaviour: Array, animal: Animal) -> Array:
        """(N, T) non-negative, without unit: what film and gaze make of the neurons."""
        seen = self._seen(film, behaviour[2:], animal)
        pixels, contrast = _flat(seen), _flat(_local_contrast(seen))
        chunks = range(0, len(self.phase), CHUNK)
        return np.concatenate([self._driven(slice(c, c + CHUNK), pixels, contrast) for c in chunks])

    def gain(self, behaviour: Array, animal: Animal) -> Array:
        """(N, T) positive factor by running speed and, slowly, by pupil dilation."""
        mean, spread = animal.dilation
        running = np.tanh(behaviour[1] / (0.5 * animal.top_speed))
        arousal = np.tanh(_remembered((behaviour[0] - mean) / spread, 30))
        gain = (1 + self.running_gain * running) * (1 + self.pupil_gain * arousal)
        return np.asarray(gain, dtype=np.float32)

    def _seen(self, film: npt.NDArray[np.uint8], centre: Array, animal: Animal) -> Array:
        """(T, H, W) the film as it lies on the retina, in standard deviations."""
        away = centre - animal.gaze[:, None]  # (2, T)
        down, right = np.clip(self.gaze @ away, -REACH, REACH)
        margin = int(REACH) + 1
        frames = (film.astype(np.float32) - GREY) / CONTRAST
        around = np.pad(frames, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
        return windows(around, margin + down, margin + right)

    def _driven(self, some: slice, pixels: Array, contrast: Array) -> Array:
        even, odd = self.fields.even[some] @ pixels, self.fields.odd[some] @ pixels  # (n, T)
        fast, slow = self.fields.fast[some], self.fields.slow[some]
        direction = self.direction[some]
        one = convolve(even, fast) + direction * convolve(odd, slow)
        other = convolve(odd, fast) - direction * convolve(even, slow)
        simple = np.maximum(np.cos(self.phase[some]) * one + np.sin(self.phase[some]) * other, 0)
        mixed = self.complexity[some] * np.hypot(one, other) + (1 - self.complexity[some]) * simple
        pool = np.sqrt(_remembered(self.fields.surround[some] @ contrast, 5))
        return np.asarray((mixed / (self.semisaturation[some] + pool)) ** self.exponent[some])


def draw_neurons(random: np.random.Generator, count: int) -> Neurons:
    """`count` neurons of one mouse, retinotopically arranged."""
    coordinates = random.integers(
        (0, 0, 120), (int(FIELD_OF_VIEW), int(FIELD_OF_VIEW), 350), (count, 3)
    )
    centres = _retinotopy(random, coordinates[:, :2])
    fields = draw_fields(random, centres)

    def column(values: npt.NDArray[np.float64]) -> Array:
        return values.astype(np.float32)[:, None]

    return Neurons(
        coordinates=coordinates,
        fields=fields,
        phase=column(random.uniform(0, 2 * np.pi, count)),
        complexity=column(random.beta(0.7, 0.7, count)),
        direction=column(random.uniform(-1, 1, count)),
        semisaturation=column(random.uniform(0.3, 0.8, count)),
        exponent=column(random.uniform(1.6, 2.6, count)),
        running_gain=column(random.normal(0.6, 0.3, count).clip(-0.5, 1.5)),
        pupil_gain=column(random.normal(0.2, 0.15, count).clip(-0.4, 0.6)),
        gaze=np.array([[0.0, 0.55], [0.6, 0.0]]) + random.normal(0, 0.05, (2, 2)),
    )


def _retinotopy(
    random: np.random.Generator, places: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """(N, 2) receptive field centres, row and column in pixels, of cells at `places` (N, 2)."""
    across = places / FIELD_OF_VIEW - 0.5  # -0.5 .. 0.5
    turn = random.uniform(-0.4, 0.4)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    column, row = (across @ rotation.T).T
    centres = np.stack([HEIGHT / 2 + 0.5 * HEIGHT * row, WIDTH / 2 + 0.6 * WIDTH * column], axis=1)
    scattered = centres + random.normal(0, 2, centres.shape)
    return scattered.clip((3, 3), (HEIGHT - 4, WIDTH - 4))


def _local_contrast(seen: Array) -> Array:
    """(T, H, W) squared difference of each pixel to its surroundings."""
    mean = _blur(HEIGHT) @ seen @ _blur(WIDTH)
    return np.asarray((seen - mean) ** 2)


def _blur(length: int, size: float = 4.0) -> Array:
    """(length, length) matrix that averages along one axis with a Gaussian, edges included."""
    places = np.arange(length)
    weights = np.exp(-((places[:, None] - places) ** 2) / (2 * size**2))
    smooth = weights / np.sqrt(weights.sum(axis=1)[:, None] * weights.sum(axis=0))
    return np.asarray(smooth, dtype=np.float32)


def _remembered(values: Array, frames: float) -> Array:
    """An exponential memory over time (last axis) that starts settled at the first value."""
    keep = np.float32(np.exp(-1 / frames))
    weights = np.array([1 - keep], dtype=np.float32), np.array([1, -keep], dtype=np.float32)
    result, _ = signal.lfilter(*weights, values, axis=-1, zi=keep * values[..., :1])
    return np.asarray(result, dtype=np.float32)


def _flat(frames: Array) -> Array:
    """(H * W, T) from (T, H, W)."""
    return frames.reshape(len(frames), -1).T
