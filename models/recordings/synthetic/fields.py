"""Receptive fields: where, at which scale and in which order of frames a neuron looks."""

from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from models.recordings.layout import HEIGHT, WIDTH

Array = npt.NDArray[np.float32]

TAPS = 18
REACH = 7.0
"""Pixels that a receptive field follows the eye at most."""


@dataclass(frozen=True)
class Fields:
    """Linear filters of N neurons; pixels are flattened row by row, H * W of them."""

    even: Array
    """(N, H * W) even Gabor patches, without a constant part, of unit length."""
    odd: Array
    """(N, H * W) the odd ones, a quarter of a wave away."""
    surround: Array
    """(N, H * W) Gaussian weights of the normalisation pool, sum 1."""
    fast: Array
    """(N, TAPS) biphasic temporal kernels, the latest frame first."""
    slow: Array
    """(N, TAPS) the later ones, about a quarter of a cycle behind."""


def draw_fields(random: np.random.Generator, centres: npt.NDArray[np.float64]) -> Fields:
    """Fields at `centres` (N, 2), row and column in pixels."""
    neurons = len(centres)
    y, x = np.mgrid[:HEIGHT, :WIDTH].reshape(2, 1, -1) - centres.T[..., None]  # (N, H * W) each
    angle = random.uniform(0, np.pi, (neurons, 1))
    wavelength = np.clip(random.lognormal(np.log(11), 0.25, (neurons, 1)), 6, 20)
    size = wavelength * random.uniform(0.3, 0.45, (neurons, 1))
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    patch = np.exp(-(along**2 + (0.75 * across) ** 2) / (2 * size**2))
    wave = 2 * np.pi * along / wavelength
    pool = np.exp(-(y**2 + x**2) / (2 * (2 * size) ** 2))
    return Fields(
        even=_unit(patch * np.cos(wave)),
        odd=_unit(patch * np.sin(wave)),
        surround=(pool / pool.sum(axis=1, keepdims=True)).astype(np.float32),
        **_temporal(random.uniform(0.8, 1.3, (neurons, 1))),
    )


def _unit(filters: npt.NDArray[np.float64]) -> Array:
    balanced = filters - filters.mean(axis=1, keepdims=True)
    return np.asarray(balanced / np.linalg.norm(balanced, axis=1, keepdims=True), dtype=np.float32)


def _temporal(rate: npt.NDArray[np.float64]) -> dict[str, Array]:
    """Adelson and Bergen's (1985) pair of kernels; `rate` (N, 1) is their speed per frame."""
    t = rate * np.arange(TAPS)
    kernels = {}
    for name, order in (("fast", 3), ("slow", 5)):
        kernel = t**order * np.exp(-t) * (1 / factorial(order) - t**2 / factorial(order + 2))
        kernels[name] = (kernel / np.linalg.norm(kernel, axis=1, keepdims=True)).astype(np.float32)
    return kernels


def convolve(signal: Array, kernel: Array) -> Array:
    """(N, T) causal convolution over time with (N, TAPS); before the first frame lies its copy."""
    padded = np.pad(signal, ((0, 0), (TAPS - 1, 0)), mode="edge")
    result = np.zeros_like(signal)
    for tap in range(TAPS):
        start = TAPS - 1 - tap
        result += kernel[:, tap, None] * padded[:, start : start + signal.shape[1]]
    return result
