"""The competition's scores, as sums that are collected trial by trial.

Definitions are the organisers' (SENSORIUM 2023): Pearson correlation over time per neuron, with
1e-8 added to the population standard deviations; a neuron without a defined correlation counts as 0.
"""

from collections.abc import Hashable, Iterable, Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]

SKIPPED_FRAMES = 50
LAST_FRAME = 300
EPSILON = 1e-8


def scored_frames(length: int, longest: int = 249) -> slice:
    """The frames of a trial of `length` valid frames that are scored.

    The 2023 server's truth lost the last frame: 249 values of a trial of 300 or more (`longest`).
    Today's starter kit keeps it: 250. Shorter trials lose the same number at their end.
    """
    lost = LAST_FRAME - SKIPPED_FRAMES - longest
    return slice(SKIPPED_FRAMES, max(SKIPPED_FRAMES, min(length, LAST_FRAME) - lost))


def scored_count(length: int, longest: int = 249) -> int:
    """How many frames of a trial of `length` valid frames are scored."""
    return len(range(length)[scored_frames(length, longest)])


def has_scored_frames(length: int) -> bool:
    """Whether any frame of a trial of `length` valid frames is scored."""
    return scored_count(length) > 0


def response_precision(std: Array) -> npt.NDArray[np.float64]:
    """(N, T) factor that the server's truth was multiplied with, from the responses' std (N, T or 1).

    1 / std where std is above a hundredth of its mean over neurons and frames, else 1 / that
    hundredth. Frames whose std is NaN (those past the 300th) get that second value too.
    """
    std = np.asarray(std, dtype=np.float64)
    floor = 0.01 * np.nanmean(std)
    usable = std > floor  # False for NaN
    return np.where(usable, 1.0 / np.where(usable, std, 1.0), 1.0 / floor)


class Correlation:
    """Pearson correlation of each of N neurons over frames that arrive in pieces, in float64.

    Keeps means and sums of products about them, so that pieces of any size and order give the
    result of the concatenated whole without its memory.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._mean: npt.NDArray[np.float64] | float = 0.0
        self._products: npt.NDArray[np.float64] | float = 0.0

    def add(self, prediction: Array, response: Array) -> None:
        """Add (N, F) of both; an empty piece adds nothing."""
        if prediction.shape != response.shape:
            message = f"prediction has shape {prediction.shape}, response {response.shape}"
            raise ValueError(message)
        frames = prediction.shape[-1]
        if not frames:
            return
        both = np.stack([prediction, response]).astype(np.float64)  # (2, N, F)
        mean = both.mean(axis=-1)
        centred = both - mean[..., None]
        self._join(frames, mean, _products(centred, centred))

    @classmethod
    def of(cls, frames: int, sums: npt.NDArray[np.float64]) -> "Correlation":
        """From its `frames` and `sums`, to the bit."""
        correlation = cls()
        if frames:
            correlation.frames = frames
            correlation._mean, correlation._products = sums[:2], sums[2:]
        return correlation

    @property
    def sums(self) -> npt.NDArray[np.float64]:
        """(5, N) means of prediction and response, then sums of products; (5, 0) without frames."""
        if not self.frames:
            return np.zeros((5, 0))
        return np.concatenate([np.asarray(self._mean), np.asarray(self._products)])

    def join(self, other: "Correlation") -> None:
        """Add the frames of another one. The bits depend on what is joined in which order."""
        if other.frames:
            self._join(other.frames, np.asarray(other._mean), np.asarray(other._products))

    def _join(
        self, frames: int, mean: npt.NDArray[np.float64], products: npt.NDArray[np.float64]
    ) -> None:
        """Combine the sums of two disjoint sets of frames (Chan, Golub and LeVeque, 1979)."""
        total = self.frames + frames
        apart = mean - self._mean  # (2, N)
        weight = self.frames * frames / total
        self._products = self._products + products + weight * _products(apart, apart)
        self._mean = self._mean + apart * (frames / total)
        self.frames = total

    def per_neuron(self) -> npt.NDArray[np.float64]:
        """(N,) correlations; 0 where undefined, NaN nowhere. Raises ValueError without frames."""
        if not self.frames:
            raise ValueError("no frame was added, so there is nothing to correlate")
        xx, yy, xy = np.asarray(self._products) / self.frames
        with np.errstate(invalid="ignore"):
            result = xy / ((np.sqrt(xx) + EPSILON) * (np.sqrt(yy) + EPSILON))
        return np.where(np.isfinite(result), result, 0.0)


def _products(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(3, N) of xx, yy, xy from (2, N) or, summed over frames, (2, N, F)."""
    stacked = np.stack([a[0] * b[0], a[1] * b[1], a[0] * b[1]])
    return stacked.sum(axis=-1) if stacked.ndim == 3 else stacked


def single_trial_correlation(trials: Iterable[tuple[Array, Array]]) -> npt.NDArray[np.float64]:
    """(N,) correlation over a mouse's trials put end to end; each is (prediction, response), (N, F)."""
    correlation = Correlation()
    for prediction, response in trials:
        correlation.add(prediction, response)
    return correlation.per_neuron()


def correlation_to_average(
    trials: Iterable[tuple[Hashable, Array, Array]],
) -> npt.NDArray[np.float64]:
    """(N,) correlation of the averages over the repeats of each video.

    Each trial is (video, prediction, response); repeats of a video must have equal lengths.
    """
    sums: dict[Hashable, npt.NDArray[np.float64]] = {}
    counts: dict[Hashable, int] = {}
    for video, prediction, response in trials:
        both = np.stack([prediction, response]).astype(np.float64)
        sums[video] = sums[video] + both if video in sums else both
        counts[video] = counts.get(video, 0) + 1
    means = (sums[video] / counts[video] for video in sums)
    return single_trial_correlation((mean[0], mean[1]) for mean in means)


def over_mice(per_mouse: Mapping[str, Array]) -> float:
    """The competition's score: the mean over mice of each mouse's mean over neurons.

    NaN where there is no mouse.
    """
    return float(np.mean([per_neuron.mean() for per_neuron in per_mouse.values()] or [np.nan]))


def over_neurons(per_mouse: Mapping[str, Array]) -> float:
    """The starter kit's variant: the mean over all neurons of all mice; NaN where there is none."""
    return float(np.concatenate([*per_mouse.values()] or [np.array([np.nan])]).mean())


def over_kinds(per_kind: Mapping[str, Mapping[str, Array]]) -> float:
    """The OOD track's score: the unweighted mean over kinds of stimulus of each kind's `over_mice`."""
    return float(np.mean([over_mice(per_mouse) for per_mouse in per_kind.values()] or [np.nan]))


def over_kinds_of_neurons(per_kind: Mapping[str, Mapping[str, Array]]) -> float:
    """The starter kit's variant of `over_kinds`, over all neurons of all mice."""
    return float(np.mean([over_neurons(per_mouse) for per_mouse in per_kind.values()] or [np.nan]))
