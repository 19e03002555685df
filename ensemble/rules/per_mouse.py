"""Simplex weights of each mouse's own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ensemble.cross_products import Array64
from ensemble.rules.crew import Crew
from ensemble.rules.limits import Limits
from ensemble.rules.rule import Rule
from ensemble.rules.simplex import ITERATIONS, ascend, simplex_weights
from ensemble.rules.weights import Weights


@dataclass(frozen=True, kw_only=True)
class PerMouse(Rule):
    """One weight a member and mouse; each mouse's way up starts at the weights of all mice."""

    name: ClassVar[str] = "weights per mouse"
    complexity: ClassVar[int] = 6
    iterations: int = ITERATIONS

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """Where the limits do not admit all members, all mice share the same ones."""
        return per_mouse(crew, limits, self.iterations)


def per_mouse(crew: Crew, limits: Limits, iterations: int = ITERATIONS) -> Weights:
    """(M,) weights by mouse, and those of all mice together for mice that are not here."""
    shared = simplex_weights(crew, limits, iterations)
    support = allowed(crew, limits, shared)
    within = crew.of_members(support)
    own = {m: ascend(within.of_mouse(m), shared[support], iterations) for m in crew.covariances}
    return Weights(shared[support], own).among(support, crew.members)


def allowed(crew: Crew, limits: Limits, shared: Array64) -> list[int]:
    """The members that may have a weight: all, or those of the shared weights if all are too many."""
    return crew.everyone if limits.admit(crew.everyone) else np.flatnonzero(shared).tolist()
