"""What is measured on: rows of the live main tier at its real size, and recordings that fit them.

Mice, neurons and trials are the competition's. A predicted response is the exponential of noise that is
smoothed over a quarter of a second, so it is positive and smooth in time, times a mean of the neuron's
own. Values are in single precision, as the product's and the winner's are, whatever type the file holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ensemble.checks.published import NEURONS, TRIALS
from ensemble.submission import Row
from models.metrics import scored_count

TIER = "live_test_main"
FILE = "predictions_live_main.parquet.brotli"
FRAMES = 300
SCORED = scored_count(FRAMES)
SLICE = 8
"""Trials of the slice that the plain way is measured on: the whole would not fit into memory."""
_SMOOTHED = 8
"""Frames of 30 Hz."""

Array32 = npt.NDArray[np.float32]
Array64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MadeMouse:
    """A mouse of the competition, as far as a submission knows it."""

    name: str
    neurons: int
    trials: int
    """Of the tier."""
    seed: int

    @cached_property
    def unit_ids(self) -> npt.NDArray[np.int64]:
        """(N,) with gaps, as they are."""
        steps = np.random.default_rng(self.seed).integers(1, 4, self.neurons)
        return np.cumsum(steps, dtype=np.int64)

    @cached_property
    def spread(self) -> Array64:
        """(N,) standard deviation of the responses, raw units: the median is 11."""
        return 11 * np.random.default_rng(self.seed).lognormal(0, 0.6, self.neurons)

    @property
    def mean(self) -> Array64:
        """(N,) of the responses, raw units."""
        return 0.4 * self.spread

    def rows(self) -> Iterator[Row]:
        """A row a trial, made when it is asked for."""
        random = np.random.default_rng(self.seed)
        for trial in range(self.trials):
            yield Row(self.name, trial, self._prediction(random), self.unit_ids)

    def _prediction(self, random: np.random.Generator) -> Array32:
        """(N, F) times the precision."""
        noise = random.standard_normal((self.neurons, SCORED + _SMOOTHED), np.float32)
        total = np.cumsum(noise, axis=1, out=noise)
        smooth = (total[:, _SMOOTHED:] - total[:, :-_SMOOTHED]) / np.float32(_SMOOTHED**0.5)
        raw = np.exp(smooth, out=smooth) * self.mean.astype(np.float32)[:, None]
        values: Array32 = raw * (1 / self.spread).astype(np.float32)[:, None]
        return values

    def write_session(self, data: Path) -> None:
        """A folder with what the checker reads: empty videos, no responses, the tier's trials alone."""
        folder = data / self.name
        statistics = folder / "meta/statistics/responses/all"
        for place in ("data/videos", "data/behavior", "meta/trials", "meta/neurons"):
            (folder / place).mkdir(parents=True)
        statistics.mkdir(parents=True)
        np.save(folder / "meta/trials/tiers.npy", np.array([TIER] * self.trials))
        np.save(folder / "meta/neurons/unit_ids.npy", self.unit_ids)
        for name, values in (("mean", self.mean), ("std", self.spread)):
            np.save(statistics / f"{name}.npy", np.repeat(values[:, None], FRAMES, axis=1))
        for trial in range(self.trials):
            np.save(folder / f"data/behavior/{trial}.npy", np.ones((2, FRAMES)))
            (folder / f"data/videos/{trial}.npy").touch()


def mice(share: float = 1.0) -> list[MadeMouse]:
    """The five scored mice, with this share of their neurons."""
    return [
        MadeMouse(name, max(1, round(share * neurons)), TRIALS[name][TIER], seed)
        for seed, (name, neurons) in enumerate(NEURONS.items())
    ]


def rows_of(made: list[MadeMouse]) -> Iterator[Row]:
    """The rows of a whole file; one is in memory at a time."""
    return (row for mouse in made for row in mouse.rows())


def slice_of(made: list[MadeMouse]) -> list[Row]:
    """The first rows of the first mouse."""
    return [row for row, _ in zip(made[0].rows(), range(SLICE), strict=False)]


def values_of(made: list[MadeMouse]) -> int:
    """How many values a whole file holds."""
    return sum(mouse.neurons * mouse.trials for mouse in made) * SCORED
