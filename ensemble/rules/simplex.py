"""Weights by projected gradient ascent on the competition's own score.

The slope is exact, the simplex is that of non-negative weights that add up to 1. The way only goes
up from the greedy selection, so the result is never worse on the trials it is fitted to; there may be
other tops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ensemble.cross_products import Array64
from ensemble.rules.crew import Crew
from ensemble.rules.greedy import greedy
from ensemble.rules.limits import Limits
from ensemble.rules.rule import Rule
from ensemble.rules.weights import Weights

ITERATIONS = 100
ENOUGH = 1e-8
"""An iteration that gains less is the last one."""


@dataclass(frozen=True, kw_only=True)
class Simplex(Rule):
    """One weight a member, for all mice."""

    name: ClassVar[str] = "simplex weights"
    complexity: ClassVar[int] = 5
    iterations: int = ITERATIONS

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """The top that the way leads to."""
        return Weights(simplex_weights(crew, limits, self.iterations))


def simplex_weights(crew: Crew, limits: Limits, iterations: int = ITERATIONS) -> Array64:
    """(M,) weights; where the limits do not admit all members, of those that greedy selection takes."""
    start = greedy(crew, limits)
    if not limits.admit(crew.everyone):
        support = np.flatnonzero(start).tolist()
        weights = np.zeros(crew.members)
        weights[support] = ascend(crew.of_members(support), start[support], iterations)
        return weights
    return ascend(crew, start, iterations)


def ascend(crew: Crew, start: Array64, iterations: int = ITERATIONS) -> Array64:
    """(M,) weights with at least the score of `start`."""
    weights, step = start, 1.0
    score, slope = crew.score_and_slope(weights)
    for _ in range(iterations):
        found = _uphill(crew.score, weights, score, slope, step)
        if found is None:
            break
        weights, step = found
        before, (score, slope) = score, crew.score_and_slope(weights)
        if score - before < ENOUGH:
            break
        step *= 2
    return weights


def _uphill(
    score_of: Callable[[Array64], float],
    weights: Array64,
    score: float,
    slope: Array64,
    step: float,
) -> tuple[Array64, float] | None:
    """The first of ever shorter steps that gains what the slope promises in part, and its length."""
    length = step / max(float(np.abs(slope).max()), 1e-300)
    for _ in range(40):
        moved = project(weights + length * slope)
        promised = float(slope @ (moved - weights))
        if promised <= 0:
            return None
        if score_of(moved) >= score + 0.1 * promised:
            return moved, length * float(np.abs(slope).max())
        length /= 2
    return None


def project(values: Array64) -> Array64:
    """(..., M) nearest points on the simplex, row by row (Duchi et al., 2008)."""
    ordered = -np.sort(-values, axis=-1)
    places = np.arange(1, values.shape[-1] + 1)
    excess = (np.cumsum(ordered, axis=-1) - 1) / places
    # How many stay above 0; the first always does.
    above = np.maximum((ordered > excess).sum(axis=-1, keepdims=True), 1)
    positive = np.maximum(values - np.take_along_axis(excess, above - 1, axis=-1), 0)
    whole: Array64 = positive / positive.sum(axis=-1, keepdims=True)
    return whole
