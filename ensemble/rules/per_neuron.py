"""Weights of each neuron's own, shrunk towards its mouse's.

A neuron's few held-out frames tell little about its weights. How far they are drawn to the mouse's
(shrinkage 1 is all the way) is chosen by cross-fitting over blocks, one number for all mice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ensemble.covariance import Covariance
from ensemble.cross_products import Array64
from ensemble.rules.crew import Crew, first_best
from ensemble.rules.limits import Limits
from ensemble.rules.per_mouse import allowed, per_mouse
from ensemble.rules.rule import Rule
from ensemble.rules.simplex import ITERATIONS, project
from ensemble.rules.weights import Weights
from ensemble.splits import HeldOut, splits

SHRINKAGES = (1.0, 0.9, 0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True, kw_only=True)
class PerNeuron(Rule):
    """One weight a member and neuron; no neuron is worse, in-sample, than with its mouse's weights."""

    name: ClassVar[str] = "weights per neuron"
    complexity: ClassVar[int] = 7
    iterations: int = ITERATIONS
    """For the weights of a mouse."""
    neuron_iterations: int = 20
    folds: int = 4
    """Within the blocks that are fitted to, for the shrinkage."""
    shrinkage: float | None = None
    """0 to 1; None for the one with the best cross-fitted score."""

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """Of shrinkages that are equally good the strongest; the strongest of all with one block."""
        fixed = self.shrinkage
        shrinkage = self.best_shrinkage(crew, limits) if fixed is None else fixed
        if shrinkage == 1:
            return per_mouse(crew, limits, self.iterations)
        return shrunk(crew, *self._climb(crew, limits), shrinkage)

    def best_shrinkage(self, crew: Crew, limits: Limits) -> float:
        """The one with the best cross-fitted score."""
        folds = splits(crew.moments, self.folds)
        if len(folds) < 2:
            return SHRINKAGES[0]
        boards = [HeldOut() for _ in SHRINKAGES]
        for fold in folds:
            rest = Crew.of({m: each.of_blocks(fold.rest) for m, each in crew.moments.items()})
            fitted = rest.of_members(list(crew.chosen))
            mice, own = self._climb(fitted, limits)
            for board, shrinkage in zip(boards, SHRINKAGES, strict=True):
                weights = shrunk(fitted, mice, own, shrinkage).among(crew.chosen, rest.members)
                board.add(crew.moments, fold.held, weights.of)
        return SHRINKAGES[first_best(np.array([board.score() for board in boards]))]

    def _climb(self, crew: Crew, limits: Limits) -> tuple[Weights, dict[str, Array64]]:
        """The weights of each mouse, and (N, M) those that are best for each neuron, by mouse."""
        mice = per_mouse(crew, limits, self.iterations)
        support = allowed(crew, limits, mice.shared)
        own = {}
        for mouse, covariance in crew.covariances.items():
            own[mouse] = np.zeros((len(covariance.spread), crew.members))
            own[mouse][:, support] = ascend_each(
                covariance.of_members(support), mice.of(mouse)[support], self.neuron_iterations
            )
        return mice, own


def ascend_each(covariance: Covariance, start: Array64, iterations: int) -> Array64:
    """(N, M) weights, each neuron's with at least its correlation at `start` (M,)."""
    weights = np.tile(start, (len(covariance.spread), 1))
    correlation, slope = covariance.correlation_and_slope(weights)
    step = np.ones(len(weights))
    for _ in range(iterations):
        steepest = np.maximum(np.abs(slope).max(axis=0), 1e-300)
        moved = project(weights + (slope * (step / steepest)).T)
        reached, there = covariance.correlation_and_slope(moved)
        better = reached > correlation
        weights = np.where(better[:, None], moved, weights)
        correlation = np.where(better, reached, correlation)
        slope = np.where(better, there, slope)
        step *= np.where(better, 2.0, 0.25)
    return weights


def shrunk(crew: Crew, mice: Weights, own: Mapping[str, Array64], shrinkage: float) -> Weights:
    """Each neuron's weights drawn to its mouse's, and the mouse's where they would be no better."""
    drawn = {}
    for mouse, covariance in crew.covariances.items():
        of_mouse = mice.of(mouse)
        mixed = shrinkage * of_mouse + (1 - shrinkage) * own[mouse]
        better = covariance.correlation(mixed) > covariance.correlation(of_mouse)
        drawn[mouse] = np.where(better[:, None], mixed, of_mouse)
    return Weights(mice.shared, drawn)
