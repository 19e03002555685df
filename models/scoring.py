"""Scores of whole tiers, collected trial by trial, as the competition's server computes them."""

import numpy as np
import numpy.typing as npt

from models.metrics import (
    Correlation,
    over_kinds,
    over_kinds_of_neurons,
    over_mice,
    scored_frames,
)
from models.recordings.session import Session

Array = npt.NDArray[np.floating]
Place = tuple[str, str, str]
"""A tier, a kind of stimulus, a mouse."""


def server_units(
    session: Session, values: Array, frames: int = 249, normalise: bool = True
) -> npt.NDArray[np.float64]:
    """(N, F) what the server sees of (N, T) raw values: the scored frames, times their precision.

    `frames` is the number of values of a trial of 300 frames or more (249 or 250). Without
    `normalise` the values stay in raw units.
    """
    window = scored_frames(values.shape[1], frames)
    cut = np.asarray(values[:, window], dtype=np.float64)
    if not normalise:
        return cut
    precision = session.precision
    return cut * (precision[:, window] if precision.shape[1] > 1 else precision)


class Scoreboard:
    """Single-trial correlation per tier; the bonus tiers are averaged over kinds of stimulus.

    With `normalise` responses and predictions are multiplied by the responses' precision, as the
    server's truth is. `frames` is the number of values of a trial of 300 frames or more.
    """

    def __init__(self, normalise: bool = True, frames: int = 249) -> None:
        self.normalise, self.frames = normalise, frames
        self.correlations: dict[Place, Correlation] = {}
        """All that was added: what can be stored, and joined with another's."""

    def add(
        self, session: Session, tier: str, kind: str, prediction: Array, response: Array
    ) -> None:
        """Add one trial: (N, T) of both in raw units; `kind` is "" where it is not known."""
        place = (tier, kind, session.name)
        correlation = self.correlations.setdefault(place, Correlation())
        correlation.add(self._scaled(session, prediction), self._scaled(session, response))

    def join(self, other: "Scoreboard") -> None:
        """Add all that another one of the same units and frames holds."""
        for place, correlation in other.correlations.items():
            self.correlations.setdefault(place, Correlation()).join(correlation)

    def score(self, tier: str) -> float:
        """The tier's score: mean over kinds of the mean over mice; NaN where no trial was added."""
        return over_kinds(self.per_neuron(tier))

    def per_neuron(self, tier: str) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
        """(N,) correlations of a tier, by kind of stimulus and by mouse."""
        return {kind: self._per_mouse(tier, kind) for kind in self.kinds(tier)}

    def kind_score(self, tier: str, kind: str) -> float:
        """The score of one kind of stimulus."""
        return over_mice(self._per_mouse(tier, kind))

    def score_over_neurons(self, tier: str) -> float:
        """The starter kit's variant, over all neurons of all mice."""
        return over_kinds_of_neurons(self.per_neuron(tier))

    def kinds(self, tier: str) -> list[str]:
        """The kinds of stimulus that were added for a tier."""
        return sorted({kind for of_tier, kind, _ in self.correlations if of_tier == tier})

    def _per_mouse(self, tier: str, kind: str) -> dict[str, npt.NDArray[np.float64]]:
        return {
            mouse: correlation.per_neuron()
            for (of_tier, of_kind, mouse), correlation in self.correlations.items()
            if (of_tier, of_kind) == (tier, kind)
        }

    def _scaled(self, session: Session, values: Array) -> npt.NDArray[np.float64]:
        return server_units(session, values, self.frames, self.normalise)
