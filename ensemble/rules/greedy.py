"""Greedy forward selection with replacement (Caruana et al., 2004) from a sorted start.

The start is the best prefix of the ranking. Each step adds the member, perhaps once more, with which
the mean of all that were added scores best; the best point of that way is kept. So the result is
never worse, on the trials it is chosen on, than the best single member or the best prefix.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ensemble.covariance import Covariance, finite
from ensemble.cross_products import Array64
from ensemble.rules.crew import Crew, first_best
from ensemble.rules.limits import Limits
from ensemble.rules.rule import Rule
from ensemble.rules.top import best_prefix
from ensemble.rules.weights import Weights
from models.metrics import EPSILON

STEPS = 40


@dataclass(frozen=True, kw_only=True)
class Greedy(Rule):
    """Weights that are shares of the steps."""

    name: ClassVar[str] = "greedy"
    complexity: ClassVar[int] = 3
    steps: int = STEPS
    """How often a member is added after the start."""

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """The best point of the way; of equal ones the earliest."""
        return Weights(greedy(crew, limits, self.steps))


def greedy(crew: Crew, limits: Limits, steps: int = STEPS) -> Array64:
    """(M,) weights. In each step equal members go to one that is in already, else to the first."""
    points, scores = way(crew, limits, steps)
    best = points[first_best(np.array(scores))]
    return best / float(best.sum())


def way(crew: Crew, limits: Limits, steps: int = STEPS) -> tuple[list[Array64], list[float]]:
    """From the start on, (M,) how often each member was added, and the score of that mean."""
    counts = np.zeros(crew.members)
    sums = [_RunningSum(covariance) for covariance in crew.covariances.values()]
    for member in best_prefix(crew, limits):
        counts[member] += 1
        for each in sums:
            each.add(member)
    points, scores = [counts.copy()], [crew.score(counts / counts.sum())]
    for _ in range(steps):
        inside = np.flatnonzero(counts).tolist()
        gains = np.mean([each.scores_with() for each in sums], axis=0)
        closed = [
            m for m in range(crew.members) if not counts[m] and not limits.admit([*inside, m])
        ]
        gains[closed] = -np.inf
        member = first_best(gains, inside)
        counts[member] += 1
        for each in sums:
            each.add(member)
        points.append(counts.copy())
        scores.append(float(gains[member]))
    return points, scores


class _RunningSum:
    """The sum of the members that were added, in one mouse: what one more of each would score."""

    def __init__(self, covariance: Covariance) -> None:
        self._covariance = covariance
        self._alone = covariance.response / covariance.spread
        count, neurons = covariance.response.shape
        self._added = 0
        self._response = np.zeros(neurons)  # covariance with the response, over its spread
        self._variance = np.zeros(neurons)
        self._across = np.zeros((count, neurons))  # covariance with each member

    def add(self, member: int) -> None:
        """Add a member, perhaps again."""
        variances = self._covariance.variances
        self._variance += 2 * self._across[member] + variances[member]
        self._across += self._covariance.members[member]
        self._response += self._alone[member]
        self._added += 1

    def scores_with(self) -> Array64:
        """(M,) score of the mean of the sum and one more member, for each of them."""
        deviation = 2 * self._across
        deviation += self._variance
        deviation += self._covariance.variances
        np.sqrt(np.maximum(deviation, 0, out=deviation), out=deviation)
        deviation += EPSILON * (self._added + 1)
        correlations = finite((self._alone + self._response) / deviation)
        return np.asarray(correlations.mean(axis=1))
