"""Scores of whole tiers, collected trial by trial, as the competition's server computes them."""

import numpy as np
import numpy.typing as npt

from models.metrics import (
    Correlation,
    over_kinds,
    over_mice,
    over_neurons,
    response_precision,
    scored_frames,
)
from models.recordings.layout import Session

Array = npt.NDArray[np.floating]


class Scoreboard:
    """Single-trial correlation per tier; the bonus tiers are averaged over kinds of stimulus.

    With `normalise` responses and predictions are multiplied by the responses' precision, as the
    server's truth is. `frames` is the number of values of a trial of 300 frames or more.
    """

    def __init__(self, normalise: bool = True, frames: int = 249) -> None:
        self.normalise, self.frames = normalise, frames
        self._precisions: dict[str, Array] = {}
        self._correlations: dict[tuple[str, str, str], Correlation] = {}

    def add(
        self, session: Session, tier: str, kind: str, prediction: Array, response: Array
    ) -> None:
        """Add one trial: (N, T) of both in raw units; `kind` is "" where it is not known."""
        place = (tier, kind, session.name)
        correlation = self._correlations.setdefault(place, Correlation())
        frames = scored_frames(response.shape[1], self.frames)
        factor = self._precision(session, frames)
        correlation.add(prediction[:, frames] * factor, response[:, frames] * factor)

    def score(self, tier: str) -> float:
        """The tier's score: mean over kinds of the mean over mice; NaN where no trial was added."""
        return over_kinds({kind: self._per_mouse(tier, kind) for kind in self.kinds(tier)})

    def kind_score(self, tier: str, kind: str) -> float:
        """The score of one kind of stimulus."""
        return over_mice(self._per_mouse(tier, kind))

    def score_over_neurons(self, tier: str) -> float:
        """The starter kit's variant, over all neurons of all mice."""
        kinds = (self._per_mouse(tier, kind) for kind in self.kinds(tier))
        return float(np.mean([over_neurons(per_mouse) for per_mouse in kinds] or [np.nan]))

    def kinds(self, tier: str) -> list[str]:
        """The kinds of stimulus that were added for a tier."""
        return sorted({kind for of_tier, kind, _ in self._correlations if of_tier == tier})

    def _per_mouse(self, tier: str, kind: str) -> dict[str, npt.NDArray[np.float64]]:
        return {
            mouse: correlation.per_neuron()
            for (of_tier, of_kind, mouse), correlation in self._correlations.items()
            if (of_tier, of_kind) == (tier, kind)
        }

    def _precision(self, session: Session, frames: slice) -> Array | float:
        """(N, F or 1) factors for these frames; 1 unless normalising."""
        if not self.normalise:
            return 1.0
        if session.name not in self._precisions:
            self._precisions[session.name] = response_precision(
                session.statistic("responses", "std")
            )
        precision = self._precisions[session.name]
        return precision[:, frames] if precision.shape[1] > 1 else precision
