"""Predictions of several runs together for one trial, and what the server wants of them.

One trial is in memory at a time, as read once and as predicted by each run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ensemble.submission import Row
from models.recordings.session import Session
from models.scoring import server_units
from models.trained import TrainedRun

Array = npt.NDArray[np.float32]
Array64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Crowd:
    """M loaded runs that predict together, with their weights, which add up to 1."""

    runs: tuple[TrainedRun, ...]
    weights: tuple[float, ...]

    def respond(self, session: Session, video: Array, behaviour: Array) -> list[Array]:
        """M predictions (N, T) in raw units for video (T, H, W) and behaviour (4, T)."""
        return [run.respond(session, video, behaviour) for run in self.runs]

    def combine(self, predictions: Sequence[Array]) -> Array64:
        """(N, T) weighted mean of M predictions, summed in float64."""
        total = np.zeros(predictions[0].shape)
        for weight, prediction in zip(self.weights, predictions, strict=True):
            total += weight * prediction
        return total


def plain_weights(members: int) -> tuple[float, ...]:
    """Equal weights."""
    return (1 / members,) * members


class ServerUnits:
    """Turns predictions in raw units into what the server compares with.

    `frames` is the number of values of a trial of 300 frames or more (249 or 250). Without
    `normalise` the values stay in raw units.
    """

    def __init__(self, frames: int = 249, normalise: bool = True) -> None:
        self.frames, self.normalise = frames, normalise

    def scaled(self, session: Session, values: npt.NDArray[np.floating]) -> Array64:
        """(N, F) from (N, T) of a trial's valid frames: cut, then times the response precision."""
        return server_units(session, values, self.frames, self.normalise)

    def row(self, session: Session, trial: int, prediction: npt.NDArray[np.floating]) -> Row:
        """A submission's row from (N, T); responses are never negative, so neither are these."""
        values = np.maximum(self.scaled(session, prediction), 0)
        return Row(session.name, trial, values, session.unit_ids)
