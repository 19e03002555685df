"""What each neuron of a mouse is predicted to do over a whole submission."""

import numpy as np
import numpy.typing as npt

from models.errors import Problem, RecordingError
from models.metrics import LAST_FRAME, response_precision
from models.recordings.session import Session

Array = npt.NDArray[np.floating]

_FEWEST_NEURONS = 20
_CLOSE, _FAR = np.log(1.5), np.log(3)


class Neurons:
    """Sums over the rows of one mouse: memory for N values, whatever the number of rows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._active = np.zeros(session.neurons, dtype=np.bool_)
        self._sum = np.zeros(session.neurons)
        self._frames = 0

    def add(self, prediction: Array) -> None:
        """Add the (N, F) of one trial."""
        self._active |= prediction.any(axis=1)
        with np.errstate(invalid="ignore"):  # infinities are told of elsewhere
            self._sum += prediction.sum(axis=1, dtype=np.float64)
        self._frames += prediction.shape[1]

    def warnings(self) -> list[Problem]:
        """Neurons that never do anything, and a scale that looks like the raw responses'."""
        return self._silent() + self._unscaled()

    def _silent(self) -> list[Problem]:
        silent = int(np.sum(~self._active))
        if not silent or not self._frames:
            return []
        found = f"{silent:,} of {len(self._active):,} neurons at 0 in every trial"
        return [Problem(self._session.name, "a neuron's prediction varies", found)]

    def _unscaled(self) -> list[Problem]:
        try:
            mean = self._session.statistic("responses", "mean")[:, :LAST_FRAME]
            std = self._session.statistic("responses", "std")[:, :LAST_FRAME]
        except RecordingError:
            return []
        if not self._frames or len(mean) != len(self._sum) or len(std) != len(self._sum):
            return []
        if not looks_unscaled(self._sum / self._frames, mean, std):
            return []
        rule = "predictions are multiplied by the response precision (1 / std of each neuron)"
        return [Problem(self._session.name, rule, "the scale of the raw responses")]


def looks_unscaled(predicted: Array, mean: Array, std: Array) -> bool:
    """Whether predictions of mean `predicted` (N,) have the scale of raw responses.

    `mean` and `std` are those of the responses, (N, T or 1). True only where it can be told: the
    predicted means are close to those of the raw responses (within 1.5 for half of the neurons) and
    far from those of the normalised ones (over 3 for half of them), on 20 neurons or more.
    """
    if not np.isfinite(mean).any() or not np.isfinite(std).any():
        return False
    precision = response_precision(std).mean(axis=1)
    raw = np.nan_to_num(mean).mean(axis=1)
    usable = np.isfinite(predicted) & (predicted > 0) & (raw > 0) & (precision > 0)
    if usable.sum() < _FEWEST_NEURONS:
        return False
    from_raw = np.log(predicted[usable] / raw[usable])
    from_normalised = from_raw - np.log(precision[usable])
    return bool(np.median(abs(from_raw)) < _CLOSE and np.median(abs(from_normalised)) > _FAR)
