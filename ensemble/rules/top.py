"""The plain mean of the K members that are best alone, with the K that scores best."""

from typing import ClassVar

import numpy as np

from ensemble.rules.crew import Crew, first_best
from ensemble.rules.limits import Limits
from ensemble.rules.rule import Rule
from ensemble.rules.weights import Weights, equal


class TopK(Rule):
    """Equal weights for a prefix of the ranking; of prefixes with equal scores the shortest."""

    name: ClassVar[str] = "mean of the top K"
    complexity: ClassVar[int] = 2

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """The prefix with the best score."""
        return Weights(equal(best_prefix(crew, limits), crew.members))


def best_prefix(crew: Crew, limits: Limits) -> list[int]:
    """The members of the best prefix of the ranking, without those that no longer fit in."""
    ranking = limits.first(crew.everyone)
    prefixes = [ranking[:length] for length in range(1, len(ranking) + 1)]
    scores = [crew.score(equal(prefix, crew.members)) for prefix in prefixes]
    return prefixes[first_best(np.array(scores))]
