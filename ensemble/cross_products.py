"""Cross products of M members' predictions and the response, neuron by neuron, that add up.

All that a Pearson correlation of any weighted mean of the members needs. Frames may come in pieces:
each piece has its own means, and the sum of two is exact (Chan, Golub and LeVeque, 1979). A mean is
kept as two numbers, itself rounded and what that lost, so that no offset costs digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from models.metrics import Array

Array64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

CHUNK_BYTES = 1_000_000
"""Neurons are worked through in chunks whose frames, in float64, stay in a core's cache."""


@dataclass(frozen=True, eq=False)
class CrossProducts:
    """Sums over frames for N neurons and D = M + 1 variables, the response being the last one."""

    counts: Array64
    """(N,) frames that count: those in which the response and every member are finite."""
    means: Array64
    """(D, N) over these frames, about; 0 where there is none."""
    rest: Array64
    """(D, N) what is to be added to `means`."""
    products: Array64
    """(D (D + 1) / 2, N) sums of products about the means, as `pairs` orders them."""
    left_out: int = 0
    """Frames times neurons that do not count."""

    @classmethod
    def of(cls, predictions: Array | Sequence[Array], response: Array) -> "CrossProducts":
        """The sums of M predictions (N, F) and response (N, F); ValueError where they do not fit."""
        shapes = sorted({each.shape for each in predictions})
        if response.ndim != 2 or shapes != [response.shape]:
            found = (len(predictions), *next(iter(shapes), ()))
            message = f"predictions have the shape {found}, responses {response.shape}"
            raise ValueError(message)
        variables, (neurons, frames) = len(predictions) + 1, response.shape
        rows, columns = pairs(variables)
        counts = np.zeros(neurons)
        means, rest = np.zeros((2, variables, neurons))
        products = np.zeros((len(rows), neurons))
        step = max(1, CHUNK_BYTES // (8 * variables * max(frames, 1)))
        for start in range(0, neurons, step):
            chunk = slice(start, start + step)
            frames_of = np.empty((len(response[chunk]), variables, frames))
            for member, each in enumerate(predictions):
                frames_of[:, member] = each[chunk]
            frames_of[:, -1] = response[chunk]
            counts[chunk], means[:, chunk], rest[:, chunk], square = _sums(frames_of)
            products[:, chunk] = square[:, rows, columns].T
        return cls(counts, means, rest, products, int(neurons * frames - counts.sum()))

    def __add__(self, other: "CrossProducts") -> "CrossProducts":
        """Of the frames of both, which are different ones."""
        if self.means.shape != other.means.shape:
            message = f"the sums have the shapes {self.means.shape} and {other.means.shape}"
            raise ValueError(message)
        rows, columns = pairs(len(self.means))
        total = self.counts + other.counts
        part = other.counts / np.maximum(total, 1)
        apart = (other.means - self.means) + (other.rest - self.rest)
        scaled = apart * (self.counts * part)
        products = scaled[rows]
        products *= apart[columns]
        products += self.products
        products += other.products
        heard = self.counts > 0  # a mean of no frames would be no near start
        means = np.where(heard, self.means, other.means)
        rest = np.where(heard, self.rest + apart * part, other.rest)
        left_out = self.left_out + other.left_out
        return CrossProducts(total, means, rest, products, left_out)

    @property
    def members(self) -> int:
        """M."""
        return len(self.means) - 1

    @property
    def neurons(self) -> int:
        """N."""
        return len(self.counts)

    @property
    def nbytes(self) -> int:
        """Of the arrays."""
        return sum(each.nbytes for each in (self.counts, self.means, self.rest, self.products))

    def mixed(self, weights: Array64) -> "CrossProducts":
        """Those of the members' weighted mean, as the only member; weights (M,) or (N, M).

        Sums of differently weighted pieces add up as well: then each piece keeps its own weights.
        """
        own = _columns(weights, self.members, self.neurons)
        rows, columns = pairs(self.members + 1)
        inner = columns < self.members  # both are members
        cross = (columns == self.members) & (rows < self.members)
        double = np.where(rows == columns, 1.0, 2.0)[inner, None]
        both = own[rows[inner]] * own[columns[inner]] * double
        mixed = np.einsum("pn,pn->n", both, self.products[inner])
        with_response = np.einsum("mn,mn->n", own, self.products[cross])
        products = np.stack([np.maximum(mixed, 0), with_response, self.products[-1]])
        # From the first member's mean on: what members have in common is not rounded again.
        first = self.means[0]
        beyond = self.means[:-1] - first + self.rest[:-1]
        rest = np.einsum("mn,mn->n", own, beyond) + (own.sum(axis=0) - 1) * first
        means = np.stack([first, self.means[-1]])
        both_rest = np.stack([rest, self.rest[-1]])
        return CrossProducts(self.counts, means, both_rest, products, self.left_out)


@lru_cache
def pairs(variables: int) -> tuple[Indices, Indices]:
    """The two variables of each product: (0, 0), (0, 1), ..., (1, 1), ..."""
    rows, columns = np.triu_indices(variables)
    return rows, columns


def _sums(both: Array64) -> tuple[Array64, Array64, Array64, Array64]:
    """Of (N, D, F), which is changed: (N,) counts, (D, N) means and their rest, (N, D, D) products."""
    valid: npt.NDArray[np.bool_] = np.asarray(np.isfinite(both).all(axis=1))
    counts = valid.sum(axis=-1, dtype=np.float64)
    if not valid.all():
        np.copyto(both, 0, where=~valid[:, None])
    means = both.sum(axis=-1) / np.maximum(counts, 1)[:, None]
    both -= means[..., None]
    if not valid.all():
        np.copyto(both, 0, where=~valid[:, None])
    rest = both.sum(axis=-1) / np.maximum(counts, 1)[:, None]
    square = both @ both.transpose(0, 2, 1)
    square -= counts[:, None, None] * rest[:, :, None] * rest[:, None, :]
    return counts, means.T, rest.T, square


def _columns(weights: Array64, members: int, neurons: int) -> Array64:
    """(M, N), or (M, 1) of weights that all neurons share."""
    if weights.shape not in {(members,), (neurons, members)}:
        message = f"weights have the shape ({members},) or ({neurons}, {members})"
        raise ValueError(f"{message}; found {weights.shape}")
    return weights[:, None] if weights.ndim == 1 else weights.T
