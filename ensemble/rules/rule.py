"""What all rules have in common: moments of some mice in, weights out.

A rule is a pure function: the same moments give the same weights. It sees the members by their score
alone, the best first, so that their order does not matter but for ties. Members that are alike to
the last digits count as one, so that a run that is there twice has no double say; and a member that
never changes is not asked at all.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ensemble.covariance import Covariance
from ensemble.moments import Moments
from ensemble.rules.crew import Crew
from ensemble.rules.limits import Limits
from ensemble.rules.weights import Weights

Flags = npt.NDArray[np.bool_]

ALIKE = 1e-12
"""Share of its variance by which a member may differ from one that it repeats: rounding."""


@dataclass(frozen=True, kw_only=True)
class Rule(ABC):
    """One way to choose weights."""

    name: ClassVar[str]
    complexity: ClassVar[int]
    """Its place from the simplest (0): how much it fits to the trials that it is shown."""
    limits: Limits = field(default_factory=Limits)

    def fit(self, moments: Mapping[str, Moments]) -> Weights:
        """Weights for the members, from each mouse's moments.

        Mice without any frame have no say. Raises ValueError where no mouse has one, mice differ in
        their number of members, or the limits admit no member.
        """
        crew = Crew.of(moments)
        self.limits.check(crew.members)
        kept = candidates(crew, self.limits)
        return self.choose(crew.of_members(kept), self.limits.of_members(kept)).among(
            kept, crew.members
        )

    @abstractmethod
    def choose(self, crew: Crew, limits: Limits) -> Weights:
        """Weights for members that are all different, each of them affordable, the best first."""


def candidates(crew: Crew, limits: Limits) -> list[int]:
    """The members to choose from, the best first: affordable, not constant, of those alike the cheapest.

    Of equally cheap ones the better one. Where all are constant, one of them.
    """
    affordable = [m for m in crew.ranking if limits.affords(m)]
    each = crew.covariances.values()
    alike = np.all([_alike(covariance) for covariance in each], axis=0)
    moving = np.any([_moving(covariance) for covariance in each], axis=0)
    kept: list[int] = []
    for member in sorted(affordable, key=limits.cost):
        if moving[member] and not alike[member, kept].any():
            kept.append(member)
    return [m for m in affordable if m in kept] or affordable[:1]


def _alike(covariance: Covariance) -> Flags:
    """(M, M) whether two members differ by no more than rounding, in all neurons."""
    variances, means = covariance.variances, covariance.means
    alike = np.ones((covariance.count,) * 2, dtype=np.bool_)
    for member, row in enumerate(covariance.members):  # each by itself: (M, M, N) is large
        allowed = ALIKE * (variances + variances[member])
        apart = variances + variances[member] - 2 * row + (means - means[member]) ** 2
        alike[member] = (apart <= allowed + (1e-14 * means) ** 2).all(axis=1)
    return alike


def _moving(covariance: Covariance) -> Flags:
    """(M,) whether a member is more than a constant with rounding, in any neuron."""
    moving: Flags = covariance.variances > (1e-14 * covariance.means) ** 2
    return np.asarray(moving.any(axis=1))
