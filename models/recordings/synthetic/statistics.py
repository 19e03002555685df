"""The organisers' statistics over the train tier: mean, std, min, max and median."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.recordings.layout import HEIGHT, STATISTICS, WIDTH

Values = dict[str, npt.NDArray[np.float32]]

LEVELS = 256
PIXELS = HEIGHT * WIDTH
AT_ONCE = 16_000_000
"""Numbers held in memory at once while a median is taken."""


class GreyLevels:
    """Statistics of films of whole grey values, counted film by film."""

    def __init__(self) -> None:
        self._counts = np.zeros((PIXELS, LEVELS), dtype=np.int64)

    def add(self, film: npt.NDArray[np.uint8]) -> None:
        """Count a film (T, H, W)."""
        places = film.reshape(len(film), PIXELS) + LEVELS * np.arange(PIXELS)
        self._counts += np.bincount(places.ravel(), minlength=PIXELS * LEVELS).reshape(
            PIXELS, LEVELS
        )

    def statistics(self) -> Values:
        """Each (H, W, 1): over all trials and frames."""
        frames = self._counts.sum(axis=1)
        grey = np.arange(LEVELS)
        mean = self._counts @ grey / frames
        spread = np.sqrt((self._counts * (grey - mean[:, None]) ** 2).sum(axis=1) / frames)
        least, most = self._ranked(np.zeros_like(frames)), self._ranked(frames - 1)
        median = (self._ranked((frames - 1) // 2) + self._ranked(frames // 2)) / 2
        made = dict(zip(STATISTICS, (mean, spread, least, most, median), strict=True))
        return {
            name: value.reshape(HEIGHT, WIDTH, 1).astype(np.float32) for name, value in made.items()
        }

    def _ranked(self, rank: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The grey value of this rank, from 0, in each pixel."""
        below = np.cumsum(self._counts, axis=1) <= rank[:, None]
        return np.asarray(below.sum(axis=1), dtype=np.float64)


def over_trials(files: Sequence[Path], frames: int) -> Values:
    """Each (rows, T): over the trials in `files` of (rows, T) arrays whose first `frames` are valid.

    NaN from frame `frames` on. Reads a few rows of all files at a time, so memory stays bounded.
    """
    rows, length = np.load(files[0], mmap_mode="r").shape
    step = max(1, AT_ONCE // (len(files) * frames))
    parts = [_of_rows(files, slice(row, row + step), frames) for row in range(0, rows, step)]
    whole = np.concatenate(parts, axis=1)
    padded = np.pad(whole, ((0, 0), (0, 0), (0, length - frames)), constant_values=np.nan)
    return dict(zip(STATISTICS, padded, strict=True))


def _of_rows(files: Sequence[Path], rows: slice, frames: int) -> npt.NDArray[np.float32]:
    """(statistic, rows, frames)."""
    trials = np.stack([np.load(file, mmap_mode="r")[rows, :frames] for file in files])
    functions = (np.mean, np.std, np.min, np.max, np.median)
    return np.stack([function(trials, axis=0) for function in functions]).astype(np.float32)
