"""Receptive fields: where, at which scale and in which order of frames a neuron looks."""

from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from models.recordings.layout import HEIGHT, WIDTH

Array = npt.NDArray[np.float32]
Column = npt.NDArray[np.float64]
Spatial = tuple[Array, Array, Array]

CHUNK = 512
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
    angle = random.uniform(0, np.pi, (neurons, 1))
    wavelength = np.clip(random.lognormal(np.log(11), 0.25, (neurons, 1)), 6, 20)
    size = wavelength * random.uniform(0.3, 0.45, (neurons, 1))
    drawn = np.concatenate([centres, angle, wavelength, size], axis=1)  # (N, 5)
    # A few at a time, since every step in float64 takes 18 kB a neuron.
    parts = [_spatial(*drawn[i : i + CHUNK].T[..., None]) for i in range(0, neurons, CHUNK)]
    even, odd, surround = (np.concatenate(part) for part in zip(*parts, strict=True))
    fast, slow = _temporal(random.uniform(0.8, 1.3, (neurons, 1)))
    return Fields(even, odd, surround, fast, slow)


def _spatial(
    row: Column, column: Column, angle: Column, wavelength: Column, size: Column
) -> Spatial:
    """The three spatial filters (n, H * W) of n neurons; everything in pixels and radians."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].reshape(2, 1, -1)
    y, x = y - row, x - column
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    patch = np.exp(-(along**2 + (0.75 * across) ** 2) / (2 * size**2))
    wave = 2 * np.pi * along / wavelength
    pool = np.exp(-(y**2 + x**2) / (2 * (2 * size) ** 2))
    surround = (pool / pool.sum(axis=1, keepdims=True)).astype(np.float32)
    return _unit(patch * np.cos(wave)), _unit(patch * np.sin(wave)), surround


def _unit(filters: npt.NDArray[np.float64]) -> Array:
    balanced = filters - filters.mean(axis=1, keepdims=True)
    return np.asarray(balanced / np.linalg.norm(balanced, axis=1, keepdims=True), dtype=np.float32)


def _temporal(rate: Column) -> tuple[Array, Array]:
    """Adelson and Bergen's (1985) pair of kernels (N, TAPS); `rate` is their speed per frame."""
    t = rate * np.arange(TAPS)

    def kernel(order: int) -> Array:
        values = t**order * np.exp(-t) * (1 / factorial(order) - t**2 / factorial(order + 2))
        return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float32)

    return kernel(3), kernel(5)


def convolve(signal: Array, kernel: Array) -> Array:
    """(N, T) causal convolution over time with (N, TAPS); before the first frame lies its copy."""
    padded = np.pad(signal, ((0, 0), (TAPS - 1, 0)), mode="edge")
    result = np.zeros_like(signal)
    for tap in range(TAPS):
        start = TAPS - 1 - tap
        result += kernel[:, tap, None] * padded[:, start : start + signal.shape[1]]
    return result
