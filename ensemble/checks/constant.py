"""Neurons whose prediction is one value over a whole submission."""

import numpy as np
import numpy.typing as npt

from ensemble.checks.scored import scored_part
from models.errors import Problem

Array = npt.NDArray[np.floating]

_SAME = 2e-3
"""Share of a value; ten mantissa bits round by half as much."""
_RULE = "a neuron's prediction varies"


class Constant:
    """Which of N neurons have been constant so far; those that vary are not looked at again."""

    def __init__(self, neurons: int, precision: Array | None = None) -> None:
        """With `precision` (N, T or 1) of all frames values count divided by it."""
        self._precision = precision
        self._left = np.arange(neurons)
        self._low, self._high = np.full(neurons, np.nan), np.full(neurons, np.nan)

    def add(self, prediction: Array) -> None:
        """Add the (N, F) of one trial, scored frames only."""
        left = self._left
        if not left.size or not prediction.shape[1]:
            return
        values = prediction[left]
        if self._precision is not None:
            scale = scored_part(self._precision[left], prediction.shape[1])
            if scale is None:  # more values than there are frames
                return
            values = values / scale
        low = np.fmin(self._low[left], np.fmin.reduce(values, axis=1))
        high = np.fmax(self._high[left], np.fmax.reduce(values, axis=1))
        self._low[left], self._high[left] = low, high
        with np.errstate(invalid="ignore"):
            self._left = left[~(high - low > _SAME * np.fmax(abs(low), abs(high)))]

    def at_zero(self) -> npt.NDArray[np.intp]:
        """Places of the neurons that are 0 everywhere."""
        return np.flatnonzero((self._low == 0) & (self._high == 0))

    def elsewhere(self) -> npt.NDArray[np.intp]:
        """Places of those at another, finite value; none where nothing was added."""
        constant = np.isin(np.arange(len(self._low)), self._left)
        finite = np.isfinite(self._low) & np.isfinite(self._high)
        return np.flatnonzero(constant & finite & (self._high != 0))


def constant_warnings(
    mouse: str, neurons: int, plain: Constant, divided: Constant
) -> list[Problem]:
    """What is said of a mouse: `plain` saw the values, `divided` those without the precision."""
    zero = plain.at_zero()
    other = np.setdiff1d(np.union1d(plain.elsewhere(), divided.elsewhere()), zero)
    found = []
    if zero.size:
        found.append(f"{zero.size:,} of {neurons:,} neurons at 0 in every trial")
    if other.size:
        place = f"the first at place {other[0]} of neuron_ids, counted from 0"
        told = "at one value other than 0 in every trial, but for the precision"
        found.append(f"{other.size:,} of {neurons:,} neurons {told}, {place}")
    return [Problem(mouse, _RULE, each) for each in found]
