"""What each neuron of a mouse is predicted to do over a whole submission."""

import numpy as np
import numpy.typing as npt

from ensemble.checks.constant import Constant, constant_warnings
from ensemble.checks.precision import PrecisionTrace
from models.errors import Problem, RecordingError
from models.metrics import LAST_FRAME, response_precision
from models.recordings.session import Session

Array = npt.NDArray[np.floating]

_FEWEST_NEURONS = 20
_CLOSE, _FAR = np.log(1.5), np.log(3)


class Neurons:
    """Sums over the rows of one mouse: memory for a few values a neuron, whatever the rows."""

    def __init__(self, mouse: str, neurons: int, session: Session | None = None) -> None:
        """`session` is the recording of the mouse, where there is one."""
        self._mouse, self._session = mouse, session
        self._sum = np.zeros(neurons)
        self._frames = 0
        precision = _precision(session, neurons)
        self._plain, self._divided = Constant(neurons), Constant(neurons, precision)
        self._trace = None if precision is None else PrecisionTrace(precision)

    @property
    def count(self) -> int:
        """N."""
        return len(self._sum)

    def add(self, prediction: Array) -> None:
        """Add the (N, F) of one trial."""
        with np.errstate(invalid="ignore"):  # infinities are told of elsewhere
            self._sum += prediction.sum(axis=1, dtype=np.float64)
        self._frames += prediction.shape[1]
        self._plain.add(prediction)
        self._divided.add(prediction)
        if self._trace is not None:
            self._trace.add(prediction)

    def warnings(self) -> list[Problem]:
        """Neurons that never do anything, and values without their frame's precision."""
        constant = constant_warnings(self._mouse, self.count, self._plain, self._divided)
        return constant + self._precision_warnings()

    def _precision_warnings(self) -> list[Problem]:
        lag = self._trace.lag() if self._trace is not None else None
        if lag is not None:
            return [self._late(lag)] if lag else []
        if self._trace is not None and self._trace.absent():
            return [self._unscaled("values without its jumps from frame to frame")]
        return [self._unscaled("the scale of the raw responses")] if self._looks_raw() else []

    def _late(self, lag: int) -> Problem:
        words, start = {-1: ("before", 49), 1: ("after", 51)}[lag]
        rule = "the first value of a trial is of source frame 50, times the precision of that frame"
        found = f"the precision of the frame {words} each, as if the first were of frame {start}"
        return Problem(self._mouse, rule, found)

    def _unscaled(self, found: str) -> Problem:
        rule = "predictions are multiplied by the response precision (1 / std of neuron and frame)"
        return Problem(self._mouse, rule, found)

    def _looks_raw(self) -> bool:
        if self._session is None or not self._frames:
            return False
        try:
            mean = self._session.statistic("responses", "mean")[:, :LAST_FRAME]
            std = self._session.statistic("responses", "std")[:, :LAST_FRAME]
        except RecordingError:
            return False
        if len(mean) != len(self._sum) or len(std) != len(self._sum):
            return False
        return looks_unscaled(self._sum / self._frames, mean, std)


def _precision(session: Session | None, neurons: int) -> npt.NDArray[np.float64] | None:
    """(N, T or 1) precision of a session; None where it is not known, or of other neurons."""
    try:
        precision = None if session is None else session.precision
    except RecordingError:
        return None
    return precision if precision is not None and len(precision) == neurons else None


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
