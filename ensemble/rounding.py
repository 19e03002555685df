"""Fewer mantissa bits: predictions that compress better and correlate as before."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Floats = npt.NDArray[np.float64] | npt.NDArray[np.float32]

_CHUNK = 64
"""Neurons whose frames stay in a core's cache."""
_INTEGERS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}


def round_mantissa(values: Floats, bits: int) -> None:
    """Round finite `values` in place to `bits` explicit mantissa bits, halves away from zero.

    The relative error is at most 2 ** -(bits + 1) of normal numbers; ten bits leave a correlation
    above 0.999999 with the unrounded. As many bits as there are, or more, change nothing. A value
    within half a step of the type's largest becomes infinite.
    """
    dropped = np.finfo(values.dtype).nmant - bits
    if dropped <= 0:
        return
    pattern = values.view(_INTEGERS[values.dtype])
    pattern += 1 << (dropped - 1)  # a carry moves into the exponent: the next power of two
    pattern &= -(1 << dropped)


@dataclass(frozen=True)
class Kept:
    """How alike written and given values are: the correlation of each neuron of each mouse.

    Pearson over all its values in the file, without the server's 1e-8; neurons that are constant do
    not count, and 1 stands for a file of such alone.
    """

    lowest: float
    mean: float

    def __str__(self) -> str:
        told = f"at least {self.lowest:.9f} and on average {self.mean:.9f}"
        return f"a neuron's correlation with its unrounded values is {told}"


class Rounding:
    """What rounding costs, collected row by row; memory for six values a neuron."""

    def __init__(self) -> None:
        self._mice: dict[tuple[str, int], _Moments] = {}

    def add(self, mouse: str, given: Array, written: Array) -> None:
        """Add (N, F) of both."""
        moments = self._mice.setdefault((mouse, len(given)), _Moments(given.mean(axis=1)))
        moments.add(given, written)

    def kept(self) -> Kept:
        """Over all that was added."""
        each = np.concatenate([moments.correlations() for moments in self._mice.values()])
        each = each[np.isfinite(each)]
        return Kept(float(each.min()), float(each.mean())) if each.size else Kept(1.0, 1.0)


class _Moments:
    """Sums of powers of two values about a fixed `origin` (N,), which keeps them precise."""

    def __init__(self, origin: Array) -> None:
        self._origin = origin.astype(np.float64)[:, np.newaxis]
        self._first = np.zeros((2, len(origin)))
        self._second = np.zeros((3, len(origin)))
        self._frames = 0

    def add(self, given: Array, written: Array) -> None:
        for start in range(0, len(given), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            x, y = (each[chunk] - self._origin[chunk] for each in (given, written))
            self._first[:, chunk] += x.sum(axis=1), y.sum(axis=1)
            pairs = ((x, x), (y, y), (x, y))
            self._second[:, chunk] += [np.einsum("nf,nf->n", a, b) for a, b in pairs]
        self._frames += given.shape[1]

    def correlations(self) -> npt.NDArray[np.float64]:
        """(N,) NaN for constant neurons."""
        x, y = self._first / self._frames
        xx, yy, xy = self._second / self._frames - np.stack([x * x, y * y, x * y])
        with np.errstate(invalid="ignore", divide="ignore"):
            result: npt.NDArray[np.float64] = np.minimum(xy / np.sqrt(xx * yy), 1.0)
        # What is left of a constant's variance is the error of its sums.
        return np.where(xx > 1e-12 * (self._second[0] / self._frames), result, np.nan)
