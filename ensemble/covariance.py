"""Covariances of M members with each other and with the response: scores and slopes of weights.

What rules work on. A score is the competition's: `models.metrics`, Pearson correlation per neuron
with 1e-8 added to the population standard deviations, 0 where undefined, mean over neurons.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ensemble.cross_products import Array64, CrossProducts, pairs
from models.metrics import EPSILON


@dataclass(frozen=True, eq=False)
class Covariance:
    """Of one mouse's N neurons, over all frames that were collected."""

    members: Array64
    """(M, M, N) of the members with each other."""
    response: Array64
    """(M, N) of the members with the response."""
    spread: Array64
    """(N,) standard deviation of the response, plus 1e-8."""
    means: Array64
    """(M, N) of the members."""

    @classmethod
    def of(cls, sums: CrossProducts) -> "Covariance":
        """From sums; everything is 0 for a neuron without frames."""
        counts = np.maximum(sums.counts, 1)
        rows, columns = pairs(sums.members + 1)
        place = np.empty((sums.members + 1,) * 2, dtype=np.intp)
        place[rows, columns] = place[columns, rows] = np.arange(len(rows))
        members = sums.products[place[:-1, :-1]]
        members /= counts
        spread = np.sqrt(sums.products[-1] / counts) + EPSILON
        return cls(
            members,
            sums.products[place[:-1, -1]] / counts,
            spread,
            sums.means[:-1] + sums.rest[:-1],
        )

    @property
    def count(self) -> int:
        """M."""
        return len(self.response)

    @cached_property
    def variances(self) -> Array64:
        """(M, N) of the members."""
        own = range(self.count)
        return np.ascontiguousarray(self.members[own, own])

    def of_members(self, chosen: list[int]) -> "Covariance":
        """The same of some members, in this order."""
        if chosen == list(range(self.count)):
            return self
        members = self.members[np.ix_(chosen, chosen)]
        return Covariance(members, self.response[chosen], self.spread, self.means[chosen])

    def correlation(self, weights: Array64) -> Array64:
        """(N,) of the weighted mean with weights (M,) or (N, M) and the response."""
        covariance, deviation = self._of_mean(weights, self._across(weights))
        return finite(covariance / ((deviation + EPSILON) * self.spread))

    def score(self, weights: Array64) -> float:
        """The mean of `correlation` over neurons."""
        return float(self.correlation(weights).mean())

    def correlation_and_slope(self, weights: Array64) -> tuple[Array64, Array64]:
        """(N,) correlations, and (M, N) their exact derivatives by the weights.

        Where the weighted mean is constant, of the covariance alone.
        """
        across = self._across(weights)
        covariance, deviation = self._of_mean(weights, across)
        scale = (deviation + EPSILON) * self.spread
        correlation = finite(covariance / scale)
        steep = deviation * (deviation + EPSILON)
        shrink = np.divide(correlation, steep, out=np.zeros_like(steep), where=steep > 0)
        return correlation, finite(self.response / scale - across * shrink)

    def singles(self) -> Array64:
        """(M, N) correlation of each member alone."""
        deviation = np.sqrt(np.maximum(self.variances, 0)) + EPSILON
        return finite(self.response / (deviation * self.spread))

    def between_members(self) -> Array64:
        """(M, M) correlations of the members with each other, mean over neurons; 0 of a constant one."""
        inverse = 1 / (np.sqrt(np.maximum(self.variances, 0)) + EPSILON)
        total: Array64 = np.einsum("ijn,in,jn->ij", self.members, inverse, inverse)
        return total / len(self.spread)

    def _of_mean(self, weights: Array64, across: Array64) -> tuple[Array64, Array64]:
        """(N,) covariance with the response, and standard deviation, of the weighted mean."""
        if weights.ndim == 1:
            covariance, variance = weights @ self.response, weights @ across
        else:
            covariance = np.einsum("nm,mn->n", weights, self.response)
            variance = np.einsum("nm,mn->n", weights, across)
        return covariance, np.sqrt(np.maximum(variance, 0))

    def _across(self, weights: Array64) -> Array64:
        """(M, N) covariance of each member with the weighted mean."""
        count, neurons = self.response.shape
        if weights.ndim == 2:
            each: Array64 = np.einsum("nm,mkn->kn", weights, self.members)
            return each
        used = np.flatnonzero(weights)  # most rules leave out most members
        if 2 * len(used) > count:
            return (weights @ self.members.reshape(count, -1)).reshape(count, neurons)
        across = np.zeros((count, neurons))
        for member in used:
            across += weights[member] * self.members[member]
        return across


def finite(values: Array64) -> Array64:
    """The values, with 0 for those that are not finite."""
    return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, 0.0)
