"""The weights that a rule came to: shared by all mice, or a mouse's and even a neuron's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ensemble.cross_products import Array64


@dataclass(frozen=True, eq=False)
class Weights:
    """Non-negative weights of M members that add up to 1."""

    shared: Array64
    """(M,) for every mouse without weights of its own."""
    own: Mapping[str, Array64] = field(default_factory=dict)
    """(M,), or (N, M) for each neuron, by mouse."""

    def of(self, mouse: str) -> Array64:
        """(M,) or (N, M) for this mouse."""
        return self.own.get(mouse, self.shared)

    @property
    def used(self) -> list[int]:
        """The members with a weight above 0 anywhere: those that must be run."""
        each = [
            self.shared,
            *(weights.reshape(-1, len(self.shared)) for weights in self.own.values()),
        ]
        return np.flatnonzero(np.vstack(each).any(axis=0)).tolist()

    def of_members(self, chosen: Sequence[int]) -> "Weights":
        """The same for these members alone; the others have none."""
        own = {mouse: weights[..., list(chosen)] for mouse, weights in self.own.items()}
        return Weights(self.shared[list(chosen)], own)

    def with_more(self, more: int) -> "Weights":
        """With further members at the end, who get the weight of one in M + `more` each."""
        if not more:
            return self
        own = {mouse: _with_more(weights, more) for mouse, weights in self.own.items()}
        return Weights(_with_more(self.shared, more), own)

    def among(self, chosen: Sequence[int], members: int) -> "Weights":
        """The same weights where these members are `chosen` ones of more; the others get 0."""
        return Weights(
            _among(self.shared, chosen, members),
            {mouse: _among(weights, chosen, members) for mouse, weights in self.own.items()},
        )


def equal(chosen: Sequence[int], members: int) -> Array64:
    """(M,) equal weights for the chosen ones, 0 for the others."""
    weights = np.zeros(members)
    weights[list(chosen)] = 1 / len(chosen)
    return weights


def _with_more(weights: Array64, more: int) -> Array64:
    count = weights.shape[-1] + more
    added = np.full((*weights.shape[:-1], more), 1 / count)
    return np.concatenate([weights * (1 - more / count), added], axis=-1)


def _among(weights: Array64, chosen: Sequence[int], members: int) -> Array64:
    spread = np.zeros((*weights.shape[:-1], members))
    spread[..., list(chosen)] = weights
    return spread
