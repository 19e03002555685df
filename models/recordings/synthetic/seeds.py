"""Randomness that is addressed by name, so that adding a trial or a mouse changes no other."""

import zlib

import numpy as np
import numpy.typing as npt
from scipy import signal


def generator(seed: int, *keys: int | str) -> np.random.Generator:
    """The generator that belongs to these keys, the same in every process."""
    words = [zlib.crc32(str(key).encode()) for key in keys]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=words))


def wander(
    random: np.random.Generator, rows: int, frames: int, memory: float
) -> npt.NDArray[np.float64]:
    """(rows, frames) independent Gaussian walks that forget their past within `memory` frames.

    Every single value is standard normal, the first one too (a stationary AR(1) process).
    """
    keep = np.exp(-1 / memory)
    noise = random.standard_normal((rows, frames))
    noise[:, 1:] *= np.sqrt(1 - keep**2)
    walks: npt.NDArray[np.float64] = signal.lfilter([1.0], [1.0, -keep], noise, axis=-1)
    return walks
