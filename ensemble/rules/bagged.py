"""Bagged greedy selection (Caruana et al., 2004): the mean of selections from random halves.

A member that was lucky on these trials is missing from half of the bags, so it can't take them all.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ensemble.rules.crew import Crew
from ensemble.rules.greedy import STEPS, greedy
from ensemble.rules.limits import Limits
from ensemble.rules.rule import Rule
from ensemble.rules.weights import Weights


@dataclass(frozen=True, kw_only=True)
class BaggedGreedy(Rule):
    """Weights that are means over bags; not always better than the best single member."""

    name: ClassVar[str] = "bagged greedy"
    complexity: ClassVar[int] = 4
    bags: int = 20
    fraction: float = 0.5
    """Part of the members that is in a bag."""
    steps: int = STEPS
    seed: int = 0

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """The mean weights; where all bags together are over the limits, the heaviest that fit in."""
        generator = np.random.default_rng(self.seed)
        size = max(1, round(self.fraction * crew.members))
        total = np.zeros(crew.members)
        for _ in range(self.bags):
            bag = sorted(generator.choice(crew.members, size, replace=False).tolist())
            total[bag] += greedy(crew.of_members(bag), limits.of_members(bag), self.steps)
        heaviest = sorted(np.flatnonzero(total).tolist(), key=lambda m: (-total[m], m))
        kept = limits.first(heaviest)
        weights = np.where(np.isin(np.arange(crew.members), kept), total, 0)
        return Weights(weights / weights.sum())
