"""The plain mean of all members, which fits nothing."""

from typing import ClassVar

from ensemble.rules.crew import Crew
from ensemble.rules.limits import Limits
from ensemble.rules.rule import Rule
from ensemble.rules.weights import Weights, equal


class PlainMean(Rule):
    """Equal weights; where the limits do not admit all members, of the best that fit in."""

    name: ClassVar[str] = "plain mean"
    complexity: ClassVar[int] = 0

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """The same weight for each."""
        return Weights(equal(limits.first(crew.everyone), crew.members))
