"""Which frame's precision the values of a submission were multiplied by, told without any response.

The precision is 1 / std of each neuron and frame, over some hundred trials, so that it jumps from
frame to frame, which no prediction does. The second differences in time of a value's logarithm,
averaged over trials, are therefore those of the right precision's logarithm plus little else: their
regression on the precision of the frame before, the frame itself and the frame after gives 1 for the
one that was used and 0 for the others, and 0 for all where none was. On generated recordings (6 to 60
neurons, 5 to 350 trials) it gives these to within 0.01; on a real mouse of 56 neurons, with the std of
its 26 train trials and four smoothed responses for predictions, to within 0.05.

A prediction of the wrong frame that was multiplied by the right frame's precision leaves no such
trace: only known responses tell that (`ensemble.checks.lag`).
"""

import numpy as np
import numpy.typing as npt

from ensemble.checks.scored import scored_part
from models.metrics import LAST_FRAME, SKIPPED_FRAMES

Array = npt.NDArray[np.floating]

LAGS = (-1, 0, 1)
"""Frames by which the precision is later than the value."""
_MOST_NEURONS = 400
_FRAMES = LAST_FRAME - SKIPPED_FRAMES - 2
"""Values whose neighbours have a precision too: that of frame 300 has no meaning."""
_USED, _UNUSED = 0.5, 0.25
"""Shares of the precision's jumps above which it counts as there, and below which as absent."""
_LARGEST_ERROR = 0.03
"""Standard error of the shares; with larger ones nothing is said. An eighth of _UNUSED."""
_FEWEST_FRAMES = 20
_FEWEST_NUMBERS = 200


class PrecisionTrace:
    """Sums over the trials of one mouse; memory for at most 400 of its neurons."""

    def __init__(self, precision: Array) -> None:
        """`precision` is (N, T or 1), of all frames."""
        neurons = len(precision)
        self._chosen = np.unique(np.linspace(0, neurons - 1, _MOST_NEURONS).astype(int))
        self._precision = precision[self._chosen]
        self._sum = np.zeros((len(self._chosen), _FRAMES))
        self._trials = np.zeros(_FRAMES, dtype=np.int64)

    def add(self, prediction: Array) -> None:
        """Add the (N, F) of one trial."""
        part = prediction[self._chosen, :_FRAMES]
        self._sum[:, : part.shape[1]] += part
        self._trials[: part.shape[1]] += 1

    def shares(self) -> npt.NDArray[np.float64] | None:
        """(3,) of the jumps of the precision of the frame before, the same and the one after.

        None where it cannot be told: a precision without a time axis or without jumps, values that
        jump by themselves, few of them, or none above 0.
        """
        frames = min(int(np.sum(self._trials > 0)), self._precision.shape[1] - SKIPPED_FRAMES - 1)
        if frames < _FEWEST_FRAMES:
            return None
        with np.errstate(invalid="ignore"):
            mean = self._sum[:, :frames] / self._trials[:frames]
            usable = (mean > 0).all(axis=1) & np.isfinite(mean).all(axis=1)
        shifted = [scored_part(self._precision[usable], frames, lag) for lag in LAGS]
        jumps = [_jumps(each) for each in shifted if each is not None]
        return _regression(np.stack(jumps, axis=1), _jumps(mean[usable]))

    def lag(self) -> int | None:
        """The frames by which the precision in the values is late: -1, 0 or 1; None for untold."""
        shares = self.shares()
        if shares is None or np.max(shares) < _USED:
            return None
        return LAGS[int(np.argmax(shares))]

    def absent(self) -> bool:
        """Whether none of the three frames' precision is in the values."""
        shares = self.shares()
        return shares is not None and bool(np.max(abs(shares)) < _UNUSED)


def _jumps(values: Array) -> npt.NDArray[np.float64]:
    """Second differences in time of the logarithm of (N, F), end to end."""
    return np.diff(np.log(values.astype(np.float64)), n=2, axis=1).ravel()


def _regression(
    given: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """The coefficients of `wanted` (n,) on `given` (n, 3); None where they are uncertain."""
    if len(wanted) < _FEWEST_NUMBERS:
        return None
    products = given.T @ given
    if not np.isfinite(products).all() or np.linalg.matrix_rank(products) < len(products):
        return None
    inverse = np.linalg.inv(products)
    coefficients: npt.NDArray[np.float64] = inverse @ (given.T @ wanted)
    left = float(np.var(wanted - given @ coefficients))
    return coefficients if np.sqrt(left * inverse.diagonal().max()) < _LARGEST_ERROR else None
