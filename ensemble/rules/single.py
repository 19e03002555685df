"""The member with the best score alone."""

from typing import ClassVar

from ensemble.rules.crew import Crew
from ensemble.rules.limits import Limits
from ensemble.rules.rule import Rule
from ensemble.rules.weights import Weights, equal


class BestSingle(Rule):
    """All weight on one member."""

    name: ClassVar[str] = "best single"
    complexity: ClassVar[int] = 1

    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """The first that the limits admit."""
        return Weights(equal(limits.first(crew.everyone)[:1], crew.members))
