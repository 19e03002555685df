"""The members that a rule chooses from, as all mice together see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ensemble.covariance import Covariance
from ensemble.cross_products import Array64
from ensemble.moments import Moments

TIE = 1e-12
"""Scores that differ by no more are equal: their order would follow from rounding."""


@dataclass(frozen=True, eq=False)
class Crew:
    """Some of the members, in the mice that have a frame."""

    moments: Mapping[str, Moments]
    """Of all members."""
    chosen: tuple[int, ...]
    """The places of these members among all."""
    covariances: Mapping[str, Covariance]
    """Of these members, by mouse."""

    @classmethod
    def of(cls, moments: Mapping[str, Moments]) -> "Crew":
        """All members; ValueError without any frame, or where mice differ in their members."""
        heard = {mouse: each for mouse, each in sorted(moments.items()) if not each.is_empty}
        counts = sorted({each.members for each in heard.values()})
        if not heard:
            raise ValueError("no mouse has a frame, so there is nothing to choose by")
        if len(counts) > 1:
            raise ValueError(f"all mice have the same members; found {counts} of them")
        covariances = {mouse: each.covariance for mouse, each in heard.items()}
        return cls(heard, tuple(range(counts[0])), covariances)

    def of_members(self, chosen: list[int]) -> "Crew":
        """Those of these members, in this order."""
        covariances = {mouse: each.of_members(chosen) for mouse, each in self.covariances.items()}
        return Crew(self.moments, tuple(self.chosen[member] for member in chosen), covariances)

    def of_mouse(self, mouse: str) -> "Crew":
        """The same members as this mouse alone sees them."""
        return Crew({mouse: self.moments[mouse]}, self.chosen, {mouse: self.covariances[mouse]})

    @property
    def members(self) -> int:
        """M, of these members."""
        return len(self.chosen)

    def score(self, weights: Array64) -> float:
        """The competition's score of the weighted mean with weights (M,): the mean over mice."""
        return float(np.mean([each.score(weights) for each in self.covariances.values()]))

    def score_and_slope(self, weights: Array64) -> tuple[float, Array64]:
        """`score`, and (M,) its exact derivatives by the weights."""
        each = [c.correlation_and_slope(weights) for c in self.covariances.values()]
        score = np.mean([correlation.mean() for correlation, _ in each])
        return float(score), np.mean([slope.mean(axis=1) for _, slope in each], axis=0)

    @property
    def everyone(self) -> list[int]:
        """All places."""
        return list(range(self.members))

    @cached_property
    def singles(self) -> Array64:
        """(M,) score of each member alone."""
        each = [covariance.singles().mean(axis=1) for covariance in self.covariances.values()]
        return np.asarray(np.mean(each, axis=0), dtype=np.float64)

    @property
    def ranking(self) -> list[int]:
        """The members by their score alone, the best first; of equal ones the first."""
        return sorted(self.everyone, key=lambda m: (-self.singles[m], m))


def first_best(scores: Array64, favoured: list[int] | None = None) -> int:
    """The place of the highest score; of equal ones a favoured one, else the first."""
    best = np.flatnonzero(scores >= scores.max() - TIE)
    preferred = [place for place in best.tolist() if place in (favoured or ())]
    return int(preferred[0] if preferred else best[0])
