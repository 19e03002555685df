"""What the ensemble gains on the held-out trials: mouse by mouse, and neuron by neuron."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ensemble.chosen import Ensemble
from ensemble.cross_products import Array64
from ensemble.heldout import held_out_moments
from ensemble.members import Member
from ensemble.moments import Moments
from ensemble.rules.weights import Weights
from ensemble.splits import HeldOut, jackknife_error
from models.errors import UserError
from models.recordings.session import Session


@dataclass(frozen=True, eq=False)
class MouseGain:
    """Single-trial correlations of one mouse's N neurons, raw units."""

    single: Array64
    """(N,) of the best member alone."""
    ensemble: Array64
    """(N,)"""
    error: float
    """Standard error of the gain: jackknife over blocks of trials; NaN with a single block."""

    @property
    def gain(self) -> float:
        """How far the ensemble is above its best single member, mean over neurons."""
        return float((self.ensemble - self.single).mean())

    @property
    def better(self) -> float:
        """The share of the neurons that the ensemble predicts better."""
        return float((self.ensemble > self.single).mean())


@dataclass(frozen=True, eq=False)
class Gains:
    """Of every mouse; none where the held-out predictions of the members are not there."""

    members: tuple[Member, ...] = ()
    """That were chosen by their scores, the best first: those whose held-out trials are known."""
    weights: Weights = field(default_factory=lambda: Weights(np.zeros(0)))
    """Of these members."""
    mice: Mapping[str, MouseGain] = field(default_factory=dict)
    missing: str = ""
    """Why there is none, in words."""

    @classmethod
    def of(cls, ensemble: Ensemble, sessions: Sequence[Session]) -> "Gains":
        """Of the members that were chosen, from their predictions in their run folders."""
        members = ensemble.members[: ensemble.chosen]
        if not members:
            return cls(missing="All members are imported: which trials they held out is not known.")
        weights = alone(ensemble.weights, len(members))
        try:
            moments = held_out_moments(members, sessions)
        except UserError as error:
            return cls(members, weights, missing=f"Not known here: {error.message}.")
        heard = {mouse: each for mouse, each in moments.items() if not each.is_empty}
        mice = {mouse: mouse_gain(each, weights.of(mouse)) for mouse, each in heard.items()}
        return cls(members, weights, mice, "" if mice else "No held-out trial has a scored frame.")


def alone(weights: Weights, count: int) -> Weights:
    """The weights of the first `count` members as they would be without the others."""
    first = weights.of_members(range(count))
    own = {mouse: _scaled(each) for mouse, each in first.own.items()}
    return Weights(_scaled(first.shared), own)


def mouse_gain(moments: Moments, weights: Array64) -> MouseGain:
    """Of weights (M,) or (N, M), beside the first of the members alone."""
    first = np.eye(moments.members)[0]
    blocks = [block for block, _ in moments.each_block()]
    single, together = (_without_each(moments, blocks, each) for each in (first, weights))
    apart = [together[block] - single[block] for block in together]
    error = jackknife_error(apart)
    return MouseGain(moments.correlation(first), moments.correlation(weights), error)


def _without_each(moments: Moments, blocks: Sequence[str], weights: Array64) -> dict[str, float]:
    board = HeldOut()
    board.add({"": moments}, blocks, lambda _: weights)
    return board.without_each()


def _scaled(weights: Array64) -> Array64:
    total = weights.sum(axis=-1, keepdims=True)
    scaled: Array64 = weights / np.where(total > 0, total, 1)
    return scaled
