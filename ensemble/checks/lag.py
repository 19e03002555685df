"""Whether predictions fit the known responses of a neighbouring frame better than their own."""

import numpy as np
import numpy.typing as npt

from ensemble.checks.scored import scored_part
from models.answers import Answers
from models.errors import Problem
from models.metrics import SKIPPED_FRAMES, Correlation
from models.recordings.session import Session

Array = npt.NDArray[np.floating]

_MOST_TRIALS = 20
_FEWEST_NEURONS = 20
_LEAST = 0.05
"""Correlation of the better one; below it the model knows too little to tell."""
_GAIN = 0.01
"""Share of the score by which a neighbour must be better; see `Lag`."""
_SURE = 4.0
"""Standard errors over neurons by which it must be."""


class Lag:
    """Correlation of a mouse's predictions with the responses one frame before, at and after each.

    A warning needs 20 neurons, and a neighbour that is better by 1 % of the correlation and by four
    standard errors over neurons. On generated recordings (60 neurons, 20 trials a mouse) noise-free
    responses shifted by one frame gain 2 % and 5 to 6 errors at their right place, rightly placed
    ones lose as much on both sides, and models that had learnt nothing differed by up to 3 errors.
    A model that itself comes too late looks like a shift. Where no response is known nothing is
    said: the file alone does not tell which frame a prediction is of.
    """

    def __init__(self, session: Session, answers: Answers) -> None:
        self._session, self._answers = session, answers
        self._known: dict[str, bool] = {}
        self._trials = 0
        self._at = {later: Correlation() for later in (-1, 0, 1)}

    def add(self, trial: int, prediction: Array) -> None:
        """Add the (N, F) of one trial; of a mouse the first 20 count whose responses are known."""
        if self._trials == _MOST_TRIALS or not self._is_known(trial):
            return
        response = self._answers.response(self._session, trial)
        inner = prediction[:, 1:-1]
        scale = scored_part(self._session.precision, inner.shape[1], 1)
        if response is None or scale is None or not np.isfinite(inner).all():
            return
        start, frames = SKIPPED_FRAMES + 1, inner.shape[1]
        if not frames or start + frames + 1 > response.shape[1]:
            return
        for later, correlation in self._at.items():
            correlation.add(inner / scale, response[:, start + later : start + later + frames])
        self._trials += 1

    def warnings(self) -> list[Problem]:
        """One where a neighbour is clearly better."""
        if not self._trials:
            return []
        own = self._at[0].per_neuron()
        for later, words in ((-1, "before"), (1, "after")):
            other = self._at[later].per_neuron()
            if _clearly_better(other, own):
                rule = "a value is of the frame it stands for: the first of source frame 50"
                found = (
                    f"a correlation of {other.mean():.4f} with the responses of the frame {words}"
                    f" it, of {own.mean():.4f} with its own"
                )
                return [Problem(self._session.name, rule, found)]
        return []

    def _is_known(self, trial: int) -> bool:
        tier = self._session.tiers.get(trial)
        if tier is None:
            return False
        if tier not in self._known:
            self._known[tier] = self._answers.known(self._session, tier)
        return self._known[tier]


def _clearly_better(other: npt.NDArray[np.float64], own: npt.NDArray[np.float64]) -> bool:
    if len(own) < _FEWEST_NEURONS or other.mean() < _LEAST:
        return False
    gain = other - own
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return bool(gain.mean() > max(_GAIN * abs(own.mean()), _SURE * error))
